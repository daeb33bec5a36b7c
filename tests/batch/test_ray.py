"""A real Ray cluster of two nodes on this machine, one of them killed in the middle."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'modelway[ray]'")

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch):
    """A head without a core to score on, and two nodes with one each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "240")  # the machine may be busy
    head = {"num_cpus": 0, "object_store_memory": 80 << 20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    nodes = [made.add_node(num_cpus=1, object_store_memory=80 << 20) for _ in range(2)]
    made.wait_for_nodes(timeout=120)
    yield made, nodes
    ray.shutdown()
    made.shutdown()


def test_one_of_two_nodes_is_killed_and_the_output_is_the_same(runs, loans, small_units, cluster, tmp_path) -> None:
    logging.getLogger("ray").setLevel(logging.ERROR)
    made, nodes = cluster
    killed = threading.Event()
    there: list[Path] = []

    def kill() -> None:
        """Once a first part is there, one node goes without warning."""
        state = runs.folder() / "_run"
        while not (found := list(state.glob("part-*"))):
            time.sleep(0.01)
        there.extend(found)
        made.remove_node(nodes[0], allow_graceful=False)
        killed.set()

    threading.Thread(target=kill, daemon=True).start()
    outcome = runs.done(loans, engine="ray", ray_address=made.address)
    assert killed.wait(60)
    assert len(there) < outcome.result.summary.parts
    on_ray = runs.files()
    runs.output = str(tmp_path / "locally")
    runs.done(loans, workers=1)
    assert on_ray == runs.files()
    assert runs.table()["row"].to_pylist() == list(range(1, 3001))
    assert Path(runs.output).is_dir()
