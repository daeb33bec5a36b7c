"""`provenance.json`: an in-toto statement (v1) with SLSA's provenance (v1): what the model was made from, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import modelway

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.bundle import Comparison, Origin
    from modelway.records.fit import Fit

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "urn:modelway:training:v1"


def make_provenance(
    origin: Origin, fit: Fit, model_digest: str, files: Mapping[str, str], comparison: Comparison
) -> dict[str, Any]:
    """The statement.

    Args:
        origin: which version it is, and where that came from.
        fit: how the model came to be.
        model_digest: names the fitted model's own files.
        files: SHA-256 of each file that it speaks of, by name.
        comparison: how the exported model was compared with the fitted one; by how much they differ depends on the
            machine, and would make other bytes of the same version.
    """
    metadata: dict[str, Any] = {"invocationId": origin.run_id}
    if origin.created is not None:
        metadata["finishedOn"] = origin.created
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in files.items()],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"model": origin.name, "version": origin.version},
                "internalParameters": {
                    "model_digest": model_digest,
                    "seed": fit.seed,
                    "estimator": fit.estimator.model_dump(mode="json"),
                    "epochs": fit.epochs,
                    "comparison": comparison.model_dump(mode="json", exclude={"largest_difference"}),
                },
                "resolvedDependencies": [*_inputs(origin), *_libraries(fit)],
            },
            "runDetails": {
                "builder": {"id": "urn:modelway", "version": {"modelway": modelway.__version__}},
                "metadata": metadata,
            },
        },
    }


def files_of(statement: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and SHA-256 of each file that a statement names; raises `KeyError` for another kind of document."""
    if statement["_type"] != STATEMENT or statement["predicateType"] != PREDICATE:
        raise KeyError("predicateType")
    return [(subject["name"], subject["digest"]["sha256"]) for subject in statement["subject"]]


def _inputs(origin: Origin) -> list[dict[str, Any]]:
    """Code, data, settings and lock, as far as they are known."""
    found = []
    if origin.commit is not None:
        # A revision with -dirty behind it is no digest of what was run, but all that is known.
        found.append({"name": "code", "digest": {"gitCommit": origin.commit}})
    digests = {"data": origin.data_digest, "settings": origin.settings_digest, "lock": origin.lock_digest}
    found += [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items() if digest is not None]
    return found


def _libraries(fit: Fit) -> list[dict[str, Any]]:
    """The libraries that decided the result; no digest of them is known, so they go by their versions."""
    found = sorted(fit.versions.items())
    kinds = {"python": "generic"}
    return [{"name": name, "uri": f"pkg:{kinds.get(name, 'pypi')}/{name}@{version}"} for name, version in found]
