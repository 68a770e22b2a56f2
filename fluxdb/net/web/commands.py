"""Messages of a page as calls of the engine, and the wire's replies to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fluxdb.engine.handle import ANY_VERSION
from fluxdb.engine.local.loop import LoopEngine
from fluxdb.engine.operation import Operation
from fluxdb.engine.ranges import ScanRange
from fluxdb.model import Kind
from fluxdb.net import lines
from fluxdb.net.web import members, replies
from fluxdb.net.web.members import INTEGER_MAX, INTEGER_MIN, Members, RequestError

SECOND_NAMES = {"del": "delete"}


class Commands:
    """By the type of a message: functions of its members, and of its key where it has one, to the reply."""

    def __init__(self, engine: LoopEngine) -> None:
        self._engine = engine
        self.keyed: dict[str, Callable[[str, Members], Awaitable[bytes]]] = {
            "get": self._get,
            "set": self._set,
            "patch": self._patch,
            "delete": self._delete,
            "increment": self._increment,
            "touch": self._touch,
        }
        self.keyless: dict[str, Callable[[Members], Awaitable[bytes]]] = {
            "info": self._info,
            "get_many": self._get_many,
            "scan": self._scan,
            "count": self._count,
            "batch": self._batch,
        }

    async def _info(self, request: Members) -> bytes:
        return lines.reply({"kind": "info", "info": await self._engine.info()}).rstrip(b"\n")

    # Reads

    async def _get(self, key: str, request: Members) -> bytes:
        return lines.document(await self._engine.get_text(key, members.string_or(request, "path", "")))

    async def _get_many(self, request: Members) -> bytes:
        keys = members.keys(request, "keys")
        return replies.documents(await self._engine.get_many_text(keys, members.string_or(request, "path", "")))

    async def _scan(self, request: Members) -> bytes:
        asked = ScanRange(
            prefix=members.key_or_none(request, "prefix") or "",
            start=members.key_or_none(request, "start"),
            end=members.key_or_none(request, "end"),
            after=members.key_or_none(request, "after"),
            limit=members.integer(request, "limit", 1, INTEGER_MAX) if "limit" in request else None,
            reverse=members.flag(request, "reverse"),
        )
        if members.flag(request, "keys_only"):
            return replies.page_of_keys(await self._engine.scan_keys(asked))
        return replies.page(await self._engine.scan_text(asked))

    async def _count(self, request: Members) -> bytes:
        return replies.count(await self._engine.count(members.key_or_none(request, "prefix") or ""))

    # Writes

    async def _set(self, key: str, request: Members) -> bytes:
        value, version = members.value(request, "value"), members.version(request, "if_version")
        lifetime_ms, keep_ttl = members.ttl_ms(request), members.flag(request, "keep_ttl")
        return lines.written(await self._engine.set(key, value, version, lifetime_ms, keep_ttl))

    async def _patch(self, key: str, request: Members) -> bytes:
        delta, version = members.value(request, "delta"), members.version(request, "if_version")
        remove_nulls, lifetime_ms = members.flag(request, "remove_nulls"), members.ttl_ms(request)
        patched = self._engine.patch(key, delta, version, remove_nulls, lifetime_ms)
        return lines.written(await patched)

    async def _touch(self, key: str, request: Members) -> bytes:
        lifetime_ms = members.ttl_ms(request, is_needed=True)
        return replies.touched(await self._engine.touch(key, lifetime_ms, members.version(request, "if_version")))

    async def _delete(self, key: str, request: Members) -> bytes:
        return lines.written(await self._engine.delete(key, members.version(request, "if_version")))

    async def _increment(self, key: str, request: Members) -> bytes:
        by = members.integer_or(request, "by", 1, INTEGER_MIN, INTEGER_MAX)
        path = members.string_or(request, "path", "")
        return replies.incremented(await self._engine.increment(key, by, path, members.version(request, "if_version")))

    async def _batch(self, request: Members) -> bytes:
        operations = [_operation(text, index) for index, text in enumerate(members.items(request, "ops"))]
        return replies.batch(await self._engine.batch(operations))


def _operation(text: str, index: int) -> Operation:
    """One of a batch, in the words of the wire."""
    try:
        request = members.members_of(text)
        kind = members.string(request, "kind")
        make = _OPERATIONS.get(SECOND_NAMES.get(kind, kind))
        if make is None:
            raise RequestError(f"the kind is none of {', '.join(_OPERATIONS)}")
        return make(members.key(request), request)
    except RequestError as error:
        raise RequestError(f"operation {index} of the batch: {error}") from None


def _set_operation(key: str, request: Members) -> Operation:
    value, version = members.value(request, "value"), members.version(request, "if_version")
    keep_ttl = members.flag(request, "keep_ttl")
    return Operation(Kind.SET, key, value, version, ttl_ms=members.ttl_ms(request), keep_ttl=keep_ttl)


def _patch_operation(key: str, request: Members) -> Operation:
    kind = Kind.PATCH_REMOVE_NULLS if members.flag(request, "remove_nulls") else Kind.PATCH
    delta, version = members.value(request, "delta"), members.version(request, "if_version")
    return Operation(kind, key, delta, version, ttl_ms=members.ttl_ms(request))


def _touch_operation(key: str, request: Members) -> Operation:
    version = members.version(request, "if_version")
    return Operation(Kind.TOUCH, key, None, version, ttl_ms=members.ttl_ms(request, is_needed=True))


def _delete_operation(key: str, request: Members) -> Operation:
    return Operation(Kind.DELETE, key, None, members.version(request, "if_version"))


def _increment_operation(key: str, request: Members) -> Operation:
    by = members.integer_or(request, "by", 1, INTEGER_MIN, INTEGER_MAX)
    version, path = members.version(request, "if_version"), members.string_or(request, "path", "")
    return Operation(Kind.INCREMENT, key, None, version, by=by, path=path)


def _check_operation(key: str, request: Members) -> Operation:
    version, exists = members.version(request, "version"), members.flag(request, "exists")
    if exists == (version != ANY_VERSION):
        raise RequestError("a check has either a version or exists, which is true")
    return Operation(Kind.CHECK, key, None, version, exists=exists)


_OPERATIONS: dict[str, Callable[[str, Members], Operation]] = {
    "set": _set_operation,
    "patch": _patch_operation,
    "delete": _delete_operation,
    "increment": _increment_operation,
    "touch": _touch_operation,
    "check": _check_operation,
}
