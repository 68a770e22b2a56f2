"""Replies as bytes: put together from what is stored, never parsed."""

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from fluxdb._core.json.escape cimport string_bytes_max, write_string

cdef enum:
    KEPT_BYTES = 4096       # of a buffer that is not in use
    FIXED_BYTES_MAX = 128   # of a reply, without its id and its value


cdef bint bytes_reserve(Bytes* bytes, size_t more) noexcept nogil:
    cdef size_t needed = bytes.used + more
    cdef size_t capacity
    cdef uint8_t* larger
    if needed <= bytes.capacity:
        return True
    capacity = bytes.capacity * 2 if bytes.capacity * 2 > needed else needed + 256
    larger = <uint8_t*>realloc(bytes.data, capacity)
    if larger == NULL:
        return False
    bytes.data = larger
    bytes.capacity = capacity
    return True


cdef bint bytes_put(Bytes* bytes, const void* data, size_t data_bytes) noexcept nogil:
    if not bytes_reserve(bytes, data_bytes):
        return False
    if data_bytes:
        memcpy(bytes.data + bytes.used, data, data_bytes)
    bytes.used += data_bytes
    return True


cdef void bytes_shrink(Bytes* bytes) noexcept nogil:
    if bytes.capacity > KEPT_BYTES:
        free(bytes.data)
        memset(bytes, 0, sizeof(Bytes))


# The room was made before: these only append.

cdef void put(Bytes* bytes, const void* data, size_t data_bytes) noexcept nogil:
    memcpy(bytes.data + bytes.used, data, data_bytes)
    bytes.used += data_bytes


cdef void put_number(Bytes* bytes, uint64_t number) noexcept nogil:
    cdef uint8_t digits[20]
    cdef size_t at = 20
    while True:
        at -= 1
        digits[at] = <uint8_t>(c"0" + number % 10)
        number //= 10
        if number == 0:
            break
    put(bytes, digits + at, 20 - at)


cdef void put_end(Bytes* bytes, const Slice* id) noexcept nogil:
    if id.bytes:
        put(bytes, b',"id":', 6)
        put(bytes, id.data, id.bytes)
    put(bytes, b"}\n", 2)


cdef bint reply_written(Bytes* bytes, uint64_t version, uint64_t revision, const Slice* id) noexcept nogil:
    if not bytes_reserve(bytes, FIXED_BYTES_MAX + id.bytes):
        return False
    put(bytes, b'{"kind":"ok","version":', 23)
    put_number(bytes, version)
    put(bytes, b',"revision":', 12)
    put_number(bytes, revision)
    put_end(bytes, id)
    return True


cdef bint reply_incremented(
    Bytes* bytes, int64_t value, uint64_t version, uint64_t revision, const Slice* id,
) noexcept nogil:
    if not bytes_reserve(bytes, FIXED_BYTES_MAX + id.bytes):
        return False
    put(bytes, b'{"kind":"ok","value":', 21)
    if value < 0:
        put(bytes, b"-", 1)
    put_number(bytes, 0 - <uint64_t>value if value < 0 else <uint64_t>value)
    put(bytes, b',"version":', 11)
    put_number(bytes, version)
    put(bytes, b',"revision":', 12)
    put_number(bytes, revision)
    put_end(bytes, id)
    return True


cdef bint reply_nothing_touched(Bytes* bytes, const Slice* id) noexcept nogil:
    if not bytes_reserve(bytes, FIXED_BYTES_MAX + id.bytes):
        return False
    put(bytes, b'{"kind":"ok","touched":false', 28)
    put_end(bytes, id)
    return True


cdef bint reply_nothing_deleted(Bytes* bytes, const Slice* id) noexcept nogil:
    if not bytes_reserve(bytes, FIXED_BYTES_MAX + id.bytes):
        return False
    put(bytes, b'{"kind":"ok","deleted":false', 28)
    put_end(bytes, id)
    return True


cdef bint reply_conflict(Bytes* bytes, const Outcome* outcome, const Slice* key, const Slice* id) noexcept nogil:
    """As serve/messages puts a VersionConflictError."""
    if not bytes_reserve(bytes, 2 * FIXED_BYTES_MAX + string_bytes_max(key.bytes) + 2 * id.bytes):
        return False
    put(bytes, b'{"kind":"error","code":"version_conflict","message":"version conflict: expected ', 80)
    put_number(bytes, outcome.expected)
    put(bytes, b", the key is at ", 16)
    put_number(bytes, outcome.actual)
    put(bytes, b'","key":', 8)
    bytes.used = <size_t>(write_string(key.data, key.bytes, bytes.data + bytes.used) - bytes.data)
    put(bytes, b',"expected":', 12)
    put_number(bytes, outcome.expected)
    put(bytes, b',"actual":', 10)
    put_number(bytes, outcome.actual)
    put_end(bytes, id)
    return True


cdef inline void put_expiry(Bytes* bytes, uint64_t expires_at_ms) noexcept nogil:
    """The end of a document, with the time at which it expires, in seconds, if it does: room is there."""
    cdef uint64_t ms = expires_at_ms % 1_000
    if expires_at_ms:
        put(bytes, b',"expires_at":', 14)
        put_number(bytes, expires_at_ms // 1_000)
        put(bytes, b".000", 4)
        bytes.data[bytes.used - 3] += <uint8_t>(ms // 100)
        bytes.data[bytes.used - 2] += <uint8_t>(ms // 10 % 10)
        bytes.data[bytes.used - 1] += <uint8_t>(ms % 10)
    put(bytes, b"}", 1)


cdef bint put_value(
    Bytes* bytes, const uint8_t* value, size_t value_bytes, uint64_t version, uint64_t expires_at_ms,
) noexcept nogil:
    if not bytes_reserve(bytes, FIXED_BYTES_MAX + value_bytes):
        return False
    put(bytes, value, value_bytes)
    put(bytes, b',"version":', 11)
    put_number(bytes, version)
    put_expiry(bytes, expires_at_ms)
    return True


cdef bint put_document(
    Bytes* bytes, const uint8_t* value, size_t value_bytes, uint64_t version, uint64_t expires_at_ms,
) noexcept nogil:
    return bytes_put(bytes, b'{"value":', 9) and put_value(bytes, value, value_bytes, version, expires_at_ms)


cdef bint put_list_end(Bytes* bytes, uint64_t revision, const Slice* id) noexcept nogil:
    return bytes_put(bytes, b"]", 1) and put_revision(bytes, revision, id)


cdef bint put_revision(Bytes* bytes, uint64_t revision, const Slice* id) noexcept nogil:
    if not bytes_reserve(bytes, FIXED_BYTES_MAX + id.bytes):
        return False
    put(bytes, b',"revision":', 12)
    put_number(bytes, revision)
    put_end(bytes, id)
    return True


cdef bint reply_document(
    Bytes* bytes, const uint8_t* value, size_t value_bytes, uint64_t version, uint64_t expires_at_ms, const Slice* id,
) noexcept nogil:
    if not bytes_reserve(bytes, FIXED_BYTES_MAX + id.bytes + value_bytes):
        return False
    if value == NULL:
        put(bytes, b'{"kind":"value","doc":null', 26)
    else:
        put(bytes, b'{"kind":"value","doc":{"value":', 31)
        put_value(bytes, value, value_bytes, version, expires_at_ms)
    put_end(bytes, id)
    return True


cdef bint reply_pong(Bytes* bytes, bint authenticated, const Slice* id) noexcept nogil:
    if not bytes_reserve(bytes, FIXED_BYTES_MAX + id.bytes):
        return False
    put(bytes, b'{"kind":"pong"', 14)
    if not authenticated:
        put(bytes, b',"authenticated":false', 22)
    put_end(bytes, id)
    return True
