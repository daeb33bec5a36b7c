"""Which files of `src/modelway` each stage runs, so that a change of another room re-runs nothing.

A test runs every stage with nothing but these files.
"""

from __future__ import annotations

_ALWAYS = (
    "*.py",
    "records/**",
    "data/**",
    "storage/**",
    "cli/__init__.py",
    "cli/main.py",
    "cli/output.py",
    "cli/settings.py",
    "pipeline/__init__.py",
    "pipeline/prepare.py",
)
_FIT = ("bundle/**", "features/**", "train/**", "pipeline/fit.py")

ROOMS: dict[str, tuple[str, ...]] = {
    "prepare": (*_ALWAYS, "cli/prepare.py"),
    "fit": (*_ALWAYS, *_FIT, "cli/fit.py"),
    "evaluate": (
        *_ALWAYS,
        *_FIT,
        "evaluate/**",
        "observe/**",
        "report/**",
        "cli/evaluate.py",
        "cli/registry.py",
        "cli/verdicts.py",
        "pipeline/evaluate.py",
        "pipeline/provenance.py",
        "pipeline/register.py",
        "pipeline/stopwatch.py",
        "pipeline/train.py",
    ),
    # Hardly ever served from a cache, so nothing is gained by leaving anything out.
    "register": ("**",),
    "pull": ("**",),
    "release": ("**",),
}
"""Globs below `src/modelway`, by stage."""
