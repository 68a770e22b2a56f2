"""Filling pages.

The keys are looked up in groups: the slots of all are fetched from memory, then their records, and only then is the
first compared. So the misses of the cache, which a look-up mostly is of a large table, are waited for together.
"""

from libc.stdint cimport UINT64_MAX
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

from fluxdb._core.base.platform cimport pthread_mutex_lock, pthread_mutex_unlock
from fluxdb._core.documents.pack cimport Pieces, pieces_copy
from fluxdb._core.documents.state cimport record_is_live, state_lock_marked, state_shown
from fluxdb._core.documents.table cimport (
    PINS_MAX, RECORD_DEAD, record_expires_at, record_value, table_fetch, table_fetch_record, table_find, table_hash,
)
from fluxdb._core.documents.tree cimport (
    Cursor, Index, cursor_back, cursor_forward, cursor_key, index_rank, index_seek,
)

cdef enum:
    GROUP_KEYS = 32
    COPIED_BYTES_MAX = 512      # longer values are pinned in the hold, and copied after it
    LOOKED_AT_MAX = 8192        # keys in one hold, where none of them has a document to show
    ENTRIES_MIN = 64
    BYTES_MIN = 4096
    ENTRIES_AHEAD_MAX = 1024
    BYTES_AHEAD = 96            # of a small document and its key
    PREFIX_ON_STACK = 1024


# ---- room ----

cdef inline bint has_room(Page* page, size_t more_bytes) noexcept nogil:
    """Is there room for an entry and so many bytes? False: there is no memory."""
    return has_room_for_bytes(page, more_bytes) and (page.count < page.entries_capacity or more_entries(page))


cdef inline bint has_room_for_bytes(Page* page, size_t more_bytes) noexcept nogil:
    return page.used + more_bytes <= page.capacity or larger_bytes(page, page.used + more_bytes)


cdef bint larger_bytes(Page* page, size_t needed) noexcept nogil:
    cdef size_t capacity = needed + page.used // 2 + BYTES_MIN
    cdef uint8_t* larger = <uint8_t*>realloc(page.bytes, capacity)
    if larger == NULL:
        return False
    page.bytes = larger
    page.capacity = capacity
    return True


cdef bint more_entries(Page* page) noexcept nogil:
    cdef size_t capacity = 2 * page.entries_capacity if page.entries_capacity else ENTRIES_MIN
    cdef PageEntry* larger = <PageEntry*>realloc(page.entries, capacity * sizeof(PageEntry))
    if larger == NULL:
        return False
    page.entries = larger
    page.entries_capacity = capacity
    return True


cdef inline PageEntry* add_entry(Page* page, size_t key_bytes) noexcept nogil:
    """There is room for it."""
    cdef PageEntry* entry = &page.entries[page.count]
    entry.key = page.used
    entry.key_bytes = <uint16_t>key_bytes
    entry.value = 0
    entry.value_bytes = 0
    entry.version = 0
    entry.expires_at_ms = 0
    entry.pinned = NULL
    page.used += key_bytes
    page.count += 1
    return entry


cdef bint page_add_key(Page* page, const uint8_t* key, size_t key_bytes) noexcept nogil:
    if not has_room(page, key_bytes):
        return False
    memcpy(page.bytes + page.used, key, key_bytes)
    add_entry(page, key_bytes)
    return True


cdef bint page_reserve(Page* page, size_t documents_max) noexcept nogil:
    """Room for as many small documents as most pages have. False: there is no memory."""
    cdef size_t entries = documents_max if documents_max < ENTRIES_AHEAD_MAX else ENTRIES_AHEAD_MAX
    page.bytes = <uint8_t*>malloc(entries * BYTES_AHEAD)
    page.entries = <PageEntry*>malloc(entries * sizeof(PageEntry))
    if page.bytes == NULL or page.entries == NULL:
        return False
    page.capacity = entries * BYTES_AHEAD
    page.entries_capacity = entries
    return True


cdef void page_free(Page* page) noexcept nogil:
    free(page.bytes)
    free(page.entries)


# ---- looking up, with the lock held ----

cdef inline void find_group(Page* page, State* state, size_t first, Record** records) noexcept nogil:
    """The live records of the entries from ``first`` on, at most GROUP_KEYS; NULL for a missing one."""
    cdef uint64_t hashes[GROUP_KEYS]
    cdef size_t count = page.count - first
    cdef size_t i
    cdef PageEntry* entry
    for i in range(count):
        entry = &page.entries[first + i]
        hashes[i] = table_hash(&state.table, page.bytes + entry.key, entry.key_bytes)
        table_fetch(&state.table, hashes[i])
    for i in range(count):
        table_fetch_record(&state.table, hashes[i])
    for i in range(count):
        entry = &page.entries[first + i]
        records[i] = table_find(&state.table, page.bytes + entry.key, entry.key_bytes, hashes[i])
        if records[i] != NULL and not record_is_live(state, records[i]):
            records[i] = NULL


cdef inline int take_value(Page* page, PageEntry* entry, Record* record) noexcept nogil:
    entry.version = record.version
    entry.expires_at_ms = record_expires_at(record)
    entry.value_bytes = record.value_bytes
    if record.value_bytes > COPIED_BYTES_MAX and record.pins < PINS_MAX:
        record.pins += 1
        entry.pinned = record
        return 0
    return copy_value(page, entry, record)


cdef inline int copy_value(Page* page, PageEntry* entry, const Record* record) noexcept nogil:
    if not has_room_for_bytes(page, record.value_bytes):
        entry.version = 0
        return -1
    memcpy(page.bytes + page.used, record_value(<Record*>record), record.value_bytes)
    entry.value = page.used
    page.used += record.value_bytes
    return 0


# ---- after the hold ----

cdef int settle(Page* page, State* state, int status) noexcept nogil:
    """Copy what was pinned, and let go of it."""
    cdef size_t i, pinned = 0
    for i in range(page.count):
        if page.entries[i].pinned != NULL:
            pinned += 1
            if status == PAGE_OK and copy_value(page, &page.entries[i], page.entries[i].pinned) != 0:
                status = PAGE_NO_MEMORY
    if pinned:
        pthread_mutex_lock(&state.lock)
        for i in range(page.count):
            if page.entries[i].pinned != NULL:
                unpin(page.entries[i].pinned)
                page.entries[i].pinned = NULL
        pthread_mutex_unlock(&state.lock)
    return status


cdef inline void unpin(Record* record) noexcept nogil:
    record.pins -= 1
    if record.flags & RECORD_DEAD and record.pins == 0:
        free(record)


# ---- many keys ----

cdef int page_fill_many(Page* page, State* state, size_t bytes_max) noexcept nogil:
    cdef Record* records[GROUP_KEYS]
    cdef size_t count = page.count
    cdef size_t value_bytes = 0
    cdef size_t first = 0
    cdef size_t i
    cdef int status = PAGE_OK
    pthread_mutex_lock(&state.lock)
    page.revision = state.revision
    while first < count and status == PAGE_OK:
        page.count = count if count - first < GROUP_KEYS else first + GROUP_KEYS
        find_group(page, state, first, records)
        for i in range(page.count - first):
            if records[i] == NULL:
                continue
            value_bytes += records[i].value_bytes
            if value_bytes > bytes_max:
                status = PAGE_TOO_LARGE
            elif take_value(page, &page.entries[first + i], records[i]) != 0:
                status = PAGE_NO_MEMORY
            if status != PAGE_OK:
                break
        first = page.count
    page.count = count
    pthread_mutex_unlock(&state.lock)
    return settle(page, state, status)


# ---- a range ----

cdef inline uint64_t rank_of(Index* index, const Bound* bound, bint behind) noexcept nogil:
    """How many keys are below the bound; with ``behind`` the bound itself counts, too."""
    cdef bint found = False
    cdef uint64_t rank = index_rank(index, bound.key, bound.key_bytes, &found)
    return rank + (behind and found)


cdef uint64_t rank_behind_prefix(Index* index, const Bound* prefix) noexcept nogil:
    """How many keys are below all those beyond the prefix: below the prefix with its last byte raised by one.

    That byte is never 0xFF, which UTF-8 does not have.
    """
    cdef uint8_t first[PREFIX_ON_STACK]
    cdef uint64_t rank
    cdef Bound beyond
    if prefix.key_bytes == 0:
        return index.keys
    if prefix.key_bytes <= PREFIX_ON_STACK:
        memcpy(first, prefix.key, prefix.key_bytes)
        beyond.key = first
    else:
        beyond.key = <uint8_t*>malloc(prefix.key_bytes)
        if beyond.key == NULL:
            return UINT64_MAX
        memcpy(<uint8_t*>beyond.key, prefix.key, prefix.key_bytes)
    beyond.key_bytes = prefix.key_bytes
    (<uint8_t*>beyond.key)[prefix.key_bytes - 1] += 1
    rank = rank_of(index, &beyond, False)
    if beyond.key != first:
        free(<uint8_t*>beyond.key)
    return rank


cdef bint find_ranks(Index* index, const KeyRange* keys, uint64_t* low, uint64_t* high) noexcept nogil:
    """The ranks of the range: from low to high (exclusive). False: no memory."""
    cdef uint64_t rank
    low[0] = rank_of(index, &keys.prefix, False) if keys.prefix.key_bytes else 0
    high[0] = rank_behind_prefix(index, &keys.prefix)
    if high[0] == UINT64_MAX:
        return False
    if keys.start.key != NULL:
        rank = rank_of(index, &keys.start, False)
        low[0] = rank if rank > low[0] else low[0]
    if keys.end.key != NULL:
        rank = rank_of(index, &keys.end, False)
        high[0] = rank if rank < high[0] else high[0]
    if keys.after.key != NULL:
        rank = rank_of(index, &keys.after, not keys.reverse)
        if keys.reverse:
            high[0] = rank if rank < high[0] else high[0]
        else:
            low[0] = rank if rank > low[0] else low[0]
    return True


cdef int page_fill_range(Page* page, State* state, const KeyRange* keys, const PageBounds* bounds) noexcept nogil:
    cdef KeyRange rest = keys[0]
    cdef int status
    if page.entries == NULL and not page_reserve(page, bounds.documents_max):
        return PAGE_NO_MEMORY
    while True:
        state_lock_marked(state)
        status = fill_range(page, state, &rest, bounds)
        pthread_mutex_unlock(&state.lock)
        status = settle(page, state, status)
        if status != PAGE_OK or page.count or not page.more:
            return status


cdef int fill_range(Page* page, State* state, KeyRange* keys, const PageBounds* bounds) noexcept nogil:
    """In one hold of the lock. A page that is empty and has more: ``keys`` is what is left to be looked at."""
    cdef Index* index = state.ordered.index
    cdef Cursor cursor
    cdef uint64_t low, high
    cdef size_t first, group = 0
    cdef size_t looked_at = 0
    cdef size_t filled_bytes = 0
    cdef int status
    page.revision = state.revision
    page.more = False
    if index == NULL:
        return PAGE_NO_INDEX
    if not find_ranks(index, keys, &low, &high):
        return PAGE_NO_MEMORY
    if low >= high:
        return PAGE_OK
    index_seek(index, high - 1 if keys.reverse else low, &cursor)
    while low < high and page.count < bounds.documents_max and not page.more:
        if looked_at >= LOOKED_AT_MAX and page.count == 0:
            keep_place(page, &page.entries[group - 1], &keys.after)
            break
        first = page.count
        group = bounds.documents_max - first if bounds.documents_max - first < GROUP_KEYS else GROUP_KEYS
        group = <size_t>(high - low) if high - low < group else group
        if not add_keys(page, &cursor, group, keys.reverse):
            return PAGE_NO_MEMORY
        low += group
        looked_at += group
        if not bounds.keys_only:
            status = take_documents(page, state, first, bounds.bytes_max, &filled_bytes)
            if status != PAGE_OK:
                return status
    page.more = page.more or low < high
    return PAGE_OK


cdef inline bint add_keys(Page* page, Cursor* cursor, size_t count, bint reverse) noexcept nogil:
    """Add entries with keys alone, and move the cursor past them. False: no memory."""
    cdef Pieces key
    cdef size_t key_bytes, i
    for i in range(count):
        key = cursor_key(cursor)
        key_bytes = key.first_bytes + key.second_bytes
        if not has_room(page, key_bytes):
            return False
        pieces_copy(&key, page.bytes + page.used)
        add_entry(page, key_bytes)
        if reverse:
            cursor_back(cursor)
        else:
            cursor_forward(cursor)
    return True


cdef inline int take_documents(
    Page* page, State* state, size_t first, size_t bytes_max, size_t* filled_bytes
) noexcept nogil:
    """Fill in the documents of the entries from ``first`` on; those without one go, and those beyond the bound."""
    cdef Record* records[GROUP_KEYS]
    cdef size_t count = page.count - first
    cdef size_t i
    cdef PageEntry* entry
    find_group(page, state, first, records)
    page.count = first
    for i in range(count):
        if records[i] == NULL:
            continue
        filled_bytes[0] += records[i].key_bytes + <size_t>records[i].value_bytes
        if filled_bytes[0] > bytes_max and page.count:
            page.more = True
            break
        entry = &page.entries[page.count]
        entry[0] = page.entries[first + i]
        if take_value(page, entry, records[i]) != 0:
            return PAGE_NO_MEMORY
        page.count += 1
    return PAGE_OK


cdef void keep_place(Page* page, const PageEntry* last, Bound* after) noexcept nogil:
    """Keep, at the front of an empty page, the last key that was looked at: the next hold goes on after it."""
    memmove(page.bytes, page.bytes + last.key, last.key_bytes)
    after.key = page.bytes
    after.key_bytes = last.key_bytes
    page.used = last.key_bytes


cdef int count_prefix(State* state, const Bound* prefix, uint64_t* count, uint64_t* revision) noexcept nogil:
    cdef Index* index
    cdef uint64_t low = 0, high = 0
    cdef int status = PAGE_OK
    state_lock_marked(state)
    revision[0] = state.revision
    index = state.ordered.index
    if prefix.key_bytes == 0:
        high = state_shown(state)
    elif index == NULL:
        status = PAGE_NO_INDEX
    else:
        low = rank_of(index, prefix, False)
        high = rank_behind_prefix(index, prefix)
        status = PAGE_OK if high != UINT64_MAX else PAGE_NO_MEMORY
    pthread_mutex_unlock(&state.lock)
    count[0] = high - low
    return status
