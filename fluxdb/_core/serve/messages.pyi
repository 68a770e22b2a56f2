"""The JSON forms of an error and an event, everywhere: over TCP, on the live page, by a command.

Each function gives the members of an object, without its braces: the caller puts its own members before and after them.
"""

def error_members(problem: BaseException) -> bytes:
    """``"code":...,"message":...``, then ``expected`` and ``actual`` of a conflict, ``maybe_applied`` where it holds.

    An exception that is not FluxDB's tells no more than its type.
    """

def error_text(code: str, message: str) -> bytes:
    """``"code":...,"message":...`` of an error that is no exception."""

def event_members(event: tuple[int, str, bytes | None, bytes | None, int, int, int]) -> bytes:
    """``"key":...,"old":...,"new":...,"version":...,"op":...,"revision":...``, put together from stored text.

    Then ``"commit"``, where that is another revision: of an event of a batch, but not of its last write.
    """
