/* Which of many sockets are ready: epoll on Linux, poll elsewhere. A socket is known by its index. */
#ifndef FLUXDB_LOAD_POLLER_H
#define FLUXDB_LOAD_POLLER_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__linux__) && !defined(FLUXDB_LOAD_POLL)
#define FLUXDB_LOAD_EPOLL 1
#include <sys/epoll.h>
#else
#include <poll.h>
#endif

#ifdef MSG_NOSIGNAL
#define FLUXDB_SEND_FLAGS MSG_NOSIGNAL
#else
#define FLUXDB_SEND_FLAGS 0 /* the interpreter ignores SIGPIPE */
#endif

enum { FLUXDB_READABLE = 1, FLUXDB_WRITABLE = 2, FLUXDB_EVENTS_MAX = 512 };

typedef struct {
    uint32_t index;
    uint32_t what;
} fluxdb_ready;

typedef struct {
#ifdef FLUXDB_LOAD_EPOLL
    int descriptor;
    struct epoll_event events[FLUXDB_EVENTS_MAX];
#else
    struct pollfd *sockets;
    uint32_t count;
    uint32_t next; /* where the next round begins, so that nobody starves */
#endif
    fluxdb_ready ready[FLUXDB_EVENTS_MAX];
} fluxdb_poller;

#ifdef FLUXDB_LOAD_EPOLL

/* All return 0 or an errno; open() makes room for count sockets, whose indices are 0 to count - 1. */
static inline int fluxdb_poller_open(fluxdb_poller *poller, uint32_t count)
{
    (void)count;
    poller->descriptor = epoll_create1(EPOLL_CLOEXEC);
    return poller->descriptor == -1 ? errno : 0;
}

static inline void fluxdb_poller_close(fluxdb_poller *poller)
{
    if (poller->descriptor >= 0)
        close(poller->descriptor);
    poller->descriptor = -1;
}

static inline int fluxdb_poller_control(fluxdb_poller *poller, int call, int socket, uint32_t index, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    return epoll_ctl(poller->descriptor, call, socket, &event) == -1 ? errno : 0;
}

static inline int fluxdb_poller_add(fluxdb_poller *poller, int socket, uint32_t index)
{
    return fluxdb_poller_control(poller, EPOLL_CTL_ADD, socket, index, EPOLLIN);
}

/* Tell of room to write, too, or no longer. */
static inline int fluxdb_poller_want(fluxdb_poller *poller, int socket, uint32_t index, int writable)
{
    return fluxdb_poller_control(poller, EPOLL_CTL_MOD, socket, index, writable ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* How many are ready, in poller->ready; -1 and errno. A socket that broke counts as readable. */
static inline int fluxdb_poller_wait(fluxdb_poller *poller, int timeout_ms)
{
    int count = epoll_wait(poller->descriptor, poller->events, FLUXDB_EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        uint32_t events = poller->events[i].events;
        poller->ready[i].index = poller->events[i].data.u32;
        poller->ready[i].what =
            (events & ~(uint32_t)EPOLLOUT ? FLUXDB_READABLE : 0) | (events & EPOLLOUT ? FLUXDB_WRITABLE : 0);
    }
    return count;
}

#else

static inline int fluxdb_poller_open(fluxdb_poller *poller, uint32_t count)
{
    poller->sockets = calloc(count ? count : 1, sizeof *poller->sockets);
    poller->count = count;
    poller->next = 0;
    for (uint32_t i = 0; poller->sockets && i < count; i++)
        poller->sockets[i].fd = -1;
    return poller->sockets ? 0 : ENOMEM;
}

static inline void fluxdb_poller_close(fluxdb_poller *poller)
{
    free(poller->sockets);
    poller->sockets = NULL;
}

static inline int fluxdb_poller_add(fluxdb_poller *poller, int socket, uint32_t index)
{
    poller->sockets[index].fd = socket;
    poller->sockets[index].events = POLLIN;
    return 0;
}

static inline int fluxdb_poller_want(fluxdb_poller *poller, int socket, uint32_t index, int writable)
{
    (void)socket;
    poller->sockets[index].events = writable ? POLLIN | POLLOUT : POLLIN;
    return 0;
}

static inline int fluxdb_poller_wait(fluxdb_poller *poller, int timeout_ms)
{
    int found = 0;
    int status = poll(poller->sockets, poller->count, timeout_ms);
    for (uint32_t i = 0; status > 0 && i < poller->count && found < FLUXDB_EVENTS_MAX; i++) {
        uint32_t index = (poller->next + i) % poller->count;
        int events = poller->sockets[index].revents;
        if (!events)
            continue;
        poller->ready[found].index = index;
        poller->ready[found].what =
            (events & ~POLLOUT ? FLUXDB_READABLE : 0) | (events & POLLOUT ? FLUXDB_WRITABLE : 0);
        found++;
    }
    if (found)
        poller->next = (poller->ready[found - 1].index + 1) % poller->count;
    return status < 0 ? -1 : found;
}

#endif
#endif
