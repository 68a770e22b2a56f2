"""Watchers of keys over one handle: a server sends the events of each key once, however many watch it."""

from __future__ import annotations

from collections.abc import Sequence

from fluxdb.engine.remote import reply
from fluxdb.engine.remote.reply import UnexpectedReplyError
from fluxdb.engine.remote.subscribers import RemoteSubscriber
from fluxdb.errors import FluxDBError, SubscriberEvictedError


class Watchers:
    def __init__(self) -> None:
        self._by_key: dict[str, list[RemoteSubscriber]] = {}
        self._pushed_to: dict[RemoteSubscriber, None] = {}  # of this read of the socket

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    @property
    def keys(self) -> list[str]:
        return list(self._by_key)

    @property
    def all(self) -> list[RemoteSubscriber]:
        return list(dict.fromkeys(subscriber for those in list(self._by_key.values()) for subscriber in those))

    def add(self, subscriber: RemoteSubscriber) -> None:
        for key in subscriber.keys:
            self._by_key[key] = [*self._by_key.get(key, []), subscriber]

    def remove(self, subscriber: RemoteSubscriber) -> list[str]:
        """The keys that nobody watches any more."""
        orphans = []
        for key in subscriber.keys:
            those = self._by_key.get(key)
            if those is None or subscriber not in those:
                continue
            left = [other for other in those if other is not subscriber]
            if left:
                self._by_key[key] = left
            else:
                del self._by_key[key]
                orphans.append(key)
        return orphans

    def of(self, key: str) -> Sequence[RemoteSubscriber]:
        """Return the watchers of ``key`` at this moment; the result does not change any more."""
        return self._by_key.get(key, ())

    def answered(self, key: str, those: Sequence[RemoteSubscriber], line: bytes) -> None:
        """The reply to what was asked for ``those`` came: from here on the server tells of ``key``, or says why not.

        Later requests get their own replies: the server may have ended the subscription in between.
        Raises UnexpectedReplyError.
        """
        those = [subscriber for subscriber in those if subscriber in self.of(key)]
        try:
            told_after = reply.revision(line)  # events up to this one are older
        except UnexpectedReplyError:
            raise
        except FluxDBError as error:
            self._leave(those, error)
            return
        for subscriber in those:
            if key not in subscriber.active:
                subscriber.active[key] = max(subscriber.after_revision, told_after)
                if not subscriber.last_revision:  # it has missed nothing so far
                    subscriber.last_revision = subscriber.active[key]

    def pushed(self, line: bytes) -> None:
        """A line that answers no request. Raises UnexpectedReplyError."""
        if reply.is_event(line):
            event = reply.event(line)
            for subscriber in self._by_key.get(event[1], ()):
                subscriber.push(event)
                self._pushed_to[subscriber] = None
            return
        found = reply.members(line)
        key, last_revision = str(found.get("key")), found.get("last_revision")
        self.evict(key, last_revision if isinstance(last_revision, int) else 0)

    def tell(self) -> None:
        """Finish one read of the socket, after all of it was parsed: evict slow subscribers, then let all take."""
        told = list(self._pushed_to)
        self._pushed_to.clear()
        for subscriber in told:
            subscriber.judge()
        for subscriber in told:
            subscriber.tell()

    def evict(self, key: str, last_revision: int) -> None:
        """The server found them slow. It tells nothing of ``key`` any more."""
        those = self._by_key.pop(key, [])
        later = [subscriber for subscriber in those if key not in subscriber.active]  # subscribed again meanwhile
        if later:
            self._by_key[key] = later
        slow = [subscriber for subscriber in those if key in subscriber.active]
        self._leave(slow, SubscriberEvictedError(last_revision))

    def _leave(self, those: list[RemoteSubscriber], error: FluxDBError) -> None:
        for subscriber in those:
            subscriber.end(error)
            subscriber.leave()

    def interrupt(self, error: FluxDBError) -> None:
        for subscriber in self.all:
            subscriber.interrupt(error)

    def end(self, error: FluxDBError) -> None:
        for subscriber in self.all:
            subscriber.end(error)
        self._by_key.clear()
