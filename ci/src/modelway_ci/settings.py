"""The settings file, cut into what each stage may see, so that a change elsewhere re-runs nothing.

What can't be read here is handed on whole: modelway refuses it, and says why.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any

import yaml

from modelway_ci.refusal import RefusalError

_NAMED_CODE = re.compile(r"([A-Za-z_]\w*)(?:\.\w+)*:[A-Za-z_]\w*")
_VALUES = 200_000
"""As in modelway's own reader."""
_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Settings:
    """A settings file with what `--set` puts into it.

    Attributes:
        path: where the file lies in the source, with forward slashes.
        text: the file.
        overrides: texts of the form a.b=c.
    """

    path: str
    text: str
    overrides: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The file's directory in the source; empty for the source itself."""
        return posixpath.dirname(self.path)

    @property
    def name(self) -> str:
        """The model's name; "unnamed" where the settings give none, which modelway then refuses."""
        name = self._values().get("name")
        return name if isinstance(name, str) and re.fullmatch(r"[\w-]+", name) else "unnamed"

    def sliced(self, *keys: str) -> str:
        """The file with only these top-level keys, and without comments."""
        root = _composed(self.text)
        if not isinstance(root, yaml.MappingNode):
            return self.text
        kept = [(key, value) for key, value in root.value if key.value in keys]
        return str(yaml.serialize(yaml.MappingNode(root.tag, kept), allow_unicode=True))

    def flags(self, *keys: str) -> list[str]:
        """The `--set` flags that concern these top-level keys."""
        return [word for text in self.overrides if _top_level(text) in keys for word in ("--set", text)]

    def all_flags(self) -> list[str]:
        """The `--set` flags, all of them."""
        return [word for text in self.overrides for word in ("--set", text)]

    def addresses(self, given: str | None = None) -> list[str]:
        """Where the data sets lie: the one to train on (or `given` in its place), then the benchmarks."""
        prepare = self._section("prepare")
        benchmarks = _mapping(prepare.get("benchmarks")).values()
        uris = [given or _mapping(prepare.get("data")).get("uri"), *(_mapping(one).get("uri") for one in benchmarks)]
        return [uri for uri in uris if isinstance(uri, str)]

    def checked_address(self, given: str | None = None) -> list[str]:
        """Where the data set lies that `check-data` looks at (or `given` in its place); empty where none is named."""
        own = _mapping(self._section("check_data").get("data")).get("uri")
        return [own] if given is None and isinstance(own, str) else self.addresses(given)[:1]

    def store_section(self, part: str) -> str:
        """The section whose `s3` a part of `ci` goes by."""
        return "check_data" if part == "check-data" and self._section("check_data").get("s3") else "prepare"

    def place_of(self, address: str) -> str:
        """The file or folder of the source that holds what a local address of the settings names.

        Raises:
            RefusalError: it lies outside of the source.
        """
        wildcard = _WILDCARD.search(address)
        fixed = posixpath.dirname(address[: wildcard.start()]) if wildcard else address
        place = posixpath.normpath(posixpath.join(self.folder, fixed))
        if place.startswith(("/", "..")):
            raise RefusalError(
                2, f"{address}: this lies outside of the source, which alone is sent; hand it in with --data"
            )
        return place

    @property
    def tools(self) -> frozenset[str]:
        """The programs that `check_code` names; none where it leaves the choice to modelway."""
        section = self._section("check_code")
        named = [
            *(_mapping(section.get(key)) for key in ("format", "lint", "types")),
            *_mapping(section.get("more")).values(),
        ]
        commands = [_mapping(one).get("command") for one in named]
        return frozenset(posixpath.basename(str(words[0])) for words in commands if isinstance(words, list) and words)

    @property
    def suite_files(self) -> list[str]:
        """The files that `check_data` names beside the data."""
        section = self._section("check_data")
        suites = section.get("expectations")
        named = [section.get("baseline"), *(suites if isinstance(suites, list) else ())]
        return [name for name in named if isinstance(name, str)]

    @property
    def looks_at_clock(self) -> bool:
        """Whether `check_data` judges how old the data are."""
        checks = self._section("check_data").get("checks")
        return any(_mapping(one).get("check") == "freshness" for one in checks) if isinstance(checks, list) else False

    @property
    def advisories(self) -> str | None:
        """The advisory database that `audit` names as a file."""
        dependencies = _mapping(self._section("audit").get("dependencies"))
        path = _mapping(dependencies.get("advisories")).get("path")
        return path if isinstance(path, str) else None

    @property
    def audits_dependencies(self) -> bool:
        """Whether `audit` looks for known vulnerabilities at all."""
        return _mapping(self._section("audit").get("dependencies")).get("enabled", True) is not False

    def target_kind(self, environment: str) -> str | None:
        """What kind of target an environment has; None where that is not said, or there is no such environment."""
        environments = self._section("environments")
        own, common = (_mapping(environments.get(name)) for name in (environment, "defaults"))
        if environment == "local":  # which takes nothing of the common target, as in modelway's own reader
            common, target = {"target": {"kind": "local"}}, own.get("target")
            own = {"target": {"kind": "local", **target}} if isinstance(target, dict) else own
        kind = _mapping({**common, **own}.get("target")).get("kind")
        return kind if isinstance(kind, str) else None

    @property
    def named_modules(self) -> frozenset[str]:
        """The top-level names of the modules whose functions and classes the sections `fit` and `package` name."""
        values = self._values()
        return frozenset(_modules_in([values.get("fit"), values.get("package")]))

    @property
    def trusted(self) -> list[str]:
        """The types and functions that `fit` lets a model use; what is malformed is left for modelway to refuse."""
        fit = self._section("fit")
        types = _mapping(fit.get("estimator")).get("trusted")
        custom = _mapping(fit.get("features")).get("custom")
        functions = [_mapping(one).get("function") for one in custom] if isinstance(custom, list) else []
        names = [*(types if isinstance(types, list) else ()), *functions]
        return sorted({name for name in names if isinstance(name, str)})

    @property
    def public_keys(self) -> list[str]:
        """The files of the keys that signatures are verified with."""
        named = [self._section(key).get("public_key") for key in ("serve", "batch")]
        return [key for key in named if isinstance(key, str) and not key.lstrip().startswith("-----BEGIN ")]

    @property
    def embeds_registry(self) -> bool:
        """Whether the registry is a file beside the settings, not a server or a database of its own."""
        uri = self._section("register").get("tracking_uri", "sqlite:///mlflow.db")
        return not isinstance(uri, str) or uri.strip().startswith("sqlite")

    @property
    def keeps_files(self) -> bool:
        """Whether the embedded registry also keeps the files of its runs beside the settings."""
        return "://" not in str(self._section("register").get("artifact_location", ""))

    @property
    def registers(self) -> bool:
        """Whether `train` registers unless told otherwise."""
        return self._section("register").get("by_default", True) is not False

    def _section(self, key: str) -> dict[str, Any]:
        return _mapping(self._values().get(key))

    def _values(self) -> dict[str, Any]:
        values = _mapping(_loaded(self.text))
        for text in self.overrides:
            keys, _, value = text.partition("=")
            _put(values, keys.split("."), _loaded(value))
        return values


def is_remote(address: str) -> bool:
    """Whether an address leads out of the machine."""
    return "://" in address


def _composed(text: str) -> yaml.Node | None:
    """The nodes of a document; None where it is invalid, or its aliases stand for more than modelway reads."""
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        return root if root is None or _size(root, {}) <= _VALUES else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a node stands for with its aliases expanded; infinitely many where it holds itself."""
    if id(node) not in known:
        known[id(node)] = float("inf")  # until its own nodes are counted
        below = [one for pair in node.value for one in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + (0 if isinstance(below, str) else sum(_size(one, known) for one in below))
    return known[id(node)]


def _loaded(text: str) -> Any:
    """A document's value; None where `_composed` gives none, or a key or value has no Python value."""
    try:
        return None if _composed(text) is None else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _top_level(override: str) -> str:
    return re.split(r"[.=]", override, maxsplit=1)[0]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _put(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        if not isinstance(values.get(key), dict):
            values[key] = {}
        values = values[key]
    values[keys[-1]] = value


def _modules_in(value: Any) -> list[str]:
    if isinstance(value, str):
        match = _NAMED_CODE.fullmatch(value)
        return [match[1]] if match else []
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [name for one in below for name in _modules_in(one)]
