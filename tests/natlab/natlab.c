/**
 * The small internet (tests/natlab/net.h) for real programs: every host is a network namespace
 * whose only device is a TUN, and the other ends of all of them are this one process.
 *
 *     natlab SOCKET TOPOLOGY          runs until it is killed; says "ready" when every device is
 * there natlab -c SOCKET COMMAND...     tells a running one something; prints the answer
 *
 * TOPOLOGY is a file of net_tell() lines; a host's place is its namespace under /run/netns, its
 * device there is eth0 (addresses and routes are tests/natlab/lab.sh's).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/if_tun.h>

#include "tests/natlab/net.h"
#include "tests/natlab/net_text.h"

#define READS_A_TURN 64
#define WATCHES      (NET_HOSTS_MAX + 2) /* and the listener, and who asks */
#define FIRST_HOST   2

struct lab {
    struct net net;
    int tun[NET_HOSTS_MAX];
    unsigned tun_count;
    int listener, asker;
    char asked[NET_TEXT_MAX];
    size_t asked_len;
    uint8_t packet[NET_PACKET_MAX];
};

static instant now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return SEC(t.tv_sec) + (instant)t.tv_nsec;
}

/* ---- devices ---- */

static int open_tun(void)
{
    struct ifreq wish = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "eth0"};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &wish) < 0) {
        int err = errno;
        (void)close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

/* Makes a host's device where it lives. */
static int open_tun_at(const struct net_host *h)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/run/netns/%s", h->place);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int place = open(path, O_RDONLY | O_CLOEXEC);
    int fd = -1;
    if (home >= 0 && place >= 0 && setns(place, CLONE_NEWNET) == 0) {
        fd = open_tun();
        int err = errno;
        if (setns(home, CLONE_NEWNET) < 0)
            abort(); /* nothing of ours may be done in a host's namespace */
        errno = err;
    }
    if (fd < 0)
        (void)fprintf(stderr, "natlab: %s: %s: %s\n", h->name, path, strerror(errno));
    if (home >= 0)
        (void)close(home);
    if (place >= 0)
        (void)close(place);
    return fd;
}

/* Opens the devices of the hosts that have none yet. */
static int open_devices(struct lab *lab)
{
    while (lab->tun_count < lab->net.host_count) {
        int fd = open_tun_at(&lab->net.host[lab->tun_count]);
        if (fd < 0)
            return -EIO;
        lab->tun[lab->tun_count++] = fd;
    }
    return 0;
}

static void deliver(void *arg, struct net_host *h, const uint8_t *data, size_t len)
{
    struct lab *lab = arg;
    /* A host whose device is down, or busy, loses it. */
    if (write(lab->tun[h - lab->net.host], data, len) < 0)
        lab->net.lost++;
}

static void read_device(struct lab *lab, unsigned which)
{
    for (unsigned i = 0; i < READS_A_TURN; i++) {
        ssize_t len = read(lab->tun[which], lab->packet, sizeof(lab->packet));
        if (len <= 0)
            return;
        net_send(&lab->net, now(), &lab->net.host[which], lab->packet, (size_t)len);
    }
}

/* ---- commands ---- */

static int address_of(struct sockaddr_un *out, const char *path)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(out->sun_path))
        return -ENAMETOOLONG;
    (void)snprintf(out->sun_path, sizeof(out->sun_path), "%s", path);
    return 0;
}

static int listen_at(const char *path)
{
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(path);
    if (fd < 0 || address_of(&a, path) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        listen(fd, 8) < 0) {
        (void)fprintf(stderr, "natlab: %s: %s\n", path, strerror(errno));
        return -1;
    }
    return fd;
}

static void close_asker(struct lab *lab)
{
    (void)close(lab->asker);
    lab->asker = -1;
    lab->asked_len = 0;
}

/* "ok" with the answer, or "error" with the reason. */
static void answer(struct lab *lab)
{
    char out[NET_TEXT_MAX], reply[NET_TEXT_MAX + 16];
    lab->net.now = now() > lab->net.now ? now() : lab->net.now;
    int err = net_tell(&lab->net, lab->asked, out);
    if (err == 0)
        err = open_devices(lab);
    int len = snprintf(reply, sizeof(reply), "%s %s\n", err < 0 ? "error" : "ok", out);
    (void)send(lab->asker, reply, (size_t)len, MSG_NOSIGNAL);
    close_asker(lab);
}

/* One asker at a time, who says one line and is answered. */
static void read_asker(struct lab *lab)
{
    size_t room = sizeof(lab->asked) - 1 - lab->asked_len;
    ssize_t len = read(lab->asker, lab->asked + lab->asked_len, room);
    if (len < 0 && errno == EAGAIN)
        return;
    if (len <= 0 || (size_t)len == room) {
        close_asker(lab);
        return;
    }
    lab->asked_len += (size_t)len;
    lab->asked[lab->asked_len] = '\0';
    if (strchr(lab->asked, '\n'))
        answer(lab);
}

/* ---- the loop ---- */

static void wait_for_work(struct lab *lab, struct pollfd watch[static WATCHES], unsigned *count)
{
    watch[0] = (struct pollfd){.fd = lab->asker < 0 ? lab->listener : -1, .events = POLLIN};
    watch[1] = (struct pollfd){.fd = lab->asker, .events = POLLIN};
    for (unsigned i = 0; i < lab->tun_count; i++)
        watch[FIRST_HOST + i] = (struct pollfd){.fd = lab->tun[i], .events = POLLIN};
    *count = FIRST_HOST + lab->tun_count;

    instant due = net_due(&lab->net), at = now();
    instant span = due > at ? due - at : 0;
    struct timespec wait = {.tv_sec = (time_t)(span / SEC(1)), .tv_nsec = (long)(span % SEC(1))};
    if (ppoll(watch, *count, due == INSTANT_NEVER ? NULL : &wait, NULL) < 0)
        for (unsigned i = 0; i < *count; i++)
            watch[i].revents = 0; /* interrupted */
}

static void run(struct lab *lab)
{
    for (;;) {
        struct pollfd watch[WATCHES];
        unsigned count;
        wait_for_work(lab, watch, &count);
        net_run(&lab->net, now());
        for (unsigned i = FIRST_HOST; i < count; i++)
            if (watch[i].revents)
                read_device(lab, i - FIRST_HOST);
        net_run(&lab->net, now());
        if (watch[1].revents)
            read_asker(lab);
        if (watch[0].revents)
            lab->asker = accept4(lab->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
}

static int read_topology(struct lab *lab, const char *path)
{
    char line[NET_TEXT_MAX], out[NET_TEXT_MAX];
    FILE *f = fopen(path, "re");
    int err = f ? 0 : -errno;
    if (!f)
        (void)fprintf(stderr, "natlab: %s: %s\n", path, strerror(errno));
    for (unsigned number = 1; err == 0 && fgets(line, sizeof(line), f); number++) {
        err = net_tell(&lab->net, line, out);
        if (err < 0)
            (void)fprintf(stderr, "natlab: %s:%u: %s\n", path, number, out);
    }
    if (f)
        (void)fclose(f);
    return err;
}

static int serve(const char *socket_path, const char *topology)
{
    struct lab lab = {.asker = -1};
    net_init(&lab.net, 1, deliver, &lab);
    if (read_topology(&lab, topology) < 0 || open_devices(&lab) < 0)
        return 1;
    lab.listener = listen_at(socket_path);
    if (lab.listener < 0)
        return 1;
    (void)printf("ready\n");
    (void)fflush(stdout);
    run(&lab);
    return 0;
}

/* ---- the one who asks ---- */

static int ask(const char *path, char *const word[], int count)
{
    char text[NET_TEXT_MAX + 16] = "";
    size_t len = 0;
    struct sockaddr_un a;
    for (int i = 0; i < count && len < NET_TEXT_MAX - 2; i++)
        len += (size_t)snprintf(text + len, NET_TEXT_MAX - 1 - len, "%s ", word[i]);
    if (len >= NET_TEXT_MAX - 2) {
        (void)fprintf(stderr, "natlab: too long\n");
        return 2;
    }
    text[len++] = '\n';
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || address_of(&a, path) < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        send(fd, text, len, MSG_NOSIGNAL) < 0) {
        (void)fprintf(stderr, "natlab: %s: %s\n", path, strerror(errno));
        return 2;
    }
    ssize_t got = recv(fd, text, sizeof(text) - 1, MSG_WAITALL);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    char *rest = strchr(text, ' ');
    (void)fputs(rest ? rest + 1 : "no answer\n", strncmp(text, "ok ", 3) == 0 ? stdout : stderr);
    return strncmp(text, "ok ", 3) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "-c") == 0)
        return ask(argv[2], argv + 3, argc - 3);
    if (argc == 3)
        return serve(argv[1], argv[2]);
    (void)fprintf(stderr, "usage: natlab SOCKET TOPOLOGY | natlab -c SOCKET COMMAND...\n");
    return 2;
}
