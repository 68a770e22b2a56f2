"""Reads in one compiled call each: look up, copy, parse, wrap. Pages are filled without the GIL."""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stddef cimport size_t
from libc.stdint cimport SIZE_MAX, uint8_t, uint64_t

from fluxdb._core.base.keys cimport key_too_long, key_utf8
from fluxdb._core.base.model cimport new_document
from fluxdb._core.base.platform cimport lock_beside_gil, pthread_mutex_unlock
from fluxdb._core.documents.building cimport index_build
from fluxdb._core.documents.documents cimport Documents, find_text
from fluxdb._core.documents.entries cimport ENTRY_DOCUMENT, ENTRY_KEY, ENTRY_TEXT, Entries
from fluxdb._core.documents.page cimport (
    PAGE_NO_INDEX, PAGE_NO_MEMORY, PAGE_OK, Bound, KeyRange, PageBounds, count_prefix, page_add_key, page_fill_many,
    page_fill_range,
)
from fluxdb._core.documents.state cimport State, record_is_live
from fluxdb._core.documents.table cimport Record, table_find, table_hash
from fluxdb._core.json.parse cimport parse_text
from fluxdb._core.json.pointer cimport POINTER_MISSING, POINTER_OK, Part, path_utf8, pointer_find

from fluxdb.errors import InvalidKeyError, InvalidValueError, LimitError, closed_error

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL


cdef class Reader:
    cdef Documents documents
    cdef object loads
    cdef object process     # in which it was made
    cdef size_t page_documents_max
    cdef size_t page_bytes_max
    cdef bint closed

    def __cinit__(
        self, Documents documents not None, loads, *, size_t page_documents_max=1000, size_t page_bytes_max=1 << 20
    ):
        self.process = os.getpid()
        self.documents = documents
        self.loads = loads
        self.page_documents_max = page_documents_max
        self.page_bytes_max = page_bytes_max

    cdef int check_open(self) except -1:
        if self.closed:
            raise closed_error(self.process)
        return 0

    def close(self):
        self.closed = True

    # One document

    def get(self, key, path=""):
        cdef uint64_t version = 0, expires_at_ms = 0
        self.check_open()
        text = find_text(self.documents, key, False, &version, &expires_at_ms)
        if path != "":
            text = part_of(text, path)
        if text is None:
            return None
        return new_document(parse_text(self.loads, <bytes>text), version, expires_at_ms)

    def get_text(self, key, path=""):
        cdef uint64_t version = 0, expires_at_ms = 0
        self.check_open()
        text = find_text(self.documents, key, False, &version, &expires_at_ms)
        if path != "":
            text = part_of(text, path)
        return None if text is None else (text, version)

    def contains(self, key):
        cdef State* state = &self.documents.state
        cdef Py_ssize_t key_bytes = 0
        cdef const uint8_t* utf8 = key_utf8(key, &key_bytes)
        cdef uint64_t hash = table_hash(&state.table, utf8, <size_t>key_bytes)
        cdef Record* record
        cdef bint is_there
        self.check_open()
        self.check_key(<size_t>key_bytes)
        lock_beside_gil(&state.lock)
        record = table_find(&state.table, utf8, <size_t>key_bytes, hash)
        is_there = record != NULL and record_is_live(state, record)
        pthread_mutex_unlock(&state.lock)
        return is_there

    cdef int check_key(self, size_t key_bytes) except -1:
        if key_bytes > self.documents.key_bytes_max:
            raise key_too_long(key_bytes, self.documents.key_bytes_max)
        return 0

    # Ranges

    def scan(self, prefix, start, end, after, limit, bint reverse):
        return self.fill_range(ENTRY_DOCUMENT, prefix, start, end, after, limit, reverse)

    def scan_keys(self, prefix, start, end, after, limit, bint reverse):
        return self.fill_range(ENTRY_KEY, prefix, start, end, after, limit, reverse)

    def scan_text(self, prefix, start, end, after, limit, bint reverse):
        return self.fill_range(ENTRY_TEXT, prefix, start, end, after, limit, reverse)

    cdef tuple fill_range(
        self, int kind, object prefix, object start, object end, object after, object limit, bint reverse
    ):
        cdef State* state = &self.documents.state
        cdef Entries entries = self.new_entries(kind)
        cdef KeyRange keys
        cdef PageBounds bounds
        cdef int status = PAGE_NO_INDEX
        self.check_open()
        set_prefix(&keys.prefix, prefix)
        set_bound(&keys.start, start)
        set_bound(&keys.end, end)
        set_bound(&keys.after, after)
        keys.reverse = reverse
        bounds.documents_max = self.page_documents_max
        if limit is not None and check_limit(limit) < bounds.documents_max:
            bounds.documents_max = limit
        bounds.bytes_max = self.page_bytes_max
        bounds.keys_only = kind == ENTRY_KEY
        with nogil:
            status = page_fill_range(&entries.page, state, &keys, &bounds)
            while status == PAGE_NO_INDEX:      # again where memory ran out meanwhile, and the index went
                status = PAGE_NO_MEMORY if index_build(state) != 0 else page_fill_range(
                    &entries.page, state, &keys, &bounds
                )
        if status != PAGE_OK:
            raise MemoryError("no memory for a page")
        last = entries.key(entries.page.count - 1) if entries.page.count else None
        return entries, entries.page.more, entries.page.revision, last

    cdef Entries new_entries(self, int kind):
        cdef Entries entries = Entries.__new__(Entries)
        entries.loads = self.loads
        entries.kind = kind
        return entries

    def count(self, prefix=""):
        cdef State* state = &self.documents.state
        cdef Bound bound
        cdef uint64_t count = 0, revision = 0
        cdef int status
        self.check_open()
        set_prefix(&bound, prefix)
        with nogil:
            status = count_prefix(state, &bound, &count, &revision)
            while status == PAGE_NO_INDEX:
                status = PAGE_NO_MEMORY if index_build(state) != 0 else count_prefix(state, &bound, &count, &revision)
        if status != PAGE_OK:
            raise MemoryError("no memory for the index of the keys")
        return count, revision

    @property
    def has_index(self):
        cdef State* state = &self.documents.state
        cdef bint has
        lock_beside_gil(&state.lock)
        has = state.ordered.index != NULL
        pthread_mutex_unlock(&state.lock)
        return has

    def build_index(self):
        cdef int status
        self.check_open()
        with nogil:
            status = index_build(&self.documents.state)
        if status != 0:
            raise MemoryError("no memory for the index of the keys")

    # Many keys

    def get_many(self, keys, path=""):
        cdef Entries entries = self.fill_many(ENTRY_DOCUMENT, keys)
        cdef size_t i
        documents = []
        for i in range(entries.page.count):
            text = None if entries.page.entries[i].version == 0 else entries.text(i)
            if path != "":
                text = part_of(text, path)
            if text is not None:
                text = new_document(
                    parse_text(self.loads, <bytes>text), entries.page.entries[i].version,
                    entries.page.entries[i].expires_at_ms,
                )
            documents.append(text)
        return documents, entries.page.revision

    def get_many_text(self, keys, path=""):
        cdef Entries entries = self.fill_many(ENTRY_TEXT, keys)
        cdef size_t i
        documents = []
        for i in range(entries.page.count):
            text = None if entries.page.entries[i].version == 0 else entries.text(i)
            if path != "":
                text = part_of(text, path)
            documents.append(None if text is None else (text, entries.page.entries[i].version))
        return documents, entries.page.revision

    cdef Entries fill_many(self, int kind, object keys):
        cdef State* state = &self.documents.state
        cdef Entries entries = self.new_entries(kind)
        cdef Py_ssize_t key_bytes = 0
        cdef const uint8_t* utf8
        cdef int status
        self.check_open()
        if isinstance(keys, (str, bytes)):
            name = type(keys).__name__
            raise InvalidKeyError(f"get_many takes the keys one by one, not {name}: get_many([key, ...])")
        for key in keys:
            utf8 = key_utf8(key, &key_bytes)
            self.check_key(<size_t>key_bytes)
            if entries.page.count == self.page_documents_max:
                raise LimitError(
                    f"more than {self.page_documents_max} keys at once are over the limit (page_documents_max): "
                    "ask for fewer at a time"
                )
            if not page_add_key(&entries.page, utf8, <size_t>key_bytes):
                raise MemoryError("no memory for the keys")
        with nogil:
            status = page_fill_many(&entries.page, state, SIZE_MAX)
        if status != PAGE_OK:
            raise MemoryError("no memory for the documents")
        return entries


cdef int set_bound(Bound* bound, object key) except -1:
    """None: no bound. The key must outlive it."""
    cdef Py_ssize_t key_bytes = 0
    bound.key = NULL
    if key is None:
        return 0
    if not isinstance(key, str):
        raise InvalidKeyError(f"a bound of a range is a str, not {type(key).__name__}")
    try:
        bound.key = <const uint8_t*>PyUnicode_AsUTF8AndSize(key, &key_bytes)
    except UnicodeEncodeError as error:
        message = f"a bound of a range can't hold a lone surrogate: {key!a} has one at character {error.start}"
        raise InvalidKeyError(message) from None
    bound.key_bytes = <size_t>key_bytes
    return 0


cdef int set_prefix(Bound* bound, object prefix) except -1:
    if not isinstance(prefix, str):
        raise InvalidKeyError(f"a prefix is a str, not {type(prefix).__name__}")
    return set_bound(bound, prefix)


cdef size_t check_limit(object limit) except 0:
    if type(limit) is not int or not 1 <= limit <= <size_t>SIZE_MAX:
        raise InvalidValueError(f"limit must be a whole number from 1, or None, not {limit!r:.60}")
    return limit


cdef object part_of(bytes text, object path):
    """The part as new text; None where the document, or the part, is missing."""
    cdef Py_ssize_t path_bytes = 0
    cdef const uint8_t* utf8 = path_utf8(path, &path_bytes)
    cdef const uint8_t* begin
    cdef size_t text_bytes
    cdef Part part
    cdef int status
    if text is None:
        return None
    begin = <const uint8_t*>PyBytes_AS_STRING(text)
    text_bytes = <size_t>PyBytes_GET_SIZE(text)
    with nogil:
        status = pointer_find(begin, text_bytes, utf8, <size_t>path_bytes, &part)
    if status == POINTER_MISSING:
        return None
    if status != POINTER_OK:
        raise ValueError("a stored document is not canonical JSON text")
    return part.begin[:part.end - part.begin]
