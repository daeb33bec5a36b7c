"""What lies in the spools of a machine, whoever wrote it: read from outside, without a lock."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from modelway.serve.log.counts import PREDICTIONS
from modelway.serve.log.segments import OPEN, segment_of

if TYPE_CHECKING:
    from pathlib import Path


def count_left(root: Path) -> tuple[int, int]:
    """Records of predictions, and bytes of all streams, that wait in the spools below a directory.

    Raises:
        OSError: they can't be read.
    """
    if not root.exists():
        return 0, 0
    found: dict[str, tuple[int, int]] = {}
    for directory in [one for one in root.iterdir() if one.is_dir()]:
        for path in sorted(one for one in directory.iterdir() if "~" in one.name and not one.name.startswith(".")):
            with suppress(FileNotFoundError):  # delivered meanwhile
                if path.name.endswith(OPEN):
                    content = path.read_bytes()
                    found[path.name] = content.count(b"\n"), len(content)
                elif (segment := segment_of(path)) is not None:  # a compressed one sorts after its plain one
                    found[segment.stem] = segment.records, segment.size
    records = sum(lines for name, (lines, _) in found.items() if name.startswith(f"{PREDICTIONS}~"))
    return records, sum(size for _, size in found.values())
