"""`modelway serve`, but each request is scored by itself: what scoring together gains."""

from __future__ import annotations

import sys
from typing import Any

from modelway.cli.main import main
from modelway.serve.batching import Batcher

together = Batcher.score


async def alone(self: Batcher, model: Any, question: Any, **_: Any) -> Any:
    """As if no other request were there."""
    return await together(self, model, question, alone=True)


Batcher.score = alone  # type: ignore[method-assign]
sys.exit(main())
