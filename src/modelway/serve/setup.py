"""What a server is told when it starts, and what its workers are told when they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.serve import ServeOptions
    from modelway.records.trust import Trust
    from modelway.serve.release import ReleasePaths


@dataclass(frozen=True)
class Setup:
    """Everything that a worker is made of.

    Attributes:
        options: how models are served; all paths in it are absolute.
        paths: the bundles.
        trust: what they may use, and who has to have signed them.
        environment: the variables that are flags, as they are.
        replica: names this server among all that write to one log.
        flags: the last flag document that was in force in any worker.
        salt: goes into the log's hashes.
        smoke: SHA-256 of the token by which smoke tests prove themselves; None where nobody has one.
        settings: the digest of the serving settings that this server was given; None if it was given none.
    """

    options: ServeOptions
    paths: ReleasePaths
    trust: Trust
    environment: Mapping[str, str]
    replica: str
    flags: bytes | None = None
    salt: bytes = b""
    smoke: bytes | None = None
    settings: str | None = None


@dataclass(frozen=True)
class AdminSetup:
    """Where the admin routes are.

    Attributes:
        host: the address they listen at.
        port: a port of their own; 0 for any.
        token: what every request to them has to bring.
    """

    host: str
    port: int
    token: str
