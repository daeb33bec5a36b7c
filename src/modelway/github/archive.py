"""A directory as one file, the same bytes wherever it is made."""

from __future__ import annotations

import shutil
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_REGULAR_FILE = 0o100644


def pack(directory: Path, output: Path) -> None:
    """Write a ZIP file of a directory's files, below one folder that is named as the ZIP file is.

    Equal files give equal bytes: times and rights are left out, and nothing is compressed, for what DEFLATE gives
    differs from one build of zlib to the next.
    """
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{output.stem}/{path.relative_to(directory).as_posix()}", _EARLIEST)
            entry.create_system = _UNIX
            entry.external_attr = _REGULAR_FILE << 16
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)
