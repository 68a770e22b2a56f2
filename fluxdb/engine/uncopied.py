"""Objects that stand for something outside: a copy would be no second one, and dropping it would close the first."""

from __future__ import annotations

from typing import ClassVar, NoReturn, SupportsIndex


class Uncopied:
    """Base class of objects that can't be copied (copy, deepcopy) or pickled."""

    __slots__ = ()
    not_copied: ClassVar[str]  # what, why not, and the way out

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(self.not_copied)


DATABASE = (
    "an open database can't be copied or pickled: threads and tasks use the same object; in another process open it "
    "there, by the address of a fluxdb-server where several use it at once"
)
SUBSCRIPTION = "a subscription can't be copied or pickled: subscribe again, in the process that is to take the events"
