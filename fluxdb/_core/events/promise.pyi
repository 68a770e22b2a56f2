"""An awaitable outcome, resolved for many tasks at once."""

from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar

T = TypeVar("T")

class Promise(Generic[T]):
    """Acts like asyncio.Future for the task that awaits it. To be used in its loop's thread."""

    _asyncio_future_blocking: bool

    def __init__(self, loop: Any) -> None: ...
    def __await__(self) -> Generator[Any, None, T]: ...
    def get_loop(self) -> Any: ...
    def done(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def cancel(self, msg: Any = None) -> bool: ...
    def result(self) -> T: ...
    def exception(self) -> BaseException | None: ...
    def add_done_callback(self, function: Callable[[Any], object], *, context: Context | None = None) -> None: ...
    def remove_done_callback(self, function: Callable[[Any], object]) -> int: ...
    def set_exception(self, error: BaseException) -> None:
        """Does nothing if it is done. The awaiting task is woken in the loop's next turn."""

class Promises(Generic[T]):
    """Promises in the order in which their outcomes will arrive."""

    def __init__(self, loop: Any) -> None: ...
    def __len__(self) -> int: ...
    def add(self, outcome: T) -> Promise[T]:
        """Return a new promise of this outcome (raised if it is an exception), unless hand_out says otherwise."""
    def put(self, promise: Promise[T], outcome: T) -> None:
        """Like add, for a promise that is already awaited."""
    def hand_out(self, outcomes: int | list[Any]) -> None:
        """Resolve the next ones: so many with their promised outcome; or each with an exception or its promised
        outcome.

        Runs the tasks that await them, so call it from a callback of the loop, not from a task."""
    def fail(self, error: Callable[[], BaseException]) -> None:
        """Fail all of them. The awaiting tasks are woken in the loop's next turn."""

def resolve(promises: list[Promise[None]]) -> None:
    """Resolve all with None. Runs the tasks that await them, so call it from a callback of the loop only."""
