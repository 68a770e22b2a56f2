"""Requests that write, as writes; and the replies to batches."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.write cimport StageLimits, Write
from fluxdb._core.documents.state cimport State
from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.base.slice cimport Slice
from fluxdb._core.serve.wire cimport WireRequest

# A batch whose operations were taken apart. It begins zeroed, and batch_free ends it.
cdef struct Batch:
    void* memory            # of all below, and of the keys
    Write* writes           # their texts point into the request's items
    Outcome* outcomes
    size_t count

# The write that a request asks for, not prepared yet; its texts point into the request.
cdef void fill_write(const WireRequest* wire, Write* write) noexcept nogil
# WIRE_OK, or what is wrong with one of the operations: then wire has its member and index, and its key where that is
# too long.
cdef int batch_parse(Batch* batch, WireRequest* wire, const StageLimits* limits) noexcept nogil
# Status of the whole, as writes_prepare says it. Nothing points into the request any more, but the keys.
cdef int batch_prepare(Batch* batch, const StageLimits* limits, State* state) noexcept nogil
cdef void batch_free(Batch* batch) noexcept nogil

# The revision of its last write, once it is submitted.
cdef uint64_t batch_revision(const Batch* batch) noexcept nogil
# Bytes of a reply to a batch of so many operations that takes effect, without its id.
cdef inline size_t batch_reply_bytes_max(size_t count) noexcept nogil:
    return 128 + 21 * count

# Each adds one line. False: there is no memory.
# revision: at least; what the reply says where the batch has no operation.
cdef bint reply_batch(Bytes* bytes, const Batch* batch, uint64_t revision, const Slice* id) noexcept nogil
# All conditions of the batch that do not hold; at least one. There is room for the id once more behind the line.
cdef bint reply_conflicts(Bytes* bytes, const Batch* batch, const Slice* id) noexcept nogil
