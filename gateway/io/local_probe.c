#include "gateway/io/local_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#define LOOKUP_MS 4000
#define ANSWER_MS 1500

static int readable(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;

    do
        n = poll(&p, 1, wait_ms);
    while (n < 0 && errno == EINTR);
    return n > 0 ? 0 : (n == 0 ? -ETIMEDOUT : -errno);
}

/* ---- names ---- */

struct found {
    int err;
    struct addr at;
};

_Noreturn static void look_up(const char *name, int to)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    struct found f = {.err = -EAGAIN};

    int code = getaddrinfo(name, NULL, &hints, &list);
    if (code == 0 && list) {
        f.err = 0;
        f.at = addr_from_sockaddr(list->ai_addr);
    } else if (code == EAI_NONAME || code == EAI_NODATA) {
        f.err = -ENOENT;
    }
    _exit(write(to, &f, sizeof(f)) == (ssize_t)sizeof(f) ? 0 : 1);
}

int local_probe_lookup(const char *name, struct addr *out)
{
    struct found f = {.err = -EAGAIN};
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        look_up(name, pair[1]);
    (void)close(pair[1]);
    int err = pid < 0 ? -EAGAIN : readable(pair[0], LOOKUP_MS);
    if (err == 0 && read(pair[0], &f, sizeof(f)) != (ssize_t)sizeof(f))
        f.err = -EAGAIN;
    (void)close(pair[0]);
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    *out = f.at;
    return err < 0 ? err : f.err;
}

/* ---- servers ---- */

static int open_to(const struct addr *server, int type)
{
    const struct timeval limit = {.tv_sec = ANSWER_MS / 1000,
                                  .tv_usec = (ANSWER_MS % 1000) * 1000L};
    int fd = socket(server->sa.sa_family, type | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* connect(2) too */
    if (connect(fd, &server->sa, addr_len(server)) == 0)
        return fd;
    int err = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    (void)close(fd);
    return err;
}

/** Sends, and receives what comes first. */
static int exchange(int fd, const void *data, size_t len, void *answer, size_t max)
{
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    int err = n < 0 ? -errno : readable(fd, ANSWER_MS);

    if (err < 0)
        return err;
    n = recv(fd, answer, max, 0);
    return n < 0 ? -errno : (int)n;
}

int local_probe_ask(const struct addr *server, const uint8_t *query, size_t len, uint8_t *answer,
                    size_t max)
{
    int fd = open_to(server, SOCK_DGRAM);
    if (fd < 0)
        return fd;
    int n = exchange(fd, query, len, answer, max);
    (void)close(fd);
    return n;
}

int local_probe_http(const struct addr *server, const char *path)
{
    char at[ADDR_TEXT_MAX], request[256], answer[64] = "";
    int fd = open_to(server, SOCK_STREAM);

    if (fd < 0)
        return fd;
    (void)snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
                   addr_print(server, at));
    int n = exchange(fd, request, strlen(request), answer, sizeof(answer) - 1);
    (void)close(fd);
    if (n < 0)
        return n;
    /* "HTTP/1.1 200 OK" */
    unsigned long code =
        strncmp(answer, "HTTP/1.", 7) == 0 && n > 12 ? strtoul(answer + 9, NULL, 10) : 0;
    return code >= 100 && code <= 999 ? (int)code : -EPROTO;
}
