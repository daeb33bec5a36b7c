"""The site that MkDocs makes of docs/: it is whole, and nothing of it comes from elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "video": "src"}


class Page(HTMLParser):
    """What a page loads, where it leads, its anchors, and the text of its paragraphs and items."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self._main = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if _LOADED.get(tag) in told and told.get("rel") != "canonical":
            self.loads.append(told[_LOADED[tag]])
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        self.anchors |= {told[name] for name in ("id", "name") if name in told}
        self._open.append(tag)
        self._main |= told.get("role") == "main"

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts.append(data)
        elif self._main and "code" not in self._open and {"p", "li"} & set(self._open):
            self.text.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {path.relative_to(site).as_posix(): Page(path) for path in sorted(site.rglob("*.html"))}


def test_no_page_loads_anything_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    assert len(pages) > 20
    elsewhere = {name: [one for one in page.loads if urlsplit(one).netloc] for name, page in pages.items()}
    assert not {name: found for name, found in elsewhere.items() if found}
    for name, page in pages.items():
        for one in page.loads:
            assert (site / urljoin(name, urlsplit(one).path).lstrip("/")).is_file(), f"{name} loads {one}"
        assert not [text for text in page.scripts if re.search(r"https?://", text)], name


def test_no_style_sheet_or_script_loads_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"@import[^;]*|url\(\s*['\"]?(?:https?:)?//[^)]*", text)
        assert not found, f"{path.name}: {found}"
    for path in site.rglob("*.js"):
        text = path.read_text(encoding="utf-8", errors="replace")
        called = r"(?:fetch|importScripts|import|open|getScript|ajax)\(\s*(?:['\"]GET['\"],\s*)?['\"](?:https?:)?//"
        assert not re.search(called, text), path.name


def test_every_link_within_the_site_leads_somewhere(pages: dict[str, Page]) -> None:
    checked = 0
    for name, page in pages.items():
        if name == "404.html":
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = urljoin(name, unquote(parts.path)).lstrip("/") if parts.path not in {"", "."} else name
            target = f"{target}index.html" if target in {"", "/"} or target.endswith("/") else target
            assert target in pages, f"{name} links to {link}"
            if parts.fragment:
                assert unquote(parts.fragment) in pages[target].anchors, f"{name} links to {link}"
            checked += 1
    assert checked > 500


def test_search_needs_no_server(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text())
    assert any("compare-and-swap" in one["text"] or "promote" in one["text"] for one in index["docs"])
    assert (site / "search" / "lunr.js").is_file()


def test_every_page_is_reached_from_the_first(pages: dict[str, Page]) -> None:
    written = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    written = {name.replace("README.html", "index.html") for name in written}
    reached = {urljoin("index.html", urlsplit(link).path) for link in pages["index.html"].links}
    decisions = {urljoin("adr/index.html", urlsplit(link).path) for link in pages["adr/index.html"].links}
    missing = written - reached - {name for name in decisions if name.startswith("adr/")} - {"index.html"}
    assert not missing


def test_markdown_that_github_reads_otherwise_is_not_there(pages: dict[str, Page]) -> None:
    """Python-Markdown wants a line between a paragraph and a list or table, and no fences within lists."""
    for name, page in pages.items():
        text = "".join(page.text)
        found = re.search(r"^ *(?:[-*] |\d+\. |\|.*\||```).*", text, re.MULTILINE)
        assert found is None, f"{name} shows {found.group()!r}"
        assert "```" not in text, name
