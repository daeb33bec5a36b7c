"""Model files that run code when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.checks.audit.code import UNREADABLE
from modelway.checks.audit.outcome import AuditFaultError, Observation, Outcome, count
from modelway.checks.audit.paths import list_folder, matches, shown
from modelway.records.checks import Finding, Severity

if TYPE_CHECKING:
    from modelway.checks.audit.paths import Tree
    from modelway.checks.audit.running import Site
    from modelway.records.audit import ModelAuditOptions

CHECK = "models"
PICKLES = "models.pickles"
DANGEROUS = "dangerous-model"
PICKLE = "pickle"
_SCAN = "modelway.checks.audit.model_scan"
_NAMED = 5
"""Imports of a pickle that a message names."""


def audit_models(site: Site, tree: Tree, options: ModelAuditOptions) -> tuple[Outcome, ...]:
    """Look for code in model files; nothing is unpickled.

    Args:
        site: where the audit takes place.
        tree: the project's files.
        options: what is looked at.

    Returns:
        What is dangerous or could not be read and, unless they are allowed, what is a pickle.

    Raises:
        AuditFaultError: a path of the settings is not there, or the scan failed.
    """
    for path in options.paths:
        if not (site.root / path).exists():
            raise AuditFaultError(f"audit.models.paths names {path}, which is not there")
    files = sorted({*tree.files, *list_folder(site.root, options.paths)})
    files = [name for name in files if not matches(name, options.exclude)]
    answer = site.scan(_SCAN, {"root": str(site.root.absolute()), "files": files})
    looked_at = f"{count(answer['models'], 'model file')} among {count(len(files), 'file')}"
    outcomes = [Outcome(CHECK, looked_at, tuple(one for seen in answer["seen"] for one in _faults(seen)))]
    if options.pickles != "allow":
        pickles = tuple(_pickle(seen) for seen in answer["seen"] if seen["imports"] is not None)
        outcomes.append(Outcome(PICKLES, looked_at, pickles, severity=Severity(options.pickles)))
    return tuple(outcomes)


def _faults(seen: dict[str, Any]) -> list[Observation]:
    path = shown(seen["path"])
    return [
        Observation(Finding(rule=DANGEROUS, message=message, path=path)) for message in dict.fromkeys(seen["dangerous"])
    ] + [
        Observation(Finding(rule=UNREADABLE, message=message, path=path), undecided=True)
        for message in dict.fromkeys(seen["unreadable"])
    ]


def _pickle(seen: dict[str, Any]) -> Observation:
    imports = seen["imports"]
    named = ", ".join(imports[:_NAMED]) + (", ..." if len(imports) > _NAMED else "")
    what = f"it imports {named}" if imports else "it imports nothing"
    message = f"a pickle runs what it says when it is read ({what}): keep models as ONNX, skops or safetensors"
    return Observation(Finding(rule=PICKLE, message=message, path=shown(seen["path"])))
