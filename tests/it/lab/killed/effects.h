/* Who dies while an effect acts, and where that is. */
#include "lines.h"

static int pidfd(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

/* Ends it and waits until nothing of it is left; 0 where it is gone already. */
static int end(int pid) {
    int fd = pidfd(pid);
    if (fd < 0) return 0;
    struct pollfd gone = {fd, POLLIN, 0};
    int there = poll(&gone, 1, 0) == 0;
    if (there) {
        kill(pid, SIGKILL);
        while (poll(&gone, 1, -1) < 0 && errno == EINTR) {}
    }
    syscall(SYS_close, fd);
    return there;
}

/* The one who drives: where another effect was faster, the one after it. */
static int end_driver(void) {
    for (int tries = 0; tries < 60000; tries++) {
        char *all = content(notes), *last = NULL;
        for (char *at = all; (at = strstr(at, "\ndriver\t")); at++) last = at;
        int pid = last ? atoi(last + 8) : 0;
        free(all);
        if (pid > 0 && end(pid)) return pid;
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return 0;
}

/* The attempt, and everybody who holds its lock, but us and who only looks at it. */
static int end_holders(void) {
    char lock[4096], path[300], held[4096];
    /* It cannot be looked into by everybody. */
    int ended = attempt != getpid() && end(attempt);
    snprintf(lock, sizeof lock, "%s/lock", folder);
    DIR *all = opendir("/proc");
    for (struct dirent *one; all && (one = readdir(all));) {
        int pid = atoi(one->d_name);
        if (pid <= 0 || pid == getpid() || noted("driver\t%d\n", pid)) continue;
        snprintf(path, sizeof path, "/proc/%d/fd", pid);
        DIR *fds = opendir(path);
        int holds = 0;
        for (struct dirent *fd; fds && !holds && (fd = readdir(fds));) {
            snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, fd->d_name);
            ssize_t n = readlink(path, held, sizeof held - 1);
            held[n > 0 ? n : 0] = 0;
            holds = strcmp(held, lock) == 0;
        }
        if (fds) closedir(fds);
        if (!holds || !end(pid)) continue;
        ended++;
        /* Who was its parent is gone too: whoever took it over buries it. Until then
         * its number looks alive to those who only ask for that. */
        for (int n = 0; n < 5000 && kill(pid, 0) == 0; n++) nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    if (all) closedir(all);
    return ended;
}

static void act(const char *what) {
    char path[4096];
    snprintf(path, sizeof path, "%s/started", folder);
    int started = access(path, F_OK) == 0;
    int driver = end_driver();
    snprintf(path, sizeof path, "%s/outcome", folder);
    int under_way = started && access(path, F_OK) != 0;
    size_t size = strlen(effect);
    int all = strcmp(effects, "all") == 0 && size > 2 && strcmp(effect + size - 2, "-1") == 0;
    const char *stands = under_way ? "under way" : "not under way";
    note("effect\t%s\t%s\t%d\t%s\t%s", effect, all ? "all" : "alone", driver, stands, what);
    if (!all) return;
    /* Again: one of them may just have started another. */
    int sum = 0;
    for (int ended; (ended = end_holders()); sum += ended) {}
    note("with it\t%s\t%d\t%s", effect, sum, is_attempt ? "the attempt itself" : "what it started");
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Whether this is where the effect is met. */
static int here(int before, const char *said, size_t size) {
    const char *step = strchr(effect, '/') + 1;
    for (const char *at = where, *comma; (comma = strchr(at, ',')); at = comma + 1) {
        const char *is = strchr(at, '=');
        size_t name = (size_t)(is - at);
        if (strncmp(step, at, name) || step[name] != '-' || !isdigit((unsigned char)step[name + 1])) continue;
        return said && memmem(said, size, is + 1, (size_t)(comma - is - 1)) != NULL;
    }
    const char *last = strrchr(where, ',');
    return before + 1 == atoi(last ? last + 1 : where);
}

static void point(const char *what, const char *said, size_t size) {
    if (!notes || !effects || !folder || inside || (is_attempt && !began)) return;
    int error = errno;
    inside = 1;
    if (!*effect) {
        char book[256];
        const char *name = strrchr(folder, '/');
        if (name && book_of(folder, book)) snprintf(effect, sizeof effect, "%s%s", book, name);
    }
    /* One at a time, for an effect may be several processes; the lock goes with who
     * dies with it. */
    int one = (int)syscall(SYS_openat, AT_FDCWD, notes, O_RDONLY | O_CLOEXEC);
    while (one >= 0 && flock(one, LOCK_EX) != 0 && errno == EINTR) {}
    int before = *effect ? noted("point\t%s\t", effect) : MOST;
    if (before < MOST) {
        note("point\t%s\t%s", effect, what);
        if (here(before, said, size) && !noted("effect\t%s\t", effect)) act(what);
    }
    if (one >= 0) syscall(SYS_close, one);
    inside = 0;
    errno = error;
}
