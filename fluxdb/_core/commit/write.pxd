"""A write on its way in: what it is made of, and its preparation, which takes no lock."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.documents.state cimport State
from fluxdb._core.documents.table cimport Record

cdef struct StageLimits:
    size_t key_bytes_max
    size_t value_bytes_max
    uint32_t depth_max
    size_t group_bytes_max
    size_t batch_operations_max
    size_t batch_bytes_max
    size_t page_documents_max
    size_t page_bytes_max

# Kinds of writes that the log has no number for, besides those of its records.
cdef enum WriteKind:
    WRITE_INCREMENT = 7     # logged as the PATCH or the SET that gives its result
    WRITE_CHECK = 8         # a condition alone: writes nothing

# A write on its way in. write_prepare fills the second part, which write_free frees; the third is staging's.
cdef struct Write:
    uint8_t kind
    bint must_exist         # the key must have a document, whatever its version
    const uint8_t* key
    size_t key_bytes
    const uint8_t* text     # SET, PATCH: any JSON text
    bint is_canonical       # text was checked and is in canonical form already
    size_t text_bytes
    int64_t if_version      # -1: no condition
    uint64_t ttl_ms         # from its staging on; 0: none named. SET, TOUCH: it never expires, PATCH: as it did
    bint keep_ttl           # SET: the document expires when it did before
    int64_t by              # INCREMENT
    const uint8_t* path     # a JSON Pointer that was checked
    size_t path_bytes

    uint64_t hash
    Record* record          # SET, DELETE: what the key becomes, but for its version and revision
    uint8_t* delta          # PATCH: compact; INCREMENT: once it is merged, where it is logged as a PATCH
    size_t delta_bytes
    State* state

    Record* base            # what a merge without the lock began from, pinned; NULL: the key had no value
    uint64_t base_version
    int64_t sum
    uint8_t standing        # INCREMENT: what is no integer, by its first byte
    int merge_status        # what became of that merge,
    bint merged             # once it was done
    uint8_t merges          # that were begun
    bint staged             # record stands in the staged table,
    Record* replaced        # in place of this one

# Checks the write and brings its JSON to compact form; takes no lock. OK, or why not, in outcome.
cdef int write_prepare(Write* write, const StageLimits* limits, State* state, Outcome* outcome) noexcept nogil
# Prepares all of a batch: OK, or why one of them can't be staged, in its outcome.
cdef int writes_prepare(
    Write* writes, size_t count, const StageLimits* limits, State* state, Outcome* outcomes,
) noexcept nogil
cdef void write_free(Write* write) noexcept nogil
cdef void writes_free(Write* writes, size_t count) noexcept nogil
# Bytes that the frames of the writes take in the group, at most.
cdef size_t writes_frame_bytes(const Write* writes, size_t count) noexcept nogil
cdef size_t write_frame_bytes(const Write* write) noexcept nogil
# Lets go of what a merge began from.
cdef void write_drop_base(Write* write) noexcept nogil
