/* Waiting for many sockets at once: epoll, edge-triggered. Where there is none, fluxdb_poller_open says so. */
#ifndef FLUXDB_POLLER_H
#define FLUXDB_POLLER_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
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

#ifdef __linux__
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

enum { FLUXDB_HAPPENINGS_MAX = 256 };

/* A descriptor, or -1 and errno. */
static inline int fluxdb_poller_open(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

/* Told of each change from here on, until the descriptor is closed. 0 or an errno. */
static inline int fluxdb_poller_add(int poller, int descriptor, uint64_t number)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = number}};
    return epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == -1 ? errno : 0;
}

/* How many happened; 0 after the time-out, or a signal. */
static inline int fluxdb_poller_wait(int poller, fluxdb_happening *happenings, int timeout_ms)
{
    struct epoll_event events[FLUXDB_HAPPENINGS_MAX];
    int count = epoll_wait(poller, events, FLUXDB_HAPPENINGS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        uint32_t what = events[i].events;
        happenings[i].number = events[i].data.u64;
        happenings[i].what = (what & EPOLLIN ? FLUXDB_READABLE : 0) | (what & EPOLLOUT ? FLUXDB_WRITABLE : 0)
                             | (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) ? FLUXDB_HUNG_UP : 0);
    }
    return count < 0 ? 0 : count;
}

/* Has the other side's system yet to take bytes of this one's? A close while, or before, something comes that nobody
   reads loses them. What was sent to a Unix socket is there at once. */
static inline int fluxdb_is_sending(int descriptor)
{
    int family = AF_UNIX, unsent = 0;
    socklen_t family_bytes = sizeof family;
    getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &family_bytes);
    return family != AF_UNIX && ioctl(descriptor, SIOCOUTQ, &unsent) == 0 && unsent > 0;
}

#else

enum { FLUXDB_HAPPENINGS_MAX = 1 };

static inline int fluxdb_poller_open(void)
{
    errno = ENOSYS;
    return -1;
}

static inline int fluxdb_poller_add(int poller, int descriptor, uint64_t number)
{
    (void)poller, (void)descriptor, (void)number;
    return ENOSYS;
}

static inline int fluxdb_poller_wait(int poller, fluxdb_happening *happenings, int timeout_ms)
{
    (void)poller, (void)happenings, (void)timeout_ms;
    return 0;
}

static inline int fluxdb_is_sending(int descriptor)
{
    (void)descriptor;
    return 0;
}

#endif

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
