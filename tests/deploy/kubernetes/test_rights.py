"""Which rights a deploy lacks, asked of the cluster over HTTP; nothing is made by asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.deploy.kubernetes.reviewing import RIGHTS, refused_rights
from modelway.errors import OutsideError, UsageError
from modelway.records.kubernetes import KubernetesOptions

DOCS = Path(__file__).parents[3] / "docs" / "kubernetes.md"
OPTIONS = KubernetesOptions(kind="kubernetes", namespace="models")


@pytest.fixture
def world(load_world: Any, request: Any, tmp_path: Path) -> Iterator[Any]:
    with load_world("kubernetes").world(request, tmp_path, "canary-77a1") as made:
        yield made


def test_the_rights_are_those_of_the_documented_role() -> None:
    role = yaml.safe_load(DOCS.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0])
    documented = {
        (group, resource): tuple(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert documented == RIGHTS


def test_what_is_denied_is_named_and_nothing_is_made(world: Any) -> None:
    secrets = {"KUBECONFIG": str(world.kubeconfig)}
    assert refused_rights(secrets, OPTIONS) == ()
    world.stand_in.emulator.denied = {("apps", "deployments", "patch"), ("", "pods", "list")}
    assert refused_rights(secrets, OPTIONS) == ("patch deployments", "list pods")
    assert {plural for _, plural in world.stand_in.emulator.calls} == {"selfsubjectaccessreviews"}
    assert not list(world.stand_in.emulator.objects)


def test_a_wrong_token_and_no_kubeconfig_are_told_apart(world: Any, tmp_path: Path) -> None:
    told = yaml.safe_load(world.kubeconfig.read_text())
    told["users"][0]["user"]["token"] = "another"
    (tmp_path / "config").write_text(yaml.safe_dump(told))
    with pytest.raises(OutsideError, match="401") as refused:
        refused_rights({"KUBECONFIG": str(tmp_path / "config")}, OPTIONS)
    assert "another" not in str(refused.value)
    with pytest.raises(UsageError, match="no kubeconfig"):
        refused_rights({"HOME": str(tmp_path)}, OPTIONS)
