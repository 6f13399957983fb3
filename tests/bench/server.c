/*
 * The service behind every forwarder of the benchmark: one thread, epoll, as little work as can be.
 *
 *   server ECHO_PORT HTTP_PORT     on 127.0.0.1; prints "ready"
 *
 * The echo port sends back what comes; the HTTP port answers each request head with 1 KiB.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY     1024
#define FDS_MAX  65536
#define READ_MAX 65536

enum kind { ECHO, HTTP };

static struct connection {
    enum kind kind;
    bool listening;
    uint8_t matched; /* characters of the blank line seen so far */
} table[FDS_MAX];

static char answer[BODY + 128];
static size_t answer_len;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int epoll, int fd, enum kind kind, bool listening)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd >= FDS_MAX || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
    table[fd] = (struct connection){.kind = kind, .listening = listening};
}

static int listen_on(const char *port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 4096) < 0)
        die("listen");
    return fd;
}

static void accept_all(int epoll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        int on = 1;

        if (fd < 0)
            return;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        watch(epoll, fd, table[listener].kind, false);
    }
}

/* Answers are small next to a socket's buffer: waiting here is rare and harms only this client. */
static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            (void)poll(&p, 1, 1000);
            continue;
        }
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool serve_http(int fd, const char *data, size_t len)
{
    static const char blank[] = "\r\n\r\n";
    struct connection *c = &table[fd];

    for (size_t i = 0; i < len; i++) {
        c->matched = data[i] == blank[c->matched] ? c->matched + 1 : data[i] == '\r';
        if (c->matched < 4)
            continue;
        c->matched = 0;
        if (!send_all(fd, answer, answer_len))
            return false;
    }
    return true;
}

static void serve(int fd)
{
    static char data[READ_MAX];
    ssize_t n = recv(fd, data, sizeof(data), 0);

    if (n < 0 && errno == EAGAIN)
        return;
    bool good = n > 0;
    if (good && table[fd].kind == HTTP)
        good = serve_http(fd, data, (size_t)n);
    else if (good)
        good = send_all(fd, data, (size_t)n);
    if (!good)
        close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: server ECHO_PORT HTTP_PORT\n");
        return 2;
    }
    answer_len = (size_t)snprintf(answer, sizeof(answer),
                                  "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
    memset(answer + answer_len, 'x', BODY);
    answer_len += BODY;
    assert(answer_len <= sizeof(answer));

    int epoll = epoll_create1(0);
    watch(epoll, listen_on(argv[1]), ECHO, true);
    watch(epoll, listen_on(argv[2]), HTTP, true);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (table[fd].listening)
                accept_all(epoll, fd);
            else
                serve(fd);
        }
    }
}
