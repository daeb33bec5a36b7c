"""One way of scoring a Parquet file, as a process of its own: `python bench/batch_peers.py WAY BUNDLE FILE OUTPUT`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelway.bundle import open_bundle
from modelway.features import apply_features
from modelway.records.features import FeatureSpec
from modelway.records.fit import ModelInfo


def main(way: str, bundle: Path, file: Path, output: Path) -> None:
    """Score the file."""
    info = ModelInfo.from_json((bundle / "model.json").read_bytes())
    columns = list(info.inputs)
    if way == "reading":
        for _ in pq.ParquetFile(file).iter_batches(32768, columns=columns, use_threads=False):
            pass
    elif way.startswith("pyfunc"):
        _pyfunc(int(way.partition("-")[2]), bundle, file, output, columns)
    elif way == "raw":
        _raw(bundle, file, output, columns)
    elif way == "onnx":
        _onnx(bundle, file, output, columns)
    else:
        raise SystemExit(f"unknown: {way}")


def _pyfunc(rows: int, bundle: Path, file: Path, output: Path, columns: list[str]) -> None:
    """MLflow's own way: pandas in, pandas out, so many rows at a time; prints what it took once the model was there."""
    import mlflow.pyfunc
    import pandas as pd

    saved = bundle.parent / "mlflow"
    if not saved.exists():
        mlflow.pyfunc.save_model(
            saved, loader_module="modelway.bundle.pyfunc", data_path=str(bundle.parent / "trained" / "model"),
            pip_requirements=[],
        )  # fmt: skip
    model = mlflow.pyfunc.load_model(str(saved))
    begin, cpu = time.perf_counter(), time.process_time()
    batches = pq.ParquetFile(file).iter_batches(rows, columns=columns)
    parts = [model.predict(batch.to_pandas()) for batch in batches]
    pd.concat(parts).to_parquet(output)
    print(json.dumps({"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu}))


def _raw(bundle: Path, file: Path, output: Path, columns: list[str]) -> None:
    """The fitted estimator, all rows in memory at once."""
    from modelway.bundle.skops_file import read_estimator

    info = ModelInfo.from_json((bundle / "model.json").read_bytes())
    estimator = read_estimator(bundle.parent / "trained" / "model" / "model.skops", info.trusted)
    matrix = _matrix(bundle, file, columns)
    predict = getattr(estimator, "predict_proba", estimator.predict)
    _write(np.asarray(predict(matrix)), output)


def _onnx(bundle: Path, file: Path, output: Path, columns: list[str]) -> None:
    """ONNX Runtime with one thread, all rows in memory at once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(bundle / "model.onnx"), options, providers=["CPUExecutionProvider"])
    matrix = _matrix(bundle, file, columns)
    _write(np.asarray(session.run(None, {session.get_inputs()[0].name: matrix})[0]), output)


def _matrix(bundle: Path, file: Path, columns: list[str]) -> np.ndarray:
    spec = FeatureSpec.from_json((bundle / "features.json").read_bytes())
    return apply_features(spec, pq.read_table(file, columns=columns, use_threads=False))


def _write(found: np.ndarray, output: Path) -> None:
    values = found[:, -1] if found.ndim == 2 else found
    pq.write_table(pa.table({"probability": np.ascontiguousarray(values)}), output)


if __name__ == "__main__":
    assert open_bundle  # what is measured loads it; importing it here costs every way the same
    main(sys.argv[1], *map(Path, sys.argv[2:5]))
