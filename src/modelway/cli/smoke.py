"""Ask a running endpoint real questions, and compare its answers with what the bundles expect."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.environment import find_environment
from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, open_registry
from modelway.cli.tables import show_smoke
from modelway.errors import GateError, InconclusiveError, OutsideError, UsageError
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.deploy.smoke import Expected
    from modelway.records.deploy import Release
    from modelway.records.environment import SmokeOptions

_TOKEN = "MODELWAY_SMOKE_TOKEN"  # noqa: S105 - the variable's name
EXAMPLE = "modelway smoke --endpoint http://127.0.0.1:8080 --bundle bundle"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--endpoint", metavar="URL", help="where it answers (default: the environment's url)")
    parser.add_argument("--env", metavar="NAME", help="compare with the release that this environment runs")
    parser.add_argument(
        "--bundle",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="compare with this bundle; again for each challenger",
    )
    parser.add_argument("--latency-ms", type=float, metavar="MS", help="the bound on the median answer")
    parser.add_argument("--deadline", type=float, metavar="S", help="how long what fails is asked again")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the checks as JUnit XML, too")
    add_registry_flags(parser)
    parser.epilog = (
        f"{parser.epilog}. Exit 4: an answer is wrong; 5: without a bundle no prediction can be judged; 6: nothing "
        "answers. With --env the environment's token keeps the requests out of its traffic; otherwise set "
        "MODELWAY_SMOKE_TOKEN to the value that the server was started with. Without a token the requests count as "
        "traffic."
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    endpoint, served, options, token, release = _asked(args)
    given = {"latency_ms": args.latency_ms, "deadline_seconds": args.deadline}
    for flag, value in (("--latency-ms", args.latency_ms), ("--deadline", args.deadline)):
        if value is not None and not value > 0:
            raise UsageError(f"{value} is not above 0", where=flag)
    options = options.model_copy(update={key: value for key, value in given.items() if value is not None})
    from modelway.deploy.smoke import smoke

    report = smoke(endpoint, served, options, output.progress, token, release)
    output.close()
    codes = {Verdict.PASS: 0, Verdict.INCONCLUSIVE: InconclusiveError.exit_code}
    code = codes.get(report.verdict, GateError.exit_code if report.answered else OutsideError.exit_code)
    if args.junit is not None:
        from modelway.cli.junit import write_smoke_junit

        write_smoke_junit(report, code, args.junit)
    if not output.json:
        show_smoke(report)
        show(f"{report.verdict}: {report.endpoint} serves version {', '.join(report.versions) or 'unknown'}")
    output.record({"exit_code": code, "verdict": report.verdict.value, **report.model_dump(mode="json")})
    return code


def _asked(
    args: argparse.Namespace,
) -> tuple[str, list[Expected], SmokeOptions, str | None, Release | None]:
    """Where, against what, how patiently, by which token, and what it has to run with."""
    token = os.environ.get(_TOKEN) or None
    from modelway.deploy.smoke import read_expected
    from modelway.records.environment import SmokeOptions

    if args.env is None:
        if args.endpoint is None:
            raise UsageError("no endpoint is named", remedy="Give --endpoint URL, or --env NAME.")
        from modelway.bundle import verify_bundle

        digests = [verify_bundle(directory, load=False).digest for directory in args.bundle]
        expected = [read_expected(*one) for one in zip(args.bundle, digests, strict=True)]
        return args.endpoint, expected, SmokeOptions(), token, None
    if args.bundle:
        raise UsageError("--env and --bundle exclude each other", remedy="Give one of them.")
    environment, settings, root = find_environment(args)
    from modelway.pipeline.bundles import BundleStore

    place, current = environment.place, environment.state.read().current
    endpoint = args.endpoint or place.options.url or environment.target().inspect().url
    if current is None or endpoint is None:
        raise UsageError(f"nothing was deployed to {args.env}", remedy=f"Run `modelway deploy --env {args.env}`.")
    store = BundleStore(place.bundles, open_registry(settings, root), place.trust, place.package)
    served = [read_expected(store.directory(ref), ref.digest) for ref in (current.champion, *current.challengers)]
    return endpoint, served, place.options.smoke, token or environment.state.smoke_token(), current
