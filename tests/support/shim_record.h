/* The base of shim.c's wrappers: which files are watched, the trace, the rules, and the functions that tests call. */
#pragma once
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The same numbers are in shim.py. */
enum {
    CALL_OPEN = 1, CALL_CLOSE, CALL_WRITE, CALL_TRUNCATE, CALL_ALLOCATE, CALL_SYNC, CALL_SYNC_DONE, CALL_RENAME,
    CALL_UNLINK, CALL_MKDIR, CALL_DUP, CALL_MARK, CALL_UNSUPPORTED, CALL_READ, CALL_COUNT
};
enum { ACTION_FAIL = 1, ACTION_SHORT, ACTION_HOLD };

#define FD_MAX 65536
#define RULES_MAX 64
#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

struct rule {
    int call, action;
    long nth, times; /* acts on the matching calls number nth .. nth + times - 1 */
    long argument;   /* the errno, or the bytes to let through */
    long seen, fired;
    int released;
    char part[128];  /* acts only where the file's name contains this */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char prefix[PATH_MAX];
static size_t prefix_bytes;
static int trace_fd = -1;
static unsigned char tracked[FD_MAX];
static struct rule rules[RULES_MAX];
static int rule_count;
static long counts[CALL_COUNT];
static long sync_delay_us;

static ssize_t real_write(int fd, const void *data, size_t bytes) {
    REAL(write);
    return real(fd, data, bytes);
}

/* ---- paths ---- */

static int below(const char *path) {
    return prefix_bytes && !strncmp(path, prefix, prefix_bytes) && (path[prefix_bytes] == '/' || !path[prefix_bytes]);
}

static void fd_path(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    out[n < 0 ? 0 : n] = 0;
}

static void absolute(int dirfd, const char *path, char *out) {
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX];
        if (dirfd == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) base[0] = 0;
        } else {
            fd_path(dirfd, base);
        }
        while (path[0] == '.' && path[1] == '/') path += 2;
        if (!strcmp(path, ".")) path = "";
        if (snprintf(out, PATH_MAX, "%s%s%s", base, *path ? "/" : "", path) >= PATH_MAX) out[0] = 0;
    }
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '/') out[--n] = 0;
}

static int is_tracked(int fd) { return fd >= 0 && fd < FD_MAX && tracked[fd]; }

/* ---- the trace: native-endian, one entry after another ---- */

struct entry { /* 40 bytes, then path, path2, data */
    uint32_t call;
    int32_t fd;
    int64_t offset, argument;
    uint32_t path_bytes, path2_bytes, data_bytes, error;
};

static void emit(int call, int fd, int64_t offset, int64_t argument, int error, const char *path, const char *path2,
                 const void *data, size_t data_bytes) {
    if (call < CALL_COUNT) counts[call]++;
    if (trace_fd < 0) return;
    struct entry e = {.call = (uint32_t)call, .fd = fd, .offset = offset, .argument = argument,
        .error = (uint32_t)error,
        .path_bytes = path ? (uint32_t)strlen(path) : 0, .path2_bytes = path2 ? (uint32_t)strlen(path2) : 0,
        .data_bytes = (uint32_t)data_bytes};
    size_t bytes = sizeof e + e.path_bytes + e.path2_bytes + data_bytes, done = 0;
    char *buffer = malloc(bytes), *at = buffer;
    if (!buffer) abort();
    memcpy(at, &e, sizeof e), at += sizeof e;
    if (path) memcpy(at, path, e.path_bytes), at += e.path_bytes;
    if (path2) memcpy(at, path2, e.path2_bytes), at += e.path2_bytes;
    if (data_bytes) memcpy(at, data, data_bytes);
    while (done < bytes) {
        ssize_t n = real_write(trace_fd, buffer + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) abort();
        done += (size_t)n;
    }
    free(buffer);
}

/* ---- rules ---- */

/* Called with the lock held; returns the rule that acts on this call, after waiting where it says so, or NULL. */
static struct rule *act(int call, const char *path) {
    struct rule *found = NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (int i = 0; i < rule_count; i++) {
        struct rule *r = &rules[i];
        if (r->call != call || (r->part[0] && !strstr(name, r->part))) continue;
        long number = ++r->seen;
        if (number < r->nth || number >= r->nth + r->times) continue;
        r->fired++;
        pthread_cond_broadcast(&changed);
        if (r->action == ACTION_HOLD) {
            while (!r->released) pthread_cond_wait(&changed, &lock);
        } else if (!found) {
            found = r;
        }
    }
    return found;
}

static struct rule *act_fd(int call, int fd) {
    char path[PATH_MAX];
    if (!rule_count) return NULL;
    fd_path(fd, path);
    return act(call, path);
}

static int failing(struct rule *r) { return r && r->action == ACTION_FAIL; }

/* ---- what tests call ---- */

void shim_begin(const char *directory, const char *trace) {
    pthread_mutex_lock(&lock);
    snprintf(prefix, sizeof prefix, "%s", directory);
    prefix_bytes = strlen(prefix);
    memset(counts, 0, sizeof counts);
    if (trace_fd >= 0) close(trace_fd);
    trace_fd = -1;
    if (trace && *trace) {
        REAL(open);
        int fd = real(trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        trace_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
        close(fd);
        if (trace_fd < 0) abort();
    }
    pthread_mutex_unlock(&lock);
}

void shim_end(void) {
    pthread_mutex_lock(&lock);
    if (trace_fd >= 0) close(trace_fd);
    trace_fd = -1, prefix_bytes = 0, prefix[0] = 0, rule_count = 0, sync_delay_us = 0;
    memset(tracked, 0, sizeof tracked);
    pthread_mutex_unlock(&lock);
}

void shim_mark(const char *text, size_t bytes) {
    pthread_mutex_lock(&lock);
    emit(CALL_MARK, -1, 0, 0, 0, NULL, NULL, text, bytes);
    pthread_mutex_unlock(&lock);
}

void shim_sync_delay(long us) { sync_delay_us = us; }

long shim_count(int call) {
    pthread_mutex_lock(&lock);
    long n = counts[call];
    pthread_mutex_unlock(&lock);
    return n;
}

int shim_rule(int call, const char *part, long nth, long times, int action, long argument) {
    pthread_mutex_lock(&lock);
    int number = rule_count < RULES_MAX ? rule_count : -1;
    if (number >= 0) {
        struct rule *r = &rules[number];
        memset(r, 0, sizeof *r);
        r->call = call, r->nth = nth, r->times = times, r->action = action, r->argument = argument;
        snprintf(r->part, sizeof r->part, "%s", part);
        rule_count++;
    }
    pthread_mutex_unlock(&lock);
    return number;
}

long shim_fired(int number) {
    pthread_mutex_lock(&lock);
    long n = rules[number].fired;
    pthread_mutex_unlock(&lock);
    return n;
}

/* Wait until the rule has acted ``times`` times; 0 where that takes longer than ``seconds``. */
int shim_wait_fired(int number, long times, int seconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&lock);
    int late = 0;
    while (rules[number].fired < times && !late) late = pthread_cond_timedwait(&changed, &lock, &until);
    int done = rules[number].fired >= times;
    pthread_mutex_unlock(&lock);
    return done;
}

void shim_release(int number) {
    pthread_mutex_lock(&lock);
    rules[number].released = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void shim_drop_rule(int number) {
    pthread_mutex_lock(&lock);
    rules[number].call = 0, rules[number].released = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}
