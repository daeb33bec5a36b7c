"""Reading, scoring and writing overlap: what comes next is made by a second thread."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_T = TypeVar("_T")
_END = object()


def ahead(items: Iterator[_T], most: int = 2) -> Generator[_T]:
    """The same items, made by a second thread, at most `most` of them before they are asked for.

    Closing the generator ends the thread.
    """
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(most)
    stopped = threading.Event()

    def work() -> None:
        last: tuple[Any, BaseException | None] = (_END, None)
        try:
            for item in items:
                if not _put(ready, (item, None), stopped):
                    return
        except BaseException as error:  # noqa: BLE001 - handed over to the reader, which raises it
            last = (_END, error)
        _put(ready, last, stopped)

    thread = threading.Thread(target=work, name="modelway-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stopped.set()
        thread.join()


class Behind:
    """Calls a function on items, in their order, in a second thread; few items wait, then whoever adds one does.

    Args:
        action: what is done with each.
        most: how many wait at the most.
    """

    def __init__(self, action: Callable[[Any], None], most: int = 2) -> None:
        self._action = action
        self._waiting: queue.Queue[Any] = queue.Queue(most)
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="modelway-behind", daemon=True)
        self._thread.start()

    def put(self, item: Any) -> None:
        """Add an item; raises what the function raised of an earlier one."""
        if self._failed is not None:
            raise self._failed
        self._waiting.put(item)

    def close(self) -> None:
        """Wait until all is done; raises what the function raised."""
        self._waiting.put(_END)
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _work(self) -> None:
        while (item := self._waiting.get()) is not _END:
            if self._failed is None:
                try:
                    self._action(item)
                except BaseException as error:  # noqa: BLE001 - handed over to whoever adds the next item
                    self._failed = error


def _put(ready: queue.Queue[Any], item: Any, stopped: threading.Event) -> bool:
    while not stopped.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
