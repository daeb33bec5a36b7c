"""Base images and interpreters that are behind Python's security releases."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelway.checks.audit.base_images import audit_base_images
from modelway.checks.audit.dockerfiles import base_images, is_dockerfile
from modelway.checks.audit.paths import Tree
from modelway.records.audit import BaseImageAuditOptions
from modelway.records.base_images import BaseImages

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.audit.outcome import Outcome

    from .conftest import Audited

TODAY = date(2026, 11, 30)
KNOWN = BaseImages.from_json(
    json.dumps(
        {
            "images": {"python:3.11.16-slim-trixie": None},
            "python": {
                "refreshed": "2026-11-20",
                "source": "here",
                "releases": {
                    "3.10": {"latest": "3.10.21", "released": "2026-08-13", "end_of_life": "2026-10-31"},
                    "3.11": {"latest": "3.11.16", "released": "2026-08-13", "end_of_life": "2027-10-31"},
                },
            },
        }
    )
)


@pytest.fixture
def judged(tmp_path: Path) -> Any:
    """What is found of one Dockerfile: the outcomes by check."""

    def judge(text: str, known: BaseImages = KNOWN, today: date = TODAY, **options: Any) -> dict[str, Outcome]:
        (tmp_path / "Dockerfile").write_text(text)
        told = BaseImageAuditOptions(**options)
        outcomes = audit_base_images(tmp_path, Tree(("Dockerfile", "readme.md"), False), told, known, today)
        return {outcome.check: outcome for outcome in outcomes}

    return judge


def rules(outcome: Outcome) -> list[tuple[str, int | None]]:
    return [(one.finding.rule, one.finding.line) for one in outcome.observations]


@pytest.mark.parametrize(
    ("image", "rule"),
    [
        ("python:3.11.16-slim", None),
        ("python:3.11.17", None),
        ("python:3.11.7-slim", "python-behind"),
        ("python:3.11.7", "python-behind"),
        ("docker.io/library/python:3.11.15-slim-trixie", "python-behind"),
        (f"mirror.internal:5000/hub/python:3.11.9@sha256:{'a' * 64}", "python-behind"),
        ("python:3.11.16rc1-slim", "python-behind"),
        ("python:3.11-slim", None),
        ("python:3", None),
        ("python", None),
        ("python:slim", None),
        ("python:3.10.21-slim", "python-end-of-life"),
        ("python:3.10-slim", "python-end-of-life"),
        ("python:2.7.18", "python-end-of-life"),
        ("python:3.9", "python-end-of-life"),
        ("debian:bookworm-slim", None),
        ("notpython:3.11.7", None),
    ],
)
def test_an_image_is_compared_with_the_releases(judged: Any, image: str, rule: str | None) -> None:
    found = judged(f"# syntax=docker/dockerfile:1\n\nFROM {image}\nRUN true\n")
    assert rules(found["base-images"]) == ([(rule, 3)] if rule else [])
    assert not any(one.undecided for one in found["base-images"].observations)


def test_a_version_after_the_list_is_a_hint_and_no_pass(judged: Any) -> None:
    found = judged("FROM python:3.12.1\n")
    assert rules(found["base-images.unknown"]) == [("unknown-image", 1)]
    assert found["base-images.unknown"].observations[0].undecided
    assert found["base-images.unknown"].severity == "warn"


def test_an_old_list_is_a_hint_and_no_pass(judged: Any) -> None:
    day = KNOWN.python.refreshed + timedelta(days=30)
    assert "base-images.unknown" not in judged("FROM scratch\n", today=day, max_age=30)
    old = judged("FROM scratch\n", today=day + timedelta(days=1), max_age=30)["base-images.unknown"]
    assert rules(old) == [("releases-outdated", None)]
    assert "2026-11-20" in old.observations[0].finding.message


def test_modelways_own_images_are_compared_too(judged: Any) -> None:
    known = KNOWN.model_copy(update={"images": {"python:3.11.15-slim-trixie": None, "ghcr.io/astral-sh/uv:0.1": None}})
    (one,) = judged("FROM scratch\n", known)["base-images"].observations
    assert one.finding.message.startswith("python:3.11.15-slim-trixie: behind")


@pytest.mark.parametrize(
    ("running", "interpreter", "rule", "severity"),
    [
        ("3.11.7", "warn", "python-behind", "warn"),
        ("3.11.7", "fail", "python-behind", "fail"),
        ("3.11.7", "allow", None, "warn"),
        ("3.11.16", "fail", None, "fail"),
        ("3.11.16rc1", "fail", "python-behind", "fail"),
        ("3.10.21", "warn", "python-end-of-life", "warn"),
        ("3.19.0+", "warn", "unknown-image", "warn"),
    ],
)
def test_the_interpreter_is_compared(
    judged: Any, monkeypatch: pytest.MonkeyPatch, running: str, interpreter: Any, rule: str | None, severity: str
) -> None:
    monkeypatch.setattr("platform.python_version", lambda: running)
    outcome = judged("FROM scratch\n", interpreter=interpreter)["interpreter"]
    assert [name for name, _ in rules(outcome)] == ([rule] if rule else [])
    assert (outcome.severity, outcome.looked_at) == (severity, f"Python {running}")


DOCKERFILE = """\
ARG VERSION=3.11.7
ARG BASE="python:${VERSION}-slim" UV=ghcr.io/astral-sh/uv
# FROM python:2.7
FROM --platform=$BUILDPLATFORM ${BASE} AS Build
ARG BASE=python:2.7
FROM $UV:0.1 as uv
FROM build
from \\
    ${OTHER:-python:3.11.8}
FROM scratch
FROM ${NOWHERE}
FROM python:${NOWHERE:+2.7}3.11.9
COPY --from=build /a /b
"""


def test_the_stages_of_a_dockerfile_are_read() -> None:
    found = [(one.line, one.image) for one in base_images(DOCKERFILE)]
    assert found == [
        (4, "python:3.11.7-slim"),
        (6, "ghcr.io/astral-sh/uv:0.1"),
        (8, "python:3.11.8"),
        (11, None),
        (12, "python:3.11.9"),
    ]


@pytest.mark.parametrize("name", ["Dockerfile", "a/Dockerfile.gpu", "serve.dockerfile", "Containerfile", "dockerfile"])
def test_dockerfiles_are_known_by_their_names(name: str) -> None:
    assert is_dockerfile(name)
    assert not is_dockerfile(f"{name}/readme.md")


def test_the_command_fails_on_a_base_that_is_behind_and_an_exception_accepts_it(project: Audited) -> None:
    project.only("base_images")
    project.write("serve/Dockerfile", "FROM python:3.11.7-slim\n")
    record = project.audit()
    assert record["exit_code"] == 4
    (finding,) = record["by"]["base-images"]["findings"]
    assert (finding["rule"], finding["path"], finding["line"]) == ("python-behind", "serve/Dockerfile", 1)
    assert "python-behind" in project.report("findings.sarif")
    project.options["exceptions"] = [
        {"id": "python-behind", "path": "serve/Dockerfile", "reason": "it is a test", "expires": "2999-01-01"}
    ]
    assert project.audit()["exit_code"] == 0


def test_an_argument_that_decides_is_a_hint(project: Audited) -> None:
    project.only("base_images")
    project.write("Dockerfile", "ARG BASE\nFROM ${BASE}\n")
    record = project.audit()
    assert record["exit_code"] == 0
    assert "unknown-image" in {one["rule"] for one in record["by"]["base-images.unknown"]["findings"]}
    project.options["base_images"]["exclude"] = ["Dockerfile"]
    found = project.audit()["by"].get("base-images.unknown", {"findings": []})["findings"]
    assert "unknown-image" not in {one["rule"] for one in found}
