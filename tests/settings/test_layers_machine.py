"""Layers of settings in any order, against a model: a later layer wins, lists and null replace, errors name a layer."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from modelway.errors import SettingsError
from modelway.pipeline.environment import open_environment
from modelway.records.settings import Settings
from modelway.settings import Override, load_settings

Tree = dict[str, Any]
Keys = tuple[str, ...]

BASE: Tree = {
    "name": "loans",
    "prepare": {
        "task": "classification",
        "target": "defaulted",
        "data": {"uri": "loans.csv"},
        "columns": {"income": {"type": "number"}, "defaulted": {"type": "category", "values": ["yes", "no"]}},
    },
    "fit": {"estimator": {"kind": "linear"}},
    "environments": {"defaults": {}, "canary": {}},
}
BUILT_IN = {
    "local": {"model_version": "champion", "target": {"kind": "local"}},
    "staging": {"model_version": "challenger"},
    "production": {"model_version": "champion"},
}
NAMES = ("defaults", "local", "staging", "production", "canary")
GOOD: dict[Keys, tuple[Any, ...]] = {
    ("fit", "seed"): (1, 2),
    ("fit", "estimator"): ({"kind": "linear", "epochs": 3}, {"kind": "boosted_trees"}),
    ("fit", "estimator", "epochs"): (5, 6),
    ("fit", "search"): ({"trials": 3}, {"trials": 4}),
    ("evaluate", "slices"): ([], ["income"]),
    ("serve", "input", "max_rows"): (10, 20),
    ("serve", "log", "columns"): (None, [], ["income"], ["income", "defaulted"]),
    ("serve", "log", "uri"): ("a", "b"),
    ("serve", "log"): ({"sample": 0.5}, {}),
    ("serve", "workers", "count"): (1, 2),
}
OF_ENVIRONMENT: dict[Keys, tuple[Any, ...]] = {
    ("model_version",): ("champion", "7"),
    ("keep",): (2, 5),
    ("url",): (None, "http://a", "http://b"),
    ("wait",): ({"stable_seconds": 5}, {"poll_seconds": 1}),
    ("wait", "poll_seconds"): (3, 4),
    ("image",): (None, {"repository": "r", "platforms": ["linux/arm64"]}),
    ("target",): (None, {"kind": "local", "port": 9000}),
    ("workers",): (None, 3),
    ("s3",): ({"region": "r"}, {}),
}
GOOD |= {("environments", name, *keys): values for name in NAMES for keys, values in OF_ENVIRONMENT.items()}
BAD: dict[Keys, tuple[Any, ...]] = {
    ("fit", "seed"): (-1, "x"),
    ("fit", "estimator", "epochs"): (0,),
    ("serve", "log", "sample"): (2,),
    ("serve", "input", "max_rows"): (0,),
    **{("environments", name, "keep"): (1, "x") for name in NAMES},
    **{("environments", name, "url"): (5,) for name in NAMES},
    **{("environments", name, "wait", "poll_seconds"): (0,) for name in NAMES},
    **{("environments", name, "kep"): (3,) for name in NAMES},
}
NESTED = [
    ((("serve", "log", "sample"), 2), (("serve", "log"), {})),
    ((("serve", "log", "sample"), 0.5), (("serve", "log"), {"sample": 2})),
    ((("fit", "estimator", "epochs"), 0), (("fit", "estimator"), {"kind": "boosted_trees"})),
    ((("fit", "estimator", "epochs"), 5), (("fit", "estimator"), {"kind": "linear", "epochs": 0})),
    ((("serve", "log", "columns"), ["income"]), (("serve", "log", "columns"), ["defaulted"])),
    ((("environments", "defaults", "keep"), 1), (("environments", "defaults"), {"url": "http://a"})),
]
CHANGE = st.sampled_from([(keys, value) for keys, values in GOOD.items() for value in values])
FAULT = st.sampled_from([(keys, value) for keys, values in BAD.items() for value in values])
FLAG = st.sampled_from(["--set", "--flag"])


def put(tree: Tree, keys: Keys, value: Any) -> bool:
    """Set a value; False where a single value is in its way."""
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            return False
    tree[keys[-1]] = copy.deepcopy(value)
    return True


def leaves(value: Any, keys: Keys = ()) -> list[Keys]:
    """The places of single values, lists and empty mappings."""
    if not isinstance(value, dict) or not value:
        return [keys]
    return [place for key, below in value.items() for place in leaves(below, (*keys, key))]


def write(tree: Tree, path: Path) -> dict[Keys, int]:
    """Write a settings file with one key a line; gives each key's line."""
    lines: list[str] = []
    places: dict[Keys, int] = {}

    def add(below: Tree, keys: Keys) -> None:
        for key, value in below.items():
            nested = isinstance(value, dict) and value
            lines.append(f"{'  ' * len(keys)}{key}:{'' if nested else f' {json.dumps(value)}'}")
            places[*keys, key] = len(lines)
            if nested:
                add(value, (*keys, key))

    add(tree, ())
    path.write_text("\n".join(lines) + "\n")
    assert yaml.safe_load(path.read_text()) == tree
    return places


class LayersMachine(RuleBasedStateMachine):
    """A file with common and own values of environments, and flags over it."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.path = self.root / "modelway.yaml"
        self.file = copy.deepcopy(BASE)
        self.overrides: list[Override] = []
        self.faults: set[Keys] = set()
        self.digests: dict[str, str | None] = {}

    @rule(changes=st.lists(CHANGE, min_size=1, max_size=5))
    def edit(self, changes: list[tuple[Keys, Any]]) -> None:
        """Change the file."""
        for change in changes:
            if put(trial := copy.deepcopy(self.file), *change):
                self.file = trial
        self.load()

    @rule(change=FAULT)
    def spoil(self, change: tuple[Keys, Any]) -> None:
        self.edit([change])

    @rule(names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=3), key=st.sampled_from(list(OF_ENVIRONMENT)))
    def repeat(self, names: list[str], key: Keys) -> None:
        """Set one key in several layers, to one value after the other."""
        for number, name in enumerate(names):
            values = OF_ENVIRONMENT[key]
            self.edit([(("environments", name, *key), values[number % len(values)])])

    @rule(keys=st.lists(st.sampled_from(list(GOOD)), min_size=1, max_size=9))
    def remove(self, keys: list[Keys]) -> None:
        """Take keys out of the file."""
        for one in keys:
            place: Any = self.file
            for key in one[:-1]:
                place = place.get(key) if isinstance(place, dict) else None
            if isinstance(place, dict) and one != ("fit", "estimator"):
                place.pop(one[-1], None)

    @rule(changes=st.lists(st.one_of(CHANGE, CHANGE, FAULT), min_size=1, max_size=4), by_set=st.booleans())
    def override(self, changes: list[tuple[Keys, Any]], by_set: bool) -> None:
        """Add flags; a key may have several, and a mapping may come after a key in it."""
        for keys, value in changes:
            flag = Override(f"--f{len(self.overrides)}", keys, value)
            given = Override.parse(f"{'.'.join(keys)}={json.dumps(value)}") if by_set else flag
            assert (given.keys, given.value) == (keys, value)
            self.overrides.append(given)
        self.load()

    @rule(changes=st.sampled_from(NESTED), turned=st.booleans())
    def nest(self, changes: tuple[tuple[Keys, Any], tuple[Keys, Any]], turned: bool) -> None:
        """Set a key and the mapping that it is in by flags, one after the other."""
        flags = [Override(f"--n{number}", *change) for number, change in enumerate(changes)]
        self.overrides += flags[::-1] if turned else flags
        self.load()

    @rule(name=st.sampled_from(["defaults", "local"]))
    def visit(self, name: str) -> None:
        """Give a layer a target, and take it away again."""
        put(self.file, ("environments", name, "target"), {"kind": "local", "port": 9001})
        self.load()
        self.file["environments"][name].pop("target")
        self.load()

    @rule()
    def begin_again(self) -> None:
        self.file, self.overrides = copy.deepcopy(BASE), []

    def teardown(self) -> None:
        try:
            self.load()
        finally:
            shutil.rmtree(self.root)

    def load(self) -> None:
        """Read what there is now."""
        origins: dict[Keys, str] = {keys: f"{self.path}:{line}" for keys, line in write(self.file, self.path).items()}
        tree = copy.deepcopy(self.file)
        for override in self.overrides:
            if not put(tree, override.keys, override.value):
                with_error = self._refusal()
                assert with_error is not None
                assert with_error.where == override.flag
                self.overrides.remove(override)
                return
            origins = {keys: at for keys, at in origins.items() if keys[: len(override.keys)] != override.keys}
            origins[override.keys] = override.flag
        wrong = self._faults(tree)
        found = self._refusal()
        expected = {
            next(origins[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in origins) for keys in wrong
        }
        where = set() if found is None else {str(problem.where) for problem in (found, *found.further)}
        assert where == expected, (str(found), wrong)
        if found is not None:
            named = [problem.what for problem in (found, *found.further)]
            assert len(named) == len(set(named)) == len(wrong), (named, wrong)
            for keys in wrong:
                assert any(".".join(keys) in what for what in named), (keys, named)
            return
        given = load_settings(self.path, self.overrides)
        assert given == Settings.model_validate_json(json.dumps(self._merged(tree)))
        self._check_digests(given, tree)

    def _refusal(self) -> SettingsError | None:
        try:
            load_settings(self.path, self.overrides)
        except SettingsError as error:
            return error
        return None

    @staticmethod
    def _merged(tree: Tree) -> Tree:
        """The model: what is built in, what environments have in common, what each has of its own."""
        layers = tree["environments"]
        found = {
            name: {**BUILT_IN.get(name, {}), **layers["defaults"], **layers.get(name, {})}
            for name in {*BUILT_IN, *layers} - {"defaults"}
        }
        own = layers.get("local", {}).get("target", {})
        found["local"]["target"] = None if own is None else {"kind": "local", **own}
        return {**tree, "environments": found}

    def _faults(self, tree: Tree) -> set[Keys]:
        """Keys whose values are refused, by the layer that they are in."""
        wrong = {keys for keys in leaves(tree) if keys[:1] != ("environments",) and self._is_bad(keys, tree)}
        layers, merged = tree["environments"], self._merged(tree)["environments"]
        for name, values in merged.items():
            for keys in filter(None, leaves(values)):
                layer = name if keys[0] in layers.get(name, {}) else "defaults"
                if self._is_bad(("environments", layer, *keys), tree):
                    wrong.add(("environments", layer, *keys))
        return wrong

    @staticmethod
    def _is_bad(keys: Keys, tree: Tree) -> bool:
        place: Any = tree
        for key in keys:
            place = place.get(key) if isinstance(place, dict) else None
        return any(place == value and type(place) is type(value) for value in BAD.get(keys, ()))

    def _check_digests(self, given: Settings, tree: Tree) -> None:
        """Serving settings that differ have digests that differ, however they were set; no others are counted."""
        for name, options in self._merged(tree)["environments"].items():
            serve = copy.deepcopy(tree.get("serve", {}))
            serve.get("log", {}).pop("uri", None)
            if options.get("workers") is not None:
                serve.setdefault("workers", {})["count"] = options["workers"]
            serve["s3"] = options.get("s3", {})
            content = Settings.model_validate_json(json.dumps({**BASE, "environments": {}, "serve": serve})).serve
            text = content.model_dump_json(exclude_unset=True) if any(map(len, leaves(serve))) else ""
            text = json.dumps(_pruned(json.loads(text or "{}")), sort_keys=True)
            digest = open_environment(given, name, self.root, {}).place.settings.digest
            assert (digest is None) == (text == "{}")
            assert self.digests.setdefault(text, digest) == digest
        assert len(set(self.digests.values())) == len(self.digests)


def _pruned(tree: Tree) -> Tree:
    found = {key: _pruned(value) if isinstance(value, dict) else value for key, value in tree.items()}
    return {key: value for key, value in found.items() if value != {}}


TestLayers = LayersMachine.TestCase
TestLayers.settings = settings(settings.get_profile("machine"), max_examples=50, stateful_step_count=12)
