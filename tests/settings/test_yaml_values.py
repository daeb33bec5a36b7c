"""Forms of YAML that no settings hold: each exits with 2, its line and one sentence, and none hangs or is a bug."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelway.errors import SettingsError
from modelway.settings import Override, load_settings
from modelway.settings.yaml_values import read_yaml

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{','.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
FORMS = {
    "binary": ("\nname: !!binary aGVsbG8=\n", 2, "got !!binary"),
    "set": ("\nname: !!set {a, b}\n", 2, "got !!set"),
    "ordered map": ("\nname: !!omap [a: 1]\n", 2, "got !!omap"),
    "timestamp": ("\nname: !!timestamp 2001-01-01\n", 2, "got !!timestamp"),
    "python object": ("\nname: !!python/object/apply:os.system [x]\n", 2, "got !!python"),
    "own tag": ("\nname: !own x\n", 2, "got !own"),
    "tag of another kind": ("\nname: !!str [a]\n", 2, "got !!str"),
    "alias to its own list": ("\nname: &a [*a]\n", 2, "aliases nest deeper"),
    "alias to the document": ("&a\nname: *a\n", 1, "aliases nest deeper"),
    "aliases of aliases": (ALIASES, None, "more than 200,000 values"),
    "merges of merges": (MERGES, None, "more than 200,000 values"),
    "merge of a number": ("\na:\n  <<: 5\n", 3, "below <<"),
    "merge of numbers": ("\na:\n  <<: [1]\n", 3, "below <<"),
    "deep list": ("\nname: " + "[" * 100_000, 2, "deeper than 64 levels"),
    "deep mapping": ("\nname: " + "{a: " * 100_000, 2, "deeper than 64 levels"),
    "list as a key": ("\n? [a]\n: 1\n", 2, "expected text as a key"),
    "mapping as a key": ("\n{a: 1}: 1\n", 2, "expected text as a key"),
    "null as a key": ("\n~: 1\n", 2, "expected text as a key, got ~"),
    "twice": ("name: a\nname: b\n", 2, "duplicate key 'name'"),
    "twice after a merge": ("a: &a {b: 1}\nc:\n  <<: *a\n  d: 1\n  d: 2\n", 5, "duplicate key 'd'"),
    "integer of 5,000 digits": (f"\nname: {'9' * 5000}\n", 2, "expected an integer"),
    "sexagesimal of 4,000 places": (f"\nname: 1{':1' * 4000}\n", 2, "expected an integer"),
    "integer of letters": ("\nname: !!int abc\n", 2, "expected an integer, got 'abc'"),
    "integer of nothing": ('\nname: !!int ""\n', 2, "expected an integer, got ''"),
    "binary integer of nothing": ("\nname: !!int 0b\n", 2, "expected an integer, got '0b'"),
    "number of letters": ("\nname: !!float abc\n", 2, "expected a number, got 'abc'"),
    "number of nothing": ('\nname: !!float ""\n', 2, "expected a number"),
    "truth of a word": ("\nname: !!bool maybe\n", 2, "expected true or false, got 'maybe'"),
    "NUL": ("\nname: \0\n", 2, "control characters"),
    "escape code": ("\nname: \x1b[31m\n", 2, "control characters"),
    "tab": ("\n\tname: x\n", 2, "invalid YAML"),
    "unknown alias": ("\nname: *a\n", 2, "undefined alias"),
    "two documents": ("name: a\n---\nname: b\n", 2, "another document"),
}


@pytest.mark.parametrize("form", FORMS)
def test_load_settings_of_odd_yaml_names_line_and_problem(form: str, tmp_path: Path) -> None:
    text, line, problem = FORMS[form]
    path = tmp_path / "modelway.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        load_settings(path)

    assert problem in caught.value.what
    assert str(caught.value.where).startswith(f"{path}:")
    assert line is None or caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize(
    "value", ["*a", "&a [*a]", "!!binary aGk=", "!!int x", "{1: 2}", "[" * 10_000, "[[", "\0", "\udc80"]
)
def test_override_of_odd_yaml_names_the_flag(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Override.parse(f"name={value}")

    assert str(caught.value.where).startswith("--set name=")
    assert len(str(caught.value.where)) < 100


@pytest.mark.parametrize("place", [".", "/dev/zero", "absent.yaml", "wide.yaml", "utf16.yaml"])
def test_load_settings_of_what_is_no_settings_file_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_bytes(b"#" * 4_000_001)
    (tmp_path / "utf16.yaml").write_bytes("name: x".encode("utf-16"))

    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / place)

    assert caught.value.where == str(tmp_path / place)


def test_override_of_an_environment_that_the_file_lacks_names_the_flag() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Path("modelway.yaml"), [Override.parse("environments.local.target.port=x")])

    assert caught.value.where == "--set environments.local.target.port=x"
    assert caught.value.what.startswith("environments.local.target.port:")


# PyYAML writes `0E0` without quotes; it is a number in YAML 1.2 and here.
_TEXT = st.text().filter(lambda text: not re.fullmatch(r"[-+]?\d+[eE][-+]?\d+", text))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | _TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_TEXT, below, max_size=3),
    max_leaves=12,
)


@given(_JSON)
def test_read_yaml_of_what_pyyaml_writes_returns_it(value: object) -> None:
    assert read_yaml(yaml.safe_dump(value), "x")[1] == value


def test_read_yaml_of_merge_keys_agrees_with_pyyaml() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd: {z: 4, <<: *b}\n"

    assert read_yaml(text, "x")[1] == yaml.safe_load(text)
