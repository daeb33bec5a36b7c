"""No password is printed, whatever characters it has and whatever stands around it."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelway.errors import OutsideError
from modelway.redaction import hide_password, holds_password

ODD = "/@#?%:\n&=+;[]()'\"\\ ~!$,.-_"
PASSWORDS = st.text(alphabet="ABCDEFGHJKLMNPQRSTUVWXYZ" + ODD, min_size=1, max_size=24)
USERS = st.sampled_from(["me", "svc.user", "first-last", "", "AKIA"])
SCHEMES = st.sampled_from(
    ["http", "https", "postgresql", "postgresql+psycopg2", "mysql+pymysql", "mssql+pyodbc", "s3", "git", "redis"]
)
HOSTS = st.sampled_from(["db", "host.example.org", "10.0.0.1:5432", "[::1]:9000", "localhost:80"])
PATHS = st.sampled_from(["", "/", "/mlflow", "/a/b.git", "/x?a=b#c", "/simple/"])
BEFORE = st.sampled_from(
    ["", "could not connect to ", "fatal: unable to access '", '(x) Could not parse "', "a\nb: ", "see <"]
)
AFTER = st.sampled_from(["", ": refused", "': 403", '"', " (timeout=3)\nmore lines\n", ", then gave up"])


def fragments(secret: str) -> set[str]:
    """Its parts of four characters that no other part of the text has: all letters are capital ones."""
    return {secret[n : n + 4] for n in range(len(secret) - 3) if re.search(r"[A-Z]{2}", secret[n : n + 4])}


def address(scheme: str, user: str, password: str, host: str, path: str) -> str:
    return f"{scheme}://{user}:{password}@{host}{path}"


@given(st.lists(st.tuples(BEFORE, SCHEMES, USERS, PASSWORDS, HOSTS, PATHS, AFTER), min_size=1, max_size=3))
@example([("", "postgresql", "me", "AB/CD@EF#GH?IJ", "db", "/mlflow", "")])
@example([("", "http", "me", "8080/ABCD", "db", "", "")])
@example([("", "http", "me", "AB@C\nABCD@", "db", "", "")])
@example([("", "http", "me", "ABCD http://EFGH", "db", "", "")])
@example([("", "https", "", "\nABCDEF", "db", "", ""), ("a ", "http", "me", "ABCD", "db", "/", "")])
def test_no_part_of_a_password_is_left(parts: list[tuple[str, ...]]) -> None:
    text = " ".join(before + address(*middle) + after for before, *middle, after in parts)
    hidden = hide_password(text)
    for _, _, _, password, *_ in parts:
        assert not [one for one in fragments(password) if one in hidden], hidden


@given(SCHEMES, USERS, PASSWORDS, HOSTS)
def test_a_quoted_password_is_hidden_too_and_the_host_stays(scheme: str, user: str, password: str, host: str) -> None:
    text = f"could not reach {address(scheme, user, quote(password, safe=''), host, '/x')}: refused"
    assert hide_password(text) == f"could not reach {scheme}://***@{host}/x: refused"


@given(st.text(alphabet="ABCDEFGH/#?%&=+", min_size=4), st.integers(0, 40))
def test_a_text_that_was_cut_within_the_password_shows_nothing_of_it(password: str, length: int) -> None:
    text = f"postgresql://me:{password}@db/mlflow"[: len("postgresql://me:") + length]
    assert not [one for one in fragments(password) if one in hide_password(text)]


@given(st.text(), st.text())
def test_any_text_can_be_hidden_and_hiding_twice_changes_nothing_that_matters(one: str, two: str) -> None:
    hide_password(f"{one}://{two}")
    hide_password(one + two)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("see http://a:b@c and //d:e@f", "see http://***@c and //***@f"),
        ("http://user:@host/x", "http://***@host/x"),
        ("https://ghp_token@github.com/o/r.git", "https://***@github.com/o/r.git"),
        (
            "GET https://b.s3.aws.com/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Date=1&X-Amz-Signature=0123abcd failed",
            "GET https://b.s3.aws.com/k?X-Amz-Credential=***&X-Amz-Date=1&X-Amz-Signature=*** failed",
        ),
        ("https://x.org/?access_token=abcdef&page=2", "https://x.org/?access_token=***&page=2"),
        ("https://x.org/?api_key=abcdef", "https://x.org/?api_key=***"),
        (
            "connection to host=db user=me password='a b\\'c' failed",
            "connection to host=db user=me password=*** failed",
        ),
        ("DRIVER={x};UID=me;PWD=s3cret;SERVER=db", "DRIVER={x};UID=me;PWD=***;SERVER=db"),
        ("{'Authorization': 'Basic bWU6cHc='}", "{'Authorization': 'Basic ***'}"),
    ],
)
def test_what_is_secret_is_hidden_and_nothing_else(text: str, hidden: str) -> None:
    assert hide_password(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:9000/bucket/key",
        "https://host: refused",
        "http://host:5000/api: no model loans@champion",
        "https://host:443: connection refused",
        "(https://host:443)",
        "http://[::1]:9000/x and sqlite:////tmp/x.db",
        "https://example.org/path/@scope/package",
        "s3://bucket/folder/a@b.csv",
        "mail admin@example.org",
        "https://x.org/?page=2&max=3",
        "file:///home/me/x",
        "a // b: c",
        "postgresql://db/mlflow",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide_password(text) == text
    assert not holds_password(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("https://me:s3cret@host", True),
        ("https://token@host", True),
        ("postgresql://me:s3cret@db/x", True),
        ("postgresql://me@db/x", False),
        ("ssh://git@github.com/o/r", False),
        ("postgresql://db/x?user=me&password=s3cret", True),
        ("--index-url=https://me:s3cret@pypi.example.org/simple", True),
        ("^https?://[^:]+:[^@]+@", False),
    ],
)
def test_an_address_with_a_password_is_told_apart(text: str, holds: bool) -> None:
    assert holds_password(text) is holds


def test_an_error_never_shows_a_password_whoever_raises_it() -> None:
    secret = "postgresql://me:s3cret@db/x"
    error = OutsideError(f"{secret} failed", where=secret, remedy=f"Open {secret}.")
    shown = f"{error} {error!r} {error.what} {error.where} {error.remedy}"
    assert "s3cret" not in shown
    assert "db/x" in shown
