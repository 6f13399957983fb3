/*
 * The callers of the benchmark, against 127.0.0.1.
 *
 *   client ping PORT COUNT           one byte there and back on one connection: P50_US P99_US
 *   client conns PORT SECONDS N      N at once connect, exchange a byte, close: PER_S FAILED P99_MS
 *   client idle PORT COUNT           opens COUNT, exchanges a byte on each: OPEN n; holds them till
 *                                    a line on standard input, exchanges again: ALIVE n
 *   client dns PORT NAME SECONDS     A queries, 64 on their way at a time: PER_S WRONG
 *   client page PORT HOST N PATH...  GETs them by HTTP/1.1 on N kept connections: MS BYTES
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SAMPLES_MAX  (4 * 1000 * 1000)
#define PARALLEL_MAX 256
#define DNS_WINDOW   64

static uint64_t samples[SAMPLES_MAX];
static size_t sample_count;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int dial(const struct sockaddr_in *to, int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A byte there and back on a blocking socket. */
static bool exchange(int fd)
{
    char byte = 'z';
    return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
}

static void keep(uint64_t ns)
{
    if (sample_count < SAMPLES_MAX)
        samples[sample_count++] = ns;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double percentile(unsigned percent)
{
    if (sample_count == 0)
        return 0;
    qsort(samples, sample_count, sizeof(samples[0]), by_size);
    return (double)samples[(sample_count - 1) * percent / 100];
}

static int ping(const char *port, size_t count)
{
    struct sockaddr_in to = loopback(port);
    int fd = dial(&to, 0);

    if (fd < 0)
        die("connect");
    for (size_t i = 0; i < count + 200; i++) {
        uint64_t begin = now_ns();
        if (!exchange(fd))
            die("exchange");
        if (i >= 200) /* the first ones warm up */
            keep(now_ns() - begin);
    }
    printf("%.1f %.1f\n", percentile(50) / 1e3, percentile(99) / 1e3);
    return 0;
}

/* ---- many connections, one after the other in each of N slots ---- */

struct slot {
    int fd;
    uint64_t began;
    bool sent;
};

static void begin(int epoll, struct slot *s, const struct sockaddr_in *to)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = s};

    *s = (struct slot){.fd = dial(to, SOCK_NONBLOCK), .began = now_ns()};
    if (s->fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event) < 0)
        die("connect");
}

/* Returns 1 when the exchange is done, -1 when it failed, 0 before. */
static int go_on(int epoll, struct slot *s)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    char byte = 'z';

    if (s->sent)
        return recv(s->fd, &byte, 1, 0) == 1 ? 1 : -1;
    if (send(s->fd, &byte, 1, MSG_NOSIGNAL) != 1)
        return -1;
    s->sent = true;
    (void)epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &event);
    return 0;
}

static int conns(const char *port, double seconds, int parallel)
{
    static struct slot slots[PARALLEL_MAX];
    struct sockaddr_in to = loopback(port);
    int epoll = epoll_create1(0);
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    size_t failed = 0, done = 0;

    for (int i = 0; i < parallel && i < PARALLEL_MAX; i++)
        begin(epoll, &slots[i], &to);
    while (now_ns() < end) {
        struct epoll_event events[PARALLEL_MAX];
        int count = epoll_wait(epoll, events, PARALLEL_MAX, 1000);
        for (int i = 0; i < count; i++) {
            struct slot *s = events[i].data.ptr;
            int state = go_on(epoll, s);
            if (state == 0)
                continue;
            if (state > 0)
                keep(now_ns() - s->began);
            done += state > 0;
            failed += state < 0;
            close(s->fd);
            begin(epoll, s, &to);
        }
    }
    double took = (double)(now_ns() - start) / 1e9;
    printf("%.0f %zu %.2f\n", (double)done / took, failed, percentile(99) / 1e6);
    return 0;
}

static int idle(const char *port, size_t count)
{
    struct sockaddr_in to = loopback(port);
    int *fds = calloc(count, sizeof(*fds));
    size_t opened = 0, alive = 0;
    char line[16];

    if (!fds)
        die("calloc");
    for (size_t i = 0; i < count; i++) {
        struct timeval wait = {.tv_sec = 5};
        int fd = dial(&to, 0);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
        if (exchange(fd))
            fds[opened++] = fd;
        else
            close(fd);
    }
    printf("OPEN %zu\n", opened);
    fflush(stdout);
    (void)!fgets(line, sizeof(line), stdin);
    for (size_t i = 0; i < opened; i++)
        alive += exchange(fds[i]);
    printf("ALIVE %zu\n", alive);
    fflush(stdout);
    (void)!fgets(line, sizeof(line), stdin);
    free(fds);
    return 0;
}

/* ---- DNS ---- */

static size_t write_query(uint8_t *out, const char *name)
{
    static const uint8_t head[12] = {[2] = 1, [5] = 1}; /* RD, one question */
    uint8_t *p = out + sizeof(head);

    memcpy(out, head, sizeof(head));
    while (*name) {
        size_t label = strcspn(name, ".");
        *p++ = (uint8_t)label;
        memcpy(p, name, label);
        p += label;
        name += label + (name[label] == '.');
    }
    memcpy(p, "\0\0\1\0\1", 5); /* root, A, IN */
    return (size_t)(p + 5 - out);
}

static void send_query(int fd, uint8_t *query, size_t len, uint16_t id)
{
    query[0] = (uint8_t)(id >> 8);
    query[1] = (uint8_t)id;
    if (send(fd, query, len, 0) < 0)
        die("send");
}

static int dns(const char *port, const char *name, double seconds)
{
    struct sockaddr_in to = loopback(port);
    struct timeval wait = {.tv_usec = 200000};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    uint8_t query[300] = {0}, answer[1500];
    size_t good = 0, wrong = 0;
    uint16_t id = 0;

    if (strlen(name) > 250 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        die("dns");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    size_t len = write_query(query, name);
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    for (int i = 0; i < DNS_WINDOW; i++)
        send_query(fd, query, len, id++);
    while (now_ns() < end) {
        ssize_t n = recv(fd, answer, sizeof(answer), 0);
        bool right = n > 12 && (answer[3] & 15) == 0 && answer[7] > 0;
        good += right;
        wrong += !right;
        send_query(fd, query, len, id++);
    }
    printf("%.0f %zu\n", (double)good * 1e9 / (double)(now_ns() - start), wrong);
    return 0;
}

/* ---- the files of a page ---- */

struct fetch {
    int fd;
    size_t have, whole; /* of the answer; `whole` is 0 while its head is not all here */
    char answer[16384];
};

struct page {
    const char *host;
    char **paths;
    size_t count, asked, got, bytes;
};

/* Asks for the next file, if there is one. */
static void ask(struct page *p, struct fetch *f)
{
    char request[512];

    if (p->asked == p->count)
        return;
    int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                       p->paths[p->asked++], p->host);
    f->have = f->whole = 0;
    if (len >= (int)sizeof(request) || send(f->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        die("send");
}

/* The length of an answer whose head is here, else 0. */
static size_t answer_length(const struct fetch *f)
{
    const char *end = strstr(f->answer, "\r\n\r\n");
    const char *field = strstr(f->answer, "\r\nContent-Length: ");

    if (!end)
        return 0;
    size_t len = field && field < end ? strtoul(field + 18, NULL, 10) : sizeof(f->answer);
    if (strncmp(f->answer, "HTTP/1.1 200 ", 13) != 0 || len > sizeof(f->answer) / 2) {
        fprintf(stderr, "no answer for a page: %.*s\n", (int)(end - f->answer), f->answer);
        exit(1);
    }
    return (size_t)(end + 4 - f->answer) + len;
}

static void take(struct page *p, struct fetch *f)
{
    ssize_t n = recv(f->fd, f->answer + f->have, sizeof(f->answer) - 1 - f->have, 0);

    if (n <= 0)
        die("recv");
    f->have += (size_t)n;
    f->answer[f->have] = '\0';
    if (f->whole == 0)
        f->whole = answer_length(f);
    if (f->whole == 0 || f->have < f->whole)
        return;
    p->got++;
    p->bytes += f->have;
    ask(p, f);
}

static int page(const char *port, struct page *p, int parallel)
{
    static struct fetch fetches[PARALLEL_MAX];
    struct sockaddr_in to = loopback(port);
    int epoll = epoll_create1(0);
    uint64_t start = now_ns();

    for (int i = 0; i < parallel && i < PARALLEL_MAX; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &fetches[i]};
        fetches[i].fd = dial(&to, 0);
        if (fetches[i].fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fetches[i].fd, &event) < 0)
            die("connect");
        ask(p, &fetches[i]);
    }
    while (p->got < p->count) {
        struct epoll_event events[PARALLEL_MAX];
        int count = epoll_wait(epoll, events, PARALLEL_MAX, 10000);
        if (count <= 0)
            die("no answer");
        for (int i = 0; i < count; i++)
            take(p, events[i].data.ptr);
    }
    printf("%.3f %zu\n", (double)(now_ns() - start) / 1e6, p->bytes);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "ping") == 0)
        return ping(argv[2], strtoul(argv[3], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "conns") == 0)
        return conns(argv[2], strtod(argv[3], NULL), (int)strtol(argv[4], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "idle") == 0)
        return idle(argv[2], strtoul(argv[3], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "dns") == 0)
        return dns(argv[2], argv[3], strtod(argv[4], NULL));
    if (argc > 5 && strcmp(argv[1], "page") == 0) {
        struct page p = {.host = argv[3], .paths = argv + 5, .count = (size_t)argc - 5};
        return page(argv[2], &p, (int)strtol(argv[4], NULL, 10));
    }
    fprintf(stderr, "usage: client ping|conns|idle|dns|page PORT ...\n");
    return 2;
}
