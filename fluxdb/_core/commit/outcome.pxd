"""The possible outcomes of a write."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint64_t

# The outcome of a write. All but the first two reach the caller as an exception.
cdef enum Status:
    OK = 0
    MISSING = 1             # DELETE of a key that does not exist: nothing was written
    CONFLICT = 2            # if_version did not hold
    BAD_JSON = 3            # detail: JsonStatus; offset: where
    KEY_TOO_LONG = 4
    VALUE_TOO_LARGE = 5
    NO_MEMORY = 6
    CLOSED = 7
    NO_ROOM = 8             # the disk is full: refused, nothing was written
    REFUSED = 9             # the next segment could not be made; detail: errno; nothing was written
    POISONED = 10           # an earlier group failed: not written
    UNKNOWN = 11            # this group failed: perhaps written; or there was no memory to keep what became of it
    WOULD_BLOCK = 12        # the filling group is full, or the log is and waits for a checkpoint
    USED_UP = 13            # there is no version or revision behind the last one
    LOG_FULL = 14           # the log is as long as it may be, and the checkpoint failed: nothing was written
    MERGE_FIRST = 15        # of stage_writes alone: a large merge is to be done without the committer's lock
    DISPLACED = 16          # the folder is not in its place any more: nothing was written
    BATCH_TOO_LARGE = 17    # the writes of a batch; offset of the first outcome: their bytes; detail: of the documents
                            # that they make, instead
    NOT_INTEGER = 18        # INCREMENT; detail: the first byte of what stands at the path, or on the way to it
    OUT_OF_RANGE = 19       # INCREMENT: a sum, or a number that stands there, beyond 64 bits
    PATH_TOO_DEEP = 20      # INCREMENT; offset: how many names it has
    EXPIRE_FIRST = 21       # of stage_writes alone: the removal of an expired document is to be staged first

cdef struct Outcome:
    int status
    int detail              # CONFLICT: the key should exist, whatever its version
    size_t offset           # KEY_TOO_LONG: how long it is
    uint64_t version
    uint64_t revision
    int64_t sum             # INCREMENT: the number after it
    uint64_t expected       # CONFLICT: the version that was asked for,
    uint64_t actual         # and the one that the key has

# The first outcome of that status; count where no single write is the reason.
cdef inline size_t outcome_with(const Outcome* outcomes, size_t count, int status) noexcept nogil:
    cdef size_t i
    for i in range(count):
        if outcomes[i].status == status:
            return i
    return count

# Decided when the write was staged, not by what became of its group.
cdef inline bint is_rejection(int status) noexcept nogil:
    return (status == CONFLICT or status == VALUE_TOO_LARGE or status == NO_MEMORY or status == USED_UP
            or BATCH_TOO_LARGE <= status <= OUT_OF_RANGE)
