"""Print the JSON Schema of the settings, so that editors can complete and check them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.settings import settings_schema

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway schema > modelway.schema.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags: it has none."""


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    show(*json.dumps(settings_schema(), indent=2).split("\n"))
    return 0
