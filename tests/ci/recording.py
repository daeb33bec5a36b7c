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

import modelway_ci
from modelway_ci.handover import Handover
from modelway_ci.images import LOCK

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "modelway.yaml").read_text(encoding="utf-8")
PRINTED: dict[str, dict[str, Any]] = {
    "pull": {"trusted": ["lib.Type"], "known": {}, "created": False, "version": {"number": 1}},
    "register": {"created": True, "version": {"number": 2}},
    "package": {"trusted": [], "created": False, "version": {"number": 1}},
    "serve": {"settings": {"input": {"max_rows": 7}}},
    "deploy": {
        "versions": [1], "settings": "",
        "build": {
            "trusted": [], "licenses": None, "platforms": ["linux/amd64"], "repository": "ghcr.test/loans",
            "tags": ["1"], "base_image": None, "uv_image": None, "source": None,
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
    "bundle.json": json.dumps({"format": "onnx", "name": "loans", "version": 1}),
    "features.json": json.dumps({"features": []}),
}


_SHOWN = {
    "MODELWAY_TRUST", "MODELWAY_COMMIT", "MODELWAY_COMMIT_TIME", "MODELWAY_IN_CONTAINER", "MODELWAY_RUN_URL",
    "KUBECONFIG", "MLFLOW_TRACKING_URI", "MLFLOW_S3_ENDPOINT_URL", "GITHUB_API_URL",
}  # fmt: skip


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
        """Where directories, files, secrets and the project's volume are mounted, below the work directory."""
        found = {
            str(one.given[0]).removeprefix("/work/") for one in self.chain
            if one.name in {"with_mounted_directory", "with_mounted_file", "with_mounted_secret", "with_mounted_cache"}
        }  # fmt: skip
        return " ".join(sorted(one for one in found if not one.startswith("/opt/install/")))

    @property
    def variables(self) -> str:
        """The variables that it is given: secrets by their names, others of modelway's own with their values."""
        own = {
            f"{one.given[0]}={one.given[1]}" for one in self.chain
            if one.name == "with_env_variable" and one.given[0] in _SHOWN
        }  # fmt: skip
        return " ".join(sorted(own | {one.given[0] for one in self.chain if one.name == "with_secret_variable"}))

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
        absent: paths of the source that do not exist.
    """

    ran: list[Ran] = field(default_factory=list)
    pushed: list[str] = field(default_factory=list)
    settings: str = SETTINGS
    absent: frozenset[str] = frozenset({"src/modelway/cli/main.py", "requirements.lock", "pylock.toml"})

    async def answer(self, node: Node, name: str, given: tuple[Any, ...]) -> Any:
        chain = node.chain
        last = chain[-1]
        if last.name == "with_exec" and name in {"sync", "stdout", "stderr"}:
            words = _words(last)
            if name == "sync" or words[0] == "cat":
                self.ran.append(Ran(words, chain))
            if name == "stdout":
                return json.dumps(PRINTED.get(words[0], {}))
        answers = {
            "sync": node, "exists": bool(given) and given[0] not in self.absent, "digest": "sha256:d",
            "glob": ["artifact/file"] if last.name == "directory" else [], "stdout": "", "stderr": "",
            "start": node, "stop": node, "hostname": "host", "endpoint": "http://host:1", "port": 5000, "ports": [node],
            "plaintext": "text", "image_ref": "image@sha256:" + "a" * 64, "name": "file", "default_args": ["serve"],
        }  # fmt: skip
        if name == "contents":
            path = str(last.given[0]) if last.given else ""
            return self.settings if path == "modelway.yaml" else _content(path)
        if name == "publish":
            self.pushed.append(given[0])
            return f"{given[0]}@sha256:{'b' * 64}"
        return answers[name]


_AWAITED = {
    "sync", "exists", "digest", "glob", "stdout", "stderr", "plaintext", "image_ref", "name", "default_args",
    "contents", "publish", "start", "stop", "hostname", "endpoint", "ports", "port",
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """An object of the SDK: the calls that made it."""

    engine: Engine = field(compare=False, repr=False)
    chain: tuple[Call, ...]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*given: Any, **named: Any) -> Any:
            if name in _AWAITED:
                return self.engine.answer(self, name, given)
            kept = tuple(tuple(one) if isinstance(one, list) else one for one in given)
            return Node(
                self.engine, (*self.chain, Call(name, kept, tuple(sorted(named.items(), key=lambda one: one[0]))))
            )

        return call


def _content(path: str) -> str:
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
