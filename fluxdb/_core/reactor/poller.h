/* Waiting for many sockets at once: by epoll, edge-triggered, where the system has it; else by poll(2).

   epoll knows every socket and reports each change once. poll(2) knows nothing between two waits, so it is asked before
   each one: for a socket that may have something to read only while the reactor believes that there is nothing, and for
   room only while it believes that the socket is full. Its answers are then changes, too. */
#ifndef FLUXDB_POLLER_H
#define FLUXDB_POLLER_H

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: the socket has SO_NOSIGPIPE */
#endif

enum { FLUXDB_READABLE = 1, FLUXDB_WRITABLE = 2, FLUXDB_HUNG_UP = 4 };

typedef struct {
    uint64_t number;
    int what;
} fluxdb_happening;

typedef struct {
    int epoll;            /* -1: poll(2) is used, and the rest is its */
    struct pollfd *asked; /* for the next wait */
    uint64_t *numbers;    /* of asked, by place */
    size_t count;
    size_t room;
    size_t next;          /* the place where the next look at the answers begins, so that each has its turn */
    int lacks_memory;     /* not all could be asked for */
} fluxdb_poller;

enum { FLUXDB_HAPPENINGS_MAX = 256, FLUXDB_RETRY_MS = 20 };

#ifdef __linux__
#include <linux/sockios.h>
#include <sys/epoll.h>

enum { FLUXDB_HAS_EPOLL = 1 };

/* A descriptor, or -1 and errno. */
static inline int fluxdb_epoll_open(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

/* 0 or an errno. */
static inline int fluxdb_epoll_add(int epoll, int descriptor, uint64_t number)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = number}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == -1 ? errno : 0;
}

static inline int fluxdb_epoll_wait(int epoll, fluxdb_happening *happenings, int timeout_ms)
{
    struct epoll_event events[FLUXDB_HAPPENINGS_MAX];
    int count = epoll_wait(epoll, events, FLUXDB_HAPPENINGS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        uint32_t what = events[i].events;
        happenings[i].number = events[i].data.u64;
        happenings[i].what = (what & EPOLLIN ? FLUXDB_READABLE : 0) | (what & EPOLLOUT ? FLUXDB_WRITABLE : 0)
                             | (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) ? FLUXDB_HUNG_UP : 0);
    }
    return count < 0 ? 0 : count;
}

#else

enum { FLUXDB_HAS_EPOLL = 0 };

static inline int fluxdb_epoll_open(void)
{
    errno = ENOSYS;
    return -1;
}

static inline int fluxdb_epoll_add(int epoll, int descriptor, uint64_t number)
{
    (void)epoll, (void)descriptor, (void)number;
    return ENOSYS;
}

static inline int fluxdb_epoll_wait(int epoll, fluxdb_happening *happenings, int timeout_ms)
{
    (void)epoll, (void)happenings, (void)timeout_ms;
    return 0;
}

#endif

static inline int fluxdb_poll_wait(fluxdb_poller *poller, fluxdb_happening *happenings, int timeout_ms)
{
    if (poller->lacks_memory && (timeout_ms < 0 || timeout_ms > FLUXDB_RETRY_MS))
        timeout_ms = FLUXDB_RETRY_MS;
    int left = poll(poller->asked, (nfds_t)poller->count, timeout_ms);
    int count = 0;
    for (size_t looked = 0; left > 0 && looked < poller->count && count < FLUXDB_HAPPENINGS_MAX; looked++) {
        if (poller->next >= poller->count)
            poller->next = 0;
        int what = poller->asked[poller->next].revents;
        if (what) {
            happenings[count].number = poller->numbers[poller->next];
            happenings[count].what = (what & POLLIN ? FLUXDB_READABLE : 0) | (what & POLLOUT ? FLUXDB_WRITABLE : 0)
                                     | (what & (POLLHUP | POLLERR | POLLNVAL) ? FLUXDB_HUNG_UP : 0);
            count++;
            left--;
        }
        poller->next++;
    }
    return count;
}

/* 0 or an errno. The poller is to be closed in either case. */
static inline int fluxdb_poller_open(fluxdb_poller *poller, int with_epoll)
{
    fluxdb_poller none = {.epoll = -1};
    *poller = none;
    if (with_epoll && (poller->epoll = fluxdb_epoll_open()) == -1)
        return errno;
    return 0;
}

static inline void fluxdb_poller_close(fluxdb_poller *poller)
{
    if (poller->epoll >= 0)
        close(poller->epoll);
    poller->epoll = -1;
    free(poller->asked);
    free(poller->numbers);
    poller->asked = NULL;
    poller->numbers = NULL;
    poller->count = poller->room = 0;
}

/* Does it have to be asked before each wait, and to be woken when that would be asked otherwise? */
static inline int fluxdb_poller_is_asked(const fluxdb_poller *poller)
{
    return poller->epoll < 0;
}

/* epoll reports each change of this descriptor from here on, until it is closed. 0 or an errno. */
static inline int fluxdb_poller_add(fluxdb_poller *poller, int descriptor, uint64_t number)
{
    return poller->epoll < 0 ? 0 : fluxdb_epoll_add(poller->epoll, descriptor, number);
}

/* Begin with what poll(2) is asked. */
static inline void fluxdb_poller_clear(fluxdb_poller *poller)
{
    poller->count = 0;
    poller->lacks_memory = 0;
}

/* Ask poll(2) for something of one more descriptor. Without the memory for it the next wait is short. */
static inline void fluxdb_poller_ask(fluxdb_poller *poller, int descriptor, uint64_t number, int what)
{
    if (poller->count == poller->room) {
        size_t room = poller->room ? poller->room * 2 : 64;
        struct pollfd *asked = realloc(poller->asked, room * sizeof *asked);
        if (asked)
            poller->asked = asked;
        uint64_t *numbers = asked ? realloc(poller->numbers, room * sizeof *numbers) : NULL;
        if (!numbers) {
            poller->lacks_memory = 1;
            return;
        }
        poller->numbers = numbers;
        poller->room = room;
    }
    struct pollfd *asked = &poller->asked[poller->count];
    asked->fd = descriptor;
    asked->events = (short)((what & FLUXDB_READABLE ? POLLIN : 0) | (what & FLUXDB_WRITABLE ? POLLOUT : 0));
    asked->revents = 0;
    poller->numbers[poller->count++] = number;
}

/* How many happened; 0 after the time-out, or a signal. */
static inline int fluxdb_poller_wait(fluxdb_poller *poller, fluxdb_happening *happenings, int timeout_ms)
{
    return poller->epoll < 0 ? fluxdb_poll_wait(poller, happenings, timeout_ms)
                             : fluxdb_epoll_wait(poller->epoll, happenings, timeout_ms);
}

/* Has the other side's system yet to take bytes of this one's? A close while, or before, something comes that nobody
   reads loses them. Bytes sent to a Unix socket arrive at once. */
static inline int fluxdb_is_sending(int descriptor)
{
    int unsent = 0;
#ifdef __linux__
    int family = AF_UNIX;
    socklen_t family_bytes = sizeof family;
    getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &family_bytes);
    return family != AF_UNIX && ioctl(descriptor, SIOCOUTQ, &unsent) == 0 && unsent > 0;
#elif defined(SO_NWRITE)
    socklen_t unsent_bytes = sizeof unsent;
    return getsockopt(descriptor, SOL_SOCKET, SO_NWRITE, &unsent, &unsent_bytes) == 0 && unsent > 0;
#else
    (void)descriptor;
    return unsent;
#endif
}

/* Bytes, 0 at the stream's end, or minus an errno. Neither blocks. */
static inline ssize_t fluxdb_receive(int descriptor, void *data, size_t bytes)
{
    ssize_t got;
    do
        got = recv(descriptor, data, bytes, MSG_DONTWAIT);
    while (got == -1 && errno == EINTR);
    return got == -1 ? -errno : got;
}

static inline ssize_t fluxdb_send(int descriptor, const void *data, size_t bytes)
{
    ssize_t sent;
    do
        sent = send(descriptor, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent == -1 && errno == EINTR);
    return sent == -1 ? -errno : sent;
}

#endif
