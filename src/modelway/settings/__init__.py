"""Settings: `modelway.yaml` into one frozen tree; every error names file, line, key and remedy."""

from __future__ import annotations

from modelway.settings.loading import (
    FILE_NAME,
    Override,
    find_settings,
    load_settings,
    load_slice,
    place_of,
    settings_schema,
)

__all__ = ["FILE_NAME", "Override", "find_settings", "load_settings", "load_slice", "place_of", "settings_schema"]
