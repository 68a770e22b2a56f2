"""Keeps P requests in flight on each of N connections, and measures how long each takes: one thread, without the GIL.

A connection that is ready costs one recv, one look at the clock and one send, whatever comes and goes by them: the
requests of a run lie one after the other in memory, and those that replace the answered ones are sent from there.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fluxdb._core.load.histogram cimport Histogram
from fluxdb._core.load.poller cimport fluxdb_poller
from fluxdb._core.load.replies cimport ReplyReader, ReplyTally

cdef enum LoadStatus:
    LOAD_DONE = 0               # all replies are there
    LOAD_TICK = 1               # it is time to look at signals; call again
    LOAD_DEADLINE = 2
    LOAD_SILENCE = 3            # no reply for too long
    LOAD_CLOSED = 4             # the server closed a connection
    LOAD_BROKEN = 5             # a system call failed: system_error
    LOAD_NOT_UNDERSTOOD = 6     # a reply of another protocol: in tally.error_text
    LOAD_UNASKED = 7            # more replies than requests

cdef struct LoadConnection:
    int socket
    bint wants_room             # the poller tells when it may write on
    ReplyReader reader
    size_t unsent_from          # a range of the requests' bytes
    size_t unsent_to
    uint32_t in_flight
    uint32_t oldest             # in sent_ns
    uint64_t* sent_ns           # a ring of `pipeline` times

cdef struct Load:
    const uint8_t* requests     # borrowed: request i is at offsets[i] to offsets[i + 1]
    uint64_t* offsets
    uint64_t request_count
    uint64_t next_request       # to be sent next; they are sent in turn
    uint64_t to_send            # requests that are left to send
    uint64_t to_receive
    int protocol
    uint32_t pipeline
    uint32_t connection_count
    LoadConnection* connections
    uint64_t* times             # of all connections
    fluxdb_poller poller
    Histogram* latencies
    ReplyTally tally
    uint64_t started_ns
    uint64_t last_reply_ns
    uint64_t silence_ns
    uint64_t deadline_ns        # by the clock
    uint64_t bytes_sent
    uint64_t bytes_received
    int system_error

# Sends the first requests. As load_go.
cdef LoadStatus load_start(Load* load) noexcept nogil

# Goes on until all is answered, something fails, or the tick has come.
cdef LoadStatus load_go(Load* load, uint64_t tick_ns) noexcept nogil
