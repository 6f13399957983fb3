/* A hole by TCP: both sides connect to one another at the same moment (RFC 9293 §3.5) from a port
 * that they listen at too, and tell by words that nobody else can know which connection it is to
 * be:
 *
 *     who dialled   HELLO        a word is where its reader is seen, and a tag that is keyed by the
 *     who was       HELLO        hole and different for both sides; a side that was dialled says
 *     called                     nothing before it has heard the other's
 *     who asked     USE          on one connection of those that are left
 *     the other     READY        what comes behind it is the program's
 */
#include "gateway/node/hole.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"

#define SERVERS 8

static struct env *env_of(const struct hole *h)
{
    return h->desk->node->env;
}

/* ---- words ---- */

enum word { WORD_HELLO, WORD_USE, WORD_READY };

static void tag(const uint8_t key[static PROBE_KEY_LEN], enum word word,
                const uint8_t seen[static HOLE_SEEN_LEN], uint8_t out[static HOLE_TAG_LEN])
{
    uint8_t text[1 + HOLE_SEEN_LEN] = {(uint8_t)word};

    memcpy(text + 1, seen, HOLE_SEEN_LEN);
    hash_blake2b(out, HOLE_TAG_LEN, key, PROBE_KEY_LEN, text, sizeof(text));
}

/* So few bytes of a fresh connection are taken as a whole. */
static void say(struct hole_conn *c, enum word word)
{
    uint8_t out[HOLE_WORD_LEN] = {0};
    struct writer w = writer_over(out, HOLE_SEEN_LEN);
    const struct iovec area = {out, sizeof(out)};
    size_t len;
    const uint8_t *ip = addr_ip(&c->remote, &len);

    write_u8(&w, (uint8_t)len);
    write_be16(&w, addr_port(&c->remote));
    write_bytes(&w, ip, len);
    tag(c->hole->key_out, word, out, out + HOLE_SEEN_LEN);
    if (sock_writev(env_of(c->hole), c->sock, &area, 1) != (ssize_t)sizeof(out))
        c->broken = true;
}

static bool is_word(const struct hole_conn *c, enum word word)
{
    uint8_t right[HOLE_TAG_LEN];

    tag(c->hole->key_in, word, c->in, right);
    return secret_equal(c->in + HOLE_SEEN_LEN, right, sizeof(right));
}

static void note_seen(struct hole_conn *c)
{
    struct reader r = reader_over(c->in, HOLE_SEEN_LEN);
    uint8_t len = read_u8(&r);
    uint16_t port = read_be16(&r);
    const uint8_t *ip = read_bytes(&r, 16);

    if (ip && (len == 4 || len == 16))
        c->seen = len == 4 ? addr_v4(ip, port) : addr_v6(ip, port, 0);
}

static void greet(struct hole_conn *c)
{
    if (!c->greeted)
        say(c, WORD_HELLO);
    c->greeted = true;
}

static void take_word(struct hole_conn *c)
{
    bool asker = c->hole->asker;

    if (!c->proven && is_word(c, WORD_HELLO)) {
        c->proven = true;
        note_seen(c);
        greet(c);
    } else if (c->proven && !asker && !c->ready && is_word(c, WORD_USE)) {
        say(c, WORD_READY);
        c->ready = !c->broken;
    } else if (c->chosen && is_word(c, WORD_READY)) {
        c->ready = true;
    } else {
        c->broken = true;
    }
}

/* Not a byte more than the word at hand is read: what is behind the last one is the program's. */
static void read_words(struct hole_conn *c)
{
    ssize_t n = 1;

    while (n > 0 && !c->ready && !c->broken) {
        const struct iovec area = {c->in + c->len, sizeof(c->in) - c->len};
        n = sock_readv(env_of(c->hole), c->sock, &area, 1);
        if (n == 0 || (n < 0 && n != -EAGAIN))
            c->broken = true;
        c->len += n > 0 ? (size_t)n : 0;
        if (c->len < sizeof(c->in))
            continue;
        c->len = 0;
        take_word(c);
    }
}

/* ---- connections ---- */

static void close_conn(struct hole_conn *c)
{
    if (c->sock)
        sock_reset(env_of(c->hole), c->sock);
    list_remove(&c->link);
    c->hole->conn_count--;
    free(c);
}

static void on_connect(void *arg, int err)
{
    struct hole_conn *c = arg;

    c->connected = err == 0;
    c->broken = err < 0;
    if (err == 0)
        greet(c);
    hole_wake(c->hole);
}

static void on_ready(void *arg)
{
    struct hole_conn *c = arg;

    if (c->hole->stage == HOLE_RUNNING && c->connected)
        read_words(c);
    hole_wake(c->hole);
}

static const struct sock_handler HANDLER = {on_connect, on_ready};

static struct hole_conn *new_conn(struct hole *h, const struct addr *remote)
{
    struct hole_conn *c = h->conn_count < HOLE_CONNS_MAX ? calloc(1, sizeof(*c)) : NULL;

    if (!c)
        return NULL;
    c->hole = h;
    c->remote = *remote;
    list_append(&h->conns, &c->link);
    h->conn_count++;
    return c;
}

/* Strangers find the port too, and are not to keep us from dialling. */
static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct hole *h = arg;
    bool room = h->stage == HOLE_RUNNING && h->conn_count < HOLE_CONNS_MAX / 2 &&
                hub_admits(h->desk->node->hub, from);
    struct hole_conn *c = room ? new_conn(h, from) : NULL;

    if (!c) {
        sock_reset(env_of(h), sock);
        return;
    }
    c->sock = sock;
    c->connected = true;
    sock_attach(env_of(h), sock, &HANDLER, c);
}

static const struct listen_handler LISTEN_HANDLER = {.on_accept = on_accept};

/* ---- dialling ---- */

static struct addr from_here(const struct hole *h, bool v6)
{
    return v6 ? addr_v6((const uint8_t[16]){0}, h->port[1], 0)
              : addr_v4((const uint8_t[4]){0}, h->port[0]);
}

static void refused(struct hole *h, instant now, const struct addr *to)
{
    uint32_t number;

    env_random(env_of(h), &number, sizeof(number));
    tcp_open_refused(&h->open, now, to, TCP_OPEN_SPREAD * (number % 1024) / 1024);
}

static void dial(struct hole *h, instant now, const struct addr *to)
{
    const struct addr local = from_here(h, addr_is_v6(to));
    struct hole_conn *c = addr_port(&local) != 0 ? new_conn(h, to) : NULL;

    if (c)
        c->dialled = true;
    if (!c || sock_connect_from(env_of(h), &c->sock, &local, to, &HANDLER, c) < 0) {
        if (c) {
            c->sock = NULL;
            close_conn(c);
        }
        refused(h, now, to);
    }
}

/* The attempt is given up before the kernel repeats its SYN. */
static void leave(struct hole *h, const struct addr *to)
{
    struct list *next;

    for (struct list *node = h->conns.next; node != &h->conns; node = next) {
        struct hole_conn *c = list_entry(node, struct hole_conn, link);
        next = node->next;
        if (c->dialled && !c->connected && addr_equal(&c->remote, to))
            close_conn(c);
    }
}

static void drop_broken(struct hole *h, instant now)
{
    struct list *next;

    for (struct list *node = h->conns.next; node != &h->conns; node = next) {
        struct hole_conn *c = list_entry(node, struct hole_conn, link);
        next = node->next;
        if (!c->broken)
            continue;
        if (c->dialled && !c->proven)
            refused(h, now, &c->remote);
        close_conn(c);
    }
}

/* Also what the kernel repeats is a packet to an address that the peer named. */
static void open_due(struct hole *h, instant now)
{
    struct addr to;
    bool again;

    while (tcp_open_output(&h->open, now, &to, &again)) {
        bool may = punch_budget_take(&h->guest->budget, &h->desk->options.means->common, now, &to);
        if (again && !may)
            leave(h, &to);
        else if (!again && may)
            dial(h, now, &to);
    }
}

/* The first of those that were proven will do. */
static void choose(struct hole *h)
{
    list_each(node, &h->conns)
    {
        struct hole_conn *c = list_entry(node, struct hole_conn, link);
        if (c->chosen)
            return;
    }
    list_each(node, &h->conns)
    {
        struct hole_conn *c = list_entry(node, struct hole_conn, link);
        if (!c->proven || c->broken)
            continue;
        c->chosen = true;
        say(c, WORD_USE);
        return;
    }
}

instant hole_tcp_run(struct hole *h, instant now)
{
    if (h->stage != HOLE_RUNNING)
        return INSTANT_NEVER;
    drop_broken(h, now);
    if (h->asker)
        choose(h);
    open_due(h, now);
    return tcp_open_deadline(&h->open);
}

/* ---- where we are seen ---- */

static void listen_at(struct hole *h, bool v6)
{
    const struct hub *hub = h->desk->node->hub;
    struct addr local = from_here(h, v6);
    bool has_family = false;

    for (size_t i = 0; i < hub->sockets; i++)
        has_family = has_family || addr_is_v6(&hub->socket[i].local) == v6;
    if (!has_family ||
        sock_listen_shared(env_of(h), &h->listener[v6], &local, &LISTEN_HANDLER, h) < 0) {
        h->listener[v6] = NULL;
        return;
    }
    local = listener_local(env_of(h), h->listener[v6]);
    h->port[v6] = addr_port(&local);
}

int hole_tcp_open(struct hole *h)
{
    struct addr server[SERVERS];
    const struct desk *node = h->desk->node;
    size_t count = h->desk->options.servers(node->node, true, server, SERVERS);

    list_init(&h->conns);
    tcp_stun_start(&h->stun, env_of(h));
    tcp_open_init(&h->open);
    listen_at(h, false);
    listen_at(h, true);
    for (size_t i = 0; i < count; i++) {
        const struct addr local = from_here(h, addr_is_v6(&server[i]));
        if (addr_port(&local) != 0)
            tcp_stun_ask(&h->stun, &local, &server[i]);
    }
    return h->port[0] || h->port[1] ? 0 : -EAFNOSUPPORT;
}

void hole_tcp_close(struct hole *h)
{
    for (int v6 = 0; v6 < 2; v6++) {
        if (h->listener[v6])
            listener_close(env_of(h), h->listener[v6]);
        h->listener[v6] = NULL;
    }
    for (struct list *node; (node = list_first(&h->conns));)
        close_conn(list_entry(node, struct hole_conn, link));
    tcp_stun_stop(&h->stun);
}

struct addr hole_tcp_seen(const struct hole *h, bool v6)
{
    struct addr vote[TCP_STUN_MAX];
    return tcp_stun_agree(vote, tcp_stun_votes(&h->stun, v6, vote));
}

bool hole_tcp_gathered(const struct hole *h)
{
    for (size_t i = 0; i < h->stun.calls; i++)
        if (h->stun.call[i].sock && h->stun.call[i].query.state == STUN_ASKING)
            return false;
    return true;
}

/* ---- the beginning, and the end ---- */

void hole_tcp_begin(struct hole *h)
{
    struct quic_conn_info info;

    quic_conn_info(h->conn, &info);
    tcp_open_begin(&h->open, env_now(env_of(h)) + (h->asker ? 0 : info.rtt / 2));
}

void hole_tcp_add(struct hole *h, const struct candidate *c)
{
    if (h->listener[addr_is_v6(&c->addr)])
        tcp_open_add(&h->open, env_now(env_of(h)), &c->addr);
}

/* The hole ends before somebody takes the connection, on which the program's data may be. */
static void on_others_data(void *arg)
{
    (void)arg;
}

static const struct sock_handler NO_HANDLER = {NULL, on_others_data};

bool hole_tcp_take(struct hole *h, struct node_hole *out)
{
    list_each(node, &h->conns)
    {
        struct hole_conn *c = list_entry(node, struct hole_conn, link);
        if (!c->ready || c->broken)
            continue;
        sock_attach(env_of(h), c->sock, &NO_HANDLER, NULL);
        out->tcp = c->sock;
        out->inner = sock_local(env_of(h), c->sock);
        out->outer = addr_is_none(&c->seen) ? out->inner : c->seen;
        out->remote = c->remote;
        c->sock = NULL;
        return true;
    }
    return false;
}
