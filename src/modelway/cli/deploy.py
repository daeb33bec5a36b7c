"""Put a registered version on an environment's target: wait until it is stable, smoke it, roll back where it fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.environment import add_flow_flags, add_key_flag, find_flow
from modelway.cli.notices import telling
from modelway.cli.output import show
from modelway.cli.registry import find_commit
from modelway.cli.tables import show_plan, show_smoke
from modelway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.deploy.target import Place
    from modelway.pipeline.bundles import BundleStore
    from modelway.pipeline.environment import Environment
    from modelway.records.deploy import Plan, Release

EXAMPLE = "modelway deploy --env local"
_HANDOVER = "MODELWAY_HANDOVER"
"""With --bundles: where the login of the images' registry is handed over."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_flow_flags(parser)
    add_key_flag(parser)
    parser.add_argument(
        "--model-version",
        metavar="V",
        help="a number, alias, run, release tag or latest (default: the environment's own)",
    )
    parser.add_argument(
        "--challenger", action="append", default=[], metavar="V", help="a version beside it, tried by flags alone"
    )
    parser.add_argument("--image", metavar="DIGEST", help="an image that holds these versions' bundles already")
    parser.add_argument(
        "--rebuild", action="store_true", help="build an image also where one of the same bundles ran here before"
    )
    parser.add_argument(
        "--bundles",
        type=Path,
        metavar="DIR",
        help="write the bundles there, for whoever builds the image, and change nothing",
    )
    parser.add_argument(
        "--render", type=Path, metavar="DIR", help="write Kubernetes's manifests there, for GitOps, and change nothing"
    )
    parser.add_argument("--plan", action="store_true", help="print what would be done, and change nothing")
    parser.epilog = (
        f"{parser.epilog}. Exit 7: rolled back; 4: a first deploy failed, and was stopped; 6: run it again, it goes on."
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    looks = args.plan or args.render is not None or args.bundles is not None
    files = args.render is not None or (args.bundles is not None and not os.environ.get(_HANDOVER))
    environment, flow, store = find_flow(args, output, pushes=args.image is None, deploys=not looks, asks=not files)
    from modelway.pipeline.deploy import Wanted, make_release

    wanted = Wanted(
        champion=args.model_version or environment.place.options.model_version,
        challengers=tuple(args.challenger),
        image=args.image,
        commit=find_commit(environment.place.root),
        rebuild=args.rebuild,
    )
    with telling(args.env, "deploy", output, quiet=looks):
        release = make_release(environment, store, wanted, output.note, build=not args.plan and args.bundles is None)
        if args.bundles is not None:
            return _hand_out(environment, store, release, args.bundles, output)
        if args.render is not None:
            return _render(flow.place, release, args.render, output)
        if args.plan:
            return _show_plan(flow.plan(release), output)
        done = flow.deploy(release)
    output.close()
    live = flow.target.inspect()
    url = environment.place.options.url or live.url
    changed = bool(done.plan.steps)
    if not output.json:
        if done.report is not None:
            show_smoke(done.report)
        show(f"{'deployed' if changed else 'unchanged'}: {release} {'runs' if changed else 'runs already'} at {url}")
    record = {"exit_code": 0, "changed": changed, "url": url, "release": _named(done.plan)}
    output.record(record | {"smoke": done.report.model_dump(mode="json") if done.report else None})
    return 0


def _render(place: Place, release: Release, directory: Path, output: Output) -> int:
    """Write the manifests of a release, and say where."""
    from modelway.deploy.kubernetes.manifests import render
    from modelway.records.kubernetes import KubernetesOptions

    options = place.options.target
    if not isinstance(options, KubernetesOptions):
        raise UsageError("only Kubernetes has manifests", where="--render", remedy="Name an environment of that kind.")
    written = render(place, options, release, directory)
    output.close()
    if not output.json:
        show(*(f"wrote {path}" for path in written))
    output.record({"exit_code": 0, "rendered": [str(path) for path in written]})
    return 0


def _hand_out(environment: Environment, store: BundleStore, release: Release, directory: Path, output: Output) -> int:
    from modelway.pipeline.deploy_bundles import hand_out

    told = hand_out(environment, store, release, directory, os.environ.get(_HANDOVER))
    output.close()
    if not output.json:
        show(f"wrote {directory}" if told["build"] else f"nothing to build: {release.image} holds these bundles")
    output.record({"exit_code": 0, **told})
    return 0


def _show_plan(plan: Plan, output: Output) -> int:
    output.close()
    if not output.json:
        show_plan(plan)
    output.record({"exit_code": 0, "plan": plan.model_dump(mode="json")})
    return 0


def _named(plan: Plan) -> dict[str, object]:
    return {"id": plan.release.id, **plan.release.model_dump(mode="json", exclude={"applied"})}
