"""The sockets of a reactor, and the reactor: what they are made of. All of it is guarded by the reactor's lock."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fluxdb._core.base.platform cimport pthread_mutex_t, pthread_t
from fluxdb._core.reactor.poller cimport fluxdb_poller
from fluxdb._core.reactor.shifts cimport Shifts
from fluxdb._core.serve.replies cimport Bytes
from fluxdb._core.serve.state cimport Peer, Switchboard

cdef enum:
    RECEIVE_BYTES = 65536       # at most so much of one socket before the others have their turn

# A line for many sockets: reactor/sending.pxd says what for.
cdef struct SharedLine:
    SharedLine* next        # younger
    SharedLine* previous
    Socket* first_socket    # of those that have it to send
    size_t users            # and one more while it is pushed
    size_t bytes
    # the line follows

cdef struct Socket:
    Peer* peer
    uint64_t number         # its slot, and in the upper half how many had that slot before
    int descriptor
    bint readable           # there may be something to receive
    bint writable           # there may be room to send
    bint hung_up            # the other side sends no more
    bint again              # in the reactor's list of sockets to continue in the next turn
    bint draining           # takes no more; goes when all its requests are answered, and the other side has the answers
    bint leaving            # its last line is in the output; further input is dropped
    bint shut               # and nothing more is sent
    bint behind             # had no room for an event: Python has to be notified when it has
    uint64_t born_tick
    uint64_t read_tick      # of the last bytes
    uint64_t leaving_tick
    uint64_t ended_tick     # when tick first saw that its stream is over; 0: not yet
    size_t counted_bytes    # of its input, as the reactor counts it
    size_t counted_output   # of what waits for it to read, likewise
    SharedLine* shared      # goes before the peer's output; NULL: none
    Socket* next_sharing
    Socket* previous_sharing
    size_t shared_at        # was sent up to here
    Socket* next_again
    Socket* next_free       # of the free slots, or of those that Python does not know of yet
    bint roomy              # in the list of those that were behind and have room again
    Socket* next_roomy

# One of the two threads that serve in turn.
cdef struct ReactorThread:
    ReactorState* reactor
    int number
    pthread_t thread

cdef struct ReactorState:
    pthread_mutex_t lock
    Shifts shifts
    ReactorThread threads[2]
    Switchboard board
    fluxdb_poller poller
    int bell[2]             # wakes the thread on duty
    int news[2]             # wakes Python
    bint running
    bint stopping
    bint wanted             # a thread waits for the lock, or is about to; see reactor_goes_first
    Socket** sockets        # by slot
    size_t slots
    size_t slots_used
    Socket* free_slots
    size_t open_count
    Socket* again
    uint64_t tick
    size_t events_bytes_max     # unsent, of one socket, when it takes no more events: shared lines apart
    size_t input_bytes          # of all sockets, in requests that are not whole
    size_t input_bytes_max
    Bytes input_message           # the last line for a client over the limit
    size_t unread_bytes         # of all sockets: their unread output, and shared lines, each once
    size_t unread_bytes_max
    uint64_t cut_off            # the number of clients closed for exceeding it
    SharedLine* oldest_shared
    SharedLine* youngest_shared
    Socket* gone            # closed since Python last asked, the latest first: their slots are free when it has
    size_t gone_count
    Socket* roomy           # and those that were behind and have room again; some may have closed since
    size_t roomy_count
    bint told               # Python was woken, and has not asked yet
    uint8_t* received       # RECEIVE_BYTES
