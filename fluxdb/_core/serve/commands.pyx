"""One request, carried out."""

from libc.string cimport memset

from fluxdb._core.base.slice cimport Slice
from fluxdb._core.commit.outcome cimport (
    BATCH_TOO_LARGE, CLOSED, CONFLICT, KEY_TOO_LONG, MERGE_FIRST, MISSING, OK, WOULD_BLOCK, Outcome, is_rejection,
    outcome_with,
)
from fluxdb._core.commit.stage cimport writes_merge
from fluxdb._core.commit.write cimport StageLimits, Write, write_free, write_prepare
from fluxdb._core.documents.state cimport State
from fluxdb._core.documents.table cimport table_hash
from fluxdb._core.serve.batches cimport (
    Batch, batch_free, batch_parse, batch_prepare, batch_reply_bytes_max, batch_revision, fill_write, reply_batch,
    reply_conflicts,
)
from fluxdb._core.serve.connection cimport (
    peer_begin_reply, peer_begin_write, peer_drop_write, peer_hand_over, peer_hold_get, peer_key_written,
    peer_may_write, peer_owes_nothing, peer_seal_failing, peer_seal_reply,
    peer_seal_write,
)
from fluxdb._core.serve.inflight cimport switchboard_offer, switchboard_submit
from fluxdb._core.serve.large_lines cimport (
    LARGE_LINE_BYTES, large_lines_build_index, large_lines_merge, large_lines_merge_again,
)
from fluxdb._core.serve.reads cimport read_count, read_document, read_many, read_range, read_revision
from fluxdb._core.serve.replies cimport (
    bytes_reserve, reply_conflict, reply_incremented, reply_nothing_deleted, reply_nothing_touched, reply_pong,
    reply_written,
)
from fluxdb._core.serve.state cimport ANY_KEY, KEY_MARKS, Handed, Switchboard
from fluxdb._core.serve.wire cimport (
    WIRE_AUTH, WIRE_BATCH, WIRE_COUNT, WIRE_DELETE, WIRE_EMPTY_KEY, WIRE_GET, WIRE_GET_MANY, WIRE_INCREMENT,
    WIRE_KEY_TOO_LONG, WIRE_NONE, WIRE_NO_INDEX, WIRE_NO_MEMORY, WIRE_OK, WIRE_PATCH, WIRE_PING, WIRE_SCAN, WIRE_SET,
    WIRE_TOUCH, WIRE_UNAUTHENTICATED,
)

cdef enum:
    WRITTEN_BYTES_MAX = 128         # of a write's reply, without its id


cdef int command_take(Peer* peer, int status, const WireRequest* wire, LargeLine* large) noexcept nogil:
    if status != WIRE_OK:
        return command_complain(peer, status, wire)
    if not peer.authenticated and wire.kind != WIRE_AUTH and wire.kind != WIRE_PING:
        return command_complain(peer, WIRE_UNAUTHENTICATED, wire)
    if wire.key.data != NULL and wire.key.bytes == 0:
        return command_complain(peer, WIRE_EMPTY_KEY, wire)
    if wire.key.bytes > peer.board.commit.limits.key_bytes_max:
        return refuse_key(peer, wire)
    if wire.kind == WIRE_GET:
        return take_get(peer, wire)
    if wire.kind in (WIRE_SET, WIRE_PATCH, WIRE_DELETE, WIRE_INCREMENT, WIRE_TOUCH):
        return take_write(peer, wire, large)
    if wire.kind == WIRE_BATCH:
        return take_batch(peer, wire, large)
    if wire.kind in (WIRE_GET_MANY, WIRE_SCAN, WIRE_COUNT):
        return take_read(peer, wire)
    return take_other(peer, wire)


cdef inline uint8_t key_mark(const Switchboard* board, const Slice* key) noexcept nogil:
    return <uint8_t>(table_hash(&board.commit.state.table, key.data, key.bytes) & (KEY_MARKS - 1))


cdef int take_get(Peer* peer, const WireRequest* wire) noexcept nogil:
    cdef uint8_t mark = key_mark(peer.board, &wire.key)
    cdef bint done
    if peer_key_written(peer, mark):
        return DONE if peer_hold_get(peer, mark, &wire.key, &wire.path, &wire.id) == 0 else BROKEN
    peer.board.answered[<size_t>WIRE_GET] += 1
    peer.board.turn_gets += 1
    done = read_document(
        peer.board.commit.state, peer_begin_reply(peer), wire.key.data, wire.key.bytes, &wire.path, &wire.id
    )
    return DONE if peer_seal_reply(peer, done) == 0 else BROKEN


cdef int take_write(Peer* peer, const WireRequest* wire, LargeLine* large) noexcept nogil:
    """large: where the write is prepared already; else NULL."""
    cdef Switchboard* board = peer.board
    cdef Write own
    cdef Write* write = &own if large == NULL else &large.write
    cdef Outcome outcome
    cdef uint64_t number = 0
    cdef int status
    cdef uint8_t mark = key_mark(board, &wire.key)
    if not peer_may_write(peer, mark):
        return STALL
    memset(&outcome, 0, sizeof(Outcome))
    if peer_begin_write(peer, WRITTEN_BYTES_MAX + wire.key.bytes + wire.path.bytes + 2 * wire.id.bytes, &number) != 0:
        return BROKEN
    if large == NULL:
        fill_write(wire, &own)
    if board.channel == NULL:
        outcome.status = CLOSED
    elif large == NULL:
        outcome.status = write_prepare(&own, &board.commit.limits, board.commit.state, &outcome)
    else:
        outcome = large.outcome
    status = outcome.status
    if status == OK:
        status = switchboard_offer(board, peer, number, write, 1, &outcome)
    while status == MERGE_FIRST:
        if merge_elsewhere(peer, wire, write, &outcome, large):
            peer_drop_write(peer)
            return DONE if large == NULL else STALL     # it comes back as a large line
        writes_merge(write, 1, &board.commit.limits, &outcome)
        status = switchboard_offer(board, peer, number, write, 1, &outcome)
    if large == NULL:
        write_free(&own)
    if status != OK:
        peer_drop_write(peer)
        outcome.status = status
        return STALL if status == WOULD_BLOCK else refuse_write(peer, wire, &outcome)
    if is_rejection(outcome.status) and outcome.status != CONFLICT:
        peer_seal_failing(peer, wire.kind, mark, &wire.key, &wire.path, -1, &wire.id)
        return DONE
    if outcome.status == MISSING:
        if wire.kind == WIRE_TOUCH:
            reply_nothing_touched(&peer.held, &wire.id)
        else:
            reply_nothing_deleted(&peer.held, &wire.id)
    elif outcome.status == CONFLICT:
        if not reply_conflict(&peer.held, &outcome, &wire.key, &wire.id):
            return BROKEN
    elif wire.kind == WIRE_INCREMENT:
        reply_incremented(&peer.held, outcome.sum, outcome.version, outcome.revision, &wire.id)
    else:
        reply_written(&peer.held, outcome.version, outcome.revision, &wire.id)
    peer.revision = max(peer.revision, outcome.revision)
    peer_seal_write(peer, wire.kind, mark, outcome.status == CONFLICT, &wire.id)
    return DONE


cdef bint merge_elsewhere(
    Peer* peer, const WireRequest* wire, Write* write, const Outcome* outcome, LargeLine* large,
) noexcept nogil:
    """Hand a write over whose merge takes longer than others should wait for. False: it is to be merged here."""
    cdef size_t base_bytes = write.base.value_bytes if write.base != NULL else 0
    if base_bytes + write.delta_bytes <= LARGE_LINE_BYTES:
        return False
    if large != NULL:
        return large_lines_merge_again(&peer.board.large_lines, large, outcome)
    peer.large = large_lines_merge(&peer.board.large_lines, peer, wire, write, outcome)
    return peer.large != NULL


cdef int take_batch(Peer* peer, const WireRequest* wire, LargeLine* large) noexcept nogil:
    """large: where the batch is prepared already; else NULL."""
    cdef Switchboard* board = peer.board
    cdef WireRequest wrong = wire[0]
    cdef Batch own
    cdef int status = OK, step
    if not peer_may_write(peer, ANY_KEY):
        return STALL
    if large != NULL:
        return submit_batch(peer, wire, &large.batch, large.outcome.status)
    memset(&own, 0, sizeof(Batch))
    status = batch_parse(&own, &wrong, &board.commit.limits)
    if status == WIRE_OK:
        step = submit_batch(peer, wire, &own, batch_prepare(&own, &board.commit.limits, board.commit.state))
    else:
        step = reject(peer, status, &wrong)
    batch_free(&own)
    return step


cdef int submit_batch(Peer* peer, const WireRequest* wire, Batch* batch, int status) noexcept nogil:
    """status: of its preparation."""
    cdef Switchboard* board = peer.board
    cdef uint64_t number = 0
    cdef bint rejected
    if batch.count == 0:
        return answer_nothing(peer, wire, batch)
    if peer_begin_write(peer, batch_reply_bytes_max(batch.count) + 2 * wire.id.bytes, &number) != 0:
        return BROKEN
    if board.channel == NULL:
        status = CLOSED
    if status == OK:
        status = switchboard_submit(board, peer, number, batch.writes, batch.count, batch.outcomes)
    if status != OK:
        peer_drop_write(peer)
        return STALL if status == WOULD_BLOCK else refuse_batch(peer, wire, batch, status)
    rejected = outcome_with(batch.outcomes, batch.count, CONFLICT) < batch.count
    if not rejected and seal_failing(peer, wire, batch):
        return DONE
    if rejected and not reply_conflicts(&peer.held, batch, &wire.id):
        return BROKEN
    if not rejected:
        # One that writes nothing may rest on less than this peer's own writes before it, but is as good after them.
        reply_batch(&peer.held, batch, peer.revision, &wire.id)
        peer.revision = max(peer.revision, batch_revision(batch))
    peer_seal_write(peer, WIRE_BATCH, ANY_KEY, rejected, &wire.id)
    return DONE


cdef bint seal_failing(Peer* peer, const WireRequest* wire, const Batch* batch) noexcept nogil:
    """A batch that is refused, for another reason than a conflict, once the writes that this rests on are durable."""
    cdef WireRequest failed = wire[0]
    cdef size_t i = 0
    while i < batch.count and not is_rejection(batch.outcomes[i].status):
        i += 1
    if i == batch.count:
        return False
    name_operation(batch, i, &failed)
    if not bytes_reserve(&peer.held, failed.key.bytes + failed.path.bytes + wire.id.bytes):
        memset(&failed.key, 0, sizeof(Slice))
        memset(&failed.path, 0, sizeof(Slice))
    peer_seal_failing(peer, WIRE_BATCH, ANY_KEY, &failed.key, &failed.path, failed.index, &wire.id)
    return True


cdef void name_operation(const Batch* batch, size_t i, WireRequest* failed) noexcept nogil:
    failed.index = <int64_t>i
    failed.key.data = batch.writes[i].key
    failed.key.bytes = batch.writes[i].key_bytes
    failed.path.data = batch.writes[i].path
    failed.path.bytes = batch.writes[i].path_bytes


cdef int answer_nothing(Peer* peer, const WireRequest* wire, const Batch* batch) noexcept nogil:
    """A batch of no operations: it says where the writes before it left the database."""
    cdef bint done
    if not peer_owes_nothing(peer):
        return STALL
    peer.board.answered[<size_t>WIRE_BATCH] += 1
    done = reply_batch(peer_begin_reply(peer), batch, read_revision(peer.board.commit.state), &wire.id)
    return DONE if peer_seal_reply(peer, done) == 0 else BROKEN


cdef int take_read(Peer* peer, const WireRequest* wire) noexcept nogil:
    """One that reads several documents: it sees the effects of what was before it, so that has to be over."""
    cdef const StageLimits* limits = &peer.board.commit.limits
    cdef State* state = peer.board.commit.state
    cdef WireRequest wrong = wire[0]
    cdef int status
    if not peer_owes_nothing(peer):
        return STALL
    if wire.kind == WIRE_GET_MANY:
        status = read_many(state, peer_begin_reply(peer), limits, &wrong)
    elif wire.kind == WIRE_SCAN:
        status = read_range(state, peer_begin_reply(peer), limits, wire)
    else:
        status = read_count(state, peer_begin_reply(peer), wire)
    if status == WIRE_OK:
        peer.board.answered[wire.kind] += 1
        return DONE if peer_seal_reply(peer, True) == 0 else BROKEN
    return wait_for_index(peer, wire) if status == WIRE_NO_INDEX else reject(peer, status, &wrong)


cdef int wait_for_index(Peer* peer, const WireRequest* wire) noexcept nogil:
    """The thread for large lines builds the index, which takes long; then the line is taken again."""
    if peer.large == NULL and not peer.index_failed:
        peer.large = large_lines_build_index(&peer.board.large_lines, peer)
        if peer.large != NULL:
            return STALL
    peer.index_failed = False
    return command_complain(peer, WIRE_NO_MEMORY, wire)


cdef int take_other(Peer* peer, const WireRequest* wire) noexcept nogil:
    """Handle a rare request. It sees the effects of the requests before it, so those have to be over."""
    if not peer_owes_nothing(peer):
        return STALL
    if wire.kind == WIRE_PING:
        peer.board.answered[<size_t>WIRE_PING] += 1
        if peer_seal_reply(peer, reply_pong(peer_begin_reply(peer), peer.authenticated, &wire.id)) != 0:
            return BROKEN
        return DONE
    if peer_hand_over(peer, wire.kind, &wire.id, &wire.key, &wire.password) == NULL:
        return BROKEN
    return HANDED


# ---- what is wrong: Python finds the words, but those of a conflict, which is nothing rare ----

cdef int command_complain(Peer* peer, int status, const WireRequest* wire) noexcept nogil:
    cdef Slice none
    cdef Handed* handed
    memset(&none, 0, sizeof(Slice))
    peer.board.refused[wire.kind if status >= WIRE_UNAUTHENTICATED else WIRE_NONE] += 1
    handed = peer_hand_over(peer, WIRE_NONE, &wire.id, &none, &none)
    if handed == NULL:
        return BROKEN
    handed.kind = wire.kind
    handed.wire_status = status
    handed.detail = wire.detail
    handed.offset = wire.offset
    handed.member = wire.member
    handed.index = wire.index
    return HANDED


cdef int reject(Peer* peer, int status, const WireRequest* wire) noexcept nogil:
    return refuse_key(peer, wire) if status == WIRE_KEY_TOO_LONG else command_complain(peer, status, wire)


cdef int refuse_key(Peer* peer, const WireRequest* wire) noexcept nogil:
    """One that is too long. It may be as long as a line, so it is not handed on."""
    cdef WireRequest without = wire[0]
    cdef Outcome outcome
    memset(&outcome, 0, sizeof(Outcome))
    memset(&without.key, 0, sizeof(Slice))
    outcome.status = KEY_TOO_LONG
    outcome.offset = wire.key.bytes
    return refuse_write(peer, &without, &outcome)


cdef int refuse_write(Peer* peer, const WireRequest* wire, const Outcome* outcome) noexcept nogil:
    cdef bint done
    cdef Handed* handed
    peer.board.refused[wire.kind] += 1
    if outcome.status == CONFLICT:
        done = reply_conflict(peer_begin_reply(peer), outcome, &wire.key, &wire.id)
        return DONE if peer_seal_reply(peer, done) == 0 else BROKEN
    handed = peer_hand_over(peer, WIRE_NONE, &wire.id, &wire.key, &wire.path)
    if handed == NULL:
        return BROKEN
    handed.kind = wire.kind
    handed.outcome = outcome[0]
    handed.index = wire.index
    return HANDED


cdef int refuse_batch(Peer* peer, const WireRequest* wire, const Batch* batch, int status) noexcept nogil:
    """For the reason that its outcomes say, or that is of no operation in particular."""
    cdef WireRequest failed = wire[0]
    cdef size_t i = outcome_with(batch.outcomes, batch.count, status)
    cdef Outcome outcome
    if status == CONFLICT:
        peer.board.refused[<size_t>WIRE_BATCH] += 1
        return DONE if peer_seal_reply(peer, reply_conflicts(peer_begin_reply(peer), batch, &wire.id)) == 0 else BROKEN
    memset(&outcome, 0, sizeof(Outcome))
    if i < batch.count and status != BATCH_TOO_LARGE:
        outcome = batch.outcomes[i]
        name_operation(batch, i, &failed)
    elif batch.count:
        outcome = batch.outcomes[0]
    outcome.status = status
    return refuse_write(peer, &failed, &outcome)
