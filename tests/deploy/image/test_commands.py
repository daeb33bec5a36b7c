"""What a container CLI is told, as data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelway.deploy.image.commands import Job, build_commands, login_command

JOB = Job(
    repository="ghcr.io/octocat/loans",
    tags=("v7", "latest"),
    platforms=("linux/amd64", "linux/arm64"),
    context=Path("/context"),
    scratch=Path("/scratch"),
    name="modelway-1",
    arguments={"LOCKS": "serve.lock fit.lock"},
    labels={"org.opencontainers.image.title": "the loans"},
    secrets={"index-url": "env=UV_DEFAULT_INDEX"},
)
BUILD = [
    "--platform", "linux/amd64,linux/arm64", "--file", "/context/docker/Dockerfile.serving", "--build-arg",
    "LOCKS=serve.lock fit.lock", "--label", "org.opencontainers.image.title=the loans",
    "--secret", "id=index-url,env=UV_DEFAULT_INDEX",
]  # fmt: skip


def test_docker_builds_for_all_platforms_and_pushes_at_once() -> None:
    (build,) = build_commands("docker", JOB, login=True)
    assert list(build) == [
        "docker", "buildx", "build", *BUILD, "--tag", "ghcr.io/octocat/loans:v7", "--tag",
        "ghcr.io/octocat/loans:latest", "--provenance=false", "--push", "--metadata-file", "/scratch/digest",
        "/context",
    ]  # fmt: skip
    assert login_command("docker", JOB, "ghcr.io", "octocat") == (
        "docker", "login", "--username", "octocat", "--password-stdin", "ghcr.io",
    )  # fmt: skip


@pytest.mark.parametrize("program", ["podman", "buildah"])
def test_the_others_build_a_manifest_and_push_it_tag_by_tag(program: str) -> None:
    build, first, second, away = build_commands(program, JOB, login=True)
    assert list(build) == [program, "build", *BUILD, "--manifest", "modelway-1", "/context"]
    push = [program, "manifest", "push", "--all", "--authfile", "/scratch/auth.json", "--digestfile", "/scratch/digest"]
    assert list(first) == [*push, "modelway-1", "docker://ghcr.io/octocat/loans:v7"]
    assert list(second) == [*push, "modelway-1", "docker://ghcr.io/octocat/loans:latest"]
    assert list(away) == [program, "manifest", "rm", "modelway-1"]
    login = login_command(program, JOB, "ghcr.io", "octocat")
    assert login == (
        program, "login", "--authfile", "/scratch/auth.json", "--username", "octocat", "--password-stdin", "ghcr.io",
    )  # fmt: skip


def test_where_nobody_logs_in_no_login_is_looked_for() -> None:
    assert "--authfile" not in str(build_commands("podman", JOB, login=False))
    assert build_commands("podman", replace(JOB, tags=()), login=False)[1][1:] == ("manifest", "rm", "modelway-1")
