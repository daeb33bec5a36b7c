"""What makes a program of a function that looks at files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def serve(function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer the question in the JSON file that the first argument names, in the one that the second names."""
    asked, answered = map(Path, sys.argv[1:])
    answered.write_text(json.dumps(function(json.loads(asked.read_bytes()))), encoding="ascii")
