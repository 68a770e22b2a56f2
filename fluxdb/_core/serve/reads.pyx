"""Replies that read documents."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.documents.page cimport (
    PAGE_NO_INDEX, PAGE_OK, PAGE_TOO_LARGE, Bound, KeyRange, Page, PageBounds, PageEntry, count_prefix, page_add_key,
    page_fill_many, page_fill_range, page_free,
)
from fluxdb._core.documents.state cimport State, record_is_live
from fluxdb._core.documents.table cimport Record, record_expires_at, record_value, table_find, table_hash
from fluxdb._core.json.escape cimport string_bytes_max, write_string
from fluxdb._core.json.pointer cimport POINTER_OK, Part, pointer_find
from fluxdb._core.serve.replies cimport (
    bytes_put, bytes_reserve, put, put_document, put_list_end, put_number, put_revision, put_value, reply_document,
)
from fluxdb._core.serve.wire cimport (
    WIRE_EMPTY_KEY, WIRE_KEY_TOO_LONG, WIRE_NO_INDEX, WIRE_NO_MEMORY, WIRE_OK, WIRE_PAGE_TOO_LARGE, WIRE_TOO_MANY,
    WIRE_WRONG_TYPE,
)
from fluxdb._core.serve.wire_members cimport Items, items_count, items_next, items_of, read_string

cdef enum:
    ENTRY_BYTES_MAX = 64    # of an entry of a page, without its key and its document


cdef bint find_value(State* state, Record* record, const Slice* path, Slice* value) noexcept nogil:
    """Find the document's value, or the part of it at path. False: neither exists."""
    if record == NULL or not record_is_live(state, record):
        return False
    value.data = record_value(record)
    value.bytes = record.value_bytes
    return find_part(value, path)


cdef bint find_part(Slice* value, const Slice* path) noexcept nogil:
    """Make value the part of it at path. False: it has no such part."""
    cdef Part part
    if path.bytes == 0:
        return True
    if pointer_find(value.data, value.bytes, path.data, path.bytes, &part) != POINTER_OK:
        return False
    value.data = part.begin
    value.bytes = <size_t>(part.end - part.begin)
    return True


cdef uint64_t read_revision(State* state) noexcept nogil:
    cdef uint64_t revision
    pthread_mutex_lock(&state.lock)
    revision = state.revision
    pthread_mutex_unlock(&state.lock)
    return revision


cdef bint read_document(
    State* state, Bytes* target, const uint8_t* key, size_t key_bytes, const Slice* path, const Slice* id,
) noexcept nogil:
    cdef uint64_t hash = table_hash(&state.table, key, key_bytes)
    cdef Record* record
    cdef Slice value
    cdef bint done
    pthread_mutex_lock(&state.lock)
    record = table_find(&state.table, key, key_bytes, hash)
    if find_value(state, record, path, &value):
        done = reply_document(target, value.data, value.bytes, record.version, record_expires_at(record), id)
    else:
        done = reply_document(target, NULL, 0, 0, 0, id)
    pthread_mutex_unlock(&state.lock)
    return done


cdef int status_of(int page_status) noexcept nogil:
    if page_status == PAGE_OK:
        return WIRE_OK
    if page_status == PAGE_NO_INDEX:
        return WIRE_NO_INDEX
    return WIRE_PAGE_TOO_LARGE if page_status == PAGE_TOO_LARGE else WIRE_NO_MEMORY


cdef int read_many(State* state, Bytes* target, const StageLimits* limits, WireRequest* wire) noexcept nogil:
    cdef Page page
    cdef int status
    wire.member = b"keys"
    wire.offset = limits.page_documents_max
    if items_count(&wire.items) > limits.page_documents_max:
        return WIRE_TOO_MANY
    memset(&page, 0, sizeof(Page))
    status = add_keys(&page, &wire.items, limits.key_bytes_max, wire)
    if status == WIRE_OK:
        wire.offset = limits.page_bytes_max
        status = status_of(page_fill_many(&page, state, limits.page_bytes_max))
    if status == WIRE_OK and not put_documents(target, &page, &wire.path, &wire.id):
        status = WIRE_NO_MEMORY
    page_free(&page)
    return status


cdef int add_keys(Page* page, const Slice* array, size_t key_bytes_max, WireRequest* wire) noexcept nogil:
    cdef Items items = items_of(array)
    cdef Slice item, key
    cdef uint8_t* text = <uint8_t*>malloc(array.bytes)
    cdef uint8_t* room
    cdef int status = WIRE_OK if text != NULL else WIRE_NO_MEMORY
    while status == WIRE_OK and items_next(&items, &item):
        room = text
        if not read_string(&item, &room, &key):
            status = WIRE_WRONG_TYPE
        elif key.bytes == 0:
            status = WIRE_EMPTY_KEY
        elif key.bytes > key_bytes_max:
            wire.key.bytes = key.bytes      # its text is not handed on
            status = WIRE_KEY_TOO_LONG
        elif not page_add_key(page, key.data, key.bytes):
            status = WIRE_NO_MEMORY
    free(text)
    return status


cdef inline Bound bound_of(const Slice* text) noexcept nogil:
    cdef Bound bound
    bound.key = text.data
    bound.key_bytes = text.bytes
    return bound


cdef inline Bound prefix_of(const WireRequest* wire) noexcept nogil:
    cdef Bound prefix = bound_of(&wire.prefix)
    if prefix.key == NULL:
        prefix.key = <const uint8_t*>b""
    return prefix


cdef int read_range(State* state, Bytes* target, const StageLimits* limits, const WireRequest* wire) noexcept nogil:
    cdef KeyRange keys
    cdef PageBounds bounds
    cdef Page page
    cdef int status
    keys.prefix, keys.start = prefix_of(wire), bound_of(&wire.start)
    keys.end, keys.after = bound_of(&wire.end), bound_of(&wire.after)
    keys.reverse = wire.reverse
    bounds.documents_max = limits.page_documents_max
    if wire.limit:
        bounds.documents_max = min(wire.limit, limits.page_documents_max)
    bounds.bytes_max = limits.page_bytes_max
    bounds.keys_only = wire.keys_only
    memset(&page, 0, sizeof(Page))
    status = status_of(page_fill_range(&page, state, &keys, &bounds))
    if status == WIRE_OK and not put_entries(target, &page, wire.keys_only, &wire.id):
        status = WIRE_NO_MEMORY
    page_free(&page)
    return status


cdef int read_count(State* state, Bytes* target, const WireRequest* wire) noexcept nogil:
    cdef Bound prefix = prefix_of(wire)
    cdef uint64_t count = 0, revision = 0
    cdef int status = status_of(count_prefix(state, &prefix, &count, &revision))
    if status == WIRE_OK and not put_count(target, count, revision, &wire.id):
        status = WIRE_NO_MEMORY
    return status


cdef bint put_documents(Bytes* target, const Page* page, const Slice* path, const Slice* id) noexcept nogil:
    cdef const PageEntry* entry
    cdef Slice value
    cdef size_t start = target.used
    cdef size_t i
    cdef bint done = bytes_put(target, b'{"kind":"values","docs":[', 25)
    for i in range(page.count):
        entry = &page.entries[i]
        value.data = page.bytes + entry.value
        value.bytes = entry.value_bytes
        done = done and (i == 0 or bytes_put(target, b",", 1))
        if entry.version and find_part(&value, path):
            done = done and put_document(target, value.data, value.bytes, entry.version, entry.expires_at_ms)
        else:
            done = done and bytes_put(target, b"null", 4)
    done = done and put_list_end(target, page.revision, id)
    if not done:
        target.used = start
    return done


cdef bint put_entries(Bytes* target, const Page* page, bint keys_only, const Slice* id) noexcept nogil:
    cdef size_t start = target.used
    cdef size_t i
    cdef bint done = bytes_put(target, b'{"kind":"page","entries":[', 26)
    for i in range(page.count):
        done = done and (i == 0 or bytes_put(target, b",", 1)) and put_entry(target, page, i, keys_only)
    if page.more:
        done = done and bytes_put(target, b'],"more":true', 13)
    else:
        done = done and bytes_put(target, b'],"more":false', 14)
    done = done and put_revision(target, page.revision, id)
    if not done:
        target.used = start
    return done


cdef bint put_entry(Bytes* target, const Page* page, size_t i, bint keys_only) noexcept nogil:
    cdef const PageEntry* entry = &page.entries[i]
    cdef const uint8_t* key = page.bytes + entry.key
    if not bytes_reserve(target, string_bytes_max(entry.key_bytes) + ENTRY_BYTES_MAX):
        return False
    put(target, b'{"key":', 7)
    target.used = <size_t>(write_string(key, entry.key_bytes, target.data + target.used) - target.data)
    if keys_only:
        put(target, b"}", 1)
        return True
    put(target, b',"value":', 9)
    return put_value(target, page.bytes + entry.value, entry.value_bytes, entry.version, entry.expires_at_ms)


cdef bint put_count(Bytes* target, uint64_t count, uint64_t revision, const Slice* id) noexcept nogil:
    if not bytes_reserve(target, ENTRY_BYTES_MAX):
        return False
    put(target, b'{"kind":"count","count":', 24)
    put_number(target, count)
    return put_revision(target, revision, id)
