#include "gateway/io/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LOOK_AGAIN_MS 10

/* Files in memory for its streams: nothing to pump, and who holds them open later holds nobody up.
 */
struct streams {
    int fd[3];
};

static void streams_close(struct streams *s)
{
    for (int i = 0; i < 3; i++)
        if (s->fd[i] >= 0)
            (void)close(s->fd[i]);
}

static int streams_open(struct streams *s, const char *input)
{
    size_t len = input ? strlen(input) : 0;
    int err = 0;

    for (int i = 0; i < 3; i++) {
        s->fd[i] = memfd_create("tool", MFD_CLOEXEC);
        if (s->fd[i] < 0)
            err = -errno;
    }
    if (err == 0 && len > 0 && pwrite(s->fd[0], input, len, 0) != (ssize_t)len)
        err = -EIO;
    return err;
}

/** Where it is, in the folders where the system keeps its own. */
static int find(const char *name, char *out, size_t len)
{
    static const char *const FOLDERS[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};

    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        (void)snprintf(out, len, "%s/%s", FOLDERS[i], name);
        if (access(out, X_OK) == 0)
            return 0;
    }
    return -ENOENT;
}

_Noreturn static void become(const char *path, const char *const argv[], const struct streams *s)
{
    static const char *const ENVIRONMENT[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                              "SYSTEMD_PAGER=", NULL};
    sigset_t none;

    (void)setpgid(0, 0); /* whoever interrupts us at the terminal does not cut it in two */
    for (int i = 0; i < 3; i++)
        if (dup2(s->fd[i], i) < 0)
            _exit(126);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (chdir("/") == 0)
        (void)execve(path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)ENVIRONMENT);
    _exit(126);
}

static instant now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return SEC(t.tv_sec) + (instant)t.tv_nsec;
}

/** Waits until it has ended, for `limit` at most. Returns 0, or -ETIMEDOUT. */
static int await_end(pid_t pid, instant limit, int *status)
{
    const instant end = now() + limit;
    /* Without pidfd_open(), which Linux has since 5.3, we look again and again. */
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), err = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    pid_t ended;

    while ((ended = waitpid(pid, status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        const instant at = now();
        if (at >= end) {
            err = -ETIMEDOUT;
            break;
        }
        (void)poll(&p, 1, fd < 0 ? LOOK_AGAIN_MS : (int)((end - at) / MSEC(1)) + 1);
    }
    if (fd >= 0)
        (void)close(fd);
    return err;
}

/** The same; then it is killed. */
static int await(pid_t pid, instant limit, int *status)
{
    int err = await_end(pid, limit, status);

    if (err == 0)
        return 0;
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return err;
}

static char *text_of(int fd)
{
    char *text = malloc(TOOL_OUTPUT_MAX + 1);
    ssize_t n = text ? pread(fd, text, TOOL_OUTPUT_MAX, 0) : 0;

    if (text)
        text[n > 0 ? n : 0] = '\0';
    return text;
}

static int run(const char *path, const char *const argv[], const struct streams *s, instant limit,
               struct tool_result *r)
{
    int status = 0;
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0)
        become(path, argv, s);
    int err = await(pid, limit, &status);
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    r->out = text_of(s->fd[1]);
    r->error = text_of(s->fd[2]);
    return err == 0 && (!r->out || !r->error) ? -ENOMEM : err;
}

int tool_run(const char *const argv[], const char *input, instant limit, struct tool_result *r)
{
    struct streams s = {{-1, -1, -1}};
    char path[256];

    *r = (struct tool_result){0};
    int err = find(argv[0], path, sizeof(path));
    if (err < 0)
        return err;
    err = streams_open(&s, input);
    if (err == 0)
        err = run(path, argv, &s, limit, r);
    streams_close(&s);
    return err;
}

void tool_result_deinit(struct tool_result *r)
{
    free(r->out);
    free(r->error);
    *r = (struct tool_result){0};
}
