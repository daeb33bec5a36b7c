"""What `package` writes."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest

from modelway.bundle import open_bundle, pack_bundle
from modelway.bundle.layout import REQUIRED
from modelway.errors import InputError, SettingsError
from modelway.records.fit import ColumnFeatures, CustomEstimatorOptions, FeatureOptions, FitOptions
from modelway.train import fit_model


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("data", "kind"), [("three", "boosted_trees"), ("binary", "neural_network")])
def test_two_packagings_of_a_version_are_the_same_bytes(pack, origin, tmp_path, data, kind):
    packed = pack(data, kind)
    again = pack_bundle(packed.training, origin, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(packed.bundle)
    assert again.digest == open_bundle(packed.bundle).digest


def test_everything_that_a_bundle_is_to_hold_is_there(pack):
    packed = pack("binary", "boosted_trees")
    assert {*REQUIRED, "model.onnx", "manifest.json"} == {path.name for path in packed.bundle.iterdir()}


def test_an_export_of_ones_own_is_for_models_that_modelway_does_not_export(pack, origin, tmp_path):
    packed = pack("binary", "boosted_trees")
    pack_bundle(packed.training, origin, tmp_path / "again", export="nowhere:to_be_found")
    assert contents(tmp_path / "again") == contents(packed.bundle)


def test_a_logarithm_is_turned_back(pack):
    packed = pack("positive", "boosted_trees", target_transform="log1p")
    found = open_bundle(packed.bundle).predict_table(packed.table)
    np.testing.assert_allclose(found.prediction, packed.scores.prediction, rtol=1e-12)


@pytest.mark.parametrize("name", ["reference.parquet", "signature.json", "metrics.json", "baseline.json"])
def test_what_evaluate_did_not_keep_is_named(train_one, origin, tmp_path, name):
    training = tmp_path / "training"
    shutil.copytree(train_one("binary", "linear"), training)
    (training / name).unlink()
    with pytest.raises(InputError, match=name):
        pack_bundle(training, origin, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


KEEP = FeatureOptions(columns={name: ColumnFeatures(impute="keep") for name in ("x0", "x1", "x2")})
USER_CODE = """
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

def make(**params):
    return LogisticRegression(**params)

def export(estimator, features, wrong=0.0):
    weights = numpy_helper.from_array((estimator.coef_.T + wrong).astype(np.float32), "weights")
    intercept = numpy_helper.from_array(estimator.intercept_.astype(np.float32), "intercept")
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["product"]),
        helper.make_node("Add", ["product", "intercept"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["positive"]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, features])
    found = helper.make_tensor_value_info("positive", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph(nodes, "logistic", [given], [found], [weights, intercept])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

def export_wrong(estimator, features):
    return export(estimator, features, wrong=0.1)

def export_nothing(estimator, features):
    return None

def export_badly(estimator, features):
    raise RuntimeError("no such layer")
"""


@pytest.fixture
def custom(known, training_of, tmp_path, monkeypatch):
    """A training directory of an estimator of the user's, and the module that it comes from."""
    module = f"users_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(USER_CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = FitOptions(estimator=CustomEstimatorOptions(kind="custom", function=f"{module}:make"))
    training = training_of(tmp_path / "training", known["binary"], fit_model(options, *known["binary"].parts()))
    yield training, module
    sys.modules.pop(module, None)


def test_an_estimator_of_the_users_comes_in_by_its_own_export(custom, origin, tmp_path):
    training, module = custom
    packed = pack_bundle(training, origin, tmp_path / "bundle", export=f"{module}:export")
    assert packed.info.format == "onnx"
    assert packed.comparison.awkward_rows > 20


def test_without_an_export_it_is_kept_without_pickle(custom, origin, tmp_path):
    training, _ = custom
    packed = pack_bundle(training, origin, tmp_path / "bundle")
    assert packed.info.format == "skops"
    assert packed.comparison.largest_difference == 0
    needed = (tmp_path / "bundle" / "requirements.txt").read_text()
    assert "scikit-learn==" in needed
    assert "lightgbm==" in needed
    assert "onnxruntime" not in needed


def test_an_export_that_is_another_model_is_refused_with_rows_and_columns(custom, origin, tmp_path):
    training, module = custom
    with pytest.raises(InputError, match=r"held-out row \d+: prediction \w+, probability_\w+ .*fitted") as caught:
        pack_bundle(training, origin, tmp_path / "bundle", export=f"{module}:export_wrong")
    assert "more" in caught.value.what
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("function", "message"),
    [("export_nothing", "NoneType"), ("export_badly", "no such layer"), ("absent", "absent")],
)
def test_an_export_that_gives_no_model_is_refused(custom, origin, tmp_path, function, message):
    training, module = custom
    with pytest.raises(SettingsError, match=message):
        pack_bundle(training, origin, tmp_path / "bundle", export=f"{module}:{function}")


@pytest.fixture
def keep_training(known, fit_one, training_of, tmp_path):
    """Trees that see missing numbers as they are."""
    return training_of(
        tmp_path / "training", known["regression"], fit_one("regression", "boosted_trees", features=KEEP)
    )


def test_a_difference_on_an_awkward_row_alone_is_found(keep_training, origin, tmp_path, monkeypatch):
    """The exporter takes a missing number for the wrong side: no held-out row is missing, so those all agree."""
    from modelway.bundle.export import trees

    add = trees._Ensemble._add_split
    monkeypatch.setattr(
        trees._Ensemble,
        "_add_split",
        lambda self, feature, threshold, *, missing_true: add(self, feature, threshold, missing_true=not missing_true),
    )
    training = keep_training
    with pytest.raises(InputError, match=r"awkward row \(x\d[^)]* missing\)") as caught:
        pack_bundle(training, origin, tmp_path / "bundle")
    assert "held-out row" not in caught.value.what


def test_times_are_those_of_the_commit(pack, origin):
    packed = pack("binary", "boosted_trees")
    info = json.loads((packed.bundle / "bundle.json").read_text())
    sbom = json.loads((packed.bundle / "sbom.cdx.json").read_text())
    assert info["created"] == sbom["metadata"]["timestamp"] == origin.created
    assert "utc_time_created: '2026-05-04 03:02:01.000000'" in (packed.bundle / "MLmodel").read_text()


def test_the_bill_of_materials_is_what_cyclonedx_says(pack):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (pack("binary", "boosted_trees").bundle / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert '"purl": "pkg:pypi/onnxruntime@' in text
    assert "scikit-learn" not in text


def test_provenance_names_what_the_model_was_made_from(pack, origin):
    statement = json.loads((pack("binary", "boosted_trees").bundle / "provenance.json").read_text())
    build = statement["predicate"]["buildDefinition"]
    digests = {one["name"]: one["digest"] for one in build["resolvedDependencies"] if "digest" in one}
    assert digests["code"] == {"gitCommit": origin.commit}
    assert digests["data"] == {"sha256": origin.data_digest}
    assert digests["settings"] == {"sha256": origin.settings_digest}
    assert digests["lock"] == {"sha256": origin.lock_digest}
    assert build["internalParameters"]["seed"] == 0
    assert any(one.get("uri", "").startswith("pkg:pypi/lightgbm@") for one in build["resolvedDependencies"])
