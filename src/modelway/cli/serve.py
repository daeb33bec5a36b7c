"""Serve a bundle over HTTP, with its challengers, until the process is told to end."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import signal
import socket
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.cli.output import show
from modelway.cli.serve_settings import Served, read_served
from modelway.cli.settings import address
from modelway.cli.trust import add_trust_flag
from modelway.errors import INTERRUPTED, OutsideError, UsageError
from modelway.parsing import parse_json
from modelway.processes import cores, inherited_listener, memory, open_listener
from modelway.records.serving import SETTINGS
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.serve import ServeOptions
    from modelway.serve.setup import AdminSetup

EXAMPLE = "modelway serve --bundle bundle --port 8000"

_TOKEN = "MODELWAY_ADMIN_TOKEN"  # noqa: S105 - the variable's name
_SALT = "MODELWAY_LOG_SALT"
_FLAGS, _LOG, _SPOOL, _KEEP_DAYS = "MODELWAY_FLAGS", "MODELWAY_LOG", "MODELWAY_SPOOL", "MODELWAY_LOG_KEEP_DAYS"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="what `package` wrote: the champion")
    parser.add_argument(
        "--challenger", type=Path, action="append", default=[], metavar="DIR", help="a bundle beside it, tried by flags"
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8000, metavar="P", help="default: 8000; 0 for any that is free")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="worker processes (default: one per core, by the container's CPU quota and memory)",
    )
    parser.add_argument("--flags", metavar="URI", help=f"the flag document, a path or s3:// (default: {_FLAGS})")
    parser.add_argument(
        "--log", metavar="URI", help=f"where the prediction log goes, a directory or s3:// (default: {_LOG})"
    )
    parser.add_argument(
        "--spool", metavar="DIR", help=f"where the log waits on local disk for its store (default: {_SPOOL})"
    )
    parser.add_argument("--admin-port", type=int, metavar="P", help=f"the admin routes' port; needs {_TOKEN}")
    add_trust_flag(parser)
    parser.add_argument("--admin-host", default="127.0.0.1", metavar="HOST", help="where they listen")
    parser.add_argument(
        "--print-settings", action="store_true", help="print the settings that a server started like this has, and exit"
    )
    parser.epilog = (
        f"{parser.epilog}. Settings come from --config, else from {SETTINGS} (the JSON that a deploy passes), else "
        "from the project's settings file; flags and --set override them. A socket that systemd passes (sd_listen_fds) "
        "is used instead of --host and --port. If MODELWAY_SMOKE_TOKEN is set, requests that carry it (`modelway "
        "smoke` with the same variable) are logged as smoke tests and do not count as traffic."
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    # One thread for linear algebra in each worker: the cores are for workers, and idle threads would spin.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    served = read_served(args, _overrides(args))
    if args.print_settings:
        return _print_settings(served, output)
    if args.bundle is None:
        raise UsageError("--bundle is required", remedy="Name the directory that `modelway package` wrote.")
    options = served.options
    admin = _admin(args)
    from modelway.flags import rules_from_environment
    from modelway.records.flags import FlagName
    from modelway.serve.release import ReleasePaths
    from modelway.serve.setup import Setup
    from modelway.serve.supervisor import Supervisor

    rules_from_environment(os.environ)  # wrong words are told before anything starts
    listener = inherited_listener() or _listen(args.host, args.port, "--port")
    bound = (admin, _listen(admin.host, admin.port, "--admin-port")) if admin else None
    workers = _workers(options, (args.bundle, *args.challenger))
    paths = ReleasePaths(str(args.bundle.absolute()), tuple(str(path.absolute()) for path in args.challenger))
    setup = Setup(
        options=options,
        paths=paths,
        trust=served.trust,
        environment={name.value: os.environ.get(name, "") for name in FlagName},
        replica=f"{socket.gethostname()}-{secrets.token_hex(4)}",
        salt=os.environ.get(_SALT, "").encode(),
        smoke=_smoke_digest(),
        settings=served.settings.digest,
    )

    def on_ready(name: str, version: str) -> None:
        record = {"url": _url(listener), "name": name, "version": version, "workers": workers}
        if bound:
            record["admin_url"] = _url(bound[1])
        _show(output, record)

    ended_by = Supervisor(setup, workers, listener, bound, on_ready).run()
    return INTERRUPTED if ended_by == signal.SIGINT else 0


def _workers(options: ServeOptions, bundles: tuple[Path, ...]) -> int:
    """How many workers this server has; says so in its log where its memory may not hold them."""
    from modelway.serve.events import say
    from modelway.serve.sizing import size_server

    allowed = memory()
    size = size_server(options, bundles, cores(), allowed)
    if not size.fits:
        say("workers_exceed_memory", "warning", workers=size.workers, fitting=size.fitting, memory_bytes=allowed)
    say("sized", workers=size.workers, reason=size.reason)
    return size.workers


def _print_settings(served: Served, output: Output) -> int:
    """Print what was set, and what follows from it with the defaults."""
    record = {
        "digest": served.settings.digest,
        "source": served.source,
        "settings": parse_json(served.settings.text or "{}"),
        "serve": served.options.model_dump(mode="json"),
        "trusted": list(served.trust.names),
    }
    if not output.json:
        show(*json.dumps(record, indent=2).splitlines())
    output.record({"exit_code": 0, **record})
    return 0


def _overrides(args: argparse.Namespace) -> list[Override]:
    # A container's environment says it by variables: what starts there is the image's own business.
    flags, log = args.flags or os.environ.get(_FLAGS), args.log or os.environ.get(_LOG)
    spool, days = args.spool or os.environ.get(_SPOOL), os.environ.get(_KEEP_DAYS)
    places = {
        "--workers": (args.workers, ("serve", "workers", "count")),
        "--flags": (flags and address(flags), ("serve", "routing", "flags")),
        "--log": (log and address(log), ("serve", "log", "uri")),
        "--spool": (spool and address(spool), ("serve", "log", "spool")),
        _KEEP_DAYS: (_days(days) if days else None, ("serve", "log", "keep_days")),
    }
    return [Override(flag, keys, value) for flag, (value, keys) in places.items() if value is not None]


def _days(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"expected a number of days, got {text!r}", where=_KEEP_DAYS) from None


def _admin(args: argparse.Namespace) -> AdminSetup | None:
    from modelway.serve.setup import AdminSetup

    if args.admin_port is None:
        return None
    token = os.environ.get(_TOKEN, "")
    if not token:
        raise UsageError(
            "the admin routes need a token", where="--admin-port", remedy=f"Set {_TOKEN} in the environment."
        )
    return AdminSetup(args.admin_host, args.admin_port, token)


def _smoke_digest() -> bytes | None:
    """Return the SHA-256 of the smoke tests' token, given as such by a deploy, or computed from the token."""
    from modelway.records.serve import SMOKE_DIGEST, SMOKE_TOKEN

    told, token = os.environ.get(SMOKE_DIGEST), os.environ.get(SMOKE_TOKEN)
    if not told:
        return sha256(token.encode("utf-8", "surrogateescape")).digest() if token else None
    if not re.fullmatch("[0-9a-f]{64}", told):
        raise UsageError(
            "not a SHA-256 in lowercase hexadecimal", where=SMOKE_DIGEST, remedy=f"Set {SMOKE_TOKEN} instead."
        )
    return bytes.fromhex(told)


def _listen(host: str, port: int, flag: str) -> socket.socket:
    """A socket that listens; connections wait in it until a worker answers."""
    try:
        return open_listener(host, port)
    except (socket.gaierror, OverflowError) as error:
        raise UsageError(f"can't listen at {host}:{port}: {error}", where=flag) from error
    except OSError as error:
        remedy = "Choose another port." if error.errno in {errno.EADDRINUSE, errno.EACCES} else None
        raise OutsideError(f"can't listen at {host}:{port}: {error.strerror}", where=flag, remedy=remedy) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _show(output: Output, record: dict[str, Any]) -> None:
    output.record({"exit_code": 0, **record})
    if not output.json:
        show(f"serving {record['name']} version {record['version']} at {record['url']} ({record['workers']} workers)")
        show(f"try it: {record['url']}/docs")
    import sys

    sys.stdout.flush()
