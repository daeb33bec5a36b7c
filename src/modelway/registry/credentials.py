"""Who we are to a tracking server."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelway.errors import UsageError


@dataclass(frozen=True)
class Credentials:
    """A user with a password, or a token. Secrets never show in `repr`.

    Raises:
        UsageError: one half of user and password is missing, both ways are given at once, or neither.
    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what no server could use."""
        if self.username and not self.password:
            raise UsageError(
                "the tracking server's user is given, but not the password", remedy="Give both or a token."
            )
        if self.password and not self.username:
            raise UsageError(
                "the tracking server's password is given, but not the user", remedy="Give both or a token."
            )
        if self.token and self.username:
            raise UsageError(
                "the tracking server's token is given besides a user and a password",
                remedy="Give the one or the other.",
            )
        if not self.token and not self.username:
            raise UsageError(
                "the tracking server's credentials are empty", remedy="Give user and password, or a token."
            )
