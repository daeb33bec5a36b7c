"""What an image is built from: Dockerfile, locks, modelway, bundles, and the user's code where that is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import modelway
from modelway.bundle.layout import FEATURES, INFO
from modelway.deploy.image.commands import DOCKERFILE
from modelway.errors import UsageError
from modelway.parsing import parse_json
from modelway.records.base_images import read_base_images

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelway.records.environment import ImageOptions

_RECIPE = "recipe"
"""Beside this module: links to the Dockerfile and the locks of the checkout; in a wheel, copies of them."""
_DOCKERFILE = DOCKERFILE.rpartition("/")[2]
_LOCKS = ("serve.lock", "fit.lock")
_OWN_LOCK = "own.lock"
_BUNDLE = "COPY --from=bundle /bundle /bundle\n"
"""The Dockerfile's line before which the user's code is copied: the bundle is verified, and so loaded, after it."""
_DEFAULT = re.compile(r"^ARG (BASE_IMAGE|UV_IMAGE)=(\S+)$", re.MULTILINE)
_HIDDEN = frozenset({"__pycache__", "node_modules", "tests"})


def write_context(directory: Path, bundles: Sequence[Path], code: Path) -> str:
    """Write it: from a checkout, or from wherever modelway is installed.

    Args:
        directory: where to; it is there and empty.
        bundles: the champion's and, after it, the challengers'.
        code: the directory of the user's code.

    Returns:
        The Dockerfile's argument LOCKS: which packages the bundles need.

    Raises:
        UsageError: this installation lacks the Dockerfile or a lock.
    """
    package = Path(modelway.__file__).resolve().parent
    recipe = package / "deploy/image" / _RECIPE
    missing = next((name for name in (_DOCKERFILE, *_LOCKS) if not (recipe / name).is_file()), None)
    if missing is not None:
        raise UsageError(
            f"this installation of modelway lacks {missing}, which images are built from",
            where=str(recipe),
            remedy="Install modelway again, build with `dagger call deploy`, or name an image: --image DIGEST.",
        )
    for name in _LOCKS:
        _copy(recipe / name, directory / f"ci/locks/{name}")
    # The package that runs goes into the image, so it is the same version, released or not.
    unwanted = shutil.ignore_patterns("__pycache__", _RECIPE)
    shutil.copytree(package, directory / "src/modelway", ignore=unwanted)
    copy_bundles(bundles, directory)
    locks = _LOCKS[:1] if all(stands_alone(bundle) for bundle in bundles) else _with_users(package, code, directory)
    text = (recipe / _DOCKERFILE).read_text(encoding="utf-8") + more_lines(len(bundles) - 1)
    if (directory / "code").is_dir():
        text = text.replace(_BUNDLE, f"COPY code /opt/code\n{_BUNDLE}")
    (directory / DOCKERFILE).parent.mkdir()
    (directory / DOCKERFILE).write_text(text, encoding="utf-8")
    # A build copies modes as well, and a server runs as another user than the one who packaged.
    for path in directory.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return " ".join(locks)


def image_arguments(directory: Path, options: ImageOptions) -> dict[str, str]:
    """The Dockerfile's arguments BASE_IMAGE and UV_IMAGE.

    Args:
        directory: the context, written.
        options: where the settings may name other images; modelway's own come with their digests, as far as known.
    """
    lock = read_base_images()
    named = {"BASE_IMAGE": options.base_image, "UV_IMAGE": options.uv_image}
    defaults = dict(_DEFAULT.findall((directory / DOCKERFILE).read_text(encoding="utf-8")))
    return {argument: named[argument] or lock.reference(image) for argument, image in defaults.items()}


def _with_users(package: Path, code: Path, directory: Path) -> tuple[str, ...]:
    """Copy the user's code and the lock beside it, for a model that needs them; gives the names of all locks."""
    for path in _modules(code):
        _copy(code / path, directory / "code" / path)
    lock, ours = code / "requirements.lock", package.parents[1] / "requirements.lock"
    if not lock.is_file() or (ours.is_file() and lock.read_bytes() == ours.read_bytes()):
        return _LOCKS
    _copy(lock, directory / "ci/locks" / _OWN_LOCK)
    return (*_LOCKS, _OWN_LOCK)


def copy_bundles(bundles: Sequence[Path], directory: Path) -> None:
    """Copy the champion's bundle and, after it, the challengers' to where an image has them."""
    shutil.copytree(bundles[0], directory / "bundle")
    for number, challenger in enumerate(bundles[1:]):
        shutil.copytree(challenger, directory / "challengers" / str(number))


def more_lines(challengers: int) -> str:
    """What follows the Dockerfile where there are challengers."""
    lines = []
    if challengers:
        words = ["serve", "--bundle", "/bundle", "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104 - as the file's own
        words += [word for number in range(challengers) for word in ("--challenger", f"/challengers/{number}")]
        lines += ["COPY challengers /challengers", f"CMD {json.dumps(words)}"]
    return "".join(f"{line}\n" for line in lines)


def stands_alone(bundle: Path) -> bool:
    """Whether a server needs neither what the model was fitted with nor the user's code."""
    info = parse_json((bundle / INFO).read_text(encoding="utf-8"))
    features = parse_json((bundle / FEATURES).read_text(encoding="utf-8"))
    return info["format"] == "onnx" and all(feature["kind"] != "custom" for feature in features["features"])


def _modules(root: Path) -> Iterator[Path]:
    """The Python files below a directory, but for those of virtual environments and what is hidden."""
    for folder, names, files in os.walk(root):
        kept = [name for name in names if not name.startswith(".") and name not in _HIDDEN]
        names[:] = [name for name in kept if not (Path(folder) / name / "pyvenv.cfg").exists()]
        yield from (Path(folder, file).relative_to(root) for file in files if file.endswith(".py"))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
