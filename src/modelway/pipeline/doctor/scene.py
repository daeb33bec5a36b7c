"""What the checks are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelway.pipeline.environment import Environment
    from modelway.records.settings import SettingsSlice
    from modelway.registry import Credentials


@dataclass(frozen=True)
class Scene:
    """All that a check may look at.

    Attributes:
        settings: the settings.
        root: the directory of their file.
        environment: the environment that is asked about; None where none is named.
        secrets: the environment's variables, by name.
        credentials: who we are to a tracking server; raises `UsageError` where half of it is missing.
        repository: `owner/name` on GitHub; empty where nobody says.
        api_url: GitHub's API.
    """

    settings: SettingsSlice
    root: Path
    environment: Environment | None
    secrets: Mapping[str, str] = field(repr=False)
    credentials: Callable[[], Credentials | None] = field(repr=False)
    repository: str
    api_url: str
