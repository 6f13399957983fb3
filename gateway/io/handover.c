#include "gateway/io/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- life ---- */

static int open_signals(struct handover *h)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, &h->before) < 0)
        return -errno;
    h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return h->signals < 0 ? -errno : 0;
}

int handover_begin(struct handover *h, int from)
{
    *h = (struct handover){.from = from, .signals = -1};
    int err = open_signals(h);

    /* The gateway gives nothing before it knows that somebody waits. */
    if (err == 0 && send(from, "\n", 1, MSG_NOSIGNAL) < 0)
        err = -errno;
    if (err < 0)
        handover_end(h);
    return err;
}

void handover_enough(struct handover *h)
{
    if (h->from >= 0)
        (void)close(h->from);
    h->from = -1;
}

void handover_end(struct handover *h)
{
    handover_enough(h);
    if (h->signals >= 0)
        (void)close(h->signals);
    h->signals = -1;
    (void)sigprocmask(SIG_SETMASK, &h->before, NULL);
}

/* ---- waiting ---- */

static bool take_child(struct handover_event *out)
{
    int status = 0;
    pid_t pid = waitpid(-1, &status, WNOHANG);

    if (pid <= 0)
        return false;
    out->what = HANDOVER_PROGRAM;
    out->pid = (int)pid;
    out->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

static bool take_signal(const struct handover *h, struct handover_event *out)
{
    struct signalfd_siginfo info;

    while (read(h->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        out->what = HANDOVER_SIGNAL;
        out->number = (int)info.ssi_signo;
        out->typed = info.ssi_code == SI_KERNEL;
        return true;
    }
    return false;
}

static void take_socket(struct handover *h, struct handover_event *out)
{
    size_t len = 0;
    int err = give_receive(h->from, out->text, GIVE_TEXT_MAX, &len, &out->fd);

    out->text[err == 0 ? len : 0] = '\0';
    out->what = err == 0 ? HANDOVER_SOCKET : HANDOVER_OVER;
    if (err < 0)
        handover_enough(h);
}

int handover_wait(struct handover *h, struct handover_event *out)
{
    struct pollfd p[2] = {{.fd = h->signals, .events = POLLIN}, {.fd = h->from, .events = POLLIN}};

    *out = (struct handover_event){.fd = -1};
    for (;;) {
        if (take_signal(h, out) || take_child(out))
            return 0;
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (h->from >= 0 && p[1].revents != 0) {
            take_socket(h, out);
            return 0;
        }
    }
}

/* ---- programs ---- */

/* Where the program looks for it; what is there now makes room, if it is ours to keep. */
static int place(int fd, int *report)
{
    int copy = fcntl(*report, F_DUPFD_CLOEXEC, HANDOVER_FD + 1);

    if (copy < 0)
        return -errno;
    *report = copy;
    if (fd == HANDOVER_FD)
        return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
    return dup2(fd, HANDOVER_FD) < 0 ? -errno : 0;
}

/* In the child. What keeps it from running goes back by `report`. */
_Noreturn static void become(const struct handover *h, const struct handover_program *program,
                             int report)
{
    int err = 0;

    for (char *const *entry = program->environment; *entry && err == 0; entry++)
        err = putenv(*entry) == 0 ? 0 : -errno;
    if (err == 0 && program->fd >= 0)
        err = place(program->fd, &report);
    (void)sigprocmask(SIG_SETMASK, &h->before, NULL);
    if (err == 0)
        (void)execvp(program->argv[0], program->argv);
    err = err < 0 ? err : -errno;
    _exit(write(report, &err, sizeof(err)) < 0 ? 126 : 127);
}

int handover_start(struct handover *h, const struct handover_program *program)
{
    int report[2], err = 0;

    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        become(h, program, report[1]);
    if (pid < 0)
        err = -errno;
    (void)close(report[1]);
    if (pid > 0 && read(report[0], &err, sizeof(err)) != (ssize_t)sizeof(err))
        err = 0;
    (void)close(report[0]);
    if (program->fd >= 0)
        (void)close(program->fd);
    if (pid > 0 && err < 0)
        (void)waitpid(pid, NULL, 0);
    return err < 0 ? err : (int)pid;
}

void handover_kill(int pid, int number)
{
    (void)kill(pid, number); /* it may have ended just now */
}

int handover_connect(int fd, const struct addr *peer)
{
    struct sockaddr_storage from;
    uint8_t byte;

    /* First of all: then nothing is added to what others sent, however fast they send. */
    if (connect(fd, &peer->sa, addr_len(peer)) < 0)
        return -errno;
    for (;;) {
        socklen_t len = sizeof(from);
        if (recvfrom(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT, (struct sockaddr *)&from, &len) < 0)
            break;
        const struct addr a = addr_from_sockaddr((const struct sockaddr *)&from);
        if (addr_equal(&a, peer))
            break;
        (void)recv(fd, &byte, 1, MSG_DONTWAIT);
    }
    return 0;
}
