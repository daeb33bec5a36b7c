"""Rows of the verification table: a bundle's files, and what the documents among them have to say."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from typing import Any

from . import check_oracle as oracle
from .verification_table import Spoiled, row, rows

FILES = sorted({*oracle.REQUIRED, "model.onnx"})


def _other_bytes_of_the_same_size(one: Spoiled, name: str) -> None:
    content = one.read(name)
    last = b"\r" if content.endswith(b"\n") else bytes([content[-1] ^ 1])  # what is parsed stays what it is
    one.write(name, content[:-1] + last)


rows("contents", "{}: the file is not the one", _other_bytes_of_the_same_size, {name: (name,) for name in FILES})


@row("contents", "baseline.json: the file is not the one")
def a_newline_was_added(one: Spoiled) -> None:
    one.write("baseline.json", one.read("baseline.json") + b"\n")


@row("contents", "baseline.json: the file is not the one")
def a_file_is_empty(one: Spoiled) -> None:
    one.write("baseline.json", b"")


@row("contents", "the file is not the one")
def two_files_were_exchanged(one: Spoiled) -> None:
    a, b = one.read("input_example.json"), one.read("serving_input_example.json")
    one.write("input_example.json", b)
    one.write("serving_input_example.json", a)


@row("contents", "the file is not the one")
def a_file_is_another_ones_that_the_manifest_lists(one: Spoiled) -> None:
    one.write("baseline.json", one.read("metrics.json"))


def _listed_as(one: Spoiled, digest: Callable[[bytes], str]) -> None:
    one.list_files(**{"baseline.json": digest(one.read("baseline.json"))})
    one.sign()


rows("contents", "baseline.json: the file is not the one", _listed_as, {
    "a digest in capitals": (lambda content: hashlib.sha256(content).hexdigest().upper(),),
    "a digest of another algorithm": (lambda content: hashlib.blake2s(content).hexdigest(),),
    "the first half of its digest": (lambda content: hashlib.sha256(content).hexdigest()[:32],),
    "the digest of nothing": (lambda content: hashlib.sha256(b"").hexdigest(),),
    "no digest": (lambda content: "",),
})  # fmt: skip


@row("complete", "'baseline.json' is missing")
def a_file_is_missing(one: Spoiled) -> None:
    (one.path / "baseline.json").unlink()


def _more(one: Spoiled, name: str) -> None:
    one.write(name, "x")


rows("nothing_else", "'{}' is not part of the bundle", _more, {
    name: (name,) for name in ("evil.py", ".hidden", "MODEL.ONNX", "model.skops", "manifest.json.sig", "model.onnx ")
})  # fmt: skip


@row("nothing_else", "'code' is not part of the bundle")
def there_is_a_folder(one: Spoiled) -> None:
    (one.path / "code").mkdir()


@row("nothing_else", "'notes' is not part of the bundle")
def there_is_a_link_that_leads_nowhere(one: Spoiled) -> None:
    (one.path / "notes").symlink_to("nowhere")


def _outside(one: Spoiled, name: str) -> None:
    """The same bytes, by a link to a file that can be exchanged later."""
    place = one.path.parent / f"outside-{name}"
    shutil.move(one.path / name, place)
    (one.path / name).symlink_to(place)


rows("regular", "can't be read", _outside, {name: (name,) for name in ("model.onnx", "features.json", "model.sig")})
rows("regular", "no bundle here", _outside, {"manifest.json": ("manifest.json",)})


@row("regular", "baseline.json: can't be read")
def a_file_is_a_link_to_another_one_of_the_bundle(one: Spoiled) -> None:
    one.write("baseline.json", one.read("metrics.json"))
    one.list_files()
    one.sign()
    (one.path / "baseline.json").unlink()
    (one.path / "baseline.json").symlink_to("metrics.json")


@row("regular", "baseline.json: not a regular file")
def a_file_is_a_pipe(one: Spoiled) -> None:
    (one.path / "baseline.json").unlink()
    os.mkfifo(one.path / "baseline.json")


@row("regular", "baseline.json: can't be read: Is a directory")
def a_file_is_a_folder(one: Spoiled) -> None:
    (one.path / "baseline.json").unlink()
    (one.path / "baseline.json").mkdir()


@row("regular", "model.sig: can't be read: Is a directory")
def the_signature_is_a_folder(one: Spoiled) -> None:
    (one.path / "model.sig").unlink()
    (one.path / "model.sig").mkdir()


# Which files a bundle has.


def _known_by(one: Spoiled, name: str) -> None:
    """A file that no bundle has, listed and signed."""
    one.write(name, "x")
    one.list_files()
    one.sign()


rows("known_names", "no file '{}'", _known_by, {name: (name,) for name in ("conda.yaml", "Model.onnx", "model.sig.1")})


@row("known_names", "no file './model.onnx'")
def a_file_is_listed_by_two_paths(one: Spoiled) -> None:
    one.list_files(**{"./model.onnx": hashlib.sha256(one.read("model.onnx")).hexdigest()})
    one.sign()


@row("known_names", "no file '../outside'")
def a_file_outside_is_listed(one: Spoiled) -> None:
    (one.path.parent / "outside").write_text("x")
    one.list_files(**{"../outside": hashlib.sha256(b"x").hexdigest()})
    one.sign()


@row("one_estimator", "two estimators")
def there_are_two_estimators(one: Spoiled) -> None:
    one.write("model.skops", "x")
    one.list_files()
    one.sign()


def _without(one: Spoiled, name: str) -> None:
    (one.path / name).unlink()
    one.list_files()
    one.sign()


rows("required", "the bundle has no {}", _without, {name: (name,) for name in FILES if name != "model.onnx"})


@row("estimator", "the bundle has no model.onnx")
def the_estimator_is_of_the_other_format(one: Spoiled) -> None:
    (one.path / "model.onnx").rename(one.path / "model.skops")
    one.seal()


# What the documents have to say.


def _recorded(one: Spoiled, change: Callable[[Any], object]) -> None:
    one.change("bundle.json", change)
    one.list_files()
    one.sign()


rows("record", "bundle.json: format", _recorded, {"no format": (lambda found: found.update(format="pickle"),)})
rows("record", "bundle.json: version", _recorded, {"a version in text": (lambda found: found.update(version="3"),)})
rows("record", "schema version 2", _recorded, {"a later schema": (lambda found: found.update(schema_version=2),)})


@row("record", "duplicate key 'version'")
def the_record_has_two_versions(one: Spoiled) -> None:
    one.write("bundle.json", one.read("bundle.json").replace(b"{", b'{"version": 2,', 1))
    one.list_files()
    one.sign()


def _said_by(name: str) -> Callable[..., None]:
    def told(one: Spoiled, change: Callable[[Any], object]) -> None:
        one.change(name, change)
        one.list_files()
        one.sign()

    told.__name__ = f"_{name}"
    return told


def _of(subjects: list[Any], name: str) -> Any:
    return next(one for one in subjects if one["name"] == name)


def _subject(name: str, digest: str) -> Any:
    return {"name": name, "digest": {"sha256": digest}}


def _component(name: str, digest: str) -> Any:
    return {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}


_OTHER = "0" * 64
_provenance, _materials = _said_by("provenance.json"), _said_by("sbom.cdx.json")
rows("provenance", "names another features.json", _provenance, {
    "another digest": (lambda it: _of(it["subject"], "features.json")["digest"].update(sha256=_OTHER),),
    "a second digest first": (lambda it: it["subject"].insert(0, _subject("features.json", _OTHER)),),
    "a second digest last": (lambda it: it["subject"].append(_subject("features.json", _OTHER)),),
})  # fmt: skip
rows("provenance", "names another gone.json", _provenance, {
    "a file that is not there": (lambda it: it["subject"].append(_subject("gone.json", _OTHER)),),
})  # fmt: skip
rows("provenance", "does not name {}", _provenance, {
    name: (lambda it, name=name: it["subject"].remove(_of(it["subject"], name)),)
    for name in ("model.json", "features.json", "signature.json", "model.onnx")
})  # fmt: skip
rows("provenance", "does not name", _provenance, {"nothing": (lambda it: it["subject"].clear(),)})
rows("provenance", "can't be read", _provenance, {
    "another statement": (lambda it: it.update(_type="https://in-toto.io/Statement/v0.1"),),
    "another predicate": (lambda it: it.update(predicateType=oracle.SIGNED),),
    "another algorithm": (lambda it: it["subject"][0].update(digest={"sha512": "0"}),),
})  # fmt: skip
rows("materials", "names another features.json", _materials, {
    "another digest": (lambda it: _of(it["components"], "features.json")["hashes"][0].update(content=_OTHER),),
    "a second digest first": (lambda it: it["components"].insert(0, _component("features.json", _OTHER)),),
    "a second digest last": (lambda it: it["components"].append(_component("features.json", _OTHER)),),
})  # fmt: skip
rows("materials", "does not name {}", _materials, {
    name: (lambda it, name=name: it["components"].remove(_of(it["components"], name)),)
    for name in ("model.json", "features.json", "signature.json", "model.onnx")
})  # fmt: skip
rows("materials", "can't be read", _materials, {
    "another form": (lambda it: it.update(bomFormat="SPDX"),),
    "another algorithm": (lambda it: it["components"][0]["hashes"][0].update(alg="SHA-512"),),
})  # fmt: skip


_model, _environment = _said_by("MLmodel"), _said_by("python_env.yaml")
rows("loader", "MLmodel: modelway did not write this", _model, {
    "another loader": (lambda it: it["flavors"]["python_function"].update(loader_module="os"),),
    "code of its own": (lambda it: it["flavors"]["python_function"].update(code="code"),),
    "data of its own": (lambda it: it["flavors"]["python_function"].update(data="data"),),
    "a second flavor": (lambda it: it["flavors"].update(sklearn={}),),
    "conda's environment": (lambda it: it["flavors"]["python_function"]["env"].update(conda="conda.yaml"),),
    "another example": (lambda it: it["saved_input_example_info"].update(artifact_path="/etc/passwd"),),
    "another key": (lambda it: it.update(resources={}),),
})  # fmt: skip
rows("environment", "python_env.yaml: modelway did not write this", _environment, {
    "another package": (lambda it: it["dependencies"].append("evil"),),
    "a tool to build with": (lambda it: it["build_dependencies"].append("pip==1"),),
    "a Python of another place": (lambda it: it.update(python="3.11 @ /tmp"),),
})  # fmt: skip


def _requires(one: Spoiled, line: str) -> None:
    one.write("requirements.txt", one.read("requirements.txt") + line.encode() + b"\n")
    one.list_files()
    one.sign()


rows("", "", _requires, {line: (line,) for line in ("a==1", "A.b-c_d==1!2.0+cu1.rc1")})
rows("requirements", "is not a name with its version", _requires, {
    line: (line,)
    for line in (
        "--index-url http://127.0.0.1/", "git+https://127.0.0.1/x", "x @ file:///tmp/x",
        "a", "a>=1", "a==", "==1", "a==1 --hash=x", "a==1; python_version>'3'", "-r more.txt", "a==1 b==2", " a==1"
    )
})  # fmt: skip
