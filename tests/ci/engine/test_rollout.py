"""A rollout by `dagger call rollout`, look by look: a real server's traffic decides, its log and flags lie on S3."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import threading

import pytest

from .servers import free_port, running, settings_of

pytestmark = pytest.mark.slow

SETTINGS = """
environments:
  staging:
    target: {kind: ecs, cluster: main, service: loans, region: us-east-1}
    image: {repository: "localhost:REGISTRY/loans", login: false}
    state: s3://deploys/staging
    wait: {poll_seconds: 0.5}
serve:
  log: {segment_seconds: 1, flush_seconds: 0.2}
rollout:
  interval_seconds: 5
  grace_seconds: 10
  guards: {agreement: {alpha: 0}}
  steps:
    - {kind: shadow, requests: 100}
    - {kind: canary, share: 0.5, minutes: 0}
"""
KEYS = {"KEY": "someone", "SECRET": "hunter2-and-nothing-else"}


@pytest.fixture(scope="module")
def bundles(call, project):
    """The bundles of two versions, champion and challenger."""
    for leaves in (6, 9):
        trained = call("train", "--set", f"fit.estimator.num_leaves={leaves}", "--set",
                       "evaluate.gates.champion.margin=0.5", "export", "--path", "trained", "--wipe")  # fmt: skip
        assert trained.exit_code == 0, trained.log[-3000:]
    for name in ("champion", "challenger"):
        packaged = call("package", "--version", name, "export", "--path", name)
        assert packaged.exit_code == 0, packaged.log[-3000:]
    return project / "champion", project / "challenger"


class Traffic(threading.Thread):
    """Somebody who asks, again and again."""

    def __init__(self, port, body):
        super().__init__(daemon=True)
        self.port, self.body, self.ended = port, body, threading.Event()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        number = 0
        while not self.ended.wait(0.02):
            headers = {"content-type": "application/json", "x-routing-key": f"customer-{number}"}
            connection.request("POST", "/invocations", self.body, headers)
            connection.getresponse().read()
            number += 1


@pytest.fixture
def look(call, bundles, project, root, tmp_path):
    """Calls the function; gives the summary."""
    import boto3

    if (registry := shutil.which("docker-registry")) is None:
        pytest.skip("docker-registry is not installed (Debian's package of that name)")
    ports = {name: free_port() for name in ("s3", "ecs", "registry", "served")}
    images = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(tmp_path / "images")}}}
    (tmp_path / "registry.yml").write_text(json.dumps(images | {"http": {"addr": f"127.0.0.1:{ports['registry']}"}}))
    settings = (project / "modelway.yaml").read_text() + SETTINGS.replace("REGISTRY", str(ports["registry"]))
    (project / "rollout.yaml").write_text(settings)
    python, here = sys.executable, ("--host", "127.0.0.1", "--port")
    keys = {"AWS_ACCESS_KEY_ID": KEYS["KEY"], "AWS_SECRET_ACCESS_KEY": KEYS["SECRET"], "AWS_REGION": "us-east-1"}
    served = ["--bundle", bundles[0], "--challenger", bundles[1], "--workers", "1"]
    keys |= settings_of(project / "rollout.yaml", "staging", ports["s3"])
    served += ["--log", "s3://deploys/staging/log", "--flags", "s3://deploys/staging/flags.json"]
    where = {"endpoint_url": f"http://127.0.0.1:{ports['s3']}", "path_style": True}
    served += ["--set", f"serve.s3={json.dumps(where)}"]
    with (
        running([python, "-m", "moto.server", "-H", "127.0.0.1", "-p", ports["s3"]], ports["s3"]),
        running([python, "-m", "ecs_stand_in", *here, ports["ecs"], "--service", "loans"], ports["ecs"],
                PYTHONPATH=str(root / "ci" / "stand_ins")),
        running([registry, "serve", tmp_path / "registry.yml"], ports["registry"]),
    ):  # fmt: skip
        boto3.client(
            "s3",
            endpoint_url=where["endpoint_url"],
            aws_access_key_id=KEYS["KEY"],
            aws_secret_access_key=KEYS["SECRET"],
            region_name="us-east-1",
        ).create_bucket(Bucket="deploys")
        with running([python, "-m", "modelway", "serve", *served, *here, ports["served"]], ports["served"], "/ping",
                     project, **keys):  # fmt: skip
            traffic = Traffic(ports["served"], (bundles[0] / "serving_input_example.json").read_bytes())
            traffic.start()
            services = [word for name in ports for word in (f"--{name}", f"tcp://127.0.0.1:{ports[name]}")]
            who = ["--aws-access-key-id", "env://KEY", "--aws-secret-access-key", "env://SECRET"]

            def calling(*words):
                target = tmp_path / "out"
                told = ("--report-only", "export", "--path", str(target), "--wipe")
                done = call("--config", "rollout.yaml", *services, *who, "rollout", "--env", "staging", *words, *told,
                            environment=KEYS)  # fmt: skip
                assert done.exit_code == 0, done.log[-3000:]
                assert KEYS["SECRET"] not in done.log
                return json.loads((target / "summary.json").read_text()), target

            yield calling
            traffic.ended.set()
            traffic.join()


def test_looks_take_it_on_and_a_person_ends_it(look):
    first, _ = look()
    assert (first["exit_code"], first["rollout"]["status"], first["rollout"]["step"]) == (0, "running", 0), first
    second, folder = look()
    assert second["rollout"]["step"] == 1, second
    assert [epoch["shadow"] for epoch in second["rollout"]["epochs"]] == [1.0, 0.0]
    assert (folder / "rollout.html").is_file()
    ended, _ = look("--action", "abort")
    assert (ended["exit_code"], ended["rollout"]["status"]) == (0, "aborted")
    again, _ = look()
    assert "was aborted before" in again["nothing"]
