from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import FunctionTransformer

from modelway.bundle import load_model, model_digest, save_model
from modelway.bundle.model import Model
from modelway.errors import InputError, SettingsError


def _scores(model, table):
    scores = model.predict(table)
    return scores.prediction.tobytes(), None if scores.probability is None else scores.probability.tobytes()


@pytest.mark.parametrize("data", ["binary", "three", "regression"])
@pytest.mark.parametrize("kind", ["linear", "neural_network", "boosted_trees"])
def test_a_loaded_model_predicts_the_bits_of_the_fitted_one(known, fit_one, save, data, kind) -> None:
    fitted = fit_one(data, kind)
    loaded = load_model(save(fitted))
    assert (loaded.info, loaded.spec) == (fitted.info, fitted.spec)
    table = known[data].table
    assert _scores(loaded, table) == _scores(Model(fitted.info, fitted.spec, fitted.estimator), table)


def test_saving_a_loaded_model_again_gives_the_same_bytes(fit_one, save, tmp_path) -> None:
    for kind in ("linear", "boosted_trees"):
        fitted = fit_one("binary", kind)
        directory = save(fitted)
        again = tmp_path / "again"
        again.mkdir(exist_ok=True)
        save_model(again, fitted.info, fitted.spec, load_model(directory).estimator, fitted.fit)
        assert (again / "model.skops").read_bytes() == (directory / "model.skops").read_bytes()


def test_the_file_has_no_times_and_no_addresses(fit_one, save) -> None:
    directory = save(fit_one("binary", "neural_network"))
    with zipfile.ZipFile(directory / "model.skops") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == ["schema.json", *(f"{n}.npy" for n in range(len(archive.namelist()) - 1))]
        schema = archive.read("schema.json").decode()
    numbers = [int(part.split(",")[0].split("}")[0]) for part in schema.split('"__id__": ')[1:]]
    assert max(numbers) <= len(numbers)


def test_the_digest_is_of_what_decides_predictions(fit_one, save) -> None:
    fitted = fit_one("binary", "linear")
    directory = save(fitted)
    before = model_digest(directory)
    (directory / "fit.json").write_text("{}")
    assert model_digest(directory) == before
    digests = {before}
    for name in ("model.json", "features.json", "model.skops"):
        content = (directory / name).read_bytes()
        (directory / name).write_bytes(content + b" ")
        digests.add(model_digest(directory))
        (directory / name).write_bytes(content)
    assert len(digests) == 4
    (directory / "model.skops").unlink()
    with pytest.raises(InputError, match=r"no model\.skops"):
        model_digest(directory)


@pytest.mark.parametrize("name", ["model.json", "features.json", "model.skops"])
@pytest.mark.parametrize("damage", ["gone", "torn", "empty"])
def test_a_file_that_is_missing_or_torn_is_refused(fit_one, save, name, damage) -> None:
    directory = save(fit_one("binary", "linear"))
    path = directory / name
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[: len(content) // 2] if damage == "torn" else b"")
    with pytest.raises(InputError):
        load_model(directory)


def test_a_model_with_types_that_are_not_trusted_is_not_written(known, fit_one, tmp_path) -> None:
    fitted = fit_one("binary", "linear")
    forest = RandomForestClassifier(2).fit(np.zeros((4, 2)), [0, 1, 0, 1])
    with pytest.raises(SettingsError, match=r"sklearn\.tree\._tree\.Tree") as refused:
        save_model(tmp_path, fitted.info, fitted.spec, forest, fitted.fit)
    assert refused.value.where == "fit.estimator.trusted"
    assert not list(tmp_path.iterdir())
    info = fitted.info.model_copy(update={"trusted": ("sklearn.tree._tree.Tree",)})
    save_model(tmp_path, info, fitted.spec, forest, fitted.fit)
    with pytest.raises(InputError, match=r"sklearn\.tree\._tree\.Tree"):
        load_model(tmp_path)  # that its own file trusts them counts for nothing
    assert load_model(tmp_path, ("sklearn.tree._tree.Tree",)).estimator.n_estimators == 2


def test_an_estimator_that_cannot_be_saved_is_refused(fit_one, tmp_path) -> None:
    fitted = fit_one("binary", "linear")
    with pytest.raises(SettingsError):
        save_model(tmp_path, fitted.info, fitted.spec, FunctionTransformer(lambda x: x), fitted.fit)
    with pytest.raises(SettingsError):
        save_model(tmp_path, fitted.info, fitted.spec, {"rows": (n for n in "ab")}, fitted.fit)
    assert not list(tmp_path.iterdir())


def test_a_file_tampered_with_is_refused_before_anything_runs(fit_one, save, tmp_path) -> None:
    directory = save(fit_one("binary", "linear"))
    mark = tmp_path / "ran"
    with zipfile.ZipFile(directory / "model.skops") as archive:
        schema = json.loads(archive.read("schema.json"))
    evil = {
        "__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "is_json": True,
        "content": json.dumps(f"touch {mark}"), "__id__": 9001,
    }  # fmt: skip
    system = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": evil, "__id__": 9002}
    schema["content"]["content"]["activation"] = system
    shutil.copy(directory / "model.skops", directory / "old.zip")
    with zipfile.ZipFile(directory / "old.zip") as old, zipfile.ZipFile(directory / "model.skops", "w") as new:
        for name in old.namelist():
            new.writestr(name, json.dumps(schema) if name == "schema.json" else old.read(name))
    with pytest.raises(InputError, match=r"os\.system"):
        load_model(directory)
    assert not mark.exists()


def test_equal_constants_give_the_same_bytes_whether_one_object_or_two(fit_one, tmp_path) -> None:
    from sklearn.linear_model import LogisticRegression

    fitted = fit_one("binary", "linear")
    shared, files = float("0.125"), []
    for tolerance in (shared, float("0.125")):
        estimator = LogisticRegression(C=shared, tol=tolerance)
        directory = tmp_path / str(len(files))
        directory.mkdir()
        save_model(directory, fitted.info, fitted.spec, estimator, fitted.fit)
        files.append((directory / "model.skops").read_bytes())
    assert files[0] == files[1]
