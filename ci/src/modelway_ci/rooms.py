"""Which files of `src/modelway` each stage runs, so that a change of another room re-runs nothing.

A test runs every stage with nothing but these files.
"""

from __future__ import annotations

_COMMAND = (
    "*.py",
    "records/**",
    "settings/**",
    "cli/__init__.py",
    "cli/main.py",
    "cli/output.py",
    "cli/settings.py",
    "pipeline/__init__.py",
)
_ALWAYS = (*_COMMAND, "data/*.py", "storage/**", "pipeline/prepare.py")
_MODEL = ("__init__", "directory", "estimators", "model", "onnx_guard", "scores", "skops_file", "trust")
_FIT = (*(f"bundle/{name}.py" for name in _MODEL), "features/**", "train/**", "pipeline/fit.py")
_EVALUATE = (
    *_FIT,
    "bundle/layout.py",
    "bundle/reference.py",
    "bundle/signature.py",
    "evaluate/**",
    "observe/**",
    "report/**",
    "cli/registry.py",
    "pipeline/evaluate.py",
    "pipeline/provenance.py",
    "pipeline/recipe.py",
    "pipeline/register.py",
    "pipeline/stopwatch.py",
)
_PART = (
    *_COMMAND,
    "checks/__init__.py",
    "checks/junit.py",
    "checks/verdicts.py",
    "cli/part.py",
    "pipeline/part.py",
)

ROOMS: dict[str, tuple[str, ...]] = {
    "prepare": (*_ALWAYS, "cli/prepare.py"),
    "fit": (*_ALWAYS, *_FIT, "cli/fit.py"),
    "evaluate": (
        *_ALWAYS,
        *_EVALUATE,
        "cli/evaluate.py",
        "cli/trust.py",
        "cli/verdicts.py",
        "pipeline/train.py",
    ),
    # The user's code and tests may import any of it.
    "check-code": ("**",),
    "test": ("**",),
    "check-data": (*_PART, *_ALWAYS, "data/suite/**", "report/**", "cli/check_data.py", "pipeline/check_data.py"),
    "audit": (
        *_PART,
        "base_images.lock",
        "checks/audit/**",
        "checks/changes.py",
        "checks/sarif.py",
        "checks/streams.py",
        "checks/tools.py",
        "cli/audit.py",
        "http/**",
        "pipeline/audit.py",
    ),
    "smoke-train": (
        *_PART,
        *_ALWAYS,
        *_EVALUATE,
        "bundle/*.py",
        "checks/predictions.py",
        "http/**",
        "registry/**",
        "cli/smoke_train.py",
        "pipeline/faults.py",
        "pipeline/smoke_probe.py",
        "pipeline/smoke_train.py",
    ),
    # What a server's image holds.
    "serve": (
        *_COMMAND,
        "bundle/*.py",
        "features/**",
        "flags/**",
        "serve/**",
        "storage/**",
        "cli/serve.py",
        "cli/serve_settings.py",
        "cli/trust.py",
        "cli/verify.py",
    ),
    # Hardly ever served from a cache, so nothing is gained by leaving anything out.
    "register": ("**",),
    "pull": ("**",),
    "release": ("**",),
    "reproduce": ("**",),
    "package": ("**",),
    "deploy": ("**",),
    "monitor": ("**",),
    "batch": ("**",),
}
"""Globs below `src/modelway`, by stage."""
