"""Staging: the version a write gets, whether it may take effect, the record that it makes, its frame in the group.

Everything is decided against the newest state there is, durable or not: two patches of a key in one group both take
effect, and no version is given twice. A record that the documents hold can't be freed meanwhile: only a later write of
its key does that, and that one would be found in the staged table first.

Writes come as a batch, of one mostly. Each is put into the staged table in its turn, where those after it find it. When
one can't take effect, the batch walks back, the last one first, and leaves nothing. All of that is one hold of the
committer's lock, so no other write sees a batch that is half staged.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free

from fluxdb._core.base.clock cimport clock_now
from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.commit.group cimport group_add_frame, group_add_operation, group_reserve
from fluxdb._core.commit.outcome cimport (
    BATCH_TOO_LARGE, CONFLICT, EXPIRE_FIRST, MERGE_FIRST, MISSING, NO_MEMORY, NOT_INTEGER, OK, OUT_OF_RANGE, USED_UP,
    VALUE_TOO_LARGE,
)
from fluxdb._core.commit.write cimport WRITE_CHECK, WRITE_INCREMENT, write_drop_base, write_frame_bytes
from fluxdb._core.commit.increment cimport (
    INCREMENT_NOT_INTEGER, INCREMENT_OK, INCREMENT_OUT_OF_RANGE, INCREMENT_TOO_LARGE, Increment, increment_make,
)
from fluxdb._core.documents.record cimport RECORD_MERGED, RECORD_TOO_LARGE, record_merge, record_new, record_touch
from fluxdb._core.documents.state cimport state_drop, state_floor, state_pin
from fluxdb._core.documents.table cimport (
    NUMBER_MAX, RECORD_EXPIRES, RECORD_TOMBSTONE, Record, record_bytes, record_expires_at, record_set_expiry,
    record_value, table_find, table_put, table_remove, table_restore,
)
from fluxdb._core.log.frame cimport (
    FRAME_EXPIRES, FRAME_JOINED, KIND_DELETE, KIND_PATCH, KIND_PATCH_REMOVE_NULLS, KIND_SET, KIND_TOUCH, FrameHeader,
)


cdef enum:
    MERGE_ASIDE_BYTES = 65536   # document and delta: larger merges take longer than others should wait for the lock
    MERGES_ASIDE_MAX = 3        # then others have written the key each time: with the lock held it comes to an end
    RECORDS_FACTOR = 2          # the documents that a batch makes may take so many times batch_bytes_max


cdef Record* find_current(
    Staging* staging, const Write* write, uint64_t before, uint64_t* version, bint* unsettled,
) noexcept nogil:
    """The key's newest live record, or NULL; version is the one that the next write's comes after.

    What the batch itself has staged, after the revision before, rests on nothing that was not looked at already.
    """
    cdef State* state = staging.state
    cdef Record* current = table_find(&staging.staged, write.key, write.key_bytes, write.hash)
    if current == NULL:
        pthread_mutex_lock(&state.lock)
        current = table_find(&state.table, write.key, write.key_bytes, write.hash)
        version[0] = current.version if current != NULL else state_floor(state, write.key, write.key_bytes)
        # A tombstone may be forgotten, and freed, as soon as the lock is given up.
        if current != NULL and current.flags & RECORD_TOMBSTONE:
            current = NULL
        pthread_mutex_unlock(&state.lock)
        return current
    if current.revision <= before:
        unsettled[0] = True
    version[0] = current.version
    return NULL if current.flags & RECORD_TOMBSTONE else current


cdef uint64_t staging_now(Staging* staging) noexcept nogil:
    if staging.now_ms == 0:
        pthread_mutex_lock(&staging.state.lock)
        staging.now_ms = clock_now(&staging.state.clock)
        pthread_mutex_unlock(&staging.state.lock)
    return staging.now_ms


cdef inline bint is_over(Staging* staging, const Record* current) noexcept nogil:
    return current.flags & RECORD_EXPIRES != 0 and record_expires_at(current) <= staging_now(staging)


cdef inline bint is_merge(const Write* write) noexcept nogil:
    """Does what it makes depend on what is there?"""
    return write.delta != NULL or write.kind == WRITE_INCREMENT or write.kind == KIND_TOUCH


cdef int make_sum(Write* write, Record* current, size_t value_bytes_max) noexcept nogil:
    """INCREMENT: its record, its delta, its sum."""
    cdef Increment made
    cdef int status
    free(write.delta)
    status = increment_make(
        write.key, write.key_bytes, current, write.by, write.path, write.path_bytes, value_bytes_max, &made
    )
    write.record = made.record
    write.delta = made.delta
    write.delta_bytes = made.delta_bytes
    write.sum = made.sum
    write.standing = made.standing
    if status == INCREMENT_OK:
        return OK
    if status == INCREMENT_NOT_INTEGER:
        return NOT_INTEGER
    if status == INCREMENT_OUT_OF_RANGE:
        return OUT_OF_RANGE
    return VALUE_TOO_LARGE if status == INCREMENT_TOO_LARGE else NO_MEMORY


cdef int merge_record(Write* write, Record* current, size_t value_bytes_max) noexcept nogil:
    """PATCH, INCREMENT, TOUCH: the record that they make of the current one. A new expiry gets its room here."""
    cdef int status
    if write.kind == KIND_TOUCH:
        write.record = record_touch(current, write.ttl_ms)
        return OK if write.record != NULL else NO_MEMORY
    if write.kind == WRITE_INCREMENT:
        return make_sum(write, current, value_bytes_max)
    status = record_merge(
        write.key, write.key_bytes, current, write.delta, write.delta_bytes,
        write.kind == KIND_PATCH_REMOVE_NULLS, write.ttl_ms, value_bytes_max, &write.record,
    )
    if status == RECORD_TOO_LARGE:
        return VALUE_TOO_LARGE
    return OK if status == RECORD_MERGED else NO_MEMORY     # both sides were checked: nothing else can fail


cdef int merge_current(Write* write, Record* current, uint64_t version, size_t value_bytes_max) noexcept nogil:
    """OK with what the newest record turns into, or MERGE_FIRST, or why not. With the lock held."""
    # The base is pinned, so its address is no other record's by now; without one there is the version. It stays so
    # until the write is freed: a batch that walks back for another merge finds this one done.
    if write.merged and write.base == current and write.base_version == version:
        return write.merge_status
    write_drop_base(write)
    drop_record(write)
    if (write.delta_bytes + (current.value_bytes if current != NULL else 0) <= MERGE_ASIDE_BYTES
            or write.merges == MERGES_ASIDE_MAX):
        return merge_record(write, current, value_bytes_max)
    if current != NULL and not state_pin(write.state, current):
        return merge_record(write, current, value_bytes_max)
    write.base = current
    write.base_version = version
    write.merges += 1
    return MERGE_FIRST


cdef inline void drop_record(Write* write) noexcept nogil:
    """Drop the record of an earlier attempt: the merge of a later write of the batch may have started from it."""
    if write.record == NULL:
        return
    pthread_mutex_lock(&write.state.lock)
    state_drop(write.record)
    pthread_mutex_unlock(&write.state.lock)
    write.record = NULL


cdef void writes_merge(Write* writes, size_t count, const StageLimits* limits, const Outcome* outcomes) noexcept nogil:
    cdef size_t i
    for i in range(count):
        if outcomes[i].status == MERGE_FIRST:
            writes[i].merge_status = merge_record(&writes[i], writes[i].base, limits.value_bytes_max)
            writes[i].merged = True


cdef int stage_writes(
    Staging* staging, Write* writes, size_t count, const StageLimits* limits, Group* group, Operation** operation,
    Outcome* outcomes, bint* unsettled,
) noexcept nogil:
    cdef uint64_t before = staging.revision
    cdef size_t made_bytes = 0
    cdef size_t i
    cdef int status = OK
    operation[0] = NULL
    unsettled[0] = False
    for i in range(count):
        outcomes[i].status = stage_write(
            staging, &writes[i], limits, before, status == CONFLICT, &outcomes[i], unsettled
        )
        if outcomes[i].status == CONFLICT:
            status = CONFLICT       # the conditions of the others are looked at all the same
        elif outcomes[i].status != OK and outcomes[i].status != MISSING:
            status = outcomes[i].status if status == OK or outcomes[i].status == EXPIRE_FIRST else status
            break_off(outcomes, i + 1, count)
            break
        elif writes[i].staged:
            made_bytes += record_bytes(writes[i].record)
    if status == OK and count > 1 and made_bytes > RECORDS_FACTOR * limits.batch_bytes_max:
        outcomes[0].offset = made_bytes
        outcomes[0].detail = True
        outcomes[0].status = status = BATCH_TOO_LARGE
    if status == OK and group_reserve(group, frame_bytes_of_staged(writes, count), staging.revision - before) != 0:
        outcomes[0].status = status = NO_MEMORY
    if status != OK:
        walk_back(staging, writes, count, before)
        return status
    # From here on nothing can fail.
    for i in range(count):
        if writes[i].staged:
            operation[0] = enter(group, &writes[i], &outcomes[i], outcomes[i].revision != staging.revision)
    if operation[0] == NULL:
        name_revision(staging, count, unsettled[0], outcomes)
    return OK


cdef void break_off(Outcome* outcomes, size_t first, size_t count) noexcept nogil:
    """Those that were not looked at say nothing, not what an earlier attempt said."""
    cdef size_t i
    for i in range(first, count):
        outcomes[i].status = OK


cdef int stage_write(
    Staging* staging, Write* write, const StageLimits* limits, uint64_t before, bint refused, Outcome* outcome,
    bint* unsettled,
) noexcept nogil:
    """Put what the write makes into the staged table, or say why not. refused: only its version is of interest."""
    cdef uint64_t version = 0
    cdef Record* current = find_current(staging, write, before, &version, unsettled)
    cdef int status
    if current != NULL and is_over(staging, current):
        return EXPIRE_FIRST
    outcome.actual = current.version if current != NULL else 0
    if write.if_version >= 0 and <uint64_t>write.if_version != outcome.actual:
        outcome.expected = <uint64_t>write.if_version
        outcome.detail = False
        return CONFLICT
    if write.must_exist and current == NULL:
        outcome.detail = True
        return CONFLICT
    if write.kind == WRITE_CHECK:
        return OK
    if (write.kind == KIND_DELETE or write.kind == KIND_TOUCH) and current == NULL:
        return MISSING
    if version >= NUMBER_MAX or staging.revision >= NUMBER_MAX:
        return USED_UP
    if refused:
        if write.record == NULL:
            write.record = record_new(write.key, write.key_bytes, 0, 0)
        if write.record == NULL:
            return NO_MEMORY
    elif is_merge(write):
        status = merge_current(write, current, version, limits.value_bytes_max)
        outcome.sum = write.sum
        if status != OK:
            outcome.detail = write.standing
            return status
    if not refused:
        set_expiry(staging, write, current)
    write.replaced = NULL
    if table_put(&staging.staged, write.record, write.hash, &write.replaced) != 0:
        return NO_MEMORY
    write.staged = True
    staging.revision += 1
    write.record.revision = outcome.revision = staging.revision
    write.record.version = outcome.version = version + 1
    return OK


cdef inline void set_expiry(Staging* staging, Write* write, const Record* current) noexcept nogil:
    if write.ttl_ms:
        record_set_expiry(write.record, staging_now(staging) + write.ttl_ms)
    elif write.keep_ttl:
        record_set_expiry(write.record, record_expires_at(current) if current != NULL else 0)


cdef void name_revision(Staging* staging, size_t count, bint unsettled, Outcome* outcomes) noexcept nogil:
    """Give a batch that writes nothing a revision at which its findings hold."""
    cdef uint64_t revision = staging.revision
    cdef size_t i
    if not unsettled:       # none of its keys is staged: that of the documents, which is durable
        pthread_mutex_lock(&staging.state.lock)
        revision = staging.state.revision
        pthread_mutex_unlock(&staging.state.lock)
    for i in range(count):
        outcomes[i].revision = revision


cdef void walk_back(Staging* staging, Write* writes, size_t count, uint64_t before) noexcept nogil:
    """Leave nothing of the batch in the staged table. Can't fail."""
    cdef Write* write
    while count:
        count -= 1
        write = &writes[count]
        if not write.staged:
            continue
        if write.replaced != NULL:
            table_restore(&staging.staged, write.replaced, write.hash)
        else:
            table_remove(&staging.staged, write.key, write.key_bytes, write.hash)
        write.staged = False
    staging.revision = before


cdef inline size_t frame_bytes_of_staged(const Write* writes, size_t count) noexcept nogil:
    cdef size_t i, total = 0
    for i in range(count):
        if writes[i].staged:
            total += write_frame_bytes(&writes[i])
    return total


cdef inline Operation* enter(Group* group, Write* write, const Outcome* outcome, bint joined) noexcept nogil:
    """The write's frame and its operation, whose the record is from now on."""
    cdef Operation* operation = group_add_operation(group)
    cdef FrameHeader header
    cdef uint64_t expires_at_ms = 0
    if write.delta == NULL or write.ttl_ms:     # a PATCH keeps the expiry without naming it
        expires_at_ms = record_expires_at(write.record)
    header.text_bytes = <uint32_t>(write.delta_bytes if write.delta != NULL else write.record.value_bytes)
    if write.kind == KIND_TOUCH:
        header.text_bytes = 0
    header.key_bytes = <unsigned short>write.key_bytes
    header.kind = write.kind
    if write.kind == WRITE_INCREMENT:
        header.kind = KIND_PATCH if write.delta != NULL else KIND_SET
    header.flags = (FRAME_JOINED if joined else 0) | (FRAME_EXPIRES if expires_at_ms else 0)
    header.revision = outcome.revision
    header.version = outcome.version
    group_add_frame(
        group, &header, write.key, write.delta if write.delta != NULL else record_value(write.record),
        expires_at_ms,
    )
    operation.record = write.record
    operation.hash = write.hash
    operation.outcome = outcome[0]
    operation.kind = write.kind
    operation.joined = joined
    group.record_bytes += record_bytes(write.record)
    write.record = NULL
    write.staged = False
    write_drop_base(write)
    return operation
