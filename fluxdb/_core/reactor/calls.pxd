"""Python's calls into a reactor. Each takes the lock, does its work, tells the thread to continue, and needs no GIL.

A Python thread must never hold the lock while it waits for the GIL: the reactor, and with it every client, would wait
for any Python code that runs meanwhile.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from fluxdb._core.reactor.state cimport ReactorState
from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.serve.state cimport Handed

cdef enum:
    NO_NUMBER = -1              # of a socket: it has no number

cdef struct News:
    Handed* handed              # the caller's now; owner_number says whose each is
    uint64_t* numbers           # of those that are gone, then of those that have room again; free it
    size_t gone_count
    size_t roomy_count

cdef struct Totals:
    size_t paused
    size_t input_bytes
    size_t held_bytes
    size_t output_bytes
    uint64_t cut_off

# The number of the new socket, which owns the descriptor; NO_NUMBER where there is no memory.
cdef uint64_t ask_adopt(
    ReactorState* state, int descriptor, size_t line_bytes_max, size_t output_bytes_max, bint authenticated,
) noexcept nogil
# All that came since the last call; without memory for the numbers they come with the next one.
cdef void ask_news(ReactorState* state, News* news) noexcept nogil
cdef void ask_reply(
    ReactorState* state, uint64_t number, uint64_t ticket, const void* line, size_t line_bytes,
) noexcept nogil
# A line for many, in order; pushed[i]: False for those who have no room. Others have their turn in between.
cdef void ask_push(
    ReactorState* state, const uint64_t* numbers, bint* pushed, size_t count, const void* line, size_t line_bytes,
    bint always,
) noexcept nogil
cdef void ask_authenticate(
    ReactorState* state, uint64_t number, size_t line_bytes_max, size_t output_bytes_max,
) noexcept nogil
cdef void ask_send_away(ReactorState* state, uint64_t number, const void* line, size_t line_bytes) noexcept nogil
# Close it now.
cdef void ask_close(ReactorState* state, uint64_t number) noexcept nogil
# A second has gone by. The numbers of those who have not said anything whole, and of those who say nothing any more.
cdef void ask_tick(
    ReactorState* state, uint64_t first_line_ticks, uint64_t idle_ticks, Bytes* unheard, Bytes* idle,
) noexcept nogil
cdef void ask_drain(ReactorState* state) noexcept nogil
cdef void ask_abort(ReactorState* state) noexcept nogil
cdef void ask_totals(ReactorState* state, Totals* totals) noexcept nogil
