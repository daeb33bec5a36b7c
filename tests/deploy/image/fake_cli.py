#!/usr/bin/env python3
"""A container CLI for tests, by the name it is called by: what it builds holds the context, and it really pushes.

It understands the command lines of docker (buildx), podman and buildah that modelway makes, and no others. All
registries are the one at FAKE_REGISTRY, over plain HTTP. Each call is a line in FAKE_LOG.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER, CONFIG = "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.config.v1+json"


def flag(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1]


def flags(argv: list[str], name: str) -> list[str]:
    return [argv[at + 1] for at, word in enumerate(argv) if word == name]


def ask(method: str, url: str, login: str | None, content: bytes | None = None, kind: str = "application/octet-stream"):
    request = urllib.request.Request(url, data=content, method=method, headers={"content-type": kind})
    if login:
        request.add_header("authorization", f"Basic {login}")
    return urllib.request.urlopen(request, timeout=20)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer_of(context: Path) -> bytes:
    """The context as a layer, the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(context.rglob("*")):
            entry = archive.gettarinfo(path, str(path.relative_to(context)))
            entry.mtime = entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            with path.open("rb") if path.is_file() else io.BytesIO() as content:
                archive.addfile(entry, content if path.is_file() else None)
    return gzip.compress(buffer.getvalue(), mtime=0)


def config_of(argv: list[str]) -> bytes:
    """The image's configuration, with its labels."""
    labels = dict(label.split("=", 1) for label in flags(argv, "--label"))
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}}).encode()


def push(layer: bytes, config: bytes, address: str, login: str | None) -> str:
    """Push an image of one layer; its digest."""
    repository, _, tag = address.partition("/")[2].rpartition(":")
    root = f"http://{os.environ['FAKE_REGISTRY']}/v2/{repository}"
    for blob in (layer, config):
        place = ask("POST", f"{root}/blobs/uploads/", login, b"").headers["location"]
        ask("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest(blob)}", login, blob)

    def descriptor(kind: str, blob: bytes) -> dict[str, object]:
        return {"mediaType": kind, "size": len(blob), "digest": digest(blob)}

    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config)}
    content = json.dumps({**manifest, "layers": [descriptor(LAYER, layer)]}).encode()
    return ask("PUT", f"{root}/manifests/{tag}", login, content, MANIFEST).headers["docker-content-digest"]


def main() -> None:
    program, argv = Path(sys.argv[0]).name, sys.argv[1:]
    with Path(os.environ["FAKE_LOG"]).open("a") as log:
        log.write(json.dumps([program, *argv]) + "\n")
    if program == "docker":
        kept = Path(os.environ["DOCKER_CONFIG"]) / "login"
    else:
        kept = Path(flag(argv, "--authfile")) if "--authfile" in argv else Path("/nowhere")
    if argv[0] == "login":
        kept.write_text(base64.b64encode(f"{flag(argv, '--username')}:{sys.stdin.read()}".encode()).decode())
        return
    login = kept.read_text() if kept.is_file() else None
    context, built = Path(argv[-1]), Path(os.environ["FAKE_LOG"]).parent
    if argv[:2] == ["buildx", "build"]:
        pushed = [push(layer_of(context), config_of(argv), address, login) for address in flags(argv, "--tag")]
        Path(flag(argv, "--metadata-file")).write_text(json.dumps({"containerimage.digest": pushed[0]}))
    elif argv[0] == "build":
        (built / flag(argv, "--manifest")).write_bytes(layer_of(context))
        (built / f"{flag(argv, '--manifest')}.json").write_bytes(config_of(argv))
    elif argv[:2] == ["manifest", "push"]:
        layer = (built / argv[-2]).read_bytes()
        config = (built / f"{argv[-2]}.json").read_bytes()
        Path(flag(argv, "--digestfile")).write_text(push(layer, config, argv[-1].removeprefix("docker://"), login))
    elif argv[:2] == ["manifest", "rm"]:
        (built / argv[-1]).unlink()
        (built / f"{argv[-1]}.json").unlink()
    else:
        sys.exit(f"{program} does not know {argv}")


if __name__ == "__main__":
    try:
        main()
    except urllib.error.HTTPError as error:
        # As careless ones do, it tells what it was told.
        sys.exit(f"the registry answered {error.code} to {sys.argv} and {sorted(error.headers.items())}")
