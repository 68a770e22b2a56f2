/* The wrappers of calls on names, and of ways around the record. */
#include "shim_record.h"

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
static int call_mkdirat(int dirfd, const char *name, int mode) {
    REAL(mkdirat);
    return real(dirfd, name, (mode_t)mode);
}

int unlink(const char *path) { return named(CALL_UNLINK, AT_FDCWD, path, 0, call_unlinkat); }
int remove(const char *path) { return named(CALL_UNLINK, AT_FDCWD, path, 0, call_unlinkat); }
int unlinkat(int dirfd, const char *path, int flags) { return named(CALL_UNLINK, dirfd, path, flags, call_unlinkat); }
int rmdir(const char *path) { return named(CALL_UNLINK, AT_FDCWD, path, AT_REMOVEDIR, call_unlinkat); }
int mkdir(const char *path, mode_t mode) { return named(CALL_MKDIR, AT_FDCWD, path, (int)mode, call_mkdirat); }
int mkdirat(int dirfd, const char *path, mode_t mode) {
    return named(CALL_MKDIR, dirfd, path, (int)mode, call_mkdirat);
}

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

/* ---- memory ---- */

extern void *__libc_malloc(size_t bytes);
static volatile size_t scarce_bytes; /* 0: there is enough */
static volatile long scarce_fired;

void shim_scarce(size_t bytes) { scarce_bytes = bytes; }
long shim_scarce_fired(void) { return scarce_fired; }

void *malloc(size_t bytes) {
    if (bytes && bytes == scarce_bytes) {
        scarce_fired++;
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(bytes);
}

extern void *__libc_realloc(void *piece, size_t bytes);
static volatile size_t scarce_growth_bytes;

void shim_scarce_growth(size_t bytes) { scarce_growth_bytes = bytes; }
int shim_scarce_growth_fired(void) { return scarce_growth_bytes == 0; }

void *realloc(void *piece, size_t bytes) {
    if (bytes && bytes == scarce_growth_bytes) {
        scarce_growth_bytes = 0;
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(piece, bytes);
}
