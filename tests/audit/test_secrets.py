"""Secrets in the tree: found by what they are, told by where they are, never by their value."""

from __future__ import annotations

import os
import random
import socket
import string
import subprocess
from typing import TYPE_CHECKING

import pytest

from modelway.artifacts import write_artifact
from modelway.checks.audit.paths import list_tree
from modelway.checks.audit.secret_scan import scan

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Audited

_LETTERS = string.ascii_letters + string.digits


def _made_up(length: int, alphabet: str = _LETTERS, seed: int = 1) -> str:
    """Random text; put together at run time, so that this file holds no secret."""
    source = random.Random(f"{seed}{length}{alphabet}")
    return "".join(source.choice(alphabet) for _ in range(length))


HEX = "0123456789abcdef"
WORD = "Tr0ub4dor-" + "and-3"
AWS = "AKIA" + _made_up(16, string.ascii_uppercase + string.digits)
GITHUB = "ghp_" + _made_up(36)
PLANTED = [
    ("aws.py", f'KEY = "{AWS}"', "aws-access-key"),
    ("aws.sh", f"export AWS_SECRET_ACCESS_KEY={_made_up(40)}", "aws-access-key"),
    ("github.md", f"Use {GITHUB} for now.", "github-token"),
    ("github.txt", "github_pat_" + _made_up(22) + "_" + _made_up(59), "github-fine-grained-token"),
    ("Dockerfile", "ENV HF_TOKEN=hf_" + _made_up(34), "hugging-face-token"),
    ("maps.js", 'const key = "AIza' + _made_up(35) + '"', "google-api-key"),
    ("key.pem", "-----BEGIN RSA PRIVATE " + "KEY-----", "private-key"),
    ("id_ed25519", "-----BEGIN OPENSSH PRIVATE " + "KEY-----", "private-key"),
    ("service.json", '{"private_key": "-----BEGIN PRIVATE ' + 'KEY-----\\nMII"}', "private-key"),
    ("conf.yaml", f"db:\n  password: {WORD}", "secret-keyword"),
    ("flow.yml", 'db: {password: "' + WORD + '"}', "secret-keyword"),
    ("conf.toml", f'[db]\npassword = "{WORD}"', "secret-keyword"),
    ("conf.ini", f"[db]\npassword = {WORD}", "secret-keyword"),
    (".env", f"FINE=1\nDB_PASSWORD={WORD}", "secret-keyword"),
    ("login.py", f'password = "{WORD}"', "secret-keyword"),
    ("call.py", f'connect(password="{WORD}")', "secret-keyword"),
    ("client.py", f'client = make(client_for("db"), password="{WORD}")', "secret-keyword"),
    ("settings.json", f'{{"password": "{WORD}"}}', "secret-keyword"),
    ("url.py", "URL = 'postgresql://me:" + f"{WORD}@db.internal/x'", "basic-auth-credentials"),
    ("random.py", f'VALUE = "{_made_up(40)}"', "base64-high-entropy-string"),
    ("token.yaml", f"token: {_made_up(40)}", "base64-high-entropy-string"),
    ("random_hex.py", f'VALUE = "{_made_up(40, HEX)}"', "hex-high-entropy-string"),
    ("requirements.lock", f"--index-url https://me:{WORD}@packages.example.com/simple", "basic-auth-credentials"),
]
HARMLESS = [
    ("requirements.lock", f"idna==3.7 \\\n    --hash=sha256:{_made_up(64, HEX)}"),
    ("uv.lock", f'sdist = {{ url = "https://example.com/x", hash = "sha256:{_made_up(64, HEX)}", size = 1 }}'),
    ("poetry.lock", f'    {{file = "a.whl", hash = "sha256:{_made_up(64, HEX)}"}},'),
    ("Pipfile.lock", f'            "hashes": ["sha256:{_made_up(64, HEX)}"],'),
    ("package-lock.json", f'"integrity": "sha512-{_made_up(86)}=="'),
    ("images.py", f'PYTHON = "python:3.11@sha256:{_made_up(64, HEX)}"'),
    ("manifest.json", f'{{\n  "files": {{\n    "model/fit.json": "{_made_up(64, HEX)}"\n  }}\n}}'),
    ("digest.py", f'SHA256 = "{_made_up(64, HEX)}"\ncommit = "{_made_up(40, HEX)}"'),
    ("data.dvc", f"outs:\n- md5: {_made_up(32, HEX)}\n  path: data.csv"),
    ("dvc.yaml", f"outs:\n- md5: {_made_up(32, HEX)}\n  path: data.csv"),
    ("ci.yml", f"- uses: actions/checkout@{_made_up(40, HEX)}"),
    ("env.yml", "env:\n  PASSWORD: ${{ secrets.PASSWORD }}"),
    ("env.sh", 'export PASSWORD="$OTHER"\nexport TOKEN=$(cat token)'),
    ("read.py", 'password = os.environ["PASSWORD"]\npassword = read_password()\ntoken = f"{token}"'),
    ("main.go", 'password := readPassword("db")'),
    ("notebook.ipynb", '{"data": {"image/png": "' + _made_up(900, _LETTERS + "+/") + '"}}'),
    ("uuid.json", '{"run": "0b5f7c5e-52ff-4a4b-9d1e-5f0a34b6a6a1"}'),
]


@pytest.fixture(autouse=True)
def _only_secrets(project: Audited) -> None:
    project.only("secrets")


def _scan(root: Path, name: str, content: str | bytes, **more: object) -> list[list[object]]:
    path = root / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    question = {"root": str(root), "files": [name], "max_bytes": 2**21, "comments": True, **more}
    found: list[list[object]] = scan(question)["found"]
    return found


@pytest.mark.parametrize(("name", "content", "rule"), PLANTED, ids=[f"{one[0]} {one[2]}" for one in PLANTED])
def test_a_secret_is_found_in_its_line(tmp_path: Path, name: str, content: str, rule: str) -> None:
    assert _scan(tmp_path, name, content + "\n") == [[name, content.count("\n") + 1, rule]]


@pytest.mark.parametrize(("name", "content"), HARMLESS, ids=[one[0] for one in HARMLESS])
def test_what_only_looks_like_one_is_none(tmp_path: Path, name: str, content: str) -> None:
    assert _scan(tmp_path, name, content + "\n") == []


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
def test_a_secret_is_found_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    content = f'# Grüße\npassword = "{WORD}"\n'.encode(encoding)
    assert _scan(tmp_path, "login.py", content) == [["login.py", 2, "secret-keyword"]]


def test_a_secret_is_found_in_a_very_long_line(tmp_path: Path) -> None:
    for before in (9_950, 9_990, 200_000):
        content = f'{{"a": "{"x " * (before // 2)}", "k": "{GITHUB}"}}\n'
        assert _scan(tmp_path, "long.json", content) == [["long.json", 1, "github-token"]]


def test_a_comment_of_yaml_is_read(tmp_path: Path) -> None:
    assert _scan(tmp_path, "conf.yaml", f"a: 1\n# old: {GITHUB}\n") == [["conf.yaml", 2, "github-token"]]


def test_no_value_is_told(project: Audited) -> None:
    values = (WORD, AWS, GITHUB)
    project.write("login.py", f'password = "{WORD}"\nKEY = "{AWS}"\nTOKEN = "{GITHUB}"\n')
    project.only("secrets", "code")
    project.options["code"]["severity"] = "low"
    record = project.audit("--verbose")
    assert record["exit_code"] == 4
    findings = record["by"]["secrets"]["findings"]
    assert [(one["rule"], one["line"]) for one in findings] == [
        ("secret-keyword", 1),
        ("aws-access-key", 2),
        ("github-token", 3),
    ]
    assert not [value for value in values if value in project.all_reports()]


def test_nothing_is_verified_over_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    content = f'aws_access_key_id = "{AWS}"\naws_secret_access_key = "{_made_up(40)}"\nT = "{GITHUB}"\n'
    assert len(_scan(tmp_path, "aws.py", content)) == 3


def test_only_what_git_knows_or_would_add_is_read(project: Audited) -> None:
    subprocess.run(["git", "init", "-q", "."], cwd=project.root, check=True)
    project.write(".gitignore", ".env\n")
    project.write(".env", f"PASSWORD={WORD}\n")
    record = project.audit()
    assert record["exit_code"] == 0
    assert "that git tracks or would add" in record["by"]["secrets"]["reason"]
    project.write("login.py", f'password = "{WORD}"\n')
    assert project.audit()["exit_code"] == 4


@pytest.mark.parametrize("tracked", [None, False, True])
def test_reports_of_an_earlier_run_are_no_part_of_the_project(project: Audited, tracked: bool | None) -> None:
    with write_artifact(project.root / "out" / "earlier", "check-data") as directory:
        (directory / "notes.yaml").write_text(f"password: {WORD}\n")
    with write_artifact(project.root / "bundle", "bundle") as directory:
        (directory / "notes.yaml").write_text("password: none\n")
    if tracked is not None:
        subprocess.run(["git", "init", "-q", "."], cwd=project.root, check=True)
    if tracked:
        subprocess.run(["git", "add", "."], cwd=project.root, check=True)
    files = set(list_tree(project.root).files)
    assert ("out/earlier/notes.yaml" in files) is (tracked is True)
    assert "bundle/notes.yaml" in files


def test_comments_accept_and_are_counted(project: Audited) -> None:
    project.write("login.py", f'password = "{WORD}"  # pragma: allowlist secret\n')
    record = project.audit()
    assert record["exit_code"] == 0
    assert "1 line accepted by a comment" in record["by"]["secrets"]["reason"]
    project.options["secrets"]["comments"] = False
    assert project.audit()["exit_code"] == 4


def test_no_module_of_the_project_takes_part(project: Audited) -> None:
    for name in ("detect_secrets.py", "json.py", "modelway.py"):
        project.write(name, "raise SystemExit(0)\n")
    project.only("secrets", "models", "code")
    assert project.audit()["exit_code"] == 0


def test_binary_and_large_files_are_counted(project: Audited) -> None:
    project.write("data.bin", b"\0" * 100)
    project.write("large.csv", "x" * 3000)
    project.options["secrets"]["max_kilobytes"] = 2
    reason = project.audit()["by"]["secrets"]["reason"]
    assert "1 large file not read; 1 binary file not read" in reason


def test_excluded_files_are_not_read(project: Audited) -> None:
    project.write("docs/login.py", f'password = "{WORD}"\n')
    project.options["secrets"]["exclude"] = ["docs"]
    assert project.audit()["exit_code"] == 0


def test_the_audits_own_reports_are_not_read(project: Audited) -> None:
    project.write("login.py", f'password = "{WORD}"\n')
    project.audit()
    record = project.audit()
    assert {one["path"] for one in record["by"]["secrets"]["findings"]} == {"login.py"}


def test_links_are_not_followed(project: Audited, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "login.py").write_text(f'password = "{WORD}"\n')
    (project.root / "link.py").symlink_to(tmp_path / "elsewhere" / "login.py")
    (project.root / "folder").symlink_to(tmp_path / "elsewhere")
    assert project.audit()["exit_code"] == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_file_that_can_not_be_read_passes_nothing(project: Audited) -> None:
    project.write("closed.py", "x = 1\n").chmod(0)
    assert project.audit()["by"]["secrets"]["verdict"] == "error"


def test_a_name_that_is_no_text(project: Audited) -> None:
    (project.root / os.fsdecode(b"caf\xe9.py")).write_text(f'password = "{WORD}"\n')
    [finding] = project.audit()["by"]["secrets"]["findings"]
    assert finding["path"].startswith("caf\\")


def test_a_scan_that_takes_too_long_passes_nothing(project: Audited) -> None:
    project.options["timeout"] = 1
    for number in range(400):
        project.write(f"many/{number}.py", f'password = "{WORD}"\n' * 600)
    record = project.audit()
    assert record["by"]["secrets"]["verdict"] == "error"
    assert "audit.timeout" in record["by"]["secrets"]["reason"]
