"""Staging: what writes will do, against the documents and what is staged already."""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.commit.group cimport Group, Operation
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.write cimport StageLimits, Write
from fluxdb._core.documents.state cimport State
from fluxdb._core.documents.table cimport Table

# Writes that are staged and not yet applied. Guarded by the committer's lock.
cdef struct Staging:
    State* state
    Table staged            # key -> its newest record that is staged; owned by the groups' operations
    uint64_t revision       # the last one given out
    uint64_t now_ms         # what time it is for the batch that is staged; 0: nobody has asked yet

# Adds the writes to the group, all of them or none. OK: operation is the last one's entry, NULL if nothing has to be
# written; outcomes hold versions and revisions, MISSING for a DELETE without effect. Otherwise nothing was added, and
# the outcome of the failed write holds the reason; for CONFLICT the outcomes of all failed conditions do. unsettled
# says whether the result depends on a write that is not durable yet: it must not be reported to anybody before that is.
cdef int stage_writes(
    Staging* staging, Write* writes, size_t count, const StageLimits* limits, Group* group, Operation** operation,
    Outcome* outcomes, bint* unsettled,
) noexcept nogil
# EXPIRE_FIRST: the time of a document is over that a write would begin from: expire_written is to be called, and then
# this again, with the same now_ms. So a document that is gone is logged as gone before anything is made of its key.
# MERGE_FIRST: writes_merge is to be called, without the lock, and then stage_writes again. Large documents are merged
# so: the lock is not held for it. The merge counts if the key's state is still the same; else it is done again, and
# with the lock held in the end.
cdef void writes_merge(Write* writes, size_t count, const StageLimits* limits, const Outcome* outcomes) noexcept nogil
# The time for this batch: all of its operations go by one look at the clock.
cdef uint64_t staging_now(Staging* staging) noexcept nogil
