"""The shares that a rollout's step wants, and the flag document that holds them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from modelway.decide.plan import Plan
from modelway.errors import InputError
from modelway.flags import parse_document, read_shares, switch_off, update_flags, with_shares
from modelway.flags.document import load_document
from modelway.records.flags import Shares
from modelway.storage import read_bytes

if TYPE_CHECKING:
    from modelway.records.data import S3Options
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_state import Rollout

OFF = Shares()


def shares_of(rollout: Rollout, options: RolloutOptions) -> Shares:
    """What the rollout's step wants to be in force; after the last step the challenger answers everything."""
    version = str(rollout.challenger.version)
    if rollout.step >= len(options.steps):
        return Shares(new_model=1.0, shadow=0.0, version=version)
    plan = Plan(options)
    return Shares(new_model=float(plan.share[rollout.step]), shadow=float(plan.seen[rollout.step]), version=version)


class FlagDocument:
    """An environment's flag document.

    Args:
        uri: a path or `s3://` address.
        s3: where S3 is.
    """

    def __init__(self, uri: str, s3: S3Options) -> None:
        self._uri = uri
        self._s3 = s3

    def read(self) -> Shares | None:
        """The shares in force; all off where there is no document, None where it holds rules of another form."""
        document = self._load()
        return OFF if document is None else read_shares(document)

    def epoch(self) -> str:
        """Return the epoch in force; empty where there is no document."""
        return self._epoch_of(self._load())

    def set(self, shares: Shares, since: str | None = None) -> str | None:
        """Put shares into force, and return the epoch that they make.

        Args:
            shares: what is to be in force.
            since: the epoch in force when this was decided. Nothing is written where another one is in force by now.

        Returns:
            The epoch of these shares; None where other shares are in force, for somebody decided otherwise meanwhile.
        """

        def change(document: dict[str, Any] | None) -> dict[str, Any] | None:
            wanted = with_shares(document, shares)
            return None if since not in {None, self._epoch_of(document)} else wanted

        document = update_flags(self._uri, change, s3=self._s3)
        return self._epoch_of(document) if document and with_shares(document, shares) == document else None

    def switch_off(self) -> None:
        """Send no request to a challenger; shares that were decided before that are not set any more."""
        switch_off(self._uri, s3=self._s3)

    def _load(self) -> dict[str, Any] | None:
        try:
            content = read_bytes(self._uri, s3=self._s3)
        except InputError:
            return None
        return load_document(content, self._uri)

    def _epoch_of(self, document: dict[str, Any] | None) -> str:
        return "" if document is None else parse_document(json.dumps(document), self._uri).epoch


def are(found: Shares | None, wanted: Shares) -> bool:
    """Whether shares are in force, as the document rounds them."""
    return found is not None and read_shares(with_shares(None, wanted)) == found


def are_off(found: Shares | None) -> bool:
    """Whether nobody gets or shows anything to a challenger."""
    return found is not None and found.new_model == 0 and found.shadow == 0


def digest_of(shares: Shares) -> str:
    """SHA-256 of shares."""
    return hashlib.sha256(json.dumps(shares.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
