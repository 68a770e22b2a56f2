"""The write path: stage, write, sync, apply, acknowledge. One function reads like that: lead.

A thread that waits for its write leads the group if no other thread does; the native thread leads for event loops.
While one group is written and synced the next one fills; that is all the batching, and no timer is involved.

Locks: lock guards everything here; it is never held over a system call that may wait for the disk, and nobody waits for
the GIL while holding it. state.lock (of the documents) is taken inside it, never the other way round.
"""

from libc.stdint cimport uint64_t

from fluxdb._core.commit.channel_state cimport ChannelState
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.write cimport Write
from fluxdb._core.commit.state cimport Commit

# Each takes a batch, usually of one write: all of it takes effect, or nothing. The status of the whole is returned. OK:
# outcomes hold the result of each write. Otherwise, if single writes are the reason, their outcomes hold that status.
cdef int commit_write(Commit* commit, Write* writes, size_t count, Outcome* outcomes) noexcept nogil
# OK: the channel will get the batch's outcome once; outcomes hold each write's promised result, or why it is rejected.
cdef int commit_submit(
    Commit* commit, Write* writes, size_t count, ChannelState* channel, Outcome* outcomes,
) noexcept nogil
# The same, but MERGE_FIRST is left to the caller: a large merge, writes_merge, and then this again.
cdef int commit_offer(
    Commit* commit, Write* writes, size_t count, ChannelState* channel, Outcome* outcomes,
) noexcept nogil
# As commit_submit if it takes no longer than a moment, for a thread that has the GIL. Otherwise False, and nothing was
# staged.
cdef bint commit_try_submit(
    Commit* commit, Write* writes, size_t count, ChannelState* channel, Outcome* outcomes, int* status,
) noexcept nogil
# Called after the submits of a channel that leads. If nobody leads: this thread does, and returns True when the group
# is settled, if the last sync took no longer than sync_ns_max; otherwise the native thread is woken.
cdef bint commit_lead(Commit* commit, ChannelState* channel, uint64_t sync_ns_max) noexcept nogil
# Commits the filling group. Called with the lock held and nobody leading; returns so.
cdef void lead(Commit* commit) noexcept nogil
