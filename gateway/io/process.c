#include "gateway/io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "gateway/io/logfile.h"

#ifdef HAVE_LIBSYSTEMD
#    include <systemd/sd-daemon.h>
#endif

/* A gateway that was started in the background says READY on this descriptor, or why it cannot. */
#define READY_VARIABLE  "OVERLAY_READY_FD"
#define READY           "\1"
#define READY_WITHIN_MS 15000

#define SIGNALS 3

/* ---- signals ---- */

struct process_signals {
    uv_signal_t handle[SIGNALS];
    unsigned open; /* libuv still holds these; the last one to close frees us */
    void (*told)(void *arg, int number);
    void *arg;
};

static void on_closed(uv_handle_t *handle)
{
    struct process_signals *s = handle->data;
    if (--s->open == 0)
        free(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct process_signals *s = handle->data;
    s->told(s->arg, number);
}

void process_signals_stop(struct process_signals *s)
{
    for (unsigned i = 0; s && i < SIGNALS; i++)
        if (!uv_is_closing((uv_handle_t *)&s->handle[i]))
            uv_close((uv_handle_t *)&s->handle[i], on_closed);
}

int process_signals_start(struct process_signals **out, struct io_loop *loop,
                          void (*told)(void *arg, int number), void *arg)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    struct process_signals *s = calloc(1, sizeof(*s));
    int err = 0;

    if (!s)
        return -ENOMEM;
    s->told = told;
    s->arg = arg;
    s->open = SIGNALS;
    for (unsigned i = 0; i < SIGNALS; i++) {
        (void)uv_signal_init(io_loop_uv(loop), &s->handle[i]); /* cannot fail */
        s->handle[i].data = s;
    }
    for (unsigned i = 0; err == 0 && i < SIGNALS; i++)
        err = uv_signal_start(&s->handle[i], on_signal, numbers[i]);
    if (err < 0) {
        process_signals_stop(s);
        return err;
    }
    *out = s;
    return 0;
}

int process_id(void)
{
    return (int)getpid();
}

/* ---- limits ---- */

void process_prepare(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)signal(SIGPIPE, SIG_IGN);
}

size_t process_descriptors(void)
{
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) == 0 ? (size_t)files.rlim_cur : 1024;
}

/* ---- news ---- */

/* The descriptor that whoever started us listens on, or -1. */
static int starter(void)
{
    const char *text = getenv(READY_VARIABLE);
    int fd = text ? (int)strtol(text, NULL, 10) : -1;
    return fd > STDERR_FILENO ? fd : -1;
}

static void tell_starter(void)
{
    int fd = starter();
    (void)unsetenv(READY_VARIABLE);
    if (fd >= 0 && write(fd, READY, 1) == 1)
        (void)close(fd);
}

void process_complain(const char *text, size_t len)
{
    int fd = starter();
    if (fd >= 0 && write(fd, text, len) < 0)
        (void)unsetenv(READY_VARIABLE); /* it is gone */
}

void process_notify(const char *state)
{
    if (strcmp(state, "READY=1") == 0)
        tell_starter();
#ifdef HAVE_LIBSYSTEMD
    (void)sd_notify(0, state);
#endif
}

void process_notify_reloading(void)
{
    char state[64];
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    process_notify(state);
}

/* ---- a gateway in the background ---- */

/* What the child needs, opened before the fork. */
struct launch {
    int input[2], ready[2];
    int log;
    off_t log_start;
    char program[4096]; /* its real path, so that it is called by its name in lists */
    char *argv[8];
};

static int open_log(const char *home, off_t *start, char *why, size_t why_len)
{
    auto_free char *path = NULL;
    if (asprintf(&path, "%s/" LOGFILE_NAME, home) < 0)
        return -ENOMEM;
    logfile_put_aside(path);
    int fd = logfile_open(path);
    if (fd < 0) {
        (void)snprintf(why, why_len, "%s: %s", path, strerror(-fd));
        return fd;
    }
    *start = lseek(fd, 0, SEEK_END);
    return fd;
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            (void)close(pair[i]);
}

static void launch_deinit(struct launch *l)
{
    close_pair(l->input);
    close_pair(l->ready);
    if (l->log >= 0)
        (void)close(l->log);
}

static void fill_arguments(struct launch *l, const struct process_daemon *o)
{
    unsigned n = 0;
    l->argv[n++] = (char *)(uintptr_t) "overlay";
    l->argv[n++] = (char *)(uintptr_t) "--home";
    l->argv[n++] = (char *)(uintptr_t)o->home;
    if (o->config) {
        l->argv[n++] = (char *)(uintptr_t) "--config";
        l->argv[n++] = (char *)(uintptr_t)o->config;
    }
    if (o->verbosity != 0)
        l->argv[n++] = (char *)(uintptr_t)(o->verbosity < 0 ? "-q" : "-v");
    l->argv[n++] = (char *)(uintptr_t) "daemon";
    l->argv[n] = NULL;
}

static int launch_init(struct launch *l, const struct process_daemon *o, char *why, size_t why_len)
{
    *l = (struct launch){.input = {-1, -1}, .ready = {-1, -1}, .log = -1};
    l->log = open_log(o->home, &l->log_start, why, why_len);
    if (l->log < 0)
        return l->log;
    if (pipe2(l->ready, O_CLOEXEC) < 0)
        return -errno;
    ssize_t n = readlink("/proc/self/exe", l->program, sizeof(l->program) - 1);
    l->program[n > 0 ? n : 0] = '\0';
    bool has_input = o->config && strcmp(o->config, "-") == 0;
    if (has_input && pipe2(l->input, O_CLOEXEC) < 0)
        return -errno;
    if (!has_input)
        l->input[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fill_arguments(l, o);
    return l->input[0] < 0 ? -errno : 0;
}

/* In the child: between fork and exec only what is safe after a fork of a single thread. */
_Noreturn static void become(struct launch *l)
{
    char text[16];
    int ready = dup(l->ready[1]); /* without O_CLOEXEC */

    (void)setsid();
    (void)snprintf(text, sizeof(text), "%d", ready);
    (void)setenv(READY_VARIABLE, text, 1);
    if (ready < 0 || dup2(l->input[0], STDIN_FILENO) < 0 || dup2(l->log, STDOUT_FILENO) < 0 ||
        dup2(l->log, STDERR_FILENO) < 0 || chdir("/") < 0)
        _exit(127);
    execv(l->program, l->argv);
    execv("/proc/self/exe", l->argv); /* replaced on disk since we were started */
    _exit(127);
}

static void give_input(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n <= 0)
            return; /* it ended: its log says why */
        data += n;
        len -= (size_t)n;
    }
}

/* Copies the last line that the child wrote. */
static void last_line(const struct launch *l, char *why, size_t why_len)
{
    char text[2048];
    off_t end = lseek(l->log, 0, SEEK_END);
    off_t from =
        end - (off_t)sizeof(text) + 1 > l->log_start ? end - (off_t)sizeof(text) + 1 : l->log_start;
    ssize_t n = pread(l->log, text, sizeof(text) - 1, from);

    while (n > 0 && text[n - 1] == '\n')
        n--;
    if (n <= 0) {
        (void)snprintf(why, why_len, "it ended without a word");
        return;
    }
    text[n] = '\0';
    const char *line = strrchr(text, '\n');
    (void)snprintf(why, why_len, "%s", line ? line + 1 : text);
}

/* Returns 0 when the child is ready, -ESRCH when it ended, with its complaint in `why` if it made
 * one, or -ETIMEDOUT. */
static int await(struct launch *l, char *why, size_t why_len)
{
    struct pollfd p = {.fd = l->ready[0], .events = POLLIN};
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len + 1 < why_len) {
        do
            n = poll(&p, 1, READY_WITHIN_MS);
        while (n < 0 && errno == EINTR);
        if (n == 0)
            return -ETIMEDOUT;
        n = read(l->ready[0], why + len, why_len - 1 - len);
        if (n > 0 && why[0] == READY[0])
            return 0;
        len += n > 0 ? (size_t)n : 0;
    }
    why[len] = '\0';
    why[strcspn(why, "\n")] = '\0';
    return -ESRCH;
}

static int start(struct launch *l, const struct process_daemon *o, char *why, size_t why_len)
{
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become(l);
    (void)close(l->ready[1]);
    l->ready[1] = -1;
    if (l->input[1] >= 0) {
        void (*old)(int) = signal(SIGPIPE, SIG_IGN);
        give_input(l->input[1], o->input, o->input_len);
        (void)signal(SIGPIPE, old);
        (void)close(l->input[1]);
        l->input[1] = -1;
    }
    int err = await(l, why, why_len);
    if (err == -ESRCH) {
        (void)waitpid(pid, NULL, 0);
        if (why[0] == '\0')
            last_line(l, why, why_len);
    } else if (err < 0) {
        (void)snprintf(why, why_len, "not ready after %d s; see %s/overlay.log",
                       READY_WITHIN_MS / 1000, o->home);
    }
    return err;
}

int process_spawn_daemon(const struct process_daemon *options, char *why, size_t why_len)
{
    struct launch l;

    why[0] = '\0';
    int err = launch_init(&l, options, why, why_len);
    if (err == 0)
        err = start(&l, options, why, why_len);
    if (err < 0 && why[0] == '\0')
        (void)snprintf(why, why_len, "%s", strerror(-err));
    launch_deinit(&l);
    return err;
}

/** In a child; `report` closes when the program is running, or gets the reason why it is not. */
static void browse(const char *url, int report)
{
    int null = open("/dev/null", O_RDWR);

    if (fork() != 0) /* twice, so that nobody has to wait for it */
        _exit(0);
    (void)setsid();
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(null, STDERR_FILENO);
    (void)execlp("xdg-open", "xdg-open", url, (char *)NULL);
    int err = -errno;
    _exit(write(report, &err, sizeof(err)) < 0 ? 126 : 127);
}

int process_browse(const char *url)
{
    int report[2], err = 0;

    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        browse(url, report[1]);
    if (pid < 0)
        err = -errno;
    (void)close(report[1]);
    if (pid > 0 && read(report[0], &err, sizeof(err)) != (ssize_t)sizeof(err))
        err = 0;
    (void)close(report[0]);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    return err;
}
