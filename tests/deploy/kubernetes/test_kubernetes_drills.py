"""Deploys on Kubernetes whose API fails: an exit code never lies, and the same deploy run again ends well."""

from __future__ import annotations

import pytest
from kubernetes_drills import FAULTS, READS, WRITES, Outcome, drill, no_real_cluster, planted, real_cluster

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("fault", FAULTS)
def test_a_deploy_with_a_fault_ends_as_it_must(fault: str, number: int) -> None:
    outcome = drill(fault, number)
    assert outcome.wrong(fault) == ""
    assert (outcome.struck > 0) is (fault != "none") or number > 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_real_api_server_with_a_fault_changes_nothing_of_that(fault: str) -> None:
    if reason := no_real_cluster():
        pytest.skip(reason)
    assert drill(fault, 1, real_cluster).wrong(fault) == ""


def test_faults_strike_reads_and_writes_at_each_of_the_first_requests() -> None:
    found = {(fault.methods, fault.after) for number in range(16) for fault in planted("failed", number)}
    assert found == {(methods, after) for methods in (READS, WRITES) for after in range(8)}


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Outcome(0, 1, 0, 2, 1), "version 1 serves"),
        (Outcome(7, 2, 0, 2, 1), "version 2 serves"),
        (Outcome(6, 0, 0, 2, 1), "version 0 serves"),
        (Outcome(6, 1, 0, 2, 1), "exit code 6"),
        (Outcome(0, 2, 6, 2, 1), "run again"),
    ],
)
def test_what_must_not_happen_is_told(outcome: Outcome, says: str) -> None:
    assert says in outcome.wrong("slow")
