"""A committer's maintenance besides the write path: a spare segment, a checkpoint. It asks; others do it."""

from libc.stdint cimport uint64_t

from fluxdb._core.commit.state cimport Commit

cdef enum Chore:
    SPARE = 1
    CHECKPOINT = 2
    ENDED = 4

# With the committer's lock held, by the leader:
cdef void chores_note(Commit* commit) noexcept nogil
cdef void chores_note_log_bytes(Commit* commit) noexcept nogil
cdef void chores_take_spare(Commit* commit) noexcept nogil
# Without it:
# Allocates the next segment ahead, where that is wanted. 0, or the errno of what failed.
cdef int chores_prepare_spare(Commit* commit) noexcept nogil
# A durable snapshot stands for the first so many bytes of what was logged: log is counted from there.
cdef void chores_checkpointed(Commit* commit, uint64_t logged) noexcept nogil
# A checkpoint failed with that errno. Writers that wait for one, since the log is full, are refused.
cdef void chores_checkpoint_failed(Commit* commit, int error) noexcept nogil
cdef uint64_t chores_log_bytes(const Commit* commit) noexcept nogil
# From any thread: whether writes are refused since the folder is not in its place. Those that wait look again.
cdef void chores_set_displaced(Commit* commit, bint displaced) noexcept nogil
