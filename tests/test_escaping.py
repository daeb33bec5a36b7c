"""Names from outside: a terminal, a CI log, JSON, Markdown and Slack show them, and obey none of them."""

from __future__ import annotations

import html
import io
import json
import re
import sys
import unicodedata
import warnings
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from modelway.escaping import (
    GuardedStream,
    Markdown,
    code,
    comment,
    guard_streams,
    json_text,
    link_to,
    log_text,
    markdown_table,
    printable,
    printable_lines,
    slack_text,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ci" / "src"))

HOSTILE = [
    "a\x1b]0;pwned\x07\nERROR: fake",
    "\x9b31mred\x9b0m",
    "\x1b[2J\x1b[H",
    "\r\nmodelway: fake",
    "\x85next\u2028line\u2029paragraph\x0b\x0c",
    "\u202egnp.exe\u2066\u200b\u200e\ufeff",
    "\ud800 and \udc80",
    "\x00\x7f",
    "[red]bold[/] [/] [link=https://evil.test]x[/link] :warning:",
    "::error file=a::fake",
    "::stop-commands::token",
    " ::set-output name=version::6",
    "##[error]fake ##vso[task.setvariable]x",
    "`", "``x`` `", "a`b|c", "a\\|b", "\\", "|", "||", " `|` ", "a\\\\|`",
    "<script>alert(1)</script><img src=x onerror=y>",
    "![i](https://evil.test/i.png) [l](javascript:x) <https://evil.test> https://evil.test www.evil.test a@evil.test",
    "@octocat #1 GH-1 octocat/x#1",
    "# heading\n- item\n> quote\n```\nfence\n```\n| a | b |\n|---|---|",
    "-->", "--!>", "<!--", "&lt;b&gt; &#64;octocat &amp;",
    "<!channel> <@U123> <https://evil.test|click> *b* _i_",
    "${{ secrets.X }}%0A::error::x",
    "\U000e0041\ufe0f\u3164",
]  # fmt: skip
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(), max_size=40),
    st.lists(st.sampled_from([*HOSTILE, "`", "|", "\\", "<b>", "::error::", "\n", "x"]), max_size=5).map("".join),
)
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# As github.com/actions/runner reads a line: ActionCommand.TryParseV2 and TryParse.
OBEYED = re.compile(r"^\s*::(?:error|warning|set-output|stop-commands|add-mask|group)(?:\s.*)?::|##\[", re.IGNORECASE)


def shown(line: str) -> bool:
    return not any(unicodedata.category(sign) in INVISIBLE for sign in line) and not OBEYED.search(line)


class TestPrintable:
    @given(names)
    def test_a_name_is_one_line_that_nothing_obeys(self, name: str) -> None:
        line = printable(name)
        assert shown(line)
        assert line.encode().decode() == line
        assert printable(line) == line

    @pytest.mark.parametrize(
        "text", ["age", "größe_cm", "年収 (円)", "C:\\data\\x.csv", "a::b::c", "t.py::error_x", "£|[x]"]
    )
    def test_what_can_be_shown_is_left_as_it_is(self, text: str) -> None:
        assert printable(text) == text

    def test_escapes_are_visible(self) -> None:
        assert printable("a\x1b]0;p\x07\nERROR: \u202e\ud800") == r"a\x1b]0;p\x07\nERROR: \u202e\ud800"

    @given(names)
    def test_the_dagger_module_escapes_alike(self, name: str) -> None:
        from modelway_ci import printable as module

        assert module.printable(name) == printable(name)
        assert module.printable_lines(name).split("\n") == printable_lines(f"{name}\n")

    def test_the_layout_of_others_stays_and_their_colours_go(self) -> None:
        assert printable_lines("\x1b[31mred\x1b[0m\n\tx\x1b[2J\r\n::error::x\n") == [
            "red",
            r"    x\x1b[2J",
            r":\x3aerror::x",
        ]
        assert log_text("a\nb") == "a\nb\n"


class TestJsonText:
    @given(names)
    def test_a_value_comes_back_and_nothing_obeys_its_text(self, name: str) -> None:
        for ascii_only in (False, True):
            text = json_text({name: [name]}, ascii_only=ascii_only)
            assert json.loads(text) == {name: [name]}
            assert all(map(shown, text.split("\n")))
        assert "\n" not in json_text(name, indent=None)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_guarded_stream_takes_everything_and_passes_on_no_control(encoding: str) -> None:
    below = io.BytesIO()
    stream = GuardedStream(io.TextIOWrapper(below, encoding=encoding, errors="strict"))
    for name in HOSTILE:
        print(name, end="\t\n", file=stream)
    stream.writelines(HOSTILE)
    stream.flush()
    assert all(map(shown, re.split("[\n\t]", below.getvalue().decode(encoding))))


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(f"{tag} {attrs}" if attrs else tag)

    def handle_comment(self, data: str) -> None:
        self.found.append(f"comment {data}")


def render(text: str) -> str:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)


class TestMarkdown:
    @given(names)
    def test_a_name_in_prose_is_text_of_one_code_span(self, name: str) -> None:
        page = render(f"# {code(name)}, version 1\n\nPredicts {code(name)}: x\n")
        elements = [one for one in _Elements(page).found if one not in {"code"}]
        assert elements == ["h1", "p"]
        if name:
            assert f"Predicts <code>{html.escape(printable(name), quote=False)}" in page.replace("&quot;", '"')

    @given(names, names)
    def test_names_in_a_table_break_neither_rows_nor_cells(self, one: str, other: str) -> None:
        page = render(markdown_table(("a", "b"), [(code(one), code(other)), (code(other), Markdown("end"))]))
        elements = [found for found in _Elements(page).found if found != "code"]
        row = ["tr", "td", "td"]
        assert elements == ["table", "thead", "tr", "th", "th", "tbody", *row, *row]
        assert page.count("<td>end</td>") == 1

    @given(names)
    def test_a_comment_ends_where_it_ends(self, name: str) -> None:
        assert render(f"{comment(name)}\n\nend\n").strip().endswith("-->\n<p>end</p>")
        assert len(_Elements(str(comment(name))).found) == 1

    @given(names)
    def test_a_link_leads_to_http_or_nowhere(self, name: str) -> None:
        for address in (name, f"https://ci.test/{name}", f"javascript:{name}"):
            page = render(f"{link_to('The run', address)}\n")
            links = re.findall(r'href="([^"]*)"', page)
            assert all(link.startswith("http") for link in links)
            assert [one.split()[0] for one in _Elements(page).found] in (["p", "a"], ["p", "code"], ["p"])

    def test_a_plain_name_stays_readable(self) -> None:
        assert (code("age"), code("a`b"), code("")) == ("`age`", "``a`b``", "\N{EN DASH}")
        assert markdown_table(("x",), [(code("Action|Comedy"),)]).splitlines()[-1] == r"| `Action\|Comedy` |"


@given(names)
def test_slack_gets_no_control_sequence(name: str) -> None:
    text = slack_text(name)
    assert not re.search("[<>]|&(?!(?:amp|lt|gt);)", text)
    assert html.unescape(text) == html.unescape(html.escape(printable(name), quote=False))


def test_a_warning_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name in ((warnings, "formatwarning"), (sys, "stdout"), (sys, "stderr")):
        monkeypatch.setattr(place, name, getattr(place, name))
    guard_streams()
    text = warnings.formatwarning("class 'a\x1b[31m\nERROR: fake'", UserWarning, "model.py", 3)
    assert text == "model.py:3: UserWarning: class 'a\\x1b[31m\\nERROR: fake'\n"
