"""The clock of a database: the system's, but it never goes back, and never stands still.

It follows the system's clock. If that steps back, it goes on at its own pace, by the time since the machine started. If
that jumps ahead by more than an hour, it may be wrong: reads follow at once, so that an expired document is in none of
them, but nothing is removed for a minute. If the clock is put right within that minute, nothing is lost.

All times are milliseconds since 1970, but for the steady ones, which count from the start of the machine.
"""

from libc.stdint cimport int64_t, uint64_t

# Guarded by the lock of what it belongs to.
cdef struct Clock:
    int64_t ahead_ms            # of its time before the steady one
    uint64_t seen_ms            # the time that clock_now gave last
    uint64_t doubted_since_ms   # steady: when the system's clock was first seen too far ahead; 0: it is not
    bint jumped                 # it was, and nobody has logged it yet

cdef void clock_init(Clock* clock) noexcept nogil
# The time that reads and conditions go by.
cdef uint64_t clock_now(Clock* clock) noexcept nogil
# The time that removals go by, and that the log notes: clock_now, but for the minute after a jump ahead.
cdef uint64_t clock_sure(Clock* clock) noexcept nogil
# Sets the clock forward to a time that a log or a snapshot names.
cdef void clock_not_before(Clock* clock, uint64_t time_ms) noexcept nogil
# Is that time over? The usual answer costs one look at the system's clock.
cdef bint clock_is_past(Clock* clock, uint64_t time_ms) noexcept nogil
