"""Event loops that write."""

from libc.stdlib cimport calloc, free, malloc

from fluxdb._core.base.platform cimport fluxdb_bell_close, fluxdb_bell_open, fluxdb_bell_ring
from fluxdb._core.commit.outcome cimport OK


cdef void free_channel(ChannelState* channel) noexcept nogil:
    cdef Failure* failure = channel.first_failure
    cdef Failure* next
    while failure != NULL:
        next = failure.next
        free(failure)
        failure = next
    fluxdb_bell_close(channel.bell)
    free(channel)


cdef ChannelState* channel_add(ChannelState** channels, int* error) noexcept nogil:
    cdef ChannelState* channel = <ChannelState*>calloc(1, sizeof(ChannelState))
    if channel == NULL:
        return NULL
    error[0] = fluxdb_bell_open(channel.bell)
    if error[0]:
        free(channel)
        return NULL
    channel.next = channels[0]
    channels[0] = channel
    return channel


cdef void channel_remove(ChannelState** channels, ChannelState* channel) noexcept nogil:
    channel.closed = True
    channels_ring(channels, False)      # which frees it, if it may go


cdef void channel_settle(ChannelState* channel, const Outcome* outcome) noexcept nogil:
    cdef Failure* failure
    if outcome.status != OK:
        failure = <Failure*>malloc(sizeof(Failure))
        if failure != NULL:
            failure.next = NULL
            failure.sequence = channel.settled
            failure.outcome = outcome[0]
            if channel.last_failure == NULL:
                channel.first_failure = failure
            else:
                channel.last_failure.next = failure
            channel.last_failure = failure
        else:
            # Two numbers take no memory. Successes between two lost outcomes are reported as lost too.
            if channel.lost_end == 0:
                channel.lost_begin = channel.settled
            channel.lost_end = channel.settled + 1
    channel.settled += 1
    channel.must_ring = True


cdef void channel_collect(ChannelState* channel, Collected* collected) noexcept nogil:
    collected.first = channel.collected
    collected.end = channel.collected = channel.settled
    collected.failures = channel.first_failure
    collected.lost_begin = channel.lost_begin
    collected.lost_end = channel.lost_end
    channel.first_failure = channel.last_failure = NULL
    channel.lost_begin = channel.lost_end = 0


cdef void channels_ring(ChannelState** channels, bint all) noexcept nogil:
    cdef ChannelState** link = channels
    cdef ChannelState* channel
    while link[0] != NULL:
        channel = link[0]
        if channel.closed and channel.settled == channel.submitted:
            link[0] = channel.next
            free_channel(channel)
            continue
        if channel.must_ring or channel.wants_room or all:
            channel.must_ring = channel.wants_room = False
            if not channel.muted:
                fluxdb_bell_ring(channel.bell)
        link = &channel.next


cdef void channels_free(ChannelState** channels) noexcept nogil:
    cdef ChannelState* channel
    while channels[0] != NULL:
        channel = channels[0]
        channels[0] = channel.next
        free_channel(channel)
