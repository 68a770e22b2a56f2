"""One client of a server, sans I/O: bytes in, replies out, in the order of the requests.

A GET of a key that has a write of this connection on its way waits for that, so each request sees the effects of those
before it; a write to a key for which a GET waits stops the reading of further requests until that is answered.

What is not the hot path (subscriptions, snapshots, info, passwords) is handed to Python, one request at a time.
Everything here runs in the thread of one event loop, under the GIL.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from fluxdb._core.replies cimport Bytes
from fluxdb._core.reply_queue cimport ReplyQueue
from fluxdb._core.wire cimport WireRequest

cdef class Connection(ReplyQueue):
    cdef Bytes input        # what is not taken apart yet begins at input_at
    cdef size_t input_at
    cdef public size_t line_bytes_max
    cdef bint skipping      # the rest of a line that was too long
    cdef readonly bint first_line       # none was taken yet
    cdef readonly bint stalled          # reads on when replies have gone
    cdef readonly bint ended        # the stream can't be followed any more: send what there is, and close
    cdef public bint authenticated
    cdef Bytes scratch      # one line in canonical form
    cdef uint64_t next_ticket
    cdef object handed      # the request that Python is to answer

    cdef int take_line(self, const uint8_t* line, size_t line_bytes) except -1
    cdef int take_get(self, const WireRequest* wire) except -1
    cdef int take_write(self, WireRequest* wire) except -1
    cdef int hand_over(self, const WireRequest* wire) except -1
    cdef int complain(self, int status, const WireRequest* wire) except -1
