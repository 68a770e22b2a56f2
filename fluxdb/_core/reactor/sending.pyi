"""The output of one socket."""

def is_sending(descriptor: int) -> bool:
    """Has the system of the other side yet to take what was sent to it? Never of a Unix socket, where all is there at
    once; nor where the system does not say (all but Linux)."""
