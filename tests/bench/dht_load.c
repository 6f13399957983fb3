/* Load for one DHT node: thousands of addresses of this machine ask it, none more often than a node
 * of the DHT may be asked.
 *
 *   dht_load fill PORT ITEMS NODES   NODES nodes are there for its table, then ITEMS items are put
 *   dht_load ask PORT SECONDS ITEMS  asks for these items, for nodes and whether it is there, a
 *                                    third of the questions each, as fast as it answers
 *   dht_load echo PORT               answers every datagram by itself, until killed: the floor
 *
 * Prints JSON. The node is at 127.0.0.1; the sources are 127.64.0.0/10.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "gateway/crypto/secret.h"
#include "gateway/discovery/dht_item.h"
#include "gateway/identity/keys.h"
#include "gateway/wire/krpc.h"
#include "tests/support/random.h"

enum {
    SOURCES = 25000, /* at 5 questions a second each: 125,000 */
    TEMPLATES = 3000,
    WINDOW = 256, /* questions without an answer */
    BATCH = 32,
    ITEMS_MAX = 10000,
    PASSES = 8,      /* over items that it has not said to keep: some are slow, and lose packets */
    VALUE_LEN = 500, /* about a gateway's record */
    QUERY_MAX = 160,
    DATAGRAM = 16384, /* one program names all nodes that it knows in each reply */
    BUFFER = 8 << 20,
};

#define WARM_S 0.3

struct batch {
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_in peer[BATCH];
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control[BATCH];
    uint8_t data[BATCH][DATAGRAM];
};

struct load {
    int fd;
    struct sockaddr_in node;
    uint64_t seed;
    struct batch in, out;
    unsigned outs;
    struct query {
        uint8_t data[QUERY_MAX];
        size_t len;
    } query[TEMPLATES];
    unsigned next;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "dht_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_socket(in_addr_t at, uint16_t port)
{
    const int on = 1, buffer = BUFFER;
    const struct sockaddr_in local = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(at)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&local, sizeof(local)) < 0)
        die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    return fd;
}

/* ---- datagrams ---- */

/* Its source: spread over networks as strangers are. */
static uint32_t source(unsigned number)
{
    return 0x7f400000u | number % 64 << 16 | number / 64 % 256 << 8 | (1 + number / 16384);
}

static void put_source(struct msghdr *h, uint32_t ip)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    const struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(ip)};

    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(c), &info, sizeof(info));
}

static uint32_t destination(struct msghdr *h)
{
    struct in_pktinfo info = {0};

    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            memcpy(&info, CMSG_DATA(c), sizeof(info));
    return ntohl(info.ipi_addr.s_addr);
}

static void point(struct batch *b)
{
    for (unsigned i = 0; i < BATCH; i++) {
        b->iov[i] = (struct iovec){b->data[i], DATAGRAM};
        b->msg[i].msg_hdr = (struct msghdr){.msg_name = &b->peer[i],
                                            .msg_namelen = sizeof(b->peer[i]),
                                            .msg_iov = &b->iov[i],
                                            .msg_iovlen = 1,
                                            .msg_control = b->control[i].room,
                                            .msg_controllen = sizeof(b->control[i].room)};
    }
}

static void flush(struct load *l)
{
    for (unsigned at = 0; at < l->outs;) {
        int n = sendmmsg(l->fd, l->out.msg + at, l->outs - at, 0);
        if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            die("sending");
        at += n > 0 ? (unsigned)n : 0;
    }
    l->outs = 0;
}

static void send_from(struct load *l, uint32_t ip, const uint8_t *data, size_t len)
{
    unsigned i = l->outs++;

    memcpy(l->out.data[i], data, len);
    l->out.iov[i].iov_len = len;
    l->out.peer[i] = l->node;
    put_source(&l->out.msg[i].msg_hdr, ip);
    if (l->outs == BATCH)
        flush(l);
}

/* How many came, within a time. */
static unsigned receive(struct load *l, int wait_ms)
{
    int n = recvmmsg(l->fd, l->in.msg, BATCH, MSG_DONTWAIT, NULL);

    if (n < 0) {
        struct pollfd p = {.fd = l->fd, .events = POLLIN};
        (void)poll(&p, 1, wait_ms);
        n = recvmmsg(l->fd, l->in.msg, BATCH, MSG_DONTWAIT, NULL);
    }
    for (int i = 0; i < n; i++) /* for the next one */
        l->in.iov[i].iov_len = DATAGRAM;
    return n > 0 ? (unsigned)n : 0;
}

static void done_with(struct load *l, unsigned i)
{
    l->in.msg[i].msg_hdr.msg_controllen = sizeof(l->in.control[i].room);
    l->in.msg[i].msg_hdr.msg_namelen = sizeof(l->in.peer[i]);
}

static void begin(struct load *l, uint16_t port)
{
    memset(l, 0, sizeof(*l));
    l->fd = open_socket(INADDR_ANY, 0);
    l->node = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    l->seed = 1;
    point(&l->in);
    point(&l->out);
}

/* ---- what is said ---- */

static void id_of(uint32_t ip, uint8_t out[static KRPC_ID_LEN])
{
    uint64_t seed = ip;
    random_fill(&seed, out, KRPC_ID_LEN);
}

static struct dht_item item_of(unsigned number)
{
    const uint8_t seed[KEYS_SEED_LEN] = {(uint8_t)number, (uint8_t)(number >> 8), 7};
    struct dht_item item = {.seq = 1};
    uint8_t value[VALUE_LEN] = {0};
    struct keys keys;

    keys_from_seed(&keys, seed);
    if (dht_item_set_bytes(&item, value, sizeof(value)) < 0)
        abort();
    dht_item_sign(&item, &keys);
    return item;
}

static size_t write_query(struct krpc *m, uint32_t ip, unsigned number, uint8_t *out, size_t room)
{
    uint8_t id[KRPC_ID_LEN], t[4];

    memcpy(t, &number, sizeof(t));
    id_of(ip, id);
    m->kind = KRPC_QUERY;
    m->id = id;
    m->t = (struct krpc_bytes){t, sizeof(t)};
    size_t len = krpc_write(m, out, room);
    if (len == 0)
        abort();
    return len;
}

static void make_queries(struct load *l, unsigned items)
{
    for (unsigned i = 0; i < TEMPLATES; i++) {
        uint8_t chance[KRPC_ID_LEN];
        struct krpc m = {.method = KRPC_PING, .read_only = true};
        random_fill(&l->seed, chance, sizeof(chance));
        struct dht_id target = dht_id_from(chance);
        if (i % 3 == 1) {
            m.method = KRPC_FIND_NODE;
        } else if (i % 3 == 2) {
            m.method = KRPC_GET;
            if (items > 0) {
                const struct dht_item item = item_of(i % items);
                target = dht_item_target(&item);
            }
        }
        if (m.method != KRPC_PING)
            m.target = target.b;
        l->query[i].len = write_query(&m, i, i, l->query[i].data, QUERY_MAX);
    }
}

/* ---- filling ---- */

struct fill {
    struct load *l;
    unsigned items, put, kept, named, asked_us;
    bool has[ITEMS_MAX];
};

static void put_item(struct fill *f, uint32_t ip, unsigned number, struct krpc_bytes token)
{
    const struct dht_item item = item_of(number);
    const struct dht_id target = dht_item_target(&item);
    uint8_t packet[DATAGRAM];
    struct krpc m = {.method = KRPC_PUT,
                     .token = token,
                     .target = target.b,
                     .value = {item.value, item.value_len},
                     .key = item.key,
                     .sig = item.sig,
                     .has_seq = true,
                     .seq = item.seq};

    size_t len = write_query(&m, ip, number | 1u << 30, packet, sizeof(packet));
    send_from(f->l, ip, packet, len);
    f->put++;
}

static void take(struct fill *f, unsigned i)
{
    const uint32_t ip = destination(&f->l->in.msg[i].msg_hdr);
    uint8_t id[KRPC_ID_LEN], packet[DATAGRAM];
    unsigned number = 0;
    struct krpc m;

    if (krpc_read(&m, f->l->in.data[i], f->l->in.msg[i].msg_len) < 0)
        return;
    if (m.kind == KRPC_QUERY) {
        struct krpc reply = {.kind = KRPC_REPLY, .t = m.t, .id = id};
        id_of(ip, id);
        send_from(f->l, ip, packet, krpc_write(&reply, packet, sizeof(packet)));
        f->asked_us++;
        return;
    }
    if (m.t.len != sizeof(number))
        return;
    memcpy(&number, m.t.at, sizeof(number));
    if (number & 1u << 30) {
        number &= ~(1u << 30);
        /* One program says 302 to what it has. */
        if (number < f->items && (m.kind == KRPC_REPLY || m.code == KRPC_OLD_SEQ)) {
            f->kept += !f->has[number];
            f->has[number] = true;
        }
        return;
    }
    f->named += m.nodes.len > 0;
    if (number < f->items && m.token.len > 0)
        put_item(f, ip, number, m.token);
}

/* Takes what comes, until nothing does. */
static void settle(struct fill *f, int quiet_ms)
{
    unsigned n;

    flush(f->l);
    while ((n = receive(f->l, quiet_ms))) {
        for (unsigned i = 0; i < n; i++) {
            take(f, i);
            done_with(f->l, i);
        }
        flush(f->l);
    }
}

/* Nodes that ask and answer, so that they get into the table; twice, as it greets few at a time. */
static void be_nodes(struct fill *f, unsigned nodes)
{
    uint8_t packet[DATAGRAM], target[KRPC_ID_LEN] = {0};

    for (unsigned i = 0; i < 2 * nodes; i++) {
        const uint32_t ip = source(SOURCES + i % nodes);
        struct krpc m = {.method = KRPC_FIND_NODE, .target = target};
        send_from(f->l, ip, packet, write_query(&m, ip, 1u << 29, packet, sizeof(packet)));
        if (i % 4 == 3)
            settle(f, i < nodes ? 2 : 1);
    }
    settle(f, 1000);
}

static void put_items(struct fill *f)
{
    unsigned sent = 0;

    for (unsigned i = 0; i < f->items; i++) {
        if (f->has[i])
            continue;
        const struct dht_item item = item_of(i);
        const struct dht_id target = dht_item_target(&item);
        uint8_t packet[DATAGRAM];
        struct krpc m = {.method = KRPC_GET, .target = target.b, .read_only = true};
        send_from(f->l, source(i), packet, write_query(&m, source(i), i, packet, sizeof(packet)));
        if (++sent % 16 == 0)
            settle(f, 20);
    }
    settle(f, 200);
}

static void fill(uint16_t port, unsigned items, unsigned nodes)
{
    static struct load l;
    static struct fill f;

    f.l = &l;
    f.items = items < ITEMS_MAX ? items : ITEMS_MAX;
    begin(&l, port);
    be_nodes(&f, nodes);
    for (unsigned pass = 0; pass < PASSES && f.kept < f.items; pass++)
        put_items(&f);
    (void)printf("{\"items\": %u, \"kept\": %u, \"nodes_asked\": %u, \"replies_with_nodes\": %u}\n",
                 f.put, f.kept, f.asked_us, f.named);
}

/* ---- asking ---- */

struct score {
    uint64_t sent, answered, lost;
};

static void ask_more(struct load *l, struct score *s, unsigned *open)
{
    for (; *open < WINDOW; ++*open, s->sent++) {
        const struct query *q = &l->query[l->next % TEMPLATES];
        send_from(l, source(l->next % SOURCES), q->data, q->len);
        l->next++;
    }
    flush(l);
}

/* Replies end so, as keys are in order; an echo ends as the question did. */
static bool is_answer(const uint8_t *data, size_t len)
{
    return len >= 7 &&
           (memcmp(data + len - 7, "1:y1:re", 7) == 0 || memcmp(data + len - 7, "1:y1:qe", 7) == 0);
}

static void ask_for(struct load *l, struct score *s, double how_long)
{
    const double end = seconds(CLOCK_MONOTONIC) + how_long;
    unsigned open = 0;

    while (seconds(CLOCK_MONOTONIC) < end) {
        ask_more(l, s, &open);
        unsigned n = receive(l, 20);
        for (unsigned i = 0; i < n; i++) {
            s->answered += is_answer(l->in.data[i], l->in.msg[i].msg_len);
            done_with(l, i);
        }
        s->lost += n == 0 ? open : 0;
        open -= n == 0 ? open : n < open ? n : open;
    }
}

static void ask(uint16_t port, double how_long, unsigned items)
{
    static struct load l;
    struct score warm = {0}, s = {0};

    begin(&l, port);
    make_queries(&l, items);
    ask_for(&l, &warm, WARM_S);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    ask_for(&l, &s, how_long);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    (void)printf("{\"rate\": %.0f, \"answered\": %llu, \"sent\": %llu, \"lost\": %llu, "
                 "\"seconds\": %.3f, \"warm\": %.1f, \"loader_cpu\": %.2f}\n",
                 (double)s.answered / wall, (unsigned long long)s.answered,
                 (unsigned long long)s.sent, (unsigned long long)s.lost, wall, WARM_S, cpu / wall);
}

static void echo(uint16_t port)
{
    int fd = open_socket(INADDR_LOOPBACK, port);
    uint8_t data[DATAGRAM];

    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t len = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size);
        if (len > 0)
            (void)!sendto(fd, data, (size_t)len, 0, (struct sockaddr *)&from, size);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    uint16_t port = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;

    if (crypto_start() < 0)
        return 1;
    if (strcmp(what, "fill") == 0 && argc == 5)
        fill(port, (unsigned)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    else if (strcmp(what, "ask") == 0 && argc == 5)
        ask(port, strtod(argv[3], NULL), (unsigned)strtoul(argv[4], NULL, 10));
    else if (strcmp(what, "echo") == 0)
        echo(port);
    else
        return 2;
    return 0;
}
