"""The clock of a database; base/clock.pxd says what it promises."""

cdef extern from *:
    """
    #include <time.h>

    #ifndef CLOCK_REALTIME_COARSE
    #define CLOCK_REALTIME_COARSE CLOCK_REALTIME
    #endif
    #ifndef CLOCK_BOOTTIME
    #define CLOCK_BOOTTIME CLOCK_MONOTONIC
    #endif

    static inline uint64_t fluxdb_clock_ms(clockid_t clock)
    {
        struct timespec now;
        clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    }
    """
    ctypedef int clockid_t
    const clockid_t CLOCK_REALTIME_COARSE, CLOCK_BOOTTIME
    uint64_t fluxdb_clock_ms(clockid_t clock) noexcept nogil

cdef enum:
    DOUBT_MS = 60 * 60 * 1000   # a jump by more is doubted,
    PATIENCE_MS = 60 * 1000     # for so long

# Tests put these in place of the system's clocks; 0: nothing.
cdef uint64_t pretended_wall_ms = 0
cdef uint64_t pretended_steady_ms = 0


cdef inline uint64_t wall_ms() noexcept nogil:
    return pretended_wall_ms if pretended_wall_ms else fluxdb_clock_ms(CLOCK_REALTIME_COARSE)


cdef inline uint64_t steady_ms() noexcept nogil:
    return pretended_steady_ms if pretended_steady_ms else fluxdb_clock_ms(CLOCK_BOOTTIME)


cdef void clock_init(Clock* clock) noexcept nogil:
    clock.seen_ms = wall_ms()
    clock.ahead_ms = <int64_t>(clock.seen_ms - steady_ms())
    clock.doubted_since_ms = 0
    clock.jumped = False


cdef uint64_t clock_now(Clock* clock) noexcept nogil:
    cdef uint64_t wall = wall_ms()
    cdef uint64_t steady = steady_ms()
    cdef uint64_t own = steady + <uint64_t>clock.ahead_ms
    if wall > own and wall - own > DOUBT_MS:
        if clock.doubted_since_ms == 0:
            clock.doubted_since_ms = steady
            clock.jumped = True
        if steady - clock.doubted_since_ms < PATIENCE_MS:
            clock.seen_ms = wall
            return wall
    if wall > own:
        clock.ahead_ms = <int64_t>(wall - steady)
        own = wall
    clock.doubted_since_ms = 0
    clock.seen_ms = own
    return own


cdef uint64_t clock_sure(Clock* clock) noexcept nogil:
    cdef uint64_t now = clock_now(clock)
    return now if clock.doubted_since_ms == 0 else steady_ms() + <uint64_t>clock.ahead_ms


cdef void clock_not_before(Clock* clock, uint64_t time_ms) noexcept nogil:
    if time_ms > clock_sure(clock):
        clock.ahead_ms = <int64_t>(time_ms - steady_ms())
        clock_now(clock)


cdef bint clock_is_past(Clock* clock, uint64_t time_ms) noexcept nogil:
    cdef uint64_t wall = wall_ms()
    if wall >= clock.seen_ms and wall < time_ms:
        return False
    return clock_now(clock) >= time_ms


def pretend(uint64_t wall_ms=0, uint64_t steady_ms=0):
    global pretended_wall_ms, pretended_steady_ms
    pretended_wall_ms = wall_ms
    pretended_steady_ms = steady_ms
