"""Pending events of subscribers: for one client, whatever it watches, and for all of a database.

A feed bounds the events that wait for a subscriber. That is not enough if one client has many subscribers, each with a
feed: so the events that wait for all of them are bounded too (ClientBacklog), and the contents of all feeds (Backlog).
Both count the memory that an event takes, not only its text: a thousand tiny events are not small.

A client is slow when more than bytes_max waits for it, not counting the last two bursts that alone exceeded the bound,
as in a feed. It is judged when a burst is over.

Everything happens under the dispatcher's lock, except taking, which only makes these numbers smaller, in a step that no
other thread can interrupt.
"""

cdef class Backlog:
    def __init__(self):
        self.crowded = []

    cdef int begin_burst(self) except -1:
        self.burst += 1
        return 0

    cdef list take_crowded(self):
        cdef ClientBacklog client
        cdef list crowded = self.crowded
        self.crowded = []
        for client in crowded:
            client.in_crowded = False
        return crowded


cdef class ClientBacklog:
    def __init__(self, uint64_t bytes_max):
        self.bytes_max = bytes_max
        self.subscribers = set()

    cdef int add(self, Backlog backlog, uint64_t event_bytes) except -1:
        if self.burst != backlog.burst:
            if self.bytes_told - self.burst_start > self.bytes_max:
                self.bursts_start, self.last_start, self.bursts_end = self.last_start, self.burst_start, self.bytes_told
            self.burst_start = self.bytes_told
            self.burst = backlog.burst
        self.bytes_told += event_bytes
        self.bytes_waiting += event_bytes
        if self.bytes_waiting > self.bytes_max and not self.in_crowded:
            backlog.crowded.append(self)
            self.in_crowded = True
        return 0

    cdef bint is_slow(self):
        cdef uint64_t taken = self.bytes_told - self.bytes_waiting
        cdef uint64_t start = self.bursts_start
        cdef uint64_t end = self.bursts_end
        if self.bytes_told - self.burst_start > self.bytes_max:
            start, end = self.last_start, self.bytes_told
        return self.bytes_waiting - (end - max(taken, start) if taken < end else 0) > self.bytes_max
