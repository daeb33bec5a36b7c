"""The names of a bundle's files."""

from __future__ import annotations

KIND = "bundle"
"""What its manifest calls it."""
INFO = "bundle.json"
MODEL_INFO = "model.json"
FEATURES = "features.json"
SIGNATURE = "signature.json"
ONNX = "model.onnx"
SKOPS = "model.skops"
REFERENCE = "reference.parquet"
BASELINE = "baseline.json"
METRICS = "metrics.json"
INPUT_EXAMPLE = "input_example.json"
SERVING_EXAMPLE = "serving_input_example.json"
CARD = "model_card.md"
PROVENANCE = "provenance.json"
SBOM = "sbom.cdx.json"
MLMODEL = "MLmodel"
REQUIREMENTS = "requirements.txt"
ENVIRONMENT = "python_env.yaml"
SIGNED = "model.sig"
"""The signature (OpenSSF model signing): it stands beside what is digested, and signs the manifest too."""

ESTIMATORS = {"onnx": ONNX, "skops": SKOPS}
"""The estimator's file by the bundle's format."""
DECIDING = (MODEL_INFO, FEATURES, SIGNATURE)
"""What decides the answers of a model, in addition to its estimator: provenance and bill of materials name each."""
REQUIRED = (
    INFO, MODEL_INFO, FEATURES, SIGNATURE, REFERENCE, BASELINE, METRICS, INPUT_EXAMPLE, SERVING_EXAMPLE, CARD,
    PROVENANCE, SBOM, MLMODEL, REQUIREMENTS, ENVIRONMENT,
)  # fmt: skip
"""What every bundle holds, besides its estimator."""
