"""Between Python's objects and the write path."""

from libc.errno cimport EDQUOT, EFBIG, ENOSPC
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from fluxdb._core.base.keys cimport key_too_long, key_utf8
from fluxdb._core.commit.outcome cimport (
    BAD_JSON, BATCH_TOO_LARGE, CLOSED, CONFLICT, DISPLACED, KEY_TOO_LONG, LOG_FULL, NO_MEMORY, NO_ROOM,
    NOT_INTEGER, OUT_OF_RANGE, PATH_TOO_DEEP, REFUSED, UNKNOWN, USED_UP, VALUE_TOO_LARGE,
)
from fluxdb._core.commit.write cimport WRITE_CHECK, WRITE_INCREMENT
from fluxdb._core.json.reading cimport JSON_DEPTH
from fluxdb._core.json.text cimport json_status_words
from fluxdb._core.log.frame cimport KIND_DELETE, KIND_PATCH, KIND_PATCH_REMOVE_NULLS, KIND_SET, KIND_TOUCH

import os

from fluxdb.errors import (
    ClosedError, DiskFullError, InvalidValueError, LimitError, PoisonedError, StorageError, VersionConflictError,
)

cdef extern from *:
    const uint64_t TTL_MS_MAX "3155760000000"     # 100 years


# The names of values that stand in place of an integer, by their first byte.
cdef dict STANDING = {
    ord("{"): "an object", ord("["): "an array", ord('"'): "a string", ord("t"): "true", ord("f"): "false",
    ord("n"): "null",
}


cdef int write_from_arguments(Write* write, int kind, object key, bytes text, int64_t if_version) except -1:
    cdef Py_ssize_t key_bytes = 0
    memset(write, 0, sizeof(Write))
    if not KIND_SET <= kind <= KIND_TOUCH and kind != WRITE_INCREMENT and kind != WRITE_CHECK:
        raise ValueError(f"{kind} is no kind of write")
    if (kind == KIND_SET or kind == KIND_PATCH or kind == KIND_PATCH_REMOVE_NULLS) != (text is not None):
        raise ValueError("a SET and a PATCH have a value, and no other write has one")
    write.kind = <uint8_t>kind
    write.key = key_utf8(key, &key_bytes)
    write.key_bytes = <size_t>key_bytes
    write.if_version = if_version
    if text is not None:
        write.text = <const uint8_t*>text
        write.text_bytes = <size_t>len(text)
    return 0


cdef int write_set_ttl(Write* write, uint64_t ttl_ms, bint keep_ttl) except -1:
    if ttl_ms > TTL_MS_MAX or (ttl_ms and (keep_ttl or write.kind == KIND_DELETE or write.kind >= WRITE_INCREMENT)):
        raise ValueError(f"a time to live has 1 to {TTL_MS_MAX} milliseconds, and is no part of this write")
    if keep_ttl and write.kind != KIND_SET:
        raise ValueError("a SET alone has keep_ttl: every other write keeps the expiry")
    write.ttl_ms = ttl_ms
    write.keep_ttl = keep_ttl
    return 0


cdef object failure_words(const Commit* commit):
    if commit.log.failed == NULL:
        return None
    return f"{commit.log.failed.decode()} failed: {os.strerror(commit.log.error)}"


cdef object displaced_words(const Commit* commit):
    if commit.displaced_words == NULL:      # it is back by now
        return "the database folder was not in its place"
    return commit.displaced_words.decode("utf-8", "replace")


cdef object of_key(key):
    if key is None:
        return ""
    return f" of key {key!a}" if len(key) <= 40 else f" of key {key[:40]!a}..."


cdef object increment_exception(const Outcome* outcome, const Commit* commit, object key, object path):
    place = "at the path" if path is None else f"at path {path!r:.80}" if path else "as the value"
    if outcome.status == PATH_TOO_DEEP:
        bound = commit.limits.depth_max
        return LimitError(f"the path{of_key(key)} has {outcome.offset} names, over the limit of {bound} (depth_max)")
    if outcome.status == OUT_OF_RANGE:
        return LimitError(
            f"the sum {place}{of_key(key)} is beyond a signed 64-bit integer (-2**63 to 2**63 - 1); nothing was written"
        )
    standing = STANDING.get(outcome.detail, "a number that is no integer")
    return InvalidValueError(
        f"no integer stands {place}{of_key(key)}, but {standing}: only integers are incremented; nothing was written"
    )


cdef object batch_too_large(const Outcome* outcome, const Commit* commit):
    bound = commit.limits.batch_bytes_max
    if outcome.detail:
        return LimitError(
            f"the documents that the batch makes have {outcome.offset} bytes, over twice the limit of {bound} bytes "
            "(batch_bytes_max); nothing was written: write fewer of them at once"
        )
    return LimitError(
        f"the batch has {outcome.offset} bytes of keys and values, over the limit of {bound} bytes (batch_bytes_max); "
        "nothing was written: write it in several batches"
    )


cdef object outcome_exception(const Outcome* outcome, const Commit* commit, object key, object path=None):
    """The exception for an outcome that is one."""
    status = outcome.status
    if status == CONFLICT:
        return VersionConflictError(key or "", None if outcome.detail else outcome.expected, outcome.actual)
    if status == BAD_JSON and outcome.detail == JSON_DEPTH:
        bound = commit.limits.depth_max
        return LimitError(f"nested deeper than {bound} (depth_max), at byte {outcome.offset} of the value")
    if status == BAD_JSON:
        words = json_status_words(outcome.detail).decode()
        return InvalidValueError(f"{words}, at byte {outcome.offset} of the value")
    if status == KEY_TOO_LONG:
        return key_too_long(outcome.offset, commit.limits.key_bytes_max)
    if status == VALUE_TOO_LARGE:
        bound = commit.limits.value_bytes_max
        return LimitError(f"the value{of_key(key)} is over the limit of {bound} bytes (value_bytes_max)")
    if status == NOT_INTEGER or status == OUT_OF_RANGE or status == PATH_TOO_DEEP:
        return increment_exception(outcome, commit, key, path)
    if status == BATCH_TOO_LARGE:
        return batch_too_large(outcome, commit)
    if status == NO_MEMORY:
        return MemoryError("no memory for the write; nothing was written")
    if status == CLOSED:
        return ClosedError("the database is closed")
    return storage_exception(status, commit)


cdef object log_full_exception(uint64_t log_bytes_max, int error):
    kind = DiskFullError if error in (ENOSPC, EDQUOT, EFBIG) else StorageError
    return kind(
        f"the log is at its limit of {log_bytes_max} bytes (log_bytes_max), and the checkpoint that would shorten it "
        f"failed: {os.strerror(error)}; nothing was written: fix that (the program's log says where), then "
        "checkpoint() and write again"
    )


cdef object storage_exception(int status, const Commit* commit):
    size = commit.log.refused_bytes
    why = os.strerror(commit.log.error)
    if status == NO_ROOM:
        return DiskFullError(
            f"no room for the next log segment ({size} bytes): {why}; nothing was written: make room and write again"
        )
    if status == DISPLACED:
        return StorageError(f"{displaced_words(commit)}; nothing was written")
    if status == LOG_FULL:
        return log_full_exception(commit.log_bytes_max, commit.checkpoint_error)
    if status == USED_UP:
        return StorageError(
            "the key's version, or the database's revision, has reached its maximum, 2**63 - 1; nothing was "
            "written: `fluxdb dump DIR` it, take \"version\" and \"revision\" out of the lines, `fluxdb load` them"
        )
    if status == REFUSED:
        return StorageError(f"can't make the next log segment: {why}; nothing was written")
    if status == UNKNOWN and commit.log.failed == NULL:
        lost = StorageError(
            "no memory to keep the outcome of the write, which may or may not have taken effect: read its key"
        )
        lost.maybe_applied = True
        return lost
    if status == UNKNOWN:
        return PoisonedError(
            f"{failure_words(commit)}; this write may or may not be durable, and no more are accepted: "
            "close the database, fix the disk, open it again", maybe_applied=True,
        )
    why = failure_words(commit)
    return PoisonedError(f"not written: {why} before; close the database, fix the disk, open it again")
