"""A hook of MkDocs: links that leave `docs/`.

On GitHub `../README.md` in a page of `docs/` leads to the file; the site has no such page. There a link becomes one to
the repository where `repo_url` of `mkdocs.yml` names it, else the path in words. A file that is not there is a warning,
which `--strict` turns into a failure.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

LOG = logging.getLogger("mkdocs.hooks.site_links")
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])+)\]\(((?:\.\./)+[^)#\s]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"^ *(```|~~~)", re.MULTILINE)


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """The page with its outward links replaced; what stands between fences is left as it is."""
    root = Path(config.config_file_path).parent
    folder = posixpath.dirname(posixpath.join("docs", page.file.src_uri))

    def replace(found: re.Match[str]) -> str:
        text, target, anchor = found.group(1), found.group(2), found.group(3) or ""
        path = posixpath.normpath(posixpath.join(folder, target))
        if path.startswith("docs/"):
            return found.group()
        if not (root / path).exists():
            LOG.warning("%s links to %s, which is not there", page.file.src_uri, path)
        if config.repo_url:
            return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{path}{anchor})"
        return text if path in text else f"{text} (`{path}` of the repository)"

    inside = False
    lines = []
    for line in markdown.split("\n"):
        if FENCE.match(line):
            inside = not inside
        lines.append(line if inside else LINK.sub(replace, line))
    return "\n".join(lines)
