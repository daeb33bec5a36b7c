"""docs/accounts.md names every secret, variable, Dagger argument and command that the code knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from modelway.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "accounts.md").read_text(encoding="utf-8")
SECTIONS = TEXT.partition("## Every secret and variable")[2]
NAMED = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|KUBECONFIG)(?:=[^`]*)?`", SECTIONS))
_FAMILIES = re.compile(
    r"(?<![A-Z0-9_])(?:(?:AWS|MLFLOW|MODELWAY|GITHUB|SLACK|KUBERNETES|UV|SSL|REQUESTS|CURL|DOCKER|HTTPS?|ALL|NO)_[A-Z0-9_]*[A-Z0-9]"
    r"|KUBECONFIG)(?![A-Z0-9_*])"
)
_NO_SECRETS = {
    "AWS_ENDPOINT_URL_ECR": "tests",
    "GITHUB_RUN_ID": "a link to the run",
    "GITHUB_SERVER_URL": "a link to the run",
    "KUBERNETES_EXEC_INFO": "told to a kubeconfig's program",
    "MLFLOW_DISABLE_TELEMETRY": "set by us",
    "MODELWAY_TRUST": "names of types and functions",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "set by us",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "patience",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "patience",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "patience",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "set by us",
    "MODELWAY_COMMIT": "provenance",
    "MODELWAY_COMMIT_TIME": "provenance",
    "MODELWAY_DAY": "set by the module",
    "MODELWAY_FLAGS": "an address, told to servers",
    "MODELWAY_IN_CONTAINER": "set by the module",
    "MODELWAY_LOG": "an address, told to servers",
    "MODELWAY_LOG_KEEP_DAYS": "a number, told to servers",
    "MODELWAY_REGISTRY_STATE": "set by the module",
    "MODELWAY_SPOOL": "a directory, told to servers",
    "MODELWAY_RUN": "set by the module",
    "MODELWAY_RUN_URL": "a link to the run",
    "UV_CACHE_DIR": "set by the module",
    "UV_IMAGE": "a constant of the module",
    "UV_LINK_MODE": "set by the module",
}
"""Variables of these families that are neither secrets nor addresses of accounts, and why."""


def known_to_the_code() -> dict[str, str]:
    """Names of variables in strings of the program, by where one stands."""
    found: dict[str, str] = {}
    for folder in ("src/modelway", "ci/src/modelway_ci"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= dict.fromkeys(_FAMILIES.findall(node.value), str(path.relative_to(ROOT)))
    return found


def test_every_variable_of_the_code_is_in_the_document() -> None:
    found = known_to_the_code()
    assert {"GITHUB_TOKEN", "KUBECONFIG", "AWS_ACCESS_KEY_ID", "MODELWAY_REGISTRY_TOKEN"} <= found.keys()
    missing = {name: place for name, place in found.items() if name not in NAMED | _NO_SECRETS.keys()}
    assert not missing, f"docs/accounts.md does not name {missing}"


def test_what_is_said_to_be_no_secret_is_still_there() -> None:
    found = known_to_the_code()
    assert [name for name, why in _NO_SECRETS.items() if name not in found and why != "tests"] == []
    assert not _NO_SECRETS.keys() & NAMED


def test_every_secret_and_variable_of_the_workflows_is_in_the_document() -> None:
    found = {
        name
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for name in re.findall(r"(?:secrets|vars)\.([A-Z_]+)", path.read_text(encoding="utf-8"))
    }
    assert "MLFLOW_TRACKING_URI" in found
    assert found <= NAMED, f"docs/accounts.md does not name {sorted(found - NAMED)}"


def test_every_secret_argument_of_the_module_is_in_the_document() -> None:
    source = (ROOT / "ci" / "src" / "modelway_ci" / "main.py").read_text(encoding="utf-8")
    arguments = {name.replace("_", "-") for name in re.findall(r"(\w+): (?:Annotated\[)?dagger\.Secret", source)}
    assert "slack-webhook" in arguments
    assert [name for name in sorted(arguments) if f"`--{name}`" not in TEXT] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_row(command: str) -> None:
    rows = TEXT.partition("## By command")[2].partition("\n## ")[0].splitlines()
    first = [row.split("|")[1] for row in rows if row.startswith("| `")]
    assert sum(f"`{command}`" in cell for cell in first) == 1


def test_every_missing_secret_of_targets_and_images_is_named_with_its_argument() -> None:
    from modelway.deploy.aws import missing_credentials
    from modelway.deploy.image.login import _PURPOSES

    names = {one.name: one.argument.partition(" ")[0] for one in missing_credentials({"AWS_CONFIG_FILE": "/none"})}
    names |= {name: f"--{name.removeprefix('MODELWAY_').lower().replace('_', '-')}" for name in _PURPOSES}
    for name, argument in names.items():
        (row,) = [line for line in TEXT.splitlines() if line.startswith("| `") and f"`{name}`" in line.split("|")[1]]
        assert f"`{argument}`" in row


def test_no_row_names_a_setting_that_is_not_there() -> None:
    from modelway.settings import settings_schema

    definitions = settings_schema()["$defs"]
    keys = {key for definition in definitions.values() for key in definition.get("properties", {})}
    keys |= settings_schema()["properties"].keys()
    stores = TEXT.partition("## Stores")[2].partition("\n## ")[0]
    for dotted in re.findall(r"`((?:prepare|register|batch|environments|serve|monitor)\.[a-zA-Z_.0-9]+)`", stores):
        for key in dotted.split("."):
            assert key == "NAME" or key in keys, dotted
