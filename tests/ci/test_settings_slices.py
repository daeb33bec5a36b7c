"""A stage gets its own keys of the settings, unchanged; what it does not get can't re-run it."""

from __future__ import annotations

import pytest

from modelway.errors import SettingsError
from modelway.settings import load_settings, load_slice
from modelway_ci.refusal import RefusalError
from modelway_ci.settings import Settings

EXAMPLES = ["modelway.yaml", "examples/loans/modelway.yaml", "examples/income/modelway.yaml"]
EXAMPLES += ["examples/bikes/modelway.yaml"]
ODD = """\
# a comment
name: odd
prepare:
  task: classification
  target: "yes"
  data: {uri: 'a b.csv', null_values: ["", "2020-01-01", no]}
  columns:
    "yes": {type: category, values: ["on", "off"]}
    x: &number {type: number, min: 1e-3}
    y: *number
fit:
  estimator: {kind: boosted_trees, learning_rate: 1e-1}   # plain 1e-1 is text to YAML 1.1
evaluate:
  gates: {minimum: {roc_auc: 0.5}}
"""


@pytest.mark.parametrize("path", EXAMPLES)
def test_a_slice_says_of_its_keys_what_the_whole_says(root, tmp_path, path):
    whole = load_settings(root / path)
    settings = Settings(path, (root / path).read_text())
    for key in ("prepare", "fit", "evaluate", "check_code", "check_data", "test", "audit", "smoke_train"):
        (tmp_path / "slice.yaml").write_text(settings.sliced("name", key))
        part = load_slice(tmp_path / "slice.yaml")
        assert getattr(part, key) == getattr(whole, key)
        assert part.name == whole.name


def test_what_yaml_reads_oddly_stays_as_it_is(tmp_path):
    text = ODD.replace(", no]", "]")
    (tmp_path / "whole.yaml").write_text(text)
    whole = load_settings(tmp_path / "whole.yaml")
    for key in ("prepare", "fit"):
        (tmp_path / "slice.yaml").write_text(Settings("whole.yaml", text).sliced("name", key))
        assert getattr(load_slice(tmp_path / "slice.yaml"), key) == getattr(whole, key)


def test_what_modelway_refuses_in_the_whole_it_refuses_in_the_slice(tmp_path):
    (tmp_path / "slice.yaml").write_text(Settings("x.yaml", ODD).sliced("name", "prepare"))
    with pytest.raises(SettingsError, match="null_values"):
        load_slice(tmp_path / "slice.yaml")


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("roc_auc: 0.5", "roc_auc: 0.9", {"prepare", "fit"}),
        ("learning_rate: 1e-1", "learning_rate: 0.2", {"prepare", "evaluate"}),
        ("uri: 'a b.csv'", "uri: b.csv", {"fit", "evaluate"}),
        ("# a comment", "# another\n", {"prepare", "fit", "evaluate"}),
        ("1e-1}   # plain", "1e-1} # ", {"prepare", "fit", "evaluate"}),
    ],
)
def test_a_change_shows_in_its_own_slice_alone(old, new, same):
    before, after = Settings("x.yaml", ODD), Settings("x.yaml", ODD.replace(old, new))
    assert before.text != after.text
    stages = {"prepare", "fit", "evaluate"}
    assert {one for one in stages if before.sliced("name", one) == after.sliced("name", one)} == same


BOMB = "fit: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} {{<<: [{','.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = ["fit: &a [*a]", "&a\nfit: *a", BOMB, "fit: " + "[" * 9000 + "]" * 9000]


@pytest.mark.parametrize(
    ("text", "handed_on"),
    [
        *zip(HOSTILE, HOSTILE, strict=True),
        ("fit: !!int x", "fit: !!int 'x'\n"),
        ("? [a]\n: 1\nfit: x", "fit: x\n"),
        ("", ""),
        ("a: [", "a: ["),
        ("- 1", "- 1"),
        ("name: [1]", "name: [1]\n"),
        ("1: 2\nfit: x", "fit: x\n"),
    ],
)
def test_what_cannot_be_read_is_left_to_modelway(text, handed_on):
    settings = Settings("modelway.yaml", text, ("broken", "a.b=[", "=1", "c=!!int x", "d=&a [*a]"))
    assert settings.sliced("name", "fit") == handed_on
    assert settings.name == "unnamed"
    assert settings.addresses() == []
    assert settings.named_modules == frozenset()
    assert settings.embeds_registry


def test_overrides_go_to_the_stages_they_concern():
    settings = Settings("x.yaml", ODD, ("fit.estimator.epochs=3", "evaluate.gates.minimum.roc_auc=0.9", "name=other"))
    assert settings.flags("name", "fit") == ["--set", "fit.estimator.epochs=3", "--set", "name=other"]
    assert settings.flags("prepare") == []
    assert len(settings.all_flags()) == 6
    assert settings.name == "other"


@pytest.mark.parametrize(
    ("config", "address", "place"),
    [
        ("modelway.yaml", "data/loans.csv", "data/loans.csv"),
        ("modelway.yaml", "./data/", "data"),
        ("modelway.yaml", "data/2024-*/x.csv", "data"),
        ("modelway.yaml", "*.csv", "."),
        ("examples/a/modelway.yaml", "../data/x.csv", "examples/data/x.csv"),
        ("examples/a/modelway.yaml", "../../x.csv", "x.csv"),
    ],
)
def test_a_local_address_begins_at_the_settings_file(config, address, place):
    assert Settings(config, "").place_of(address) == place


@pytest.mark.parametrize("address", ["/data/x.csv", "../x.csv", "a/../../x.csv"])
def test_what_lies_outside_of_the_source_is_refused(address):
    with pytest.raises(RefusalError, match="--data") as caught:
        Settings("modelway.yaml", "").place_of(address)
    assert caught.value.exit_code == 2


def test_the_data_sets_are_the_one_to_train_on_and_the_benchmarks():
    text = "prepare: {data: {uri: a.csv}, benchmarks: {old: {uri: 's3://b/c'}}}"
    assert Settings("x.yaml", text).addresses() == ["a.csv", "s3://b/c"]
    assert Settings("x.yaml", text).addresses("d.csv") == ["d.csv", "s3://b/c"]
    assert Settings("x.yaml", text, ("prepare.data.uri=e.csv",)).addresses()[0] == "e.csv"


def test_named_code_is_found_in_the_sections_fit_and_package_alone(root):
    bikes = Settings("x.yaml", (root / "examples/bikes/modelway.yaml").read_text())
    assert bikes.named_modules == {"bike_features"}
    text = "evaluate: {a: 'b:c'}\nfit: {a: 's3://b', c: 'x: y', d: [e.f:g]}\npackage: {export: 'own.h:i'}"
    assert Settings("x.yaml", text).named_modules == {"e", "own"}


def test_trusted_types_are_those_of_the_estimator_and_the_functions_of_custom_features_each_once():
    custom = "[{function: b.f, columns: [x]}, {function: a.T}, {columns: [y]}, 7]"
    text = f"fit: {{estimator: {{trusted: [c.T, a.T, 1]}}, features: {{custom: {custom}}}}}"
    assert Settings("x.yaml", text).trusted == ["a.T", "b.f", "c.T"]
    assert Settings("x.yaml", "fit: {estimator: {trusted: a.T}, features: {custom: {function: b.f}}}").trusted == []


def test_public_keys_are_the_files_that_serve_and_batch_name():
    text = "serve: {public_key: a.pem}\nbatch: {public_key: b.pem}\npackage: {public_key: c.pem}"
    assert Settings("x.yaml", text).public_keys == ["a.pem", "b.pem"]
    inline = 'serve: {public_key: "\\n-----BEGIN PUBLIC KEY-----"}\nbatch: {public_key: 1}'
    assert Settings("x.yaml", inline).public_keys == []


@pytest.mark.parametrize(
    ("register", "embedded", "files"),
    [
        ("{}", True, True),
        ("{tracking_uri: 'sqlite:///x.db'}", True, True),
        ("{tracking_uri: 'http://mlflow'}", False, True),
        ("{tracking_uri: 'postgresql://x/y', artifact_location: 's3://b'}", False, False),
        ("{artifact_location: 's3://b'}", True, False),
    ],
)
def test_a_registry_in_a_file_is_kept_by_the_engine(register, embedded, files):
    settings = Settings("x.yaml", f"register: {register}")
    assert (settings.embeds_registry, settings.keeps_files) == (embedded, files)
    assert settings.registers
    assert not Settings("x.yaml", "register: {by_default: false}").registers


@pytest.mark.parametrize(
    ("section", "tools"),
    [
        ("{}", set()),
        ("{format: null, lint: {command: [/usr/bin/flake8, --select=E9, .]}}", {"flake8"}),
        ("{types: {severity: warn}, more: {imports: {command: [lint-imports]}}}", {"lint-imports"}),
        ("{lint: {command: ruff}, more: [a], types: {command: []}}", set()),
    ],
)
def test_the_tools_that_look_at_the_code(section, tools):
    assert Settings("x.yaml", f"check_code: {section}").tools == tools


def test_the_data_set_that_is_checked_is_the_parts_own_if_it_names_one():
    text = "prepare: {data: {uri: a.csv}, benchmarks: {old: {uri: b.csv}}}"
    assert Settings("x.yaml", text).checked_address() == ["a.csv"]
    own = Settings("x.yaml", f"{text}\ncheck_data: {{data: {{uri: c.csv}}}}")
    assert own.checked_address() == ["c.csv"]
    assert own.checked_address("d.csv") == ["d.csv"]
    assert Settings("x.yaml", "name: x").checked_address() == []


def test_the_files_that_a_suite_names():
    text = "check_data: {baseline: baseline.json, expectations: [a.json, b.json]}"
    assert Settings("x.yaml", text).suite_files == ["baseline.json", "a.json", "b.json"]
    assert Settings("x.yaml", "check_data: {expectations: a.json}").suite_files == []


@pytest.mark.parametrize(
    ("checks", "looks"),
    [
        ("[{check: freshness, column: a, max_age: 1d}]", True),
        ("[{check: range, column: a, min: 1}, 7]", False),
        ("{check: freshness}", False),
    ],
)
def test_freshness_depends_on_the_clock(checks, looks):
    assert Settings("x.yaml", f"check_data: {{checks: {checks}}}").looks_at_clock is looks


def test_a_store_is_told_to_the_section_that_names_it():
    text = "check_data: {s3: {path_style: true}}"
    assert Settings("x.yaml", text).store_section("check-data") == "check_data"
    assert Settings("x.yaml", text).store_section("smoke-train") == "prepare"
    assert Settings("x.yaml", "check_data: {}").store_section("check-data") == "prepare"


def test_where_advisories_come_from():
    text = "audit: {dependencies: {advisories: {path: pypi.zip}}}"
    assert Settings("x.yaml", text).advisories == "pypi.zip"
    assert Settings("x.yaml", "").advisories is None
    assert Settings("x.yaml", text).audits_dependencies
    assert not Settings("x.yaml", text, ("audit.dependencies.enabled=false",)).audits_dependencies


@pytest.mark.parametrize(
    ("environment", "kind"), [("staging", "ecs"), ("production", "kubernetes"), ("local", "local"), ("nowhere", None)]
)
def test_the_kind_of_an_environments_target(root, environment, kind):
    settings = Settings("modelway.yaml", (root / "modelway.yaml").read_text())
    assert settings.target_kind(environment) == kind


ECS = "{kind: ecs, cluster: c, service: s}"


@pytest.mark.parametrize(
    "environments",
    [
        "{}",
        f"{{defaults: {{target: {ECS}}}, staging: {{}}}}",
        f"{{defaults: {{target: {ECS}}}, local: {{}}}}",
        f"{{defaults: {{target: {ECS}}}, local: {{target: {{port: 9000}}}}}}",
        f"{{defaults: {{target: {ECS}}}, local: {{target: {ECS}}}}}",
        f"{{defaults: {{target: {ECS}}}, local: {{target: null}}, staging: {{target: null}}}}",
        f"{{defaults: {{target: {ECS}}}, staging: {{target: {{kind: kubernetes}}}}}}",
        f"{{local: {{target: {ECS}}}, staging: {{target: {ECS}}}}}",
        "{defaults: {target: {kind: local, port: 9000}}, staging: {}}",
    ],
)
def test_the_kind_of_a_target_is_the_same_on_the_host_and_in_the_module(tmp_path, environments):
    text = f"name: loans\nenvironments: {environments}\n"
    (tmp_path / "modelway.yaml").write_text(text)
    on_host = load_slice(tmp_path / "modelway.yaml").environments
    in_module = Settings("modelway.yaml", text)
    found = {name: one.target.kind if one.target is not None else None for name, one in on_host.items()}
    assert {"local", "staging", "production"} <= set(found)
    assert {name: in_module.target_kind(name) for name in found} == found
    if "defaults" in environments and "local:" not in environments:
        assert found["local"] == "local"
