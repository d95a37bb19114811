/* Ends whoever drives a run at exact places, for a program that is started with
 * this in LD_PRELOAD: at a line of a journal, or while an effect acts. Nothing
 * in the program knows of it. What was done is noted, a line each, in one file
 * that all processes append to; what was noted once is not done again, so that
 * each life of the driver comes further than the one before.
 *
 *   KILL_NOTES    that file
 *   KILL_LINES    a driver dies at each line of a journal that none died at yet:
 *                 `all` in all phases one after the other, a digit in one of the
 *                 four, which turns with the line and begins at that digit
 *   KILL_EFFECTS  `alone`: while an effect acts the driver dies; `all`: so do its
 *                 first attempt and all that this started
 *   KILL_POINT    where in an effect: at its n-th point, or `STEP=WORD,` before
 *                 that for one step at the point that says the word. A point is a
 *                 connection that is about to be opened, something that was sent
 *                 over one, a file below KILL_BELOW that is about to be written
 *
 * A driver is who writes journals; an attempt is started as `__attempt DIR` and
 * hands the library on to what it starts, once it has noted that it began. */
#include "effects.h"

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int watched(int fd) { return fd >= 0 && fd < FDS && opened[fd]; }

static void sent(int fd, const void *bytes, ssize_t size) {
    if (!watched(fd) || inside || size <= 0) return;
    char what[80] = "sent ";
    for (ssize_t n = 0; n < size && n < 60; n++) {
        unsigned char c = ((const unsigned char *)bytes)[n];
        what[5 + n] = isprint(c) ? (char)c : '.';
    }
    point(what, bytes, (size_t)size);
}

int connect(int fd, const struct sockaddr *to, socklen_t size) {
    REAL(connect);
    int inet = to && (to->sa_family == AF_INET || to->sa_family == AF_INET6);
    /* An attempt's own threads wake each other by other sockets. */
    if (inet || (to && to->sa_family == AF_UNIX && !is_attempt)) {
        point(inet ? "connects" : "connects here", NULL, 0);
        if (fd >= 0 && fd < FDS) opened[fd] = 1;
    }
    return real(fd, to, size);
}
int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < FDS) opened[fd] = 0;
    return real(fd);
}
ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    REAL(send);
    ssize_t n = real(fd, bytes, size, flags);
    sent(fd, bytes, n);
    return n;
}
ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    REAL(sendto);
    ssize_t n = real(fd, bytes, size, flags, to, length);
    sent(fd, bytes, n);
    return n;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    ssize_t n = real(fd, parts, count);
    if (count > 0) sent(fd, parts->iov_base, n < (ssize_t)parts->iov_len ? n : (ssize_t)parts->iov_len);
    return n;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    char path[4096], key[1024];
    if (!notes || inside || folder || !is_journal(fd, path)) {
        ssize_t n = real(fd, bytes, size);
        sent(fd, bytes, n);
        return n;
    }
    int phase = due(path, bytes, size, key);
    if (phase == BEFORE) die(key, phase);
    if (phase == TORN) {
        (void)!real(fd, bytes, size / 2);
        die(key, phase);
    }
    ssize_t n = real(fd, bytes, size);
    if (phase == WRITTEN) die(key, phase);
    if (phase == SYNCED) strcpy(unsynced, key), unsynced_fd = fd;
    return n;
}
int fdatasync(int fd) {
    REAL(fdatasync);
    int told = real(fd);
    if (fd == unsynced_fd) die(unsynced, SYNCED);
    return told;
}

/* An attempt's `started` is in its place: from here on it acts. */
int rename(const char *from, const char *to) {
    REAL(rename);
    int told = real(from, to);
    size_t size = strlen(to);
    if (told == 0 && is_attempt && size > 8 && strcmp(to + size - 8, "/started") == 0) began = 1;
    return told;
}

/* What an attempt starts has an environment of its own: the library is added. */
static char **handed_on(char *const *env) {
    static char *all[4096], added[8][4200];
    static const char *const NAMES[] = {"LD_PRELOAD", "KILL_NOTES", "KILL_EFFECTS", "KILL_POINT", "KILL_BELOW"};
    int n = 0, a = 0;
    for (; env && *env && n < 4000; env++)
        if (strncmp(*env, "KILL_", 5) && strncmp(*env, "LD_PRELOAD=", 11)) all[n++] = *env;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const char *value = i == 0 ? getenv("KILL_LIBRARY") : getenv(NAMES[i]);
        if (!value) continue;
        snprintf(added[a], sizeof added[a], "%s=%s", NAMES[i], value);
        all[n++] = added[a++];
    }
    snprintf(added[a], sizeof added[a], "KILL_FOLDER=%s", folder);
    all[n++] = added[a++];
    /* Not always this process: it may be what it forked. */
    snprintf(added[a], sizeof added[a], "KILL_ATTEMPT=%d", attempt);
    all[n++] = added[a];
    all[n] = NULL;
    return all;
}
static int hands_on(void) { return notes && is_attempt && began; }

#define SPAWN(name) \
int name(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr, \
         char *const argv[], char *const env[]) { \
    REAL(name); \
    return real(pid, path, actions, attr, argv, hands_on() ? handed_on(env) : env); \
}
SPAWN(posix_spawn)
SPAWN(posix_spawnp)

int execvp(const char *path, char *const argv[]) {
    REAL(execvp);
    if (hands_on()) environ = handed_on(environ);
    return real(path, argv);
}

/* Files that an effect itself is about to write. */
static void writes(int dir, const char *path, int flags) {
    if (!below || is_attempt || !folder || !(flags & (O_WRONLY | O_RDWR | O_CREAT))) return;
    if (dir != AT_FDCWD && path[0] != '/') return;
    if (strncmp(path, below, strlen(below)) == 0) point("writes", path, strlen(path));
}
#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) {
    MODE(flags)
    REAL(open);
    writes(AT_FDCWD, path, flags);
    return real(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    REAL(open64);
    writes(AT_FDCWD, path, flags);
    return real(path, flags, mode);
}
int openat(int dir, const char *path, int flags, ...) {
    MODE(flags)
    REAL(openat);
    writes(dir, path, flags);
    return real(dir, path, flags, mode);
}
int openat64(int dir, const char *path, int flags, ...) {
    MODE(flags)
    REAL(openat64);
    writes(dir, path, flags);
    return real(dir, path, flags, mode);
}
