"""The clock of a database, for tests."""

def pretend(wall_ms: int = 0, steady_ms: int = 0) -> None:
    """Put these in place of the system's clocks, for the whole process: the time since 1970, and since the machine
    started. 0: the system's own again.
    """
