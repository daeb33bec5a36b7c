"""Serve a bundle over HTTP, with its challengers, until the process is told to end."""

from __future__ import annotations

import errno
import os
import re
import secrets
import signal
import socket
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.cli.output import show
from modelway.cli.serve_settings import serve_options
from modelway.cli.settings import address
from modelway.cli.trust import add_trust_flag
from modelway.errors import INTERRUPTED, OutsideError, UsageError
from modelway.processes import cores
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.serve.setup import AdminSetup

EXAMPLE = "modelway serve --bundle bundle --port 8000"

_TOKEN = "MODELWAY_ADMIN_TOKEN"  # noqa: S105 - the variable's name
_SALT = "MODELWAY_LOG_SALT"
_FLAGS, _LOG, _SPOOL, _KEEP_DAYS = "MODELWAY_FLAGS", "MODELWAY_LOG", "MODELWAY_SPOOL", "MODELWAY_LOG_KEEP_DAYS"
_BACKLOG = 2048


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--bundle", type=Path, required=True, metavar="DIR", help="what `package` wrote: the champion")
    parser.add_argument(
        "--challenger", type=Path, action="append", default=[], metavar="DIR", help="a bundle beside it, tried by flags"
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8000, metavar="P", help="default: 8000; 0 for any that is free")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that answer (default: one a core)")
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
    parser.epilog = (
        f"{parser.epilog}. If MODELWAY_SMOKE_TOKEN is set, requests that carry it (`modelway smoke` with the same "
        "variable) are logged as smoke tests and do not count as traffic."
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    # One thread for linear algebra in each worker: the cores are for workers, and idle threads would spin.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    options, trust = serve_options(args, _overrides(args))
    admin = _admin(args)
    from modelway.flags import rules_from_environment
    from modelway.records.flags import FlagName
    from modelway.serve.release import ReleasePaths
    from modelway.serve.setup import Setup
    from modelway.serve.supervisor import Supervisor

    rules_from_environment(os.environ)  # wrong words are told before anything starts
    listener = _listen(args.host, args.port, "--port")
    bound = (admin, _listen(admin.host, admin.port, "--admin-port")) if admin else None
    workers = options.workers.count or cores()
    paths = ReleasePaths(str(args.bundle.absolute()), tuple(str(path.absolute()) for path in args.challenger))
    setup = Setup(
        options=options,
        paths=paths,
        trust=trust,
        environment={name.value: os.environ.get(name, "") for name in FlagName},
        replica=f"{socket.gethostname()}-{secrets.token_hex(4)}",
        salt=os.environ.get(_SALT, "").encode(),
        smoke=_smoke_digest(),
    )

    def on_ready(name: str, version: str) -> None:
        record = {"url": _url(listener), "name": name, "version": version, "workers": workers}
        if bound:
            record["admin_url"] = _url(bound[1])
        _show(output, record)

    ended_by = Supervisor(setup, workers, listener, bound, on_ready).run()
    return INTERRUPTED if ended_by == signal.SIGINT else 0


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
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # `::` means every address of this machine, those of IPv4 as well.
        both = host == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except (socket.gaierror, OverflowError) as error:
        raise UsageError(f"can't listen at {host}:{port}: {error}", where=flag) from error
    except OSError as error:
        remedy = "Choose another port." if error.errno in {errno.EADDRINUSE, errno.EACCES} else None
        raise OutsideError(f"can't listen at {host}:{port}: {error.strerror}", where=flag, remedy=remedy) from error
    listener.set_inheritable(True)
    return listener


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
