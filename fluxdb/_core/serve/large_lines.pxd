"""Large lines, parsed by a separate thread: checking and indexing 64 MiB takes a second.

The server of many clients hands a large line over and goes on with the others; its client waits (peer.large). The
thread parses the line, prepares the write that it asks for, and rings the bell of the switchboard's channel; the server
finds the line ready when it collects. The thread starts with the first large line.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from fluxdb._core.base.platform cimport pthread_cond_t, pthread_mutex_t, pthread_t
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.write cimport StageLimits, Write
from fluxdb._core.documents.state cimport State
from fluxdb._core.serve.batches cimport Batch
from fluxdb._core.serve.wire cimport WireRequest

cdef enum:
    LARGE_LINE_BYTES = 131072   # lines up to here are taken apart at once: 1 ms at worst

cdef struct LargeLine:
    LargeLine* next
    void* peer              # whose it is; NULL: it is gone
    bint ready              # and not the thread's any more
    uint8_t* buffer         # the line begins at begin; NULL once it is taken apart: what is left is a merge
    size_t begin
    size_t line_bytes
    bint builds_index       # it is no line: the thread builds the index of the keys; status says how that went
    int status              # WireStatus
    WireRequest wire        # its slices point into kept; of a write the value is in write
    uint8_t* kept
    Write write         # of a write
    Batch batch             # of a batch
    Outcome outcome         # what write_prepare or batch_prepare said

# Guarded by lock; what is ready is its peer's alone.
cdef struct LargeLines:
    pthread_mutex_t lock
    pthread_cond_t arrived
    LargeLine* first        # to be parsed, in order
    LargeLine* last
    LargeLine* done         # parsed lines, the latest first
    const StageLimits* limits
    State* state
    const int* bell         # rung when one is done
    pthread_t thread
    int process             # the process that has the thread; 0: no thread
    bint stopping

cdef void large_lines_init(
    LargeLines* lines, const StageLimits* limits, State* state, const int* bell,
) noexcept nogil
# A line for the thread, which owns buffer from here on. NULL: no thread, or no memory; parse it at once.
cdef LargeLine* large_lines_add(
    LargeLines* lines, void* peer, uint8_t* buffer, size_t begin, size_t line_bytes,
) noexcept nogil
# A large merge for the thread: the write, which comes from that request, moves into the line. It is ready to be offered
# again then. NULL: there is no thread, or no memory, and the write stays the caller's.
cdef LargeLine* large_lines_merge(
    LargeLines* lines, void* peer, const WireRequest* wire, Write* write, const Outcome* outcome,
) noexcept nogil
# Another merge for the write of a line that is ready. False: there is no thread.
cdef bint large_lines_merge_again(LargeLines* lines, LargeLine* line, const Outcome* outcome) noexcept nogil
# The thread builds the index of the keys, which a scan needs; the peer waits as for a large line. NULL: as above.
cdef LargeLine* large_lines_build_index(LargeLines* lines, void* peer) noexcept nogil
# All that are ready since the last call, linked by next: those of peers that are gone are freed, and not among them.
cdef LargeLine* large_lines_take(LargeLines* lines) noexcept nogil
# For a ready line, or one of a peer that goes.
cdef void large_line_release(LargeLines* lines, LargeLine* line) noexcept nogil
# Ends the thread. Nothing is added later, and nothing rung.
cdef void large_lines_stop(LargeLines* lines) noexcept nogil
# Called after large_lines_stop, when all peers are gone.
cdef void large_lines_free(LargeLines* lines) noexcept nogil
