"""Replies that read documents, put together from their stored texts. Each is at one revision."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from fluxdb._core.commit.write cimport StageLimits
from fluxdb._core.documents.state cimport State
from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.serve.wire cimport WireRequest
from fluxdb._core.base.slice cimport Slice

# Reads the documents as they are now.
cdef uint64_t read_revision(State* state) noexcept nogil

# Each adds one line; id may be empty.

# path: data NULL, or the part that is read in place of the value. False: there is no memory, and nothing was added.
cdef bint read_document(
    State* state, Bytes* target, const uint8_t* key, size_t key_bytes, const Slice* path, const Slice* id,
) noexcept nogil

# Each adds one line, or nothing: WireStatus. For GETMANY, SCAN and COUNT.
cdef int read_many(State* state, Bytes* target, const StageLimits* limits, WireRequest* wire) noexcept nogil
cdef int read_range(State* state, Bytes* target, const StageLimits* limits, const WireRequest* wire) noexcept nogil
cdef int read_count(State* state, Bytes* target, const WireRequest* wire) noexcept nogil
