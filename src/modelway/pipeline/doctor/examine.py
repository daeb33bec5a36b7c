"""All checks, one after the other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelway.pipeline.doctor.certificates import check_certificates
from modelway.pipeline.doctor.engine import check_containers, check_engine
from modelway.pipeline.doctor.findings import failed, gathered, not_checked, ok
from modelway.pipeline.doctor.github import check_github
from modelway.pipeline.doctor.images import check_images
from modelway.pipeline.doctor.packages import check_packages
from modelway.pipeline.doctor.proxies import check_proxies
from modelway.pipeline.doctor.registry import check_registry
from modelway.pipeline.doctor.slack import check_slack
from modelway.pipeline.doctor.stores import check_stores
from modelway.pipeline.doctor.target import check_target
from modelway.records.doctor import Diagnosis
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from modelway.errors import ModelwayError
    from modelway.pipeline.doctor.scene import Scene

_OF_SETTINGS = {
    "stores": check_stores,
    "registry": check_registry,
    "target": check_target,
    "image registry": check_images,
}
_OF_MACHINE = {
    "packages": check_packages,
    "certificates": check_certificates,
    "proxies": check_proxies,
    "container CLI": check_containers,
    "dagger": check_engine,
    "GitHub": check_github,
    "Slack": check_slack,
}


def examine(scene: Scene, fault: ModelwayError | None = None, progress: Progress = silent) -> Diagnosis:
    """Look at everything; changes nothing, here or outside.

    Args:
        scene: what is looked at.
        fault: what is wrong with the settings; then `scene` has stand-ins, and nothing that follows from settings is
            looked at.
        progress: told before each check.
    """
    checks = _OF_MACHINE if fault else {**_OF_MACHINE, **_OF_SETTINGS}
    found = [failed("settings", fault) if fault else ok("settings", f"valid, in {scene.root}")]
    for done, (name, check) in enumerate(checks.items()):
        progress("doctor", done, len(checks), name)
        found += gathered(name, partial(check, scene))
    if fault:
        found += [not_checked(name, "the settings have to be right first") for name in _OF_SETTINGS]
    progress("doctor", len(checks), len(checks))
    return Diagnosis(findings=tuple(found))
