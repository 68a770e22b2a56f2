"""What a task awaits, resolved for many tasks at once."""

from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar

T = TypeVar("T")

class Promise(Generic[T]):
    """As asyncio.Future, to whoever awaits it. To be used in its loop's thread."""

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
        """Nothing where it is done. Who awaits it is woken in the loop's next turn."""

class Promises(Generic[T]):
    """Promises in the order in which their outcomes will come."""

    def __init__(self, loop: Any) -> None: ...
    def __len__(self) -> int: ...
    def add(self, outcome: T) -> Promise[T]:
        """A new one, which will have this outcome unless hand_out says otherwise."""
    def put(self, promise: Promise[T], outcome: T) -> None:
        """As add, for one that somebody awaits already."""
    def hand_out(self, outcomes: int | list[Any]) -> None:
        """The outcomes of the next ones: of so many the promised one; or for each an exception, or the promised one.

        Runs the tasks that await them, so: from a callback of the loop, not from a task."""
    def fail(self, error: Callable[[], BaseException]) -> None:
        """None of them will come. Who awaits them is woken in the loop's next turn."""

def resolve(promises: list[Promise[None]]) -> None:
    """Give all the result None. Runs the tasks that await them, so: from a callback of the loop, not from a task."""
