"""The embedded target: server processes on this machine behind one port.

A keeper outlives the deploying command and starts the server again when it dies; the server takes new releases by its
own reload, through its admin port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import UsageError

if TYPE_CHECKING:
    from modelway.deploy.local.target import LocalTarget
    from modelway.deploy.target import Place

IN_CONTAINER = "MODELWAY_IN_CONTAINER"
"""Set in the containers that modelway makes: what is started there ends with the step that started it."""


def open_target(place: Place) -> LocalTarget:
    """The local target.

    Raises:
        UsageError: this is a container, where nothing outlives the command.
    """
    if place.secrets.get(IN_CONTAINER):
        raise UsageError(
            "a local deploy makes no sense in a container: the servers would end with it",
            where=f"environments.{place.environment}.target",
            remedy="Run `modelway deploy` on the host, or let Dagger serve: "
            "`dagger call serve --version champion up --ports 8000:8000`.",
        )
    from modelway.deploy.local.target import LocalTarget

    return LocalTarget(place)
