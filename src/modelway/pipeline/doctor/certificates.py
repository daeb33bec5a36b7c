"""The authorities' certificates that a machine of its own was told to trust."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import UsageError
from modelway.pipeline.doctor.findings import failed, not_checked, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding

READERS = {
    "SSL_CERT_FILE": "GitHub, image registries, Slack, Kubernetes",
    "REQUESTS_CA_BUNDLE": "MLflow, and AWS without AWS_CA_BUNDLE",
    "CURL_CA_BUNDLE": "MLflow without REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE": "AWS and s3://",
    "MLFLOW_TRACKING_SERVER_CERT_PATH": "MLflow, before all others",
}
"""Variables with the path of certificates (PEM), by who reads them."""


def check_certificates(scene: Scene) -> Iterator[Finding]:
    """Each variable that is set names a file with certificates in it."""
    given = {name: scene.secrets[name] for name in READERS if scene.secrets.get(name)}
    if not given:
        yield not_checked("certificates", "none of one's own is named: the system's count")
    for name, path in given.items():
        fault = _fault(Path(path))
        if fault is None:
            yield ok(f"certificates: {name}", f"{path}, for {READERS[name]}")
        else:
            remedy = "Name a file with the authority's certificate in PEM, or unset it."
            yield failed(f"certificates: {name}", UsageError(f"{path} {fault}", remedy=remedy))


def _fault(path: Path) -> str | None:
    if path.is_dir():
        return None  # some of the readers take a directory of hashed names
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(path))
    except FileNotFoundError:
        return "is not there"
    except (OSError, ssl.SSLError):
        return "holds no certificate that can be read"
    return None
