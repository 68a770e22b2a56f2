"""Canonical JSON text cut into the texts of its parts; nothing within a part is parsed."""

def cut_members(text: bytes) -> dict[str, bytes]:
    """The members of an object, by name, each as the text that it is. Raises ValueError where it is no such object."""

def cut_items(text: bytes) -> list[bytes]:
    """The items of an array, each as the text that it is. Raises ValueError where it is no such array."""
