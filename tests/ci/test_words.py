"""The Dagger functions and the commands are the same words."""

from __future__ import annotations

import argparse
import importlib
import inspect

import pytest

from modelway.cli.main import COMMANDS
from modelway_ci.main import Modelway

FUNCTIONS = {name: one for name, one in vars(Modelway).items() if not name.startswith("_") and inspect.isfunction(one)}
GLOBAL = {"overrides", "report_only"}
OF_THE_ENGINE = {"data_uri", "gpus", "commit", "commit_time", "workspace", "predictions_uri", "ground_truth_uri",
                 "input_uri", "output_uri"}  # fmt: skip
"""Arguments that only containers need: no path of the host's leads into them, nor its GPUs, nor its git. The workspace
is the engine's to fill in: it is no argument of the command line."""
ENGINES_OWN = {"lock_images", "image", "serve", "rehearse"}
"""An image; a server from it, whose flags are those of the image; a delivery whose stand-ins the engine runs."""
OF_THE_HOST = {
    *("output", "output_dir"),  # with dagger that is said after the call, by `export --path`
    *("base", "jobs"),  # what need not run is not run, and what runs beside what is the engine's affair
    *("ask", "answers"),  # the module itself asks first, and then judges
    "suggest",  # it is for a person who writes settings
    "os_root",  # the container's own
    "report",  # the function gives it
    *("engine", "ray_address"),  # a cluster is reached from where its network is
    *("bundles", "junit"),  # the function builds the image of the ones, and gives the other
    "render",  # it writes files and runs nothing
    *("once", "watch"),  # a call is one look
    *("scenario", "requests_per_second", "hours", "runs", "seed", "recorded"),  # to simulate needs no container
}


def options_of(command):
    """A command's arguments by name, with underscores."""
    parser = argparse.ArgumentParser()
    importlib.import_module(f"modelway.cli.{command}").configure(parser)
    return {action.dest for action in parser._actions} - {"help"}


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - ENGINES_OWN))
def test_a_function_has_its_commands_arguments(name):
    assert name.replace("_", "-") in COMMANDS
    arguments = set(inspect.signature(FUNCTIONS[name]).parameters) - {"self"}
    assert arguments - OF_THE_ENGINE - GLOBAL == options_of(name) - OF_THE_HOST
    assert arguments >= GLOBAL


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_is_documented_with_a_call_that_exists(name):
    words = inspect.getdoc(FUNCTIONS[name]).partition("Example: ")[2].split()
    assert words[:3] == ["dagger", "call", name.replace("_", "-")]
    given = {word.removeprefix("--").replace("-", "_") for word in words if word.startswith("--")} - {"path", "ports"}
    assert given <= set(inspect.signature(FUNCTIONS[name]).parameters)
    assert words[-3:-1] == (["up", "--ports"] if name == "serve" else ["export", "--path"])


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_argument_is_documented(name):
    hints = inspect.get_annotations(FUNCTIONS[name], eval_str=True)
    for argument in set(inspect.signature(FUNCTIONS[name]).parameters) - {"self"}:
        assert any(type(part).__name__ == "Doc" for part in hints[argument].__metadata__), argument


def test_every_argument_of_the_module_is_documented():
    for argument, hint in inspect.get_annotations(Modelway, eval_str=True).items():
        assert any(type(part).__name__ == "Doc" for part in getattr(hint, "__metadata__", ())), argument
