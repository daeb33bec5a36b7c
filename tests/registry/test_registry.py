"""The embedded registry: what registering writes, what promoting moves, what can be fetched back."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from modelway.errors import GateError, InconclusiveError, InputError, OutsideError, UsageError
from modelway.pipeline.register import fetch_champion
from modelway.records.register import TRUSTED, Alias, RegisterOptions
from modelway.records.verdict import Verdict
from modelway.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.conftest import MakeTrained

BOTH = (Alias.CHAMPION, Alias.CHALLENGER)


def run_files(root: Path) -> dict[str, bytes]:
    runs = list((root / "mlartifacts").iterdir())
    assert len(runs) == 1
    top = runs[0] / "artifacts"
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_the_first_version_becomes_challenger_and_champion(registry: Registry, trained: MakeTrained) -> None:
    done = registry.register(trained(1), tags={"commit": "abc", "data_digest": "d", "settings_digest": "s"})
    assert done.created
    assert done.version.number == 1
    assert done.version.aliases == BOTH
    assert done.version.model_digest == f"{1:064x}"
    expected = {
        "commit": "abc",
        "data_digest": "d",
        "settings_digest": "s",
        "verdict": "pass",
        "champion_digest": "none",
    }
    assert done.version.tags.items() >= expected.items()
    assert registry.champion() == done.version


def test_database_and_files_of_models_are_for_their_owner_alone(
    registry: Registry, trained: MakeTrained, root: Path
) -> None:
    registry.register(trained(1))
    assert (root / "mlflow.db").stat().st_mode & 0o777 == 0o600
    for directory in (root / "mlartifacts", root / ".modelway"):  # nobody else gets to what lies below
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_better_model_becomes_challenger_and_the_champion_stays(registry: Registry, trained: MakeTrained) -> None:
    registry.register(trained(1))
    second = registry.register(trained(2, champion="c"))
    assert second.version.aliases == (Alias.CHALLENGER,)
    assert second.version.tags["champion_digest"] == "c"
    assert [found.aliases for found in registry.versions()] == [(Alias.CHAMPION,), (Alias.CHALLENGER,)]


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE])
def test_a_model_that_is_registered_already_writes_nothing(
    registry: Registry, trained: MakeTrained, root: Path, verdict: Verdict
) -> None:
    registry.register(trained(1))
    registry.register(trained(2))
    before = (root / "mlflow.db").read_bytes()
    again = registry.register(trained(1, verdict))
    assert not again.created
    assert again.version.number == 1
    assert (root / "mlflow.db").read_bytes() == before
    assert len(list((root / "mlartifacts").iterdir())) == 2


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [(Verdict.FAIL, GateError), (Verdict.ERROR, GateError), (Verdict.INCONCLUSIVE, InconclusiveError)],
)
def test_a_model_whose_gates_did_not_pass_is_refused(
    registry: Registry, trained: MakeTrained, root: Path, verdict: Verdict, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=r"minimum\.roc_auc: roc_auc is 0\.9"):
        registry.register(trained(1, verdict))
    assert registry.versions() == []
    assert not (root / "mlartifacts").exists()


def test_a_failing_gate_refuses_even_a_model_that_is_registered(registry: Registry, trained: MakeTrained) -> None:
    registry.register(trained(1))
    with pytest.raises(GateError):
        registry.register(trained(1, Verdict.FAIL))


def test_promoting_moves_the_champion_and_nothing_else(registry: Registry, trained: MakeTrained) -> None:
    for seed in (1, 2, 3):
        registry.register(trained(seed))
    assert registry.promote("2").aliases == (Alias.CHAMPION,)
    assert [found.aliases for found in registry.versions()] == [(), (Alias.CHAMPION,), (Alias.CHALLENGER,)]
    assert registry.promote("challenger").aliases == BOTH
    assert registry.champion() == registry.get("3")


def test_promoting_the_champion_asks_for_no_change(
    registry: Registry, trained: MakeTrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    def refuse(*arguments: object) -> None:
        raise AssertionError("a server would tell its listeners of a change")

    registry.register(trained(1))
    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", refuse)
    assert registry.promote("1").aliases == BOTH


def test_note_replaces_a_tag_of_that_version_alone(
    registry: Registry, trained: MakeTrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    first = registry.register(trained(1), tags={"commit": "abc"}).version
    second = registry.register(trained(2)).version
    for value in ("one bundle", "another bundle"):
        registry.note("1", "bundle_digest", value)
        assert registry.get("1").tags == {**first.tags, "bundle_digest": value}
    registry.note("challenger", "bundle_digest", "its own")
    assert registry.get("2").tags == {**second.tags, "bundle_digest": "its own"}
    assert registry.get("1").tags["bundle_digest"] == "another bundle"
    monkeypatch.setattr(MlflowClient, "set_model_version_tag", None)  # what is there already is not sent again
    registry.note("1", "bundle_digest", "another bundle")
    with pytest.raises(UsageError):
        registry.note("3", "bundle_digest", "no version")


def test_kept_files_come_back_only_as_they_were(
    registry: Registry, trained: MakeTrained, root: Path, tmp_path: Path
) -> None:
    directory = trained(1)
    registry.register(directory, texts={"recipe.json": '{"a": "é"}'})
    names = ("recipe.json", "baseline.json", "report.html")
    (tmp_path / "out").mkdir()
    assert registry.download_kept("champion", names, tmp_path / "out").number == 1
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    expected = {name: (directory / name).read_bytes() for name in names[1:]}
    assert found == {"recipe.json": '{"a": "é"}'.encode(), **expected}
    for name in names:
        (tmp_path / name.partition(".")[0]).mkdir()
        [kept] = root.glob(f"mlartifacts/*/artifacts/{name}")
        content = kept.read_bytes()
        kept.write_bytes(content + b" ")
        with pytest.raises(InputError, match=f"the file {name} of version 1 is not the one"):
            registry.download_kept("1", [name], tmp_path / name.partition(".")[0])
        kept.unlink()
        with pytest.raises(InputError, match="missing"):
            registry.download_kept("1", [name], tmp_path / name.partition(".")[0])
        assert list((tmp_path / name.partition(".")[0]).iterdir()) == []
        kept.write_bytes(content)


def test_the_champions_files_are_fetched_once_and_are_those_of_the_champion(
    registry: Registry, trained: MakeTrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetch_champion(registry, tmp_path) == (None, ())
    for seed, code in ((1, '["one.Type"]'), (2, '["other.Type"]')):
        registry.register(trained(seed), tags={TRUSTED: code})
    found = []
    for number in ("1", "2", "1"):
        registry.promote(number)
        directory, code = fetch_champion(registry, tmp_path)
        assert directory is not None
        found.append((directory, (directory / "model.skops").read_bytes(), code))
    assert [content for _, content, _ in found] == [f"no model, only bytes {seed}".encode() for seed in (1, 2, 1)]
    assert [code for _, _, code in found] == [("one.Type",), ("other.Type",), ("one.Type",)]
    assert found[0] == found[2] != found[1]
    monkeypatch.setattr(Registry, "download", None)
    assert fetch_champion(registry, tmp_path)[0] == found[2][0]


def test_a_version_is_found_by_its_release_tag_and_as_latest(registry: Registry, trained: MakeTrained) -> None:
    assert registry.find("latest") is None
    for seed in (1, 2):
        registry.register(trained(seed=seed))
    latest = registry.get("latest")
    assert latest.number == 2
    assert registry.get(latest.tag) == latest
    assert registry.find(f"other-v{latest.number}") is None


def test_a_version_is_found_by_number_alias_and_run(registry: Registry, trained: MakeTrained) -> None:
    first = registry.register(trained(1)).version
    second = registry.register(trained(2)).version
    assert registry.find("1") == registry.find("champion") == registry.find(first.run_id) == registry.get("1")
    assert registry.find("challenger") == second
    assert registry.find("3") is None
    assert Registry(RegisterOptions(), "loans", registry._lock[0].parent.parent).find("1") == registry.get("1")


@pytest.mark.parametrize("ask", ["get", "promote"])
def test_an_unknown_version_lists_the_known_ones(registry: Registry, trained: MakeTrained, ask: str) -> None:
    with pytest.raises(UsageError, match="no version of 'loans' is registered"):
        getattr(registry, ask)("9")
    registry.register(trained(1))
    registry.register(trained(2))
    with pytest.raises(UsageError, match=r"1 \(champion\), 2 \(challenger\)"):
        getattr(registry, ask)("9")


def test_reading_does_not_create_a_registry(tmp_path: Path) -> None:
    registry = Registry(RegisterOptions(), "loans", tmp_path)
    assert registry.champion() is None
    assert registry.versions() == []
    with pytest.raises(UsageError):
        registry.download("champion", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_models_of_two_names_share_a_registry(root: Path, trained: MakeTrained) -> None:
    one, other = (Registry(RegisterOptions(experiment="shared"), name, root) for name in ("one", "other"))
    one.register(trained(1))
    assert other.register(trained(1)).created
    assert [found.name for found in one.versions()] == ["one"]


def test_the_files_come_back_as_they_were(registry: Registry, trained: MakeTrained, tmp_path: Path) -> None:
    directory = trained(1)
    registry.register(directory)
    shutil.move(directory, tmp_path / "elsewhere")
    (tmp_path / "out").mkdir()
    assert registry.download("champion", tmp_path / "out").number == 1
    original = {path.name: path.read_bytes() for path in (tmp_path / "elsewhere" / "model").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == original


def test_files_that_changed_or_went_are_refused(
    registry: Registry, trained: MakeTrained, root: Path, tmp_path: Path
) -> None:
    registry.register(trained(1))
    (tmp_path / "out").mkdir()
    [model] = root.glob("mlartifacts/*/artifacts/model/data/model.skops")
    model.write_bytes(b"another model")
    with pytest.raises(InputError, match="not those that were registered"):
        registry.download("1", tmp_path / "out")
    shutil.rmtree(root / "mlartifacts")
    with pytest.raises(InputError, match="missing"):
        registry.download("1", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_run_holds_parameters_metrics_history_and_files(
    registry: Registry, trained: MakeTrained, root: Path
) -> None:
    directory = trained(1, epochs=2500)
    version = registry.register(directory, tags={"commit": "abc"}).version
    with registry._calls() as client:
        run = client.get_run(version.run_id)
        history = client.get_metric_history(version.run_id, "validation_loss")
    assert run.info.status == "FINISHED"
    assert run.data.params.items() >= {"kind": "boosted_trees", "seed": "1", "fitted_epochs": "2500"}.items()
    metrics = {key: value for key, value in run.data.metrics.items() if "loss" not in key}
    assert metrics == {"roc_auc": 0.9, "roc_auc_low": 0.88, "roc_auc_high": 0.92, "benchmarks/last year_/roc_auc": 0.8}
    assert [(point.step, point.value) for point in history] == [(step, 2 / step) for step in range(1, 2501)]
    assert run.data.tags["mlflow.source.git.commit"] == "abc"
    files = run_files(root)
    assert files["plots/roc.svg"] == b"<svg/>"
    for name in ("metrics.json", "baseline.json", "report.html"):
        assert files[name] == (directory / name).read_bytes()
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]


def test_the_model_is_an_mlflow_model_with_signature_and_example(
    registry: Registry, trained: MakeTrained, root: Path
) -> None:
    from mlflow.models import Model

    registry.register(trained(1))
    [folder] = root.glob("mlartifacts/*/artifacts/model")
    model = Model.load(str(folder))
    assert model.signature is not None
    columns = {column["name"]: (column["type"], column["required"]) for column in model.signature.inputs.to_dict()}
    assert columns == {
        "age": ("long", True),
        "hours": ("double", False),
        "income": ("double", True),
        "married": ("boolean", True),
        "job": ("string", False),
        "note": ("string", True),
        "since": ("datetime", True),
    }
    outputs = [column["name"] for column in model.signature.outputs.to_dict()]
    assert outputs == ["prediction", "probability_no", "probability_yes"]
    example = model.load_input_example(str(folder)).iloc[0].to_dict()
    assert {key: example[key] for key in ("age", "hours", "income", "married", "job")} == {
        "age": 40,
        "hours": 39,
        "income": 1234.5,
        "married": True,
        "job": "clerk",
    }
    assert json.loads((folder / "input_example.json").read_text())["data"][0][-1] == "2020-09-13T12:26:40"
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert {line.split("==")[0] for line in requirements} >= {"scikit-learn", "lightgbm", "skops", "numpy", "pyarrow"}


def test_a_directory_that_lacks_a_file_is_refused(registry: Registry, trained: MakeTrained, root: Path) -> None:
    for name in ("metrics.json", "baseline.json", "model/model.json", "model/fit.json"):
        directory = trained(1)
        (directory / name).unlink()
        with pytest.raises(InputError, match="missing"):
            registry.register(directory)
    (trained(1) / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match="Field required"):
        registry.register(directory.parent / "trained-1-pass")


def test_versions_that_others_made_are_passed_over(registry: Registry, trained: MakeTrained) -> None:
    with registry._calls() as client:
        client.create_registered_model("loans")
        client.create_model_version("loans", source="s3://elsewhere/model")
    assert registry.register(trained(1)).version.number == 2
    assert [found.number for found in registry.versions()] == [2]


def test_a_deleted_experiment_says_so(registry: Registry, trained: MakeTrained) -> None:
    registry.register(trained(1))
    with registry._calls() as client:
        client.delete_experiment(client.get_experiment_by_name("loans").experiment_id)
    with pytest.raises(OutsideError, match="was deleted in MLflow"):
        registry.register(trained(2))


def test_versions_on_several_pages_are_ordered_by_number(
    registry: Registry, trained: MakeTrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelway.registry.versions._PAGE", 3)
    first = registry.register(trained(1)).version
    with registry._calls() as client:
        for number in range(2, 13):
            tags = {**first.tags, "model_digest": f"{number:064x}"}
            client.create_model_version("loans", "file:///elsewhere", first.run_id, tags=tags)
    assert [(one.number, one.model_digest) for one in registry.versions()] == [
        (number, f"{number:064x}") for number in range(1, 13)
    ]
    assert registry.get("latest").number == 12
    assert [registry.get(str(number)).number for number in (1, 2, 10, 12)] == [1, 2, 10, 12]
    with pytest.raises(UsageError, match=r"Name one of 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;"):
        registry.get("13")
    registry.register(trained(3))
    registry.register(trained(13))
    assert registry.get("challenger").number == 13
