"""JSON text to Python objects, on the stack that the thread has."""

from typing import Any

def decode(text: bytes) -> Any:
    """Do the same as orjson.loads for canonical text of any depth in a thread with a stack of any size. Raises
    ValueError.
    """
