"""All peers of one event loop, or of one reactor."""

from libc.stdlib cimport free, malloc
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from fluxdb._core.base.durations cimport durations_count
from fluxdb._core.base.platform cimport fluxdb_now_ns, pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.commit.channel_state cimport Collected, Failure, channel_collect, is_lost
from fluxdb._core.commit.outcome cimport CONFLICT, MERGE_FIRST, NO_MEMORY, OK, UNKNOWN, WOULD_BLOCK
from fluxdb._core.commit.stage cimport writes_merge
from fluxdb._core.commit.write_path cimport commit_offer
from fluxdb._core.serve.connection cimport peer_fail_write, peer_hand_place, peer_handed_taken, peer_release
from fluxdb._core.serve.large_lines cimport (
    LargeLine, large_lines_free, large_lines_init, large_lines_stop, large_lines_take,
)
from fluxdb._core.serve.replies cimport bytes_shrink
from fluxdb._core.base.slice cimport Slice
from fluxdb._core.serve.state cimport Line, Writer
from fluxdb._core.serve.waiting cimport line_join
from fluxdb._core.serve.wire cimport WIRE_GET

cdef enum:
    WRITER_SLOTS_MIN = 256
    SCRATCH_BYTES = 524288      # kept from turn to turn: enough for any line that is not large


cdef void switchboard_init(Switchboard* board, Commit* commit, ChannelState* channel) noexcept nogil:
    memset(board, 0, sizeof(Switchboard))
    board.commit = commit
    board.channel = channel
    board.now_ns = fluxdb_now_ns()
    large_lines_init(&board.large_lines, &commit.limits, commit.state, channel.bell)


cdef void switchboard_end(Switchboard* board) noexcept nogil:
    if board.channel != NULL:
        large_lines_stop(&board.large_lines)
    board.channel = NULL


cdef void switchboard_free(Switchboard* board) noexcept nogil:
    cdef Handed* handed = switchboard_take_handed(board)
    while handed != NULL:
        free(handed)
        handed = switchboard_take_handed(board)
    while board.settled != board.submitted:
        forget_writer(writer_at(board, board.settled).peer)
        board.settled += 1
    large_lines_free(&board.large_lines)
    free(board.writers)
    free(board.scratch.data)
    board.writers = NULL
    board.writer_slots = 0


cdef inline Writer* writer_at(const Switchboard* board, uint64_t sequence) noexcept nogil:
    return &board.writers[sequence & (board.writer_slots - 1)]


cdef bint make_room(Switchboard* board) noexcept nogil:
    """For one more writer in the ring."""
    cdef size_t slots = board.writer_slots * 2 if board.writer_slots else WRITER_SLOTS_MIN
    cdef Writer* larger
    cdef uint64_t sequence
    if board.submitted - board.settled < board.writer_slots:
        return True
    larger = <Writer*>malloc(slots * sizeof(Writer))
    if larger == NULL:
        return False
    for sequence in range(board.settled, board.submitted):
        larger[sequence & (slots - 1)] = writer_at(board, sequence)[0]
    free(board.writers)
    board.writers = larger
    board.writer_slots = slots
    return True


cdef int switchboard_submit(
    Switchboard* board, Peer* peer, uint64_t place, Write* writes, size_t count, Outcome* outcomes,
) noexcept nogil:
    cdef int status = switchboard_offer(board, peer, place, writes, count, outcomes)
    while status == MERGE_FIRST:
        writes_merge(writes, count, &board.commit.limits, outcomes)
        status = switchboard_offer(board, peer, place, writes, count, outcomes)
    return status


cdef int switchboard_offer(
    Switchboard* board, Peer* peer, uint64_t place, Write* writes, size_t count, Outcome* outcomes,
) noexcept nogil:
    cdef Writer* writer
    cdef int status = WOULD_BLOCK
    if not make_room(board):
        return NO_MEMORY
    # The first in line found the group full behind the last collect, so the channel rings when there is room again.
    if not switchboard_waits(board):
        status = commit_offer(board.commit, writes, count, board.channel, outcomes)
    if status == WOULD_BLOCK and peer.waits_in == NULL:
        line_join(&board.served if peer.served else &board.unserved, peer)
    if status == OK:
        peer.served = True
        writer = writer_at(board, board.submitted)
        writer.peer = peer
        writer.place = place
        peer.unsettled += 1
        board.submitted += 1
    return status


cdef void switchboard_begin_turn(Switchboard* board) noexcept nogil:
    board.now_ns = board.turn_began_ns = fluxdb_now_ns()


cdef void switchboard_end_turn(Switchboard* board) noexcept nogil:
    """The clock is read once for all of them, not once for each, which would cost as much as a GET does."""
    if board.turn_gets:
        durations_count(
            &board.durations[<size_t>WIRE_GET], fluxdb_now_ns() - board.turn_began_ns, board.turn_gets,
        )
        board.turn_gets = 0
    if board.scratch.capacity > SCRATCH_BYTES:
        bytes_shrink(&board.scratch)


# ---- what became durable ----

cdef Peer* switchboard_collect(Switchboard* board) noexcept nogil:
    cdef Peer* touched = NULL
    cdef Peer* last = NULL
    cdef Peer* peer
    cdef LargeLine* line = large_lines_take(&board.large_lines)
    cdef Collected collected
    cdef Failure* failure
    cdef Failure* done
    cdef Outcome lost
    cdef Writer* writer
    memset(&collected, 0, sizeof(Collected))
    memset(&lost, 0, sizeof(Outcome))
    lost.status = UNKNOWN
    collected.end = board.settled
    board.now_ns = fluxdb_now_ns()
    if board.channel != NULL:
        pthread_mutex_lock(&board.commit.lock)
        channel_collect(board.channel, &collected)
        pthread_mutex_unlock(&board.commit.lock)
    # Waiting peers go before those whose writes were settled: otherwise a few could take all the room for ever.
    note_line(&board.unserved, &touched, &last)
    note_line(&board.served, &touched, &last)
    while line != NULL:
        note(<Peer*>line.peer, &touched, &last)
        line = line.next
    failure = collected.failures
    while board.settled != collected.end:
        writer = writer_at(board, board.settled)
        if failure != NULL and failure.sequence == board.settled:
            if not writer.peer.closed:
                refuse(writer.peer, writer.place, &failure.outcome)
            done = failure
            failure = failure.next
            free(done)
        elif is_lost(&collected, board.settled) and not writer.peer.closed:
            refuse(writer.peer, writer.place, &lost)
        board.settled += 1
        if writer.peer.closed:
            forget_writer(writer.peer)
        else:
            writer.peer.unsettled -= 1
            note(writer.peer, &touched, &last)
    peer = touched
    while peer != NULL:
        if peer_release(peer) != 0:
            peer.broken = True
        peer = peer.next_noted
    return touched


cdef void note_line(Line* line, Peer** touched, Peer** last) noexcept nogil:
    """All who wait in it, which is empty then."""
    cdef Peer* peer = line.first
    line.first = line.last = NULL
    while peer != NULL:
        peer.waits_in = NULL
        peer.served = False
        note(peer, touched, last)
        peer = peer.next_waiting


cdef void note(Peer* peer, Peer** touched, Peer** last) noexcept nogil:
    """To the end of the list, unless it is there."""
    if peer.noted:
        return
    peer.noted = True
    peer.next_noted = NULL
    if last[0] == NULL:
        touched[0] = peer
    else:
        last[0].next_noted = peer
    last[0] = peer


cdef Peer* switchboard_next(Peer** list) noexcept nogil:
    """Takes the first that is still there out of the list."""
    cdef Peer* peer = list[0]
    while peer != NULL:
        list[0] = peer.next_noted
        peer.noted = False
        if not peer.closed:
            return peer
        if peer.unsettled == 0:
            free(peer)
        peer = list[0]
    return NULL


cdef void forget_writer(Peer* peer) noexcept nogil:
    peer.unsettled -= 1
    if peer.closed and peer.unsettled == 0 and not peer.noted:
        free(peer)


cdef void refuse(Peer* peer, uint64_t number, const Outcome* outcome) noexcept nogil:
    """The write failed: Python says why, but of a conflict, whose reply is there already."""
    cdef Slice id, key, path
    cdef int64_t index = -1
    cdef Handed* handed
    cdef int kind
    if outcome.status == CONFLICT:
        return
    kind = peer_fail_write(peer, number, &id, &key, &path, &index)
    peer.board.refused[kind] += 1
    handed = peer_hand_place(peer, number, &id, &key, &path)
    if handed == NULL:
        peer.broken = True
        return
    handed.kind = kind
    handed.index = index
    handed.outcome = outcome[0]


cdef Handed* switchboard_take_handed(Switchboard* board) noexcept nogil:
    cdef Handed* handed = board.first_handed
    if handed != NULL:
        board.first_handed = handed.next
        if handed.peer != NULL:
            peer_handed_taken(handed.peer)
    return handed
