/*
 * A TURN client (RFC 8656) and its peer on 127.0.0.1, which push ChannelData through a server.
 *
 *   turn PORT SECONDS SIZE
 *
 * makes one allocation without credentials and a channel to our peer, sends datagrams of SIZE bytes
 * to the peer and back to the client, and prints how many bytes arrived.
 *
 * At most a window of datagrams is under way, so that a slow server loses none.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define COOKIE      0x2112a442u
#define HEADER      20
#define CHANNEL     0x4000
#define BATCH       32
#define WINDOW      256
#define PAYLOAD_MAX 1400

enum { ALLOCATE = 0x0003, CHANNEL_BIND = 0x0009, SUCCESS = 0x0100 };
enum { CHANNEL_NUMBER = 0x000c, XOR_PEER = 0x0012, XOR_RELAYED = 0x0016, TRANSPORT = 0x0019 };

struct flow {
    int from, to;
    struct sockaddr_in where; /* `from` sends to it */
    uint8_t data[4 + PAYLOAD_MAX];
    size_t len, arrives; /* bytes of one datagram, sent and received */
    uint64_t sent, got;  /* datagrams */
    uint64_t heard;      /* the last one, ns */
};

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

static void put16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static int udp_socket(struct sockaddr_in *local)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;
    socklen_t len = sizeof(*local);

    *local = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (const struct sockaddr *)local, sizeof(*local)) < 0 ||
        getsockname(fd, (struct sockaddr *)local, &len) < 0)
        die("socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    return fd;
}

/* ---- asking the server ---- */

static size_t begin_request(uint8_t *out, unsigned type, size_t body)
{
    memset(out, 0, HEADER + body);
    put16(out, type);
    put16(out + 2, (unsigned)body);
    put32(out + 4, COOKIE);
    put16(out + 18, type);
    return HEADER;
}

/* Sends a request until an answer to it comes; its length. */
static size_t ask(int fd, const struct sockaddr_in *server, const uint8_t *request, size_t len,
                  uint8_t *answer, size_t room)
{
    for (unsigned i = 0; i < 20; i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)sendto(fd, request, len, 0, (const struct sockaddr *)server, sizeof(*server));
        if (poll(&p, 1, 500) <= 0)
            continue;
        ssize_t got = recv(fd, answer, room, 0);
        if (got >= HEADER && memcmp(answer + 8, request + 8, 12) == 0 &&
            get16(answer) == (get16(request) | SUCCESS))
            return (size_t)got;
        if (got >= HEADER)
            (void)fprintf(stderr, "turn: the server answers %04x\n", get16(answer));
    }
    (void)fprintf(stderr, "turn: no answer that would do\n");
    exit(1);
}

static struct sockaddr_in allocate(int fd, const struct sockaddr_in *server)
{
    uint8_t request[HEADER + 8], answer[1500];
    size_t at = begin_request(request, ALLOCATE, 8);

    put16(request + at, TRANSPORT);
    put16(request + at + 2, 4);
    request[at + 4] = 17;
    size_t len = ask(fd, server, request, sizeof(request), answer, sizeof(answer));
    for (at = HEADER; at + 12 <= len; at += 4 + ((get16(answer + at + 2) + 3u) & ~3u)) {
        if (get16(answer + at) != XOR_RELAYED)
            continue;
        return (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port =
                                        htons((uint16_t)(get16(answer + at + 6) ^ (COOKIE >> 16))),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    }
    (void)fprintf(stderr, "turn: no relayed address\n");
    exit(1);
}

static void bind_channel(int fd, const struct sockaddr_in *server, const struct sockaddr_in *peer)
{
    uint8_t request[HEADER + 20], answer[1500];
    size_t at = begin_request(request, CHANNEL_BIND, 20);

    put16(request + at, CHANNEL_NUMBER);
    put16(request + at + 2, 4);
    put16(request + at + 4, CHANNEL);
    put16(request + at + 8, XOR_PEER);
    put16(request + at + 10, 8);
    request[at + 13] = 1;
    put16(request + at + 14, ntohs(peer->sin_port) ^ (COOKIE >> 16));
    put32(request + at + 16, ntohl(peer->sin_addr.s_addr) ^ COOKIE);
    (void)ask(fd, server, request, sizeof(request), answer, sizeof(answer));
}

/* ---- pushing ---- */

static void send_some(struct flow *f)
{
    struct iovec iov = {.iov_base = f->data, .iov_len = f->len};
    struct mmsghdr m[BATCH];

    for (unsigned i = 0; i < BATCH; i++)
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &f->where,
                                            .msg_namelen = sizeof(f->where),
                                            .msg_iov = &iov,
                                            .msg_iovlen = 1}};
    int n = sendmmsg(f->from, m, BATCH, MSG_DONTWAIT);
    f->sent += n > 0 ? (uint64_t)n : 0;
}

static void receive_some(struct flow *f)
{
    static uint8_t data[BATCH][2048];
    struct iovec iov[BATCH];
    struct mmsghdr m[BATCH];

    for (unsigned i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){data[i], sizeof(data[i])};
        m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
    }
    int n = recvmmsg(f->to, m, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        f->got += m[i].msg_len == f->arrives;
    if (n > 0)
        f->heard = now_ns();
}

static void push(struct flow *f)
{
    if (f->sent < f->got + WINDOW)
        send_some(f);
    receive_some(f);
    if (now_ns() > f->heard + 20000000) { /* what is missing was lost */
        f->sent = f->got;
        f->heard = now_ns();
    }
}

static void wait_for_any(const struct flow *f)
{
    struct pollfd p[2] = {{.fd = f[0].to, .events = POLLIN}, {.fd = f[1].to, .events = POLLIN}};
    if (f[0].sent >= f[0].got + WINDOW && f[1].sent >= f[1].got + WINDOW)
        (void)poll(p, 2, 20);
}

int main(int argc, char **argv)
{
    static struct flow flow[2];
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in client_at, peer_at;

    if (argc != 4)
        return 2;
    size_t size = strtoul(argv[3], NULL, 10);
    if (size == 0 || size > PAYLOAD_MAX)
        return 2;
    server.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    int client = udp_socket(&client_at), peer = udp_socket(&peer_at);
    struct sockaddr_in relayed = allocate(client, &server);
    bind_channel(client, &server, &peer_at);
    flow[0] = (struct flow){
        .from = client, .to = peer, .where = server, .len = 4 + size, .arrives = size};
    flow[1] = (struct flow){
        .from = peer, .to = client, .where = relayed, .len = size, .arrives = 4 + size};
    put16(flow[0].data, CHANNEL);
    put16(flow[0].data + 2, (unsigned)size);
    uint64_t end = now_ns() + (uint64_t)(strtod(argv[2], NULL) * 1e9);
    flow[0].heard = flow[1].heard = now_ns();
    while (now_ns() < end) {
        push(&flow[0]);
        push(&flow[1]);
        wait_for_any(flow);
    }
    printf("%" PRIu64 "\n", (flow[0].got + flow[1].got) * size);
    close(client);
    close(peer);
    return 0;
}
