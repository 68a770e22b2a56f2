"""Large lines, in a separate thread; serve/large_lines.pxd says why."""

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from fluxdb._core.base.platform cimport (
    fluxdb_bell_ring, fluxdb_cond_init, fluxdb_thread_start, pthread_cond_broadcast, pthread_cond_destroy,
    pthread_cond_wait, pthread_join, pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock,
    pthread_mutex_unlock,
)
from fluxdb._core.base.slice cimport Slice
from fluxdb._core.commit.outcome cimport OK
from fluxdb._core.commit.stage cimport writes_merge
from fluxdb._core.commit.write cimport write_free, write_prepare
from fluxdb._core.documents.building cimport index_build
from fluxdb._core.serve.batches cimport batch_free, batch_parse, batch_prepare, fill_write
from fluxdb._core.serve.wire cimport (
    WIRE_BATCH, WIRE_COUNT, WIRE_DELETE, WIRE_INCREMENT, WIRE_NO_MEMORY, WIRE_OK, WIRE_PATCH, WIRE_SCAN, WIRE_SET,
    WIRE_TOUCH, wire_parse, wire_scratch_bytes,
)

cdef extern from "<unistd.h>" nogil:
    int getpid() noexcept


cdef void large_lines_init(
    LargeLines* lines, const StageLimits* limits, State* state, const int* bell,
) noexcept nogil:
    memset(lines, 0, sizeof(LargeLines))
    pthread_mutex_init(&lines.lock, NULL)
    fluxdb_cond_init(&lines.arrived)
    lines.limits = limits
    lines.state = state
    lines.bell = bell


cdef bint has_thread(LargeLines* lines) noexcept nogil:
    """With the lock held."""
    if lines.process == 0 and not lines.stopping and fluxdb_thread_start(&lines.thread, thread_main, lines) == 0:
        lines.process = getpid()
    return lines.process != 0 and not lines.stopping


cdef LargeLine* large_lines_add(
    LargeLines* lines, void* peer, uint8_t* buffer, size_t begin, size_t line_bytes,
) noexcept nogil:
    cdef LargeLine* line = <LargeLine*>calloc(1, sizeof(LargeLine))
    if line == NULL:
        return NULL
    line.peer = peer
    line.buffer = buffer
    line.begin = begin
    line.line_bytes = line_bytes
    if not enqueue(lines, line):
        free(line)
        return NULL
    return line


cdef LargeLine* large_lines_build_index(LargeLines* lines, void* peer) noexcept nogil:
    cdef LargeLine* line = <LargeLine*>calloc(1, sizeof(LargeLine))
    if line == NULL:
        return NULL
    line.peer = peer
    line.builds_index = True
    if not enqueue(lines, line):
        free(line)
        return NULL
    return line


cdef bint enqueue(LargeLines* lines, LargeLine* line) noexcept nogil:
    """Hand the line to the thread. False: the thread could not be started."""
    cdef bint added
    line.next = NULL
    pthread_mutex_lock(&lines.lock)
    added = has_thread(lines)
    if added:
        if lines.first == NULL:
            lines.first = line
        else:
            lines.last.next = line
        lines.last = line
        pthread_cond_broadcast(&lines.arrived)
    pthread_mutex_unlock(&lines.lock)
    return added


cdef LargeLine* large_lines_merge(
    LargeLines* lines, void* peer, const WireRequest* wire, Write* write, const Outcome* outcome,
) noexcept nogil:
    cdef LargeLine* line = <LargeLine*>calloc(1, sizeof(LargeLine))
    if line == NULL:
        return NULL
    line.peer = peer
    line.status = WIRE_OK
    line.wire = wire[0]
    line.write = write[0]
    line.outcome = outcome[0]
    if not keep(line) or not enqueue(lines, line):
        free(line.kept)
        free(line)
        return NULL
    memset(write, 0, sizeof(Write))
    return line


cdef bint large_lines_merge_again(LargeLines* lines, LargeLine* line, const Outcome* outcome) noexcept nogil:
    line.outcome = outcome[0]
    line.ready = False
    if enqueue(lines, line):
        return True
    line.ready = True
    return False


cdef void* thread_main(void* argument) noexcept nogil:
    cdef LargeLines* lines = <LargeLines*>argument
    cdef LargeLine* line
    pthread_mutex_lock(&lines.lock)
    while not lines.stopping:
        line = lines.first
        if line == NULL:
            pthread_cond_wait(&lines.arrived, &lines.lock)
            continue
        lines.first = line.next
        pthread_mutex_unlock(&lines.lock)
        if line.builds_index:
            line.status = WIRE_OK if index_build(lines.state) == 0 else WIRE_NO_MEMORY
        elif line.buffer != NULL:
            take_apart(lines, line)
        else:
            writes_merge(&line.write, 1, lines.limits, &line.outcome)
            line.outcome.status = OK
        pthread_mutex_lock(&lines.lock)
        line.next = lines.done
        lines.done = line
        if not lines.stopping:
            fluxdb_bell_ring(lines.bell)
    pthread_mutex_unlock(&lines.lock)
    return NULL


cdef void take_apart(LargeLines* lines, LargeLine* line) noexcept nogil:
    cdef WireRequest* wire = &line.wire
    cdef uint8_t* scratch = <uint8_t*>malloc(wire_scratch_bytes(line.line_bytes))
    line.status = WIRE_NO_MEMORY
    if scratch != NULL:
        line.status = wire_parse(
            line.buffer + line.begin, line.line_bytes, lines.limits.depth_max, scratch, wire
        )
    free(line.buffer)
    line.buffer = NULL
    if line.status == WIRE_OK and wire.kind == WIRE_BATCH:
        line.status = batch_parse(&line.batch, wire, lines.limits)
        if line.status == WIRE_OK:
            line.outcome.status = batch_prepare(&line.batch, lines.limits, lines.state)
        memset(&wire.items, 0, sizeof(Slice))
    elif line.status == WIRE_OK and wire.kind in (WIRE_SET, WIRE_PATCH, WIRE_DELETE, WIRE_INCREMENT, WIRE_TOUCH):
        fill_write(wire, &line.write)
        line.outcome.status = write_prepare(&line.write, lines.limits, lines.state, &line.outcome)
    elif line.status == WIRE_OK and wire.kind in (WIRE_SCAN, WIRE_COUNT) and index_build(lines.state) != 0:
        line.status = WIRE_NO_MEMORY
    if not keep(line):
        line.status = WIRE_NO_MEMORY
    free(scratch)


cdef bint keep(LargeLine* line) noexcept nogil:
    """Keep what is still needed of the line, which is mostly short: the scratch is not, nor the value."""
    cdef WireRequest* wire = &line.wire
    cdef Slice* texts[9]
    cdef size_t text_bytes = 1
    cdef uint8_t* room
    cdef int i
    texts[0], texts[1], texts[2], texts[3] = &wire.id, &wire.key, &wire.password, &wire.path
    texts[4], texts[5], texts[6], texts[7] = &wire.prefix, &wire.start, &wire.end, &wire.after
    texts[8] = &wire.items
    for i in range(9):
        text_bytes += texts[i].bytes
    room = line.kept = <uint8_t*>malloc(text_bytes)
    memset(&wire.value, 0, sizeof(Slice))
    for i in range(9):
        move(texts[i], &room)
    line.write.key = wire.key.data
    if wire.path.data != NULL:
        line.write.path = wire.path.data
    line.write.text = NULL
    line.write.path = wire.path.data
    return line.kept != NULL


cdef void move(Slice* slice, uint8_t** room) noexcept nogil:
    if slice.data == NULL:
        return
    if room[0] == NULL:
        memset(slice, 0, sizeof(Slice))
        return
    memcpy(room[0], slice.data, slice.bytes)
    slice.data = room[0]
    room[0] += slice.bytes


cdef LargeLine* large_lines_take(LargeLines* lines) noexcept nogil:
    cdef LargeLine* line
    cdef LargeLine* next
    cdef LargeLine* taken = NULL
    if lines.process == 0:
        return NULL
    pthread_mutex_lock(&lines.lock)
    line = lines.done
    lines.done = NULL
    pthread_mutex_unlock(&lines.lock)
    while line != NULL:     # the oldest comes to the front by this
        next = line.next
        if line.peer == NULL:
            free_line(line)
        else:
            line.ready = True
            line.next = taken
            taken = line
        line = next
    return taken


cdef void free_line(LargeLine* line) noexcept nogil:
    free(line.buffer)
    free(line.kept)
    write_free(&line.write)
    batch_free(&line.batch)
    free(line)


cdef void large_line_release(LargeLines* lines, LargeLine* line) noexcept nogil:
    if line.ready:
        free_line(line)
    else:
        line.peer = NULL    # nobody but the caller's own lock guards this: the thread does not look at it


cdef void large_lines_stop(LargeLines* lines) noexcept nogil:
    if lines.process and lines.process != getpid():     # a fork's child: the lock may be held by a thread of the parent
        return
    pthread_mutex_lock(&lines.lock)
    lines.stopping = True
    pthread_cond_broadcast(&lines.arrived)
    pthread_mutex_unlock(&lines.lock)
    if lines.process:
        pthread_join(lines.thread, NULL)
    lines.process = 0


cdef void large_lines_free(LargeLines* lines) noexcept nogil:
    cdef LargeLine* line
    while lines.done != NULL:
        line = lines.done
        lines.done = line.next
        free_line(line)
    while lines.first != NULL:
        line = lines.first
        lines.first = line.next
        free_line(line)
    pthread_cond_destroy(&lines.arrived)
    pthread_mutex_destroy(&lines.lock)
