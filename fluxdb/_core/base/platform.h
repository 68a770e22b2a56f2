/* The differences between Linux and macOS: syncing, preallocation, waking a loop, waiting with a time-out. */
#ifndef FLUXDB_PLATFORM_H
#define FLUXDB_PLATFORM_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Both return 0 or an errno. On macOS only F_FULLFSYNC reaches the medium. */
static inline int fluxdb_sync_data(int descriptor)
{
#ifdef __APPLE__
    return fcntl(descriptor, F_FULLFSYNC) == -1 ? errno : 0;
#else
    return fdatasync(descriptor) == -1 ? errno : 0;
#endif
}

static inline int fluxdb_sync_file(int descriptor)
{
#ifdef __APPLE__
    return fcntl(descriptor, F_FULLFSYNC) == -1 ? errno : 0;
#else
    return fsync(descriptor) == -1 ? errno : 0;
#endif
}

/* Room for size bytes from the start of an empty file, which read as zeros. 0 or an errno. */
static inline int fluxdb_allocate(int descriptor, int64_t size)
{
#ifdef __APPLE__
    fstore_t store = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, size, 0};
    if (fcntl(descriptor, F_PREALLOCATE, &store) == -1)
        return errno;
    return ftruncate(descriptor, size) == -1 ? errno : 0;
#else
    int status;
    do
        status = posix_fallocate(descriptor, 0, size);
    while (status == EINTR);
    return status;
#endif
}

/* Free space of the descriptor's file system, for users without privileges. */
static inline uint64_t fluxdb_free_bytes(int descriptor)
{
    struct statvfs found;
    if (fstatvfs(descriptor, &found) == -1)
        return UINT64_MAX;
    return (uint64_t)found.f_bavail * found.f_frsize;
}

/* A descriptor that becomes readable: an eventfd, or a pipe. ends[0] is read, ends[1] written; both may be one. */
static inline int fluxdb_bell_open(int ends[2])
{
#ifdef __linux__
    ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ends[0] == -1 ? errno : 0;
#else
    if (pipe(ends) == -1)
        return errno;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
#endif
}

static inline void fluxdb_bell_ring(const int ends[2])
{
    uint64_t one = 1;
#ifdef __linux__
    size_t bytes = sizeof one;
#else
    size_t bytes = 1;
#endif
    while (write(ends[1], &one, bytes) == -1 && errno == EINTR) {
    } /* EAGAIN: it rings already */
}

static inline void fluxdb_bell_silence(const int ends[2])
{
    char sink[64];
    ssize_t got;
    do
        got = read(ends[0], sink, sizeof sink);
    while (got == (ssize_t)sizeof sink || (got == -1 && errno == EINTR));
}

static inline void fluxdb_bell_close(int ends[2])
{
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0 && ends[1] != ends[0])
        close(ends[1]);
    ends[0] = ends[1] = -1;
}

static inline uint64_t fluxdb_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A time that one thread notes and others look at: what they see may be a little old, and is never torn. */
static inline void fluxdb_note_ns(uint64_t *place, uint64_t value)
{
    __atomic_store_n(place, value, __ATOMIC_RELAXED);
}

static inline uint64_t fluxdb_noted_ns(const uint64_t *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

enum { FLUXDB_LOCK_SOON_NS = 50000 };

/* Takes the lock if that takes but a moment, as it mostly does: 1, or 0. */
static inline int fluxdb_lock_soon(pthread_mutex_t *mutex)
{
    if (pthread_mutex_trylock(mutex) == 0)
        return 1;
    uint64_t deadline = fluxdb_now_ns() + FLUXDB_LOCK_SOON_NS;
    do {
        sched_yield();
        if (pthread_mutex_trylock(mutex) == 0)
            return 1;
    } while (fluxdb_now_ns() < deadline);
    return 0;
}

/* Gives pages of freed memory back to the system, where the C library would keep them. */
static inline void fluxdb_trim_heap(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* Bytes of the calling thread's stack that are free still; 0 where that can't be said. */
static inline size_t fluxdb_stack_left(void)
{
    static __thread uintptr_t lowest;
    if (lowest == 0) {
#ifdef __APPLE__
        lowest = (uintptr_t)pthread_get_stackaddr_np(pthread_self()) - pthread_get_stacksize_np(pthread_self());
#else
        pthread_attr_t attributes;
        void *address;
        size_t bytes;
        if (pthread_getattr_np(pthread_self(), &attributes))
            return 0;
        if (pthread_attr_getstack(&attributes, &address, &bytes) == 0)
            lowest = (uintptr_t)address;
        pthread_attr_destroy(&attributes);
#endif
    }
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return lowest && here > lowest ? here - lowest : 0;
}

/* A thread of the core takes no signals: they are for the interpreter's threads. 0 or an errno. */
static inline int fluxdb_thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

/* Condition variables that can wait by the monotonic clock. */
static inline int fluxdb_cond_init(pthread_cond_t *condition)
{
#ifdef __APPLE__
    return pthread_cond_init(condition, NULL);
#else
    pthread_condattr_t attributes;
    int status = pthread_condattr_init(&attributes);
    if (status)
        return status;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    status = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return status;
#endif
}

static inline void fluxdb_cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t deadline_ns)
{
#ifdef __APPLE__
    uint64_t now = fluxdb_now_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    pthread_cond_timedwait_relative_np(condition, mutex, &wait);
#else
    struct timespec until = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)};
    pthread_cond_timedwait(condition, mutex, &until);
#endif
}

#endif
