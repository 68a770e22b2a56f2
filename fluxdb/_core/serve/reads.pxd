"""Replies that read documents, put together from their stored texts. Each is at one revision."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from fluxdb._core.documents.state cimport State
from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.base.slice cimport Slice

cdef enum ReadStatus:
    READ_OK = 0
    READ_NO_MEMORY = 1      # nothing was added
    READ_TOO_LARGE = 2      # more than one document, and more bytes than a page may have: nothing was added

# Reads the documents as they are now.
cdef uint64_t read_revision(State* state) noexcept nogil

# Each adds one line; id may be empty.

# path: data NULL, or the part that is read in place of the value. False: there is no memory, and nothing was added.
cdef bint read_document(
    State* state, Bytes* target, const uint8_t* key, size_t key_bytes, const Slice* path, const Slice* id,
) noexcept nogil

# A key of a GETMANY.
cdef struct WantedKey:
    Slice key
    uint64_t hash

cdef int read_many(
    State* state, Bytes* target, WantedKey* keys, size_t count, const Slice* path, size_t page_bytes_max,
    const Slice* id,
) noexcept nogil
