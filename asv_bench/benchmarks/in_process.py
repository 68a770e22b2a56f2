"""One call at a time from one thread: what a program sees that writes and reads as it goes."""

from __future__ import annotations

from benchmarks.common import KEYS, SyncDatabase, key, percentile_us, size, value


class Latency(SyncDatabase):
    def time_set(self) -> None:
        self.number += 1
        self.db.set(key(self.number % KEYS), value(self.number))

    def time_get(self) -> None:
        self.number += 1
        self.db.get(key(self.number % KEYS))

    def time_patch(self) -> None:
        self.number += 1
        self.db.patch(key(self.number % KEYS), {"id": self.number})

    def time_set_and_delete(self) -> None:
        self.db.set("passing", 1)
        self.db.delete("passing")

    def time_mixed(self) -> None:
        """SET, GET, PATCH, DELETE in turn."""
        self.number += 1
        name = key(self.number % KEYS)
        self.db.set(name, value(self.number))
        self.db.get(name)
        self.db.patch(name, {"id": self.number})
        self.db.delete(name)


class Percentiles(SyncDatabase):
    """The time of single calls, in microseconds."""

    params = (("set", "get", "mixed"), (50, 99))
    param_names = ("work", "percent")
    unit = "us"

    def track_latency(self, work: str, percent: int) -> float:
        return percentile_us({"set": self._set, "get": self._get, "mixed": self._mixed}[work], size(4_000), percent)

    def _set(self, number: int) -> None:
        self.db.set(key(number % KEYS), value(number))

    def _get(self, number: int) -> None:
        self.db.get(key(number % KEYS))

    def _mixed(self, number: int) -> None:
        """SET, GET, PATCH, DELETE in turn, one of them a call."""
        name = key(number // 4 % KEYS)
        if number % 4 == 0:
            self.db.set(name, value(number))
        elif number % 4 == 1:
            self.db.get(name)
        elif number % 4 == 2:
            self.db.patch(name, {"id": number})
        else:
            self.db.delete(name)


class ValueSize(SyncDatabase):
    """By the length of the text in the value."""

    params = (100, 10_000, 1_000_000)
    param_names = ("bytes",)

    def setup(self, size: int) -> None:
        super().setup()
        self.value = {"text": "x" * size}
        self.db.set("sized", self.value)

    def time_set(self, size: int) -> None:
        self.db.set("sized", self.value)

    def time_get(self, size: int) -> None:
        self.db.get("sized")
