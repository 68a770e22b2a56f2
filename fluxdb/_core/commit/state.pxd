"""A committer: what it is made of, and under which lock."""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.base.platform cimport pthread_cond_t, pthread_mutex_t, pthread_t
from fluxdb._core.commit.appender cimport Log
from fluxdb._core.commit.channel_state cimport ChannelState
from fluxdb._core.commit.group cimport Group
from fluxdb._core.commit.outcome cimport Outcome
from fluxdb._core.commit.stage cimport Staging
from fluxdb._core.commit.write cimport StageLimits
from fluxdb._core.documents.state cimport State
from fluxdb._core.events.watch cimport Watch

cdef struct Commit:
    pthread_mutex_t lock
    Staging staging
    StageLimits limits
    Group groups[2]
    Group* filling              # the other one is written, or empty
    bint leading                # somebody writes a group; the log is theirs
    Log log
    State* state
    Watch watch                 # guarded by state.lock
    bint closing                # no more writes are taken
    bint closed                 # and all is settled, the descriptors are closed
    pthread_cond_t work         # the native thread waits here
    pthread_cond_t room         # threads that found the filling group full, or the log
    size_t room_waiters
    pthread_cond_t chore        # the one thread that waits for chores
    int chores
    bint woken
    bint events_woken           # guarded by state.lock
    bint has_spare              # a spare was made, or is being made, and not yet used
    bint making_spare
    int ready_spare             # made, and not yet the log's: -1 for none
    uint64_t ready_spare_size
    uint64_t next_segment_bytes # what the size of the next spare is to be
    uint64_t checkpoint_log_bytes
    uint64_t checkpoint_due_bytes   # of log, at which the next one is asked for
    uint64_t checkpoint_base    # bytes of log since the last checkpoint, when the counter stood at
    uint64_t checkpoint_counter # this many
    uint64_t log_bytes_max      # since the last checkpoint; then writers wait for the next one
    bint log_is_full            # they do: the log holds so much
    int checkpoint_error        # errno of the checkpoint that failed last, since the log is full; 0: none
    bint displaced              # no writes are taken: the folder was deleted, moved or replaced
    char* displaced_words       # how; owned, guarded by the GIL; NULL: it is in its place
    uint64_t expiry_wake_ms     # the native thread waits for documents whose time is over by then; 0: it is awake
    uint64_t expiry_retry_ns    # no removals before, since a group could not be written; 0: at once
    bint spare_refused          # there was no room for one; not tried again before the next rotation
    pthread_t thread
    bint thread_running
    ChannelState* channels
