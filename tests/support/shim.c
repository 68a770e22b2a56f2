/* An LD_PRELOAD library between a process and the C library's file calls, for files below one directory.
 *
 * It records each call that can change what a disk holds (with its data) in a trace, and it makes calls fail, come back short,
 * or wait, as rules say. tests/support/shim.py compiles and drives it; tests/support/trace.py reads the trace.
 *
 * Order: a call is made and recorded under one lock, so the trace is the order in which the kernel saw the calls. A sync is
 * the exception: it is recorded when it begins and when it is done, and others go on in between.
 */
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
    struct entry e = {.call = (uint32_t)call, .fd = fd, .offset = offset, .argument = argument, .error = (uint32_t)error,
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

/* ---- open, close, dup ---- */

static int opened(int dirfd, const char *name, int flags, int mode, int (*call)(int, const char *, int, int)) {
    char path[PATH_MAX];
    if (!prefix_bytes) return call(dirfd, name, flags, mode);
    absolute(dirfd, name, path);
    if (!below(path)) return call(dirfd, name, flags, mode);
    pthread_mutex_lock(&lock);
    struct rule *r = act(CALL_OPEN, path);
    int fd = -1, made = (flags & O_CREAT) && access(path, F_OK) != 0;
    if (failing(r)) {
        errno = (int)r->argument;
    } else {
        fd = call(dirfd, name, flags, mode);
        int error = errno;
        if (fd >= 0 && fd < FD_MAX) {
            tracked[fd] = 1;
            int refused = flags & (O_DSYNC | O_SYNC) || (flags & O_TMPFILE) == O_TMPFILE;
            emit(refused ? CALL_UNSUPPORTED : CALL_OPEN, fd, made, flags, 0, path, NULL, NULL, 0);
        }
        errno = error;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static int call_openat(int dirfd, const char *path, int flags, int mode) {
    REAL(openat);
    return real(dirfd, path, flags, mode);
}

static int mode_of(int flags, va_list more) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, int) : 0;
}

#define OPEN_BODY(dirfd) \
    va_list more; va_start(more, flags); int mode = mode_of(flags, more); va_end(more); \
    return opened(dirfd, path, flags, mode, call_openat)

int open(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int openat(int dirfd, const char *path, int flags, ...) { OPEN_BODY(dirfd); }
int openat64(int dirfd, const char *path, int flags, ...) { OPEN_BODY(dirfd); }
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0, call_openat); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0, call_openat); }
int __openat_2(int dirfd, const char *path, int flags) { return opened(dirfd, path, flags, 0, call_openat); }
int __openat64_2(int dirfd, const char *path, int flags) { return opened(dirfd, path, flags, 0, call_openat); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, (int)mode, call_openat); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    REAL(close);
    if (!is_tracked(fd)) return real(fd);
    pthread_mutex_lock(&lock);
    struct rule *r = act_fd(CALL_CLOSE, fd);
    tracked[fd] = 0;
    emit(CALL_CLOSE, fd, 0, 0, 0, NULL, NULL, NULL, 0);
    int result = real(fd);
    if (failing(r)) result = -1, errno = (int)r->argument;
    pthread_mutex_unlock(&lock);
    return result;
}

static int duplicated(int old, int fd) {
    if (fd >= 0 && fd < FD_MAX && is_tracked(old)) {
        pthread_mutex_lock(&lock);
        tracked[fd] = 1;
        emit(CALL_DUP, old, fd, 0, 0, NULL, NULL, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

int dup(int fd) { REAL(dup); return duplicated(fd, real(fd)); }
int dup2(int fd, int to) { REAL(dup2); return duplicated(fd, real(fd, to)); }
int dup3(int fd, int to, int flags) { REAL(dup3); return duplicated(fd, real(fd, to, flags)); }

#define FCNTL_BODY(name) \
    REAL(name); \
    va_list more; va_start(more, command); void *argument = va_arg(more, void *); va_end(more); \
    int result = real(fd, command, argument); \
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, result) : result

int fcntl(int fd, int command, ...) { FCNTL_BODY(fcntl); }
int fcntl64(int fd, int command, ...) { FCNTL_BODY(fcntl64); }

/* ---- reading: faults only ---- */

#define READ_FAULT(fd) \
    if (is_tracked(fd) && rule_count) { \
        pthread_mutex_lock(&lock); \
        struct rule *r = act_fd(CALL_READ, fd); \
        pthread_mutex_unlock(&lock); \
        if (failing(r)) { errno = (int)r->argument; return -1; } \
        if (r && r->action == ACTION_SHORT && (size_t)r->argument < bytes) bytes = (size_t)r->argument; \
    }

ssize_t read(int fd, void *buffer, size_t bytes) { REAL(read); READ_FAULT(fd); return real(fd, buffer, bytes); }
ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset) {
    REAL(pread); READ_FAULT(fd); return real(fd, buffer, bytes, offset);
}
ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t offset) {
    REAL(pread64); READ_FAULT(fd); return real(fd, buffer, bytes, offset);
}

/* ---- writing ---- */

/* All writes of a tracked file end here. offset -1: at the file's own position. */
static ssize_t written(int fd, const struct iovec *pieces, int count, int64_t offset) {
    size_t bytes = 0, at = 0;
    for (int i = 0; i < count; i++) bytes += pieces[i].iov_len;
    char *data = malloc(bytes ? bytes : 1);
    if (!data) abort();
    for (int i = 0; i < count; i++) memcpy(data + at, pieces[i].iov_base, pieces[i].iov_len), at += pieces[i].iov_len;

    pthread_mutex_lock(&lock);
    struct rule *r = act_fd(CALL_WRITE, fd);
    ssize_t done = -1;
    int error;
    if (failing(r)) {
        error = (int)r->argument;
        emit(CALL_WRITE, fd, offset, 0, error, NULL, NULL, NULL, 0);
    } else {
        if (r && r->action == ACTION_SHORT && (size_t)r->argument < bytes) bytes = (size_t)r->argument;
        if (offset >= 0) {
            REAL(pwrite64);
            done = real(fd, data, bytes, offset);
        } else {
            done = real_write(fd, data, bytes);
        }
        error = errno;
        if (done >= 0) {
            int64_t from = offset >= 0 ? offset : (int64_t)lseek(fd, 0, SEEK_CUR) - done;
            emit(CALL_WRITE, fd, from, 0, 0, NULL, NULL, data, (size_t)done);
        }
    }
    pthread_mutex_unlock(&lock);
    free(data);
    errno = error;
    return done;
}

#define WRITTEN_ONE(offset) \
    if (is_tracked(fd)) { struct iovec one = {(void *)data, bytes}; return written(fd, &one, 1, offset); }

ssize_t write(int fd, const void *data, size_t bytes) { WRITTEN_ONE(-1); return real_write(fd, data, bytes); }
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
    REAL(pwrite); WRITTEN_ONE(offset); return real(fd, data, bytes, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) {
    REAL(pwrite64); WRITTEN_ONE(offset); return real(fd, data, bytes, offset);
}
ssize_t writev(int fd, const struct iovec *v, int n) {
    REAL(writev); return is_tracked(fd) ? written(fd, v, n, -1) : real(fd, v, n);
}
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t offset) {
    REAL(pwritev); return is_tracked(fd) ? written(fd, v, n, offset) : real(fd, v, n, offset);
}
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t offset) {
    REAL(pwritev64); return is_tracked(fd) ? written(fd, v, n, offset) : real(fd, v, n, offset);
}
ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t offset, int flags) {
    REAL(pwritev2); return is_tracked(fd) ? written(fd, v, n, offset) : real(fd, v, n, offset, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec *v, int n, off64_t offset, int flags) {
    REAL(pwritev64v2); return is_tracked(fd) ? written(fd, v, n, offset) : real(fd, v, n, offset, flags);
}

/* ---- sizes ---- */

static int truncated(int fd, int64_t bytes) {
    REAL(ftruncate64);
    if (!is_tracked(fd)) return real(fd, bytes);
    pthread_mutex_lock(&lock);
    struct rule *r = act_fd(CALL_TRUNCATE, fd);
    int result = -1;
    if (failing(r)) {
        errno = (int)r->argument;
    } else if ((result = real(fd, bytes)) == 0) {
        emit(CALL_TRUNCATE, fd, bytes, 0, 0, NULL, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t bytes) { return truncated(fd, bytes); }
int ftruncate64(int fd, off64_t bytes) { return truncated(fd, bytes); }

static int allocated(int fd, int mode, int64_t offset, int64_t bytes) { /* returns the error number */
    REAL(fallocate64);
    pthread_mutex_lock(&lock);
    struct rule *r = act_fd(CALL_ALLOCATE, fd);
    int error = 0;
    if (failing(r)) {
        error = (int)r->argument;
    } else if (mode != -1) {
        error = real(fd, mode, offset, bytes) ? errno : 0;
    } else {
        static int (*real_posix)(int, off64_t, off64_t);
        if (!real_posix) real_posix = (int (*)(int, off64_t, off64_t))dlsym(RTLD_NEXT, "posix_fallocate64");
        error = real_posix(fd, offset, bytes);
    }
    if (!error) emit(mode > 0 ? CALL_UNSUPPORTED : CALL_ALLOCATE, fd, offset, bytes, 0, NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return error;
}

#define POSIX_ALLOCATE_BODY(name) REAL(name); return is_tracked(fd) ? allocated(fd, -1, offset, bytes) : real(fd, offset, bytes)
int posix_fallocate(int fd, off_t offset, off_t bytes) { POSIX_ALLOCATE_BODY(posix_fallocate); }
int posix_fallocate64(int fd, off64_t offset, off64_t bytes) { POSIX_ALLOCATE_BODY(posix_fallocate64); }

#define ALLOCATE_BODY(name) \
    REAL(name); \
    if (!is_tracked(fd)) return real(fd, mode, offset, bytes); \
    int error = allocated(fd, mode, offset, bytes); \
    if (error) errno = error; \
    return error ? -1 : 0
int fallocate(int fd, int mode, off_t offset, off_t bytes) { ALLOCATE_BODY(fallocate); }
int fallocate64(int fd, int mode, off64_t offset, off64_t bytes) { ALLOCATE_BODY(fallocate64); }

/* ---- syncs ---- */

#define SYNC_BODY(name) \
    REAL(name); \
    if (!is_tracked(fd)) return real(fd); \
    pthread_mutex_lock(&lock); \
    emit(CALL_SYNC, fd, 0, 0, 0, NULL, NULL, NULL, 0); \
    struct rule *r = act_fd(CALL_SYNC, fd); \
    int result = -1, error = r ? (int)r->argument : 0; \
    pthread_mutex_unlock(&lock); \
    if (sync_delay_us) usleep((useconds_t)sync_delay_us); \
    if (!failing(r)) result = real(fd), error = result ? errno : 0; \
    pthread_mutex_lock(&lock); \
    emit(CALL_SYNC_DONE, fd, 0, 0, error, NULL, NULL, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    if (error) errno = error; \
    return result

int fsync(int fd) { SYNC_BODY(fsync); }
int fdatasync(int fd) { SYNC_BODY(fdatasync); }
/* sync_file_range makes nothing durable: it is not wrapped, and so counts as nothing. */

/* ---- names ---- */

static int renamed(int fd1, const char *from, int fd2, const char *to, unsigned flags) {
    REAL(renameat2);
    char path[PATH_MAX], path2[PATH_MAX];
    if (!prefix_bytes) return real(fd1, from, fd2, to, flags);
    absolute(fd1, from, path), absolute(fd2, to, path2);
    if (!below(path2)) return real(fd1, from, fd2, to, flags);
    pthread_mutex_lock(&lock);
    struct rule *r = act(CALL_RENAME, path2);
    int result = -1;
    if (failing(r)) {
        errno = (int)r->argument;
    } else if ((result = real(fd1, from, fd2, to, flags)) == 0) {
        emit(flags & ~1u ? CALL_UNSUPPORTED : CALL_RENAME, -1, 0, 0, 0, path, path2, NULL, 0); /* 1: RENAME_NOREPLACE */
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int fd1, const char *from, int fd2, const char *to) { return renamed(fd1, from, fd2, to, 0); }
int renameat2(int fd1, const char *from, int fd2, const char *to, unsigned flags) {
    return renamed(fd1, from, fd2, to, flags);
}

static int named(int call, int dirfd, const char *name, int argument, int (*real)(int, const char *, int)) {
    char path[PATH_MAX];
    if (!prefix_bytes) return real(dirfd, name, argument);
    absolute(dirfd, name, path);
    if (!below(path)) return real(dirfd, name, argument);
    pthread_mutex_lock(&lock);
    struct rule *r = act(call, path);
    int result = -1;
    if (failing(r)) {
        errno = (int)r->argument;
    } else if ((result = real(dirfd, name, argument)) == 0) {
        emit(call, -1, 0, argument, 0, path, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static int call_unlinkat(int dirfd, const char *name, int flags) { REAL(unlinkat); return real(dirfd, name, flags); }
static int call_mkdirat(int dirfd, const char *name, int mode) { REAL(mkdirat); return real(dirfd, name, (mode_t)mode); }

int unlink(const char *path) { return named(CALL_UNLINK, AT_FDCWD, path, 0, call_unlinkat); }
int remove(const char *path) { return named(CALL_UNLINK, AT_FDCWD, path, 0, call_unlinkat); }
int unlinkat(int dirfd, const char *path, int flags) { return named(CALL_UNLINK, dirfd, path, flags, call_unlinkat); }
int rmdir(const char *path) { return named(CALL_UNLINK, AT_FDCWD, path, AT_REMOVEDIR, call_unlinkat); }
int mkdir(const char *path, mode_t mode) { return named(CALL_MKDIR, AT_FDCWD, path, (int)mode, call_mkdirat); }
int mkdirat(int dirfd, const char *path, mode_t mode) { return named(CALL_MKDIR, dirfd, path, (int)mode, call_mkdirat); }

/* ---- ways around the record: noted, so that a test fails instead of believing a trace with holes ---- */

static void unsupported(const char *what) {
    pthread_mutex_lock(&lock);
    emit(CALL_UNSUPPORTED, -1, 0, 0, 0, what, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
}

static void check_mmap(int protection, int flags, int fd) {
    if (is_tracked(fd) && protection & PROT_WRITE && (flags & MAP_TYPE) != MAP_PRIVATE) unsupported("mmap for writing");
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    REAL(mmap); check_mmap(protection, flags, fd); return real(at, bytes, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off64_t offset) {
    REAL(mmap64); check_mmap(protection, flags, fd); return real(at, bytes, protection, flags, fd, offset);
}

static void check_fopen(const char *name, const char *mode) {
    char path[PATH_MAX];
    if (!prefix_bytes || !strpbrk(mode, "wa+")) return;
    absolute(AT_FDCWD, name, path);
    if (below(path)) unsupported("fopen for writing");
}

FILE *fopen(const char *name, const char *mode) { REAL(fopen); check_fopen(name, mode); return real(name, mode); }
FILE *fopen64(const char *name, const char *mode) { REAL(fopen64); check_fopen(name, mode); return real(name, mode); }

int linkat(int fd1, const char *from, int fd2, const char *to, int flags) {
    REAL(linkat);
    char path[PATH_MAX];
    if (prefix_bytes) {
        absolute(fd2, to, path);
        if (below(path)) unsupported("link");
    }
    return real(fd1, from, fd2, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
