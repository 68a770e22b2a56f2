"""The core's view of the operating system: threads, locks, and the calls that differ between Linux and macOS."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    ctypedef unsigned long pthread_t
    int pthread_mutex_init(pthread_mutex_t*, void*) noexcept
    int pthread_mutex_destroy(pthread_mutex_t*) noexcept
    int pthread_mutex_lock(pthread_mutex_t*) noexcept
    int pthread_mutex_unlock(pthread_mutex_t*) noexcept
    int pthread_cond_destroy(pthread_cond_t*) noexcept
    int pthread_cond_wait(pthread_cond_t*, pthread_mutex_t*) noexcept
    int pthread_cond_signal(pthread_cond_t*) noexcept
    int pthread_cond_broadcast(pthread_cond_t*) noexcept
    int pthread_join(pthread_t, void**) noexcept

cdef extern from "base/platform.h" nogil:
    int fluxdb_sync_data(int descriptor) noexcept       # 0 or an errno, as all of these
    int fluxdb_sync_file(int descriptor) noexcept
    int fluxdb_allocate(int descriptor, int64_t size) noexcept
    uint64_t fluxdb_free_bytes(int descriptor) noexcept # UINT64_MAX where the system does not say
    int fluxdb_bell_open(int* ends) noexcept            # int[2]
    void fluxdb_bell_ring(const int* ends) noexcept
    void fluxdb_bell_silence(const int* ends) noexcept
    void fluxdb_bell_close(int* ends) noexcept
    int fluxdb_thread_start(pthread_t*, void* (*run)(void*) noexcept nogil, void* argument) noexcept
    uint64_t fluxdb_now_ns() noexcept
    bint fluxdb_lock_soon(pthread_mutex_t*) noexcept    # False: it takes longer than a moment
    void fluxdb_trim_heap() noexcept                    # gives freed memory back to the system
    void fluxdb_note_ns(uint64_t* place, uint64_t value) noexcept
    uint64_t fluxdb_noted_ns(const uint64_t* place) noexcept
    int fluxdb_cond_init(pthread_cond_t*) noexcept
    void fluxdb_cond_wait_until(pthread_cond_t*, pthread_mutex_t*, uint64_t deadline_ns) noexcept


# For a thread that has the GIL, which it lets go of where the lock is not free within a moment: else all of Python
# would stand still for as long. It has the GIL again before it takes the lock: nobody waits for the GIL with a lock.
cdef inline void lock_beside_gil(pthread_mutex_t* mutex) noexcept:
    while not fluxdb_lock_soon(mutex):
        with nogil:
            pthread_mutex_lock(mutex)
            pthread_mutex_unlock(mutex)
