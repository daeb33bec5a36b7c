"""A stand-in of the SDK that records what a function of the module would have the engine do, and runs nothing.

An object is the chain of calls that made it, as in the SDK's own lazy objects. What awaits the engine is answered from
a table: a stage ends with 0, and prints what its command would.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagger
import pytest
import yaml

import modelway_ci
from modelway.records.settings import SettingsSlice
from modelway_ci.handover import Handover
from modelway_ci.images import _LOCKS, CODE, LOCK, PYTHON, UV
from modelway_ci.labels import PREFIX
from modelway_ci.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[2]
_OURS = (ROOT / "modelway.yaml").read_text(encoding="utf-8")
_SECTIONS = {field.alias or name for name, field in SettingsSlice.model_fields.items()}
SETTINGS = _OURS + "".join(f"{key}: {{}}\n" for key in sorted(_SECTIONS - yaml.safe_load(_OURS).keys()))
"""Settings with every section, so that a slice shows each of its keys."""
PRINTED: dict[str, dict[str, Any]] = {
    "pull": {"trusted": ["lib.Type"], "known": {}, "created": False, "version": {"number": 1}},
    "register": {"created": True, "version": {"number": 2}},
    "package": {"trusted": [], "created": False, "version": {"number": 1}},
    "serve": {"settings": {"input": {"max_rows": 7}}},
    "deploy": {
        "versions": [1, 2], "settings": "",
        "build": {
            "trusted": ["lib.Type"], "licenses": "MIT", "platforms": ["linux/amd64", "linux/arm64"],
            "repository": "ghcr.test/loans", "tags": ["1-with-2", "latest"], "base_image": "own/python:1",
            "uv_image": "own/uv:1", "source": "https://host/o/n",
        },
    },
    "rollout": {"begins": True, "challenger": "2"},
}  # fmt: skip
"""What a command prints with --json, as far as the module reads it."""
FILES = {
    "exit_code": "0",
    "metrics.json": json.dumps({"verdict": "pass", "metrics": {}, "gates": [], "model_digest": "m", "rows": 1}),
    "checks.json": json.dumps({"exit_code": 0, "verdict": "pass", "checks": [], "notes": []}),
    LOCK: (ROOT / LOCK).read_text(encoding="utf-8"),
    "docker/Dockerfile.serving": (ROOT / "docker/Dockerfile.serving").read_text(encoding="utf-8"),
    "bundle.json": json.dumps({"format": "onnx", "name": "loans", "version": 1}),
    "features.json": json.dumps({"features": []}),
}
BUNDLES: dict[str, dict[str, Any]] = {
    "skops": {"bundle.json": {"format": "skops", "name": "loans", "version": 2}},
    "custom": {"features.json": {"features": [{"kind": "number"}, {"kind": "custom"}]}},
}
"""What arguments of these names hold that other bundles do not."""


_SHOWN = {
    "MODELWAY_TRUST", "MODELWAY_COMMIT", "MODELWAY_COMMIT_TIME", "MODELWAY_IN_CONTAINER", "MODELWAY_RUN_URL",
    "KUBECONFIG", "MLFLOW_TRACKING_URI", "MLFLOW_S3_ENDPOINT_URL", "GITHUB_API_URL",
}  # fmt: skip


_WRITES_ALL_OR_NOTHING = {"prepare", "fit", "pull", "package", "deploy"}


@dataclass(frozen=True)
class Call:
    """A call of the SDK."""

    name: str
    given: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Ran:
    """A command of modelway, or of the shell, that the engine was asked to run.

    Attributes:
        words: the command's arguments.
        chain: the calls that made the container, the last of them its own.
    """

    words: tuple[str, ...]
    chain: tuple[Call, ...]

    def at(self, name: str, first: str | None = None) -> list[int]:
        """Return where in the chain a call stands, by its name and first argument."""
        return [
            at for at, one in enumerate(self.chain[:-1])
            if one.name == name and (first is None or one.given[:1] == (first,))
        ]  # fmt: skip

    @property
    def mounts(self) -> str:
        """What is mounted where, below the work directory: whose artifact or argument, or which part of the source."""
        kinds = ("mounted_directory", "mounted_file", "mounted_secret", "mounted_cache")
        found = {one.given[0]: one.given[1] for one in self._kept(kinds, "without_mount")}
        return " ".join(sorted(f"{place.removeprefix('/work/')}{content(what)}" for place, what in found.items()))

    def _kept(self, kinds: tuple[str, ...], without: str) -> list[Call]:
        """What the container has when the command runs: calls of `with_KIND` that no later one takes back."""
        found: dict[str, Call] = {}
        for one in self.chain:
            if one.name == without:
                found.pop(one.given[0], None)
            elif one.name.removeprefix("with_") in kinds:
                found[one.given[0]] = one
        return list(found.values())

    @property
    def made_from(self) -> str:
        """The images and certificates that the container is made from, where they are not modelway's own."""
        images = [str(one.given[0]).partition("@")[0] for one in self.chain if one.name == "from_"]
        uv = [
            str(call.given[0]).partition("@")[0] for one in self.chain if one.given[:1] == ("/opt/install/uv",)
            if one.name == "with_mounted_file" for call in one.given[1].chain if call.name == "from_"
        ]  # fmt: skip
        others = [*dict.fromkeys(one for one in (*images, *uv) if one not in {PYTHON["3.11"], UV})]
        files = [one.given[1] for one in self.chain if one.name == "with_file"]
        own = [what.chain[0].name for what in files if isinstance(what, Node) and len(what.chain) == 1]
        return " ".join([*others, *(f"@{name}" for name in own)])

    @property
    def variables(self) -> str:
        """The variables that it is given: secrets by their names, others of modelway's own with their values."""
        plain = self._kept(("env_variable",), "without_env_variable")
        own = {f"{one.given[0]}={one.given[1]}" for one in plain if one.given[0] in _SHOWN}
        own |= self.secrets.keys()
        own |= {f"{one.given[0]}:" for one in self.chain if one.name == "with_service_binding"}
        own |= {"gpus" for one in self.chain if one.name == "experimental_with_all_gp_us"}
        return " ".join(sorted(own))

    @property
    def secrets(self) -> dict[str, str]:
        """The arguments that it is given as secret variables, by the variables' names."""
        kept = self._kept(("secret_variable",), "without_secret_variable")
        return {one.given[0]: content(one.given[1]).strip("()") for one in kept}

    @property
    def stage(self) -> str:
        """The stage whose packages and files the container has, where it is not the command's own."""
        code = [one.given[1].at("filter") for one in self.chain if one.given[:1] == (f"{CODE}/modelway",)]
        files = {frozenset(named["include"]) for tree in code for named in tree}
        locks = tuple(
            str(one.given[1].chain[-1].given[0]).removeprefix("ci/locks/").removesuffix(".lock")
            for one in self.chain if one.given[:1] == ("/opt/install/packages.lock",) and len(one.given) > 1
        )  # fmt: skip
        stages = [
            name for name, room in ROOMS.items() if {frozenset(room)} == files and _LOCKS.get(name, (name,)) == locks
        ]
        own = " with own packages" if self.at("with_mounted_file", "/opt/install/own.lock") else ""
        return own if self.words[0] in {"cat", *stages} else f" in {'/'.join(sorted(stages))}{own}"

    @property
    def depends_on_runs(self) -> bool:
        """Whether a directory is mounted that the engine knows by the command that made it."""
        mounted = [one.given[1] for one in self.chain if one.name == "with_mounted_directory"]
        return any(one.name == "with_exec" for what in mounted for one in what.chain)

    @property
    def leaves_report(self) -> bool:
        """Whether what it wrote is kept whatever its exit code."""
        return bool(self.chain[-1].given) and "ls -A" in " ".join(self.chain[-1].given[0])

    @property
    def kept(self) -> str:
        """What decides whether the engine runs it again, apart from its inputs."""
        if runs := self.at("with_env_variable", "MODELWAY_RUN"):
            # Behind the installs, which stay cached.
            assert runs[-1] > max(self.at("with_exec"), default=-1), "the packages are installed each time"
            return "never"
        for name, kind in (("MODELWAY_REGISTRY_STATE", "by registry"), ("MODELWAY_DAY", "by day")):
            if self.at("with_env_variable", name):
                return kind
        return "cached"


@dataclass
class Engine:
    """Answers, and records what is run.

    Attributes:
        ran: all that was run, in its order.
        pushed: the addresses that images were pushed to.
        settings: the project's settings.
        ends: the exit codes of commands, by their number in `ran`; 0 where none is given.
        built: the images that were pushed.
        absent: paths of the source that do not exist.
    """

    ran: list[Ran] = field(default_factory=list)
    pushed: list[str] = field(default_factory=list)
    settings: str = SETTINGS
    ends: dict[int, int] = field(default_factory=dict)
    built: list[Node] = field(default_factory=list)
    absent: frozenset[str] = frozenset({"src/modelway/cli/main.py", "requirements.lock", "pylock.toml"})

    def number_of(self, chain: tuple[Call, ...]) -> int:
        """Return the number of the command that a chain's last container ran."""
        at = max(at for at, one in enumerate(chain) if one.name == "with_exec")
        return next(number for number, one in enumerate(self.ran) if one.chain == chain[: at + 1])

    def files_of(self, chain: tuple[Call, ...]) -> list[str]:
        """Return what a directory holds: of a command that fails, its artifact only where it writes a report."""
        if chain[-1].name != "directory" or all(one.name != "with_exec" for one in chain):
            return {"directory": ["artifact/file"], "filter": ["own.py"]}.get(chain[-1].name, [])
        number = self.number_of(chain)
        wrote = not self.ends.get(number, 0) or self.ran[number].words[0] not in _WRITES_ALL_OR_NOTHING
        return ["artifact/file"] if wrote else []

    async def answer(self, node: Node, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        chain = node.chain
        last = chain[-1]
        if last.name == "with_exec" and name in {"sync", "stdout", "stderr"}:
            words = _words(last)
            if name == "sync" or words[0] == "cat":
                self.ran.append(Ran(words, chain))
            if name == "stdout":
                return json.dumps(PRINTED.get(words[0], {}))
        answers = {
            # The project's lock is its own; the other directories hold the same.
            "digest": f"sha256:{node.chain[0].name if last.given == ('requirements.lock',) else 'd'}",
            "sync": node, "exists": bool(given) and given[0] not in self.absent,
            "glob": self.files_of(node.chain),
            "stdout": "", "stderr": "",
            "start": node, "stop": node, "hostname": "host", "endpoint": "http://host:1", "port": 5000, "ports": [node],
            "plaintext": "text", "image_ref": "image@sha256:" + "a" * 64, "name": "file", "default_args": ["serve"],
        }  # fmt: skip
        if name == "contents":
            if last.given == ("exit_code",):
                return str(self.ends.get(self.number_of(node.chain), 0))
            path = str(last.given[0]) if last.given else ""
            return self.settings if path.endswith(".yaml") else _content(path, node.chain[0].name)
        if name == "publish":
            through = content(named.get("registry_service"))
            self.pushed.append(f"{given[0]}{through if through.startswith('(@') else ''}")
            self.built += named.get("platform_variants") or [node]
            return f"{given[0]}@sha256:{'b' * 64}"
        return answers[name]


def content(what: Any) -> str:
    """Where a directory, file or secret comes from: an argument, a command, or parts of the source."""
    if not isinstance(what, Node):
        return ""
    root, calls = what.chain[0].name, what.chain[1:]
    if root == "dag" and calls and calls[0].name in {"cache_volume", "set_secret"}:
        return f"({calls[0].given[0].split('-')[0]})"
    parts = [] if root == "dag" else [f"@{root}"]
    for one in calls:
        if one.name == "filter":
            parts += sorted(dict(one.named)["include"])
        elif one.name == "with_new_file":
            keys = yaml.compose(str(one.given[1]), Loader=yaml.SafeLoader)
            named = ",".join(str(key.value) for key, _ in getattr(keys, "value", ()))
            parts.append("all settings" if one.given[1] == SETTINGS else named)
        elif one.name == "with_file":
            commands = [_words(call)[0] for call in one.given[1].chain if call.name == "with_exec"]
            parts.append(f"{commands[-1]}'s" if commands else str(one.given[0]))
        elif one.name in {"without_file", "directory"} and one.given:
            parts.append(f"{'-' if one.name == 'without_file' else ''}{one.given[0]}")
    return f"({' '.join(dict.fromkeys(parts))})"


def image_of(container: Node) -> str:
    """What an image is built with: locks, code, build arguments, platform; and what is then added to it."""
    at = next(at for at, one in enumerate(container.chain) if one.name == "docker_build")
    named = dict(container.chain[at].named)
    context = [str(one.given[0]) for one in container.chain[:at] if one.name == "with_file"]
    code = [f"code{content(one.given[1])}" for one in container.chain[:at] if one.given[:1] == ("code",)]
    dockerfile = next(one.given[1] for one in container.chain[:at] if one.name == "with_new_file")
    code += ["copied"] if "COPY code /opt/code\n" in dockerfile else []
    short = {PYTHON["3.11"]: "{base}", UV: "{uv}"}
    values = [(one.name, one.value.partition("@")[0]) for one in named["build_args"]]
    arguments = [f"{name}={short.get(value, value)}" for name, value in values]
    arguments += [] if named["secrets"] == () or named["secrets"] == [] else ["secrets"]
    added = [
        f"{one.given[0]}={one.given[1]}".removeprefix(PREFIX) for one in container.chain[at:]
        if one.name in {"with_label", "with_env_variable"} and not str(one.given[0]).startswith(f"{PREFIX}base.")
    ]  # fmt: skip
    added += [f"args={' '.join(one.given[0])}" for one in container.chain[at:] if one.name == "with_default_args"]
    return " | ".join([*arguments, *context, *code, f"platform={named['platform']}", *added])


_AWAITED = {
    "sync", "exists", "digest", "glob", "stdout", "stderr", "plaintext", "image_ref", "name", "default_args",
    "contents", "publish", "start", "stop", "hostname", "endpoint", "ports", "port",
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """An object of the SDK: the calls that made it."""

    engine: Engine = field(compare=False, repr=False)
    chain: tuple[Call, ...]

    def at(self, name: str) -> list[dict[str, Any]]:
        """Return the named arguments of the calls of a name."""
        return [dict(one.named) for one in self.chain if one.name == name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*given: Any, **named: Any) -> Any:
            if name in _AWAITED:
                return self.engine.answer(self, name, given, named)
            kept = tuple(tuple(one) if isinstance(one, list) else one for one in given)
            return Node(
                self.engine, (*self.chain, Call(name, kept, tuple(sorted(named.items(), key=lambda one: one[0]))))
            )

        return call


def _content(path: str, root: str) -> str:
    if path in BUNDLES.get(root, {}):
        return json.dumps(BUNDLES[root][path])
    return FILES.get(path) or FILES.get(path.rpartition("/")[2], "{}")


def _words(call: Call) -> tuple[str, ...]:
    """The command's own words: behind `python -m modelway`, or the first of a script."""
    words = call.given[0]
    if "modelway" in words and words[0] == "sh":
        return tuple(words[words.index("modelway") + 4 :])
    return ("cat",) if words[:2] == ("sh", "-c") and words[2].startswith("cat ") else tuple(words)


def record(patch: pytest.MonkeyPatch) -> Engine:
    """Put the stand-in in place of the SDK in every module of `modelway_ci`."""
    engine = Engine()
    # libyaml reads the settings 15 times as fast, where PyYAML has it.
    patch.setattr(yaml, "SafeLoader", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    root = Node(engine, (Call("dag", ()),))
    for found in pkgutil.iter_modules(modelway_ci.__path__):
        module = importlib.import_module(f"modelway_ci.{found.name}")
        if hasattr(module, "dag"):
            patch.setattr(module, "dag", root)
    patch.setattr(Handover, "__aenter__", _entered)
    patch.setattr(Handover, "__aexit__", _left)
    patch.setattr(Handover, "address", "127.0.0.1:1:key")
    patch.setattr(dagger.BuildArg, "__eq__", lambda one, other: vars(one) == vars(other), raising=False)
    return engine


async def _entered(self: Handover) -> Handover:
    return self


async def _left(*_: Any) -> None:
    return None


def given(engine: Engine, name: str) -> Any:
    """An argument of a function: a directory, a file, a secret or a workspace."""
    return Node(engine, (Call(name, ()),))
