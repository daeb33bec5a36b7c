"""The settings are strict: what can't be used is refused with file, line, key and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelway.errors import SettingsError
from modelway.records.environment import LocalOptions
from modelway.records.kubernetes import KubernetesOptions
from modelway.records.settings import Settings
from modelway.settings import Override, find_settings, load_settings, settings_schema

GOOD = """\
name: loans
prepare:
  task: classification
  target: defaulted
  data: {uri: loans.csv}
  columns:
    age: {type: integer, min: 18}
    income: {type: number}
    defaulted: {type: category, values: ["yes", "no"]}
fit:
  estimator:
    kind: linear
"""


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    path = tmp_path / "modelway.yaml"
    path.write_text(GOOD)
    return path


def refusal(path: Path, *overrides: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, [Override.parse(text) for text in overrides])
    assert caught.value.exit_code == 2
    assert caught.value.where
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("kind: linear", "kind: linear\n    epocs: 3", 13, ["unknown key fit.estimator.epocs", "'epochs'"]),
        ("fit:", "fits:", 10, ["unknown key fits", "'fit'"]),
        ("kind: linear", "kind: forest", 11, ["fit.estimator", "boosted_trees"]),
        ("kind: linear", "epochs: 3", 11, ["fit.estimator", "kind"]),
        ("min: 18", 'min: "18"', 7, ["prepare.columns.age.min", "number", '"18"']),
        ("min: 18", "min: .nan", 7, ["prepare.columns.age.min"]),
        ("type: number", "type: float", 8, ["prepare.columns.income.type", "'number'"]),
        ('["yes", "no"]', "[yes, no]", 9, ["prepare.columns.defaulted.values.0", "true", "quotes"]),
        ("target: defaulted", "target: default", 4, ["'default'", "not among the columns"]),
        ("target: defaulted", "target: income", 4, ["target 'income'", "number", "classification"]),
        ("task: classification", "task: classification\n  task: regression", 4, ["duplicate key 'task'"]),
        ("  data: {uri: loans.csv}\n", "", 2, ["prepare.data is missing"]),
        ("name: loans", "name: my loans", 1, ["name"]),
        ("fit:", "fit: [", 12, ["invalid YAML"]),
        ("age: {", "5: {", 7, ["as a key, got 5", "quotes"]),
        ("type: number", "type: number, values: [a]", 8, ["values", "category"]),
        ("min: 18", "min: 18, max: 3", 7, ["min 18", "greater"]),
        ("fit:", "fit:\n  search: {trials: 3}\n  target_transform: log1p", 12, ["target_transform", "regression"]),
        ("fit:", "evaluate: {sensitive: [sex]}\nfit:", 10, ["evaluate.sensitive", "'sex'", "prepare.columns"]),
        ("fit:", "evaluate:\n  gates: {minimum: {auc: 0.9}}\nfit:", 11, ["'auc'", "no metric", "roc_auc"]),
        ("kind: linear", "kind: boosted_trees\n    batch_size: 32", 13, ["batch_size", "each round"]),
        ("data:", "split: {by: hash, test: 0.5, validation: 0.5}\n  data:", 5, ["no row for training"]),
        ("data:", "split: {by: time, column: day}\n  data:", 5, ["split", "'day'"]),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    settings_file: Path, old: str, new: str, line: int | None, words: list[str]
) -> None:
    assert old in GOOD
    settings_file.write_text(GOOD.replace(old, new, 1))
    error = refusal(settings_file)
    for word in words:
        assert word in str(error)
    assert error.where == (f"{settings_file}:{line}" if line else str(settings_file))


def test_all_problems_are_named_at_once(settings_file: Path) -> None:
    settings_file.write_text(GOOD.replace("min: 18", "mim: 18").replace("kind: linear", "kind: linear\n    epochs: 0"))
    message = str(refusal(settings_file))
    assert f"{settings_file}:7" in message
    assert "'min'" in message
    assert f"{settings_file}:13" in message


def test_a_search_needs_validation_rows(settings_file: Path) -> None:
    error = refusal(settings_file, "fit.search.trials=3", "prepare.split={by: hash, validation: 0.0}")
    assert "validation" in str(error)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("fit.seed", "a.b=c"),
        ("=3", "a.b=c"),
        ("name.x=3", "single value"),
        ("fit.seed=-1", "greater than or equal to 0"),
        ("fit.seed=[", "invalid YAML"),
        ("fit.sede=1", "unknown key fit.sede"),
    ],
)
def test_an_override_is_refused_by_its_own_name(settings_file: Path, override: str, words: str) -> None:
    error = refusal(settings_file, override)
    assert words in str(error)
    assert error.where == f"--set {override}"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["serve.log.keep_days=0.5"], "serve.log.keep_days"),
        (["serve.log.keep_days=2", "monitor.hours=49"], "49 hours that monitor.hours reads"),
        (["serve.log.keep_days=1", "rollout.watch_hours=1"], "25 hours that a step of rollout.steps"),
        *(
            ([*days, "rollout.watch_hours=1", f"rollout.steps={steps}"], words)
            for steps in ("[@, {kind: ab}]", "[{kind: shadow}, @, {kind: ab}]", "[{kind: shadow}, @]")
            for steps in [steps.replace("@", "{kind: canary, share: 0.1, deadline_hours: 48}")]
            for days, words in (
                (["serve.log.keep_days=2"], "49 hours that a step of rollout.steps"),
                (["serve.log.keep_days=2.05"], None),
            )
        ),
        (["serve.log.keep_days=1"], None),
        (["serve.log.keep_days=2", "monitor.hours=48", "rollout.watch_hours=24"], None),
    ],
)
def test_days_that_the_log_is_kept_are_no_fewer_than_its_readers_need(
    settings_file: Path, overrides: list[str], words: str | None
) -> None:
    given = [Override.parse(one) for one in overrides]
    if words is None:
        assert load_settings(settings_file, given).serve.log.keep_days is not None
        return
    with pytest.raises(SettingsError, match=words):
        load_settings(settings_file, given)


def test_an_override_takes_the_place_of_the_files_value(settings_file: Path) -> None:
    settings = load_settings(
        settings_file, [Override.parse("fit.estimator.l2=1e-3"), Override.parse("evaluate.slices=[age]")]
    )
    assert settings.fit.estimator.model_dump()["l2"] == 0.001
    assert settings.evaluate.slices == ("age",)


def test_environments_lie_over_common_defaults_and_those_over_what_is_built_in(settings_file: Path) -> None:
    layers = (
        'defaults: {model_version: "3", url: "http://a"}\n  canary: {}\n  production: {model_version: "5", url: null}'
    )
    settings_file.write_text(f"{GOOD}environments:\n  {layers}\n")
    found = load_settings(settings_file, [Override.parse('environments.staging.model_version="7"')]).environments
    assert {name: (options.model_version, options.url) for name, options in found.items()} == {
        "local": ("3", "http://a"),
        "staging": ("7", "http://a"),
        "production": ("5", None),
        "canary": ("3", "http://a"),
    }


@pytest.mark.parametrize(
    ("layers", "overrides", "where", "key"),
    [
        ("defaults: {keep: 1}", [], "FILE:14", "environments.defaults.keep"),
        ("defaults: {keep: 3}", ["environments.defaults.keep=1"], "--set 0", "environments.defaults.keep"),
        ("defaults: {keep: 3}", ["environments.defaults={keep: 1}"], "--set 0", "environments.defaults.keep"),
        ("staging: {keep: 1}", [], "FILE:14", "environments.staging.keep"),
        ("defaults: {keep: 3}", ["environments.canary.keep=1"], "--set 0", "environments.canary.keep"),
        ("defaults: {}", ["fit.estimator={kind: linear}", "fit.estimator.l2=-1"], "--set 1", "fit.estimator.l2"),
        ("defaults: {}", ["fit.estimator.l2=1", "fit.estimator={kind: linear, l2: -1}"], "--set 1", "fit.estimator.l2"),
        ("defaults: {}", ["serve.log.uri=a", "serve.log={uri: s3://a:b@c/d}"], "--set 1", "serve.log.uri"),
    ],
)
def test_what_is_wrong_in_a_layer_is_named_once_with_that_layer(
    settings_file: Path, layers: str, overrides: list[str], where: str, key: str
) -> None:
    settings_file.write_text(f"{GOOD}environments:\n  {layers}\n")
    error = refusal(settings_file, *overrides)
    place, _, number = where.partition(" ")
    assert error.where is not None
    expected = f"--set {overrides[int(number)]}" if number else place.replace("FILE", str(settings_file))
    assert error.where.startswith(expected.split("s3://")[0])
    assert error.what.startswith(key)
    assert not error.further


def test_an_environment_has_the_designs_default_version(settings_file: Path) -> None:
    versions = {name: options.model_version for name, options in load_settings(settings_file).environments.items()}
    assert versions == {"local": "champion", "staging": "challenger", "production": "champion"}


def test_settings_are_frozen(settings_file: Path) -> None:
    settings = load_settings(settings_file)
    with pytest.raises(ValueError, match="frozen"):
        settings.name = "other"  # type: ignore[misc]


def test_the_nearest_file_is_found_above(settings_file: Path) -> None:
    below = settings_file.parent / "a" / "b"
    below.mkdir(parents=True)
    assert find_settings(below) == settings_file
    nearer = below.parent / settings_file.name
    nearer.write_text(GOOD)
    assert [find_settings(place) for place in (below, below.parent, settings_file.parent)] == [
        nearer,
        nearer,
        settings_file,
    ]


COLUMN_KEYS = {
    "fit.features.drop": "[{}]",
    "fit.features.columns": "{{{}: {{}}}}",
    "fit.features.custom": "[{{function: 'a:b', columns: [{}]}}]",
    "evaluate.slices": "[{}]",
    "evaluate.sensitive": "[{}]",
    "monitor.drift.ignore": "[{}]",
    "monitor.drift.slices": "[{}]",
    "monitor.performance.slices": "[{}]",
}


@pytest.mark.parametrize("key", COLUMN_KEYS)
def test_a_column_that_a_key_names_is_declared_and_a_feature_is_not_the_target(settings_file: Path, key: str) -> None:
    value = COLUMN_KEYS[key]
    load_settings(settings_file, [Override.parse(f"{key}={value.format('age')}")])
    assert f"{key} names 'agee', which is not in prepare.columns" in str(
        refusal(settings_file, f"{key}={value.format('agee')}")
    )
    target = f"{key}={value.format('defaulted')}"
    if key in {"fit.features.columns", "fit.features.custom"}:
        assert f"{key} names the target 'defaulted'" in str(refusal(settings_file, target))
    else:
        load_settings(settings_file, [Override.parse(target)])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "not found" in str(refusal(tmp_path / "modelway.yaml"))
    (tmp_path / "empty.yaml").write_text("")
    assert "no keys" in str(refusal(tmp_path / "empty.yaml"))
    (tmp_path / "latin.yaml").write_bytes("name: café".encode("latin-1"))
    assert "not UTF-8" in str(refusal(tmp_path / "latin.yaml"))


def test_every_key_of_the_schema_is_described() -> None:
    schema = settings_schema()
    for name, definition in {"Settings": schema, **schema["$defs"]}.items():
        for key, value in definition.get("properties", {}).items():
            # What is said of a record stands there alone where its key would say the same.
            told = value | schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
            assert "description" in told or "const" in value, f"{name}.{key} has no description"
    json.dumps(schema)


def test_the_local_environment_is_moved_by_its_port_alone(settings_file: Path) -> None:
    settings = load_settings(settings_file, [Override.parse("environments.local.target.port=9000")])
    assert settings.environments["local"].target == LocalOptions(kind="local", port=9000)


def test_a_target_without_its_kind_is_refused(settings_file: Path) -> None:
    with pytest.raises(SettingsError, match=r"target\.kind is missing"):
        load_settings(settings_file, [Override.parse("environments.staging.target.port=9000")])


def test_a_target_that_nobody_knows_is_refused_with_the_known_ones(settings_file: Path) -> None:
    with pytest.raises(SettingsError, match="Known are: local, ecs, kubernetes"):
        load_settings(settings_file, [Override.parse("environments.staging.target={kind: heroku}")])


def with_target(path: Path, more: str) -> Settings:
    return load_settings(path, [Override.parse(f"environments.production.target={{kind: kubernetes, {more}}}")])


@pytest.mark.parametrize(
    ("given", "read"), [("2", "2"), ("0.5", "0.5"), ("250m", "250m"), ("1073741824", "1073741824"), ("1Gi", "1Gi")]
)
@pytest.mark.parametrize("key", ["cpu", "memory", "cpu_limit"])
def test_a_quantity_of_kubernetes_may_be_a_number(settings_file: Path, key: str, given: str, read: str) -> None:
    target = with_target(settings_file, f"resources: {{{key}: {given}}}").environments["production"].target
    assert isinstance(target, KubernetesOptions)
    assert getattr(target.resources, key) == read


@pytest.mark.parametrize("given", ["two", "-1", "1 Gi", "2 cores", "true", "1.2.3", "5ki", "[1]", ".inf", ".nan"])
def test_what_is_not_a_quantity_is_refused(settings_file: Path, given: str) -> None:
    with pytest.raises(SettingsError, match="cpu_limit"):
        with_target(settings_file, f"resources: {{cpu_limit: {given}}}")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("autoscale: {min: 3, max: 2}", "less than min"),
        ("replicas: 3, autoscale: {max: 4}", "not both"),
        ("autoscale: {min: 3}", "max"),
        ("replicas: 0", "replicas"),
    ],
)
def test_a_number_of_pods_that_cannot_be_is_refused(settings_file: Path, given: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        with_target(settings_file, given)
