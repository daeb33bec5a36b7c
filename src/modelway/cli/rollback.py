"""Go back to the release before: the flags first, which act within seconds, then the release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.environment import add_flow_flags, add_key_flag, find_flow
from modelway.cli.notices import tell, telling
from modelway.cli.output import show
from modelway.cli.tables import show_smoke

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway rollback --env local"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_flow_flags(parser)
    add_key_flag(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    environment, flow, _ = find_flow(args, output)
    with telling(args.env, "rollback", output):
        done = flow.roll_back()
    output.close()
    release = done.plan.release
    tell(f"{args.env}: rolled back", [f"{release} runs again."], output)
    if not output.json:
        if done.report is not None:
            show_smoke(done.report)
        show(f"rolled back: {release} runs again at {environment.place.options.url or flow.target.inspect().url}")
    output.record({"exit_code": 0, "release": {"id": release.id, **release.model_dump(mode="json")}})
    return 0
