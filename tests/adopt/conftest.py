"""Strangers' repositories, made by the tests."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Project

HEADER = "customer_id,joined,plan,visits,spent,remark,churned"
PLANS = ("basic", "plus", "family")


def draw_customers(rows: int = 600, seed: int = 0) -> str:
    """A table as people have it: a key, a date of their own form, missing values, texts, a target of two classes."""
    draw = random.Random(seed)
    lines = [HEADER]
    for number in range(rows):
        visits, spent = draw.randint(0, 40), draw.uniform(0, 300)
        likely = 0.85 if visits < 10 else 0.1
        churned = "yes" if draw.random() < likely else "no"
        shown = "" if draw.random() < 0.05 else f"{spent:.2f}"
        remark = f"called us {draw.randint(1, 9)} times about {draw.choice(PLANS)}"
        day = f"{draw.randint(1, 28)}.{draw.randint(1, 12)}.2025"
        lines.append(f"C-{number:05},{day},{draw.choice(PLANS)},{visits},{shown},{remark},{churned}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def customers() -> Callable[..., str]:
    """Gives such a table of so many rows."""
    return draw_customers


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a data set."""
    root = tmp_path / "shop"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    (root / "customers.csv").write_text(draw_customers())
    return root


@pytest.fixture
def shop(repository: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]) -> Project:
    """The same, as the working directory of commands."""
    monkeypatch.chdir(repository)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return in_project(repository)
