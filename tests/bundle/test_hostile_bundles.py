"""Bundles that were made to harm: none of them decides what may run, be read or be believed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import mlflow.pyfunc
import numpy as np
import psutil
import pytest
import skops.io
from onnx import TensorProto, helper, numpy_helper

from modelway.bundle import open_bundle
from modelway.cli.main import run
from modelway.errors import InputError

from . import hostile

BUG, USAGE, INPUT = 1, 2, 3


@pytest.fixture
def bundle(pack, tmp_path):
    """A good bundle, to be changed."""
    return hostile.copied(pack("binary", "linear").bundle, tmp_path / "bundle")


@pytest.fixture
def marked(tmp_path):
    """A file that an attack makes, and the command that makes it."""
    mark = tmp_path / "ran"
    return mark, f"touch {mark}"


@pytest.fixture
def marking_module(tmp_path, monkeypatch):
    """A module on the path that makes a mark when it is imported."""
    mark = tmp_path / "imported"
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "marking.py").write_text(
        f"import numpy, pathlib\npathlib.Path({str(mark)!r}).touch()\n"
        "def ratio(table):\n    return numpy.zeros((table.num_rows, 1))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    yield mark
    sys.modules.pop("marking", None)


class TestVerifyRunsNothingOfTheBundles:
    def test_a_type_that_the_bundle_trusts_itself_is_refused(self, bundle, marked, capsys):
        mark, command = marked
        hostile.use_skops(bundle, hostile.shell_command(command), trusted=("posix.system",))
        assert skops.io.get_untrusted_types(file=bundle / "model.skops") == ["posix.system"]
        assert run(["verify", str(bundle)]) == INPUT
        assert not mark.exists()
        assert "posix.system" in capsys.readouterr().err

    def test_a_digest_is_compared_before_anything_is_loaded(self, bundle, marked, capsys):
        mark, command = marked
        hostile.use_skops(bundle, hostile.shell_command(command), trusted=("posix.system",))
        assert run(["verify", str(bundle), "--digest", "0" * 64]) == INPUT
        assert not mark.exists()
        assert "digest" in capsys.readouterr().err

    def test_a_function_that_the_features_name_is_not_imported(self, bundle, marking_module, capsys):
        _name_function(bundle, "marking:ratio")
        assert run(["verify", str(bundle)]) == INPUT
        assert not marking_module.exists()
        assert "marking:ratio" in capsys.readouterr().err

    def test_an_mlmodel_with_another_loader_is_refused(self, bundle, tmp_path, marked):
        mark, _ = marked
        code = tmp_path / "evil_loader.py"
        code.write_text(
            f"import pathlib\ndef _load_pyfunc(path):\n    pathlib.Path({str(mark)!r}).touch()\n    return Model()\n"
            "class Model:\n    def predict(self, frame):\n        return frame\n"
        )
        made = tmp_path / "made"
        mlflow.pyfunc.save_model(str(made), loader_module="evil_loader", code_paths=[str(code)], pip_requirements=[])
        mlflow.pyfunc.load_model(str(made))
        assert mark.exists(), "MLflow runs what is there"
        (bundle / "MLmodel").write_bytes((made / "MLmodel").read_bytes())
        (bundle / "code").mkdir()
        (bundle / "code" / "evil_loader.py").write_bytes(code.read_bytes())
        hostile.reseal(bundle)
        assert run(["verify", str(bundle)]) == INPUT


def _runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _name_function(bundle, function):
    def change(spec):
        spec["features"][0] = {"kind": "custom", "function": function, "columns": ["x0"], "width": 1}

    hostile.change_json(bundle / "features.json", change)
    hostile.reseal(bundle)


class TestVerifyRunsTheModelWithinBounds:
    def test_a_model_that_never_ends_is_given_up(self, bundle, capsys):
        hostile.use_onnx(bundle, _endless(hostile.width_of(bundle)))
        assert run(["verify", str(bundle), "--timeout", "8"]) == INPUT
        assert "within 8 seconds" in capsys.readouterr().err

    def test_a_model_that_wants_40_gb_is_refused(self, bundle, capsys):
        hostile.use_onnx(bundle, _huge(hostile.width_of(bundle)))
        assert run(["verify", str(bundle)]) == INPUT
        assert "memory" in capsys.readouterr().err

    def test_probabilities_far_from_one_are_refused_even_where_they_are_recorded(self, bundle, capsys):
        hostile.use_onnx(bundle, _scaled(hostile.width_of(bundle), 1.9e8))
        assert run(["verify", str(bundle)]) == INPUT
        _record_own_answers(bundle)
        assert run(["verify", str(bundle)]) == INPUT
        assert "not probabilities" in capsys.readouterr().err

    def test_other_answers_than_recorded_are_refused(self, bundle, capsys):
        hostile.use_onnx(bundle, hostile.linear_model(hostile.width_of(bundle)))
        assert run(["verify", str(bundle)]) == INPUT
        assert "as recorded" in capsys.readouterr().err
        assert run(["verify", str(bundle), "--no-run"]) == 0

    def test_what_a_model_prints_and_leaves_running_harms_nothing(self, bundle, marking_module, tmp_path, monkeypatch):
        module = tmp_path / "path" / "marking.py"
        module.write_text(
            "import numpy, os, subprocess, threading, time\nprint('{\"rows\": 1}')\n"
            f"child = subprocess.Popen(['sleep', '300'])\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
            "threading.Thread(target=time.sleep, args=(300,)).start()\n"
            "def ratio(table):\n    return numpy.zeros((table.num_rows, 1))\n"
        )
        _name_function(bundle, "marking:ratio")
        assert run(["verify", str(bundle), "--trust", "marking:ratio"]) == INPUT  # other answers than recorded
        left = int((tmp_path / "pid").read_text())
        deadline = time.monotonic() + 30  # the signal was sent; a busy machine delivers it later
        while _runs(left) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _runs(left)


class TestReadersTrust:
    """The same bundle, with the reader's word."""

    @pytest.fixture
    def needing(self, bundle):
        _name_function(bundle, "marking:ratio")
        return bundle

    def test_a_flag_and_the_variable_allow_what_they_name(self, needing, marking_module, monkeypatch):
        assert run(["verify", str(needing), "--no-run", "--trust", "marking:other"]) == INPUT
        assert run(["verify", str(needing), "--no-run", "--trust", "marking:ratio"]) == 0
        monkeypatch.setenv("MODELWAY_TRUST", "some.Type, marking:ratio")
        assert run(["verify", str(needing), "--no-run"]) == 0

    def test_a_name_that_is_none_is_a_usage_error(self, bundle, capsys):
        assert run(["verify", str(bundle), "--trust", "rm -rf /"]) == USAGE

    def test_settings_inside_the_bundle_say_nothing(self, needing, marking_module, tmp_path, monkeypatch):
        (tmp_path / "modelway.yaml").write_text(
            "name: known\nfit: {features: {custom: [{function: 'marking:ratio', columns: [x0]}]}}\n"
        )
        monkeypatch.chdir(tmp_path)
        assert run(["verify", str(needing), "--no-run"]) == 0, "beside it they are the reader's"
        (tmp_path / "modelway.yaml").rename(needing / "modelway.yaml")
        monkeypatch.chdir(needing)
        assert run(["verify", str(needing), "--no-run"]) == INPUT

    def test_mlflow_needs_the_variable(self, bundle, monkeypatch):
        hostile.use_skops(bundle, _forest(hostile.width_of(bundle)))
        needed = skops.io.get_untrusted_types(file=bundle / "model.skops")
        assert needed
        with pytest.raises(InputError, match=needed[0]):
            mlflow.pyfunc.load_model(str(bundle))
        monkeypatch.setenv("MODELWAY_TRUST", ",".join(needed))
        mlflow.pyfunc.load_model(str(bundle))

    def test_a_constructor_call_of_a_built_in_type_is_no_restored_state(self, bundle, tmp_path, capsys):
        lightgbm = pytest.importorskip("lightgbm")
        path = tmp_path / "other.txt"
        data = lightgbm.Dataset(np.random.default_rng(0).random((50, 2)), [0, 1] * 25)
        lightgbm.train({"verbose": -1}, data, 1).save_model(path)

        def reduce(self):
            return type(self), (None, None, str(path))

        call = type("Booster", (), {"__module__": "lightgbm.basic", "__reduce__": reduce})()
        hostile.use_skops(bundle, call)
        assert run(["verify", str(bundle)]) == INPUT
        assert "lightgbm.basic.Booster" in capsys.readouterr().err


class TestUnknownForms:
    def test_yaml_that_grows_without_end_is_refused(self, bundle):
        lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
        lines += [
            f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ]
        (bundle / "MLmodel").write_text("\n".join(lines))
        hostile.reseal(bundle)
        assert run(["verify", str(bundle), "--no-run"]) == INPUT


@pytest.mark.slow
def test_a_file_that_is_swapped_while_a_signed_bundle_is_opened_is_never_loaded(signed_skops, tmp_path):
    """A process swaps the estimator as fast as it can; what is loaded is always what was signed."""
    bundle, public, evil = signed_skops
    swapping = subprocess.Popen([sys.executable, "-c", _SWAP, str(bundle / "model.skops"), str(evil)])
    from modelway.records.trust import Trust

    trust = Trust(public_key=str(public), require_signature=True)
    opened = refused = 0
    try:
        for _ in range(1500):
            try:
                found = open_bundle(bundle, trust)
            except InputError:
                refused += 1
            else:
                opened += 1
                assert found._estimator._estimator.coef_[0][0] == GOOD
    finally:
        swapping.terminate()
        swapping.wait()
    assert opened > 20, "the race was a race"
    assert refused > 20, "the race was a race"


GOOD, EVIL = 0.5, -0.5
_SWAP = textwrap.dedent(
    """
    import os, sys
    place, evil = sys.argv[1:]
    good = open(place, "rb").read()
    bad = open(evil, "rb").read()
    for number in range(2_000_000):
        work = f"{place}.{number % 2}.swap"
        with open(os.path.join(os.path.dirname(evil), "work"), "wb") as file:
            file.write(bad if number % 2 else good)
        os.replace(file.name, place)
    """
)


def _logistic(width, weight):
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression().fit(np.eye(2, width), [0, 1])
    estimator.coef_ = np.full((1, width), weight)
    return estimator


def _forest(width):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(2).fit(np.eye(4, width), [0, 1, 0, 1])


@pytest.fixture
def signed_skops(bundle, tmp_path):
    """A bundle of a skops file, signed; its public key; another estimator's file."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from model_signing import hashing, signing

    width = hostile.width_of(bundle)
    hostile.use_skops(bundle, _logistic(width, GOOD))
    key = ec.generate_private_key(ec.SECP256R1())
    forms = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(*forms))
    public = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "pub.pem").write_bytes(key.public_key().public_bytes(*public))
    files = hashing.Config().set_ignored_paths(paths=[bundle / "model.sig"], ignore_git_paths=False)
    signer = signing.Config().use_elliptic_key_signer(private_key=tmp_path / "key.pem").set_hashing_config(files)
    signer.sign(bundle, bundle / "model.sig")
    evil = tmp_path / "evil.skops"
    evil.write_bytes(skops.io.dumps(_logistic(width, EVIL)))
    return bundle, tmp_path / "pub.pem", evil


def _endless(width):
    body = helper.make_graph(
        [helper.make_node("Identity", ["again"], ["still"]), helper.make_node("Add", ["z", "z"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("z", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["", "yes", "z"], ["p"], body=body)
    weights = numpy_helper.from_array(np.zeros((width, 1), np.float32), "w")
    yes = numpy_helper.from_array(np.array(True), "yes")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), loop]
    return hostile.model_of(width, nodes, initializer=[weights, yes])


def _huge(width):
    size = numpy_helper.from_array(np.array([10_000_000_000], np.int64), "size")
    one = numpy_helper.from_array(np.ones((), np.float32), "one")
    weights = numpy_helper.from_array(np.zeros((width, 1), np.float32), "w")
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Add", ["z", "sum"], ["p"]),
    ]
    return hostile.model_of(width, nodes, initializer=[size, one, weights])


def _scaled(width, factor):
    weights = numpy_helper.from_array(np.zeros((width, 1), np.float32), "w")
    scale = numpy_helper.from_array(np.array(factor, np.float32), "scale")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Add", ["z", "scale"], ["p"])]
    return hostile.model_of(width, nodes, initializer=[weights, scale])


def _record_own_answers(bundle):
    """Put a model's own answers into the reference rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(bundle / "reference.parquet")
    scores = open_bundle(bundle).predict_table(table)
    for at, name in enumerate(("no", "yes")):
        place = table.column_names.index(f"output.probability_{name}")
        table = table.set_column(place, table.column_names[place], pa.array(scores.probability[:, at]))
    place = table.column_names.index("output.prediction")
    table = table.set_column(place, "output.prediction", pa.array([("no", "yes")[n] for n in scores.prediction]))
    pq.write_table(table, bundle / "reference.parquet")
    hostile.reseal(bundle)
