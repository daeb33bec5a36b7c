"""Servers of this machine that the engine's containers, or a test, ask."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from modelway.pipeline.environment import open_environment
from modelway.records.data import S3Options
from modelway.records.serving import SETTINGS
from modelway.settings import load_slice

PATIENCE = 600
"""Seconds that one may take to answer; the engine builds its images first."""


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def running(argv, port, path="/", cwd=None, **variables):
    """A server, from when it answers on, whatever it says; ended with the block."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([str(word) for word in argv], cwd=cwd, env={**os.environ, **variables}, **quiet)
    try:
        end = time.monotonic() + PATIENCE
        while not _answers(f"http://127.0.0.1:{port}{path}"):
            assert server.poll() is None, argv
            assert time.monotonic() < end, f"{argv} does not answer"
            time.sleep(0.25)
        yield server
    finally:
        server.terminate()
        server.wait()


def settings_of(config, environment, store):
    """The variable that a deploy of this settings file passes to its servers, with the port of `--s3`."""
    found = open_environment(load_slice(config), environment, config.parent, {}).place.settings
    s3 = S3Options(endpoint_url=f"http://s3:{store}", path_style=True)
    return {SETTINGS: found.model_copy(update={"serve": found.serve.model_copy(update={"s3": s3})}).text}


def first_answer(port, body, process):
    """What a server of a model says to this body once it answers; how its process ended, where it ended before."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"content-type": "application/json"})
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return json.loads(answer.read())
        except OSError:
            time.sleep(0.5)
    return {"model_version": None, "ended": process.poll()}


def _answers(url):
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
