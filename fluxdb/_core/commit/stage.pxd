"""Staging: what a write will do, against the documents and what is staged already."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fluxdb._core.commit.group cimport Group, Operation
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.documents.state cimport State
from fluxdb._core.documents.table cimport Record, Table

cdef struct StageLimits:
    size_t key_bytes_max
    size_t value_bytes_max
    uint32_t depth_max
    size_t group_bytes_max

# A write on its way in. prepare fills the second half, which write_free frees.
cdef struct Write:
    uint8_t kind
    const uint8_t* key
    size_t key_bytes
    const uint8_t* text     # as it came, or canonical; not for DELETE
    bint is_canonical       # text was checked and is in canonical form already
    size_t text_bytes
    int64_t if_version      # -1: no condition
    uint64_t hash
    Record* record          # SET, DELETE: what the key becomes, but for its version and revision
    uint8_t* delta          # PATCH: compact
    size_t delta_bytes
    State* state
    Record* base            # PATCH: what a merge without the lock began from, pinned; NULL: the key had no value
    uint64_t base_version
    int merge_status        # what became of that merge,
    bint merged             # once it was done
    uint8_t merges          # that were begun

# What is written and not yet applied. Guarded by the committer's lock.
cdef struct Staging:
    State* state
    Table staged            # key -> its newest record that is staged; owned by the groups' operations
    uint64_t revision       # the last one given out

# Checks the write and brings its JSON to compact form; takes no lock. OK, or why not, in outcome.
cdef int write_prepare(Write* write, const StageLimits* limits, State* state, Outcome* outcome) noexcept nogil
cdef void write_free(Write* write) noexcept nogil
# Adds the write to the group. OK: operation is its entry, outcome its version and revision. Else nothing was added, and
# unsettled says whether the refusal rests on a write that is not durable yet: it must not be told before that is.
cdef int stage_write(
    Staging* staging, Write* write, const StageLimits* limits, Group* group,
    Operation** operation, Outcome* outcome, bint* unsettled,
) noexcept nogil
# MERGE_FIRST: write_merge is to be called, without the lock, and then this again. Large documents are merged so: the
# lock is not held for it. What was merged counts if the key's state is the same still; else it is merged again, and
# with the lock held in the end.
cdef void write_merge(Write* write, const StageLimits* limits) noexcept nogil
# Bytes that the write's frame takes in the group.
cdef size_t write_frame_bytes(const Write* write) noexcept nogil
