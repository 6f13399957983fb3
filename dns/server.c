#include "dns/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/answer.h"
#include "dns/forward.h"
#include "dns/names_server.h"
#include "dns/predial.h"
#include "dns/tcp.h"
#include "dns/zone.h"
#include "gateway/base/log.h"

#define PORTS_TRIED 100 /* from the default one on */

enum { RCODE_SERVFAIL = 2 };

struct dns_server {
    struct env *env;
    struct dns_server_options options;
    struct door {
        struct dns_server *server;
        struct udp_socket *udp;
        struct addr bound;
    } door[DNS_LISTEN_MAX];
    size_t doors;
    struct tcp_server tcp;
    struct predial predial;
    struct zone names;
    struct answer_zone zone;
    struct forward forward;
    struct names_server *look_ups; /* or NULL */
    uint8_t answer[ANSWER_TCP_MAX];
};

/* ---- questions ---- */

static void send_datagram(struct dns_server *s, const struct forward_asker *asker,
                          const uint8_t *data, size_t len)
{
    struct udp_tx tx = {.to = &asker->from, .data = data, .len = len};
    if (!addr_is_none(&asker->local))
        tx.from = &asker->local;
    (void)!udp_send(s->env, asker->udp, &tx); /* what does not leave is asked for again */
}

static void send_late(void *arg, const struct forward_asker *asker, const uint8_t *data, size_t len)
{
    if (asker->udp)
        send_datagram(arg, asker, data, len);
    else
        tcp_answer_late(asker->who, data, len);
}

/* Passes a question on. Returns the length of an answer to be sent now, or 0: it comes later. */
static size_t pass_on(struct dns_server *s, const struct forward_asker *asker, const uint8_t *query,
                      size_t len, size_t max)
{
    struct precheck pre;
    if (precheck_query(&pre, query, len) != PRECHECK_OK)
        return 0;
    bool expected = !asker->udp && tcp_expect(asker->who);
    if ((asker->udp || expected) && forward_query(&s->forward, asker, &pre, query, len) == 0)
        return 0;
    size_t out_len = answer_write_plain(&pre, query, DNS_RA, RCODE_SERVFAIL, s->answer, max);
    if (!expected)
        return out_len;
    tcp_answer_late(asker->who, s->answer, out_len);
    return 0;
}

/* Returns the length of the answer in s->answer, or 0: nothing is to be sent, or not yet. */
static size_t answer(struct dns_server *s, const struct forward_asker *asker, const uint8_t *query,
                     size_t len)
{
    size_t out_len = 0;
    size_t max = asker->udp ? ANSWER_UDP_MAX : ANSWER_TCP_MAX;
    switch (answer_query(&s->zone, query, len, !asker->udp, s->answer, max, &out_len)) {
    case ANSWER_SILENCE:
        return 0;
    case ANSWER_READY:
        return out_len;
    case ANSWER_OUTSIDE:
        return s->zone.recursion ? pass_on(s, asker, query, len, max) : out_len;
    }
    return 0;
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct door *door = arg;
    struct dns_server *s = door->server;
    struct forward_asker asker = {.udp = door->udp, .from = rx->from, .local = rx->to};
    if (!addr_is_loopback(&rx->from))
        return;
    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t left = rx->len - at;
        size_t len = answer(s, &asker, rx->data + at, left < rx->segment ? left : rx->segment);
        if (len > 0)
            send_datagram(s, &asker, s->answer, len);
    }
}

static void on_query(void *arg, struct tcp_client *c, const uint8_t *query, size_t len)
{
    struct dns_server *s = arg;
    struct forward_asker asker = {.who = c};
    size_t out_len = answer(s, &asker, query, len);
    if (out_len > 0)
        tcp_answer(c, s->answer, out_len);
}

static void on_gone(void *arg, struct tcp_client *c)
{
    struct dns_server *s = arg;
    forward_forget(&s->forward, c);
}

/* ---- opening ---- */

static void close_doors(struct dns_server *s)
{
    while (s->doors > 0)
        udp_close(s->env, s->door[--s->doors].udp);
    tcp_server_deinit(&s->tcp);
}

/* Opens one address for both protocols; port 0 becomes a free one. */
static int open_door(struct dns_server *s, struct addr *local)
{
    static const struct udp_handler handler = {on_datagrams, NULL};
    struct door *door = &s->door[s->doors];
    /* Only an answer from a wildcard address must be told where from. */
    unsigned flags = addr_is_unspecified(local) ? UDP_PKTINFO : 0;
    door->server = s;
    int err = udp_open(s->env, &door->udp, local, flags, &handler, door);
    if (err < 0)
        return err;
    door->bound = udp_local(s->env, door->udp);
    addr_set_port(local, addr_port(&door->bound));
    err = tcp_server_listen(&s->tcp, local);
    if (err < 0) {
        udp_close(s->env, door->udp);
        return err;
    }
    s->doors++;
    return 0;
}

/* Opens all addresses with their ports moved up by `shift`. On error `*at` is the one. */
static int open_doors(struct dns_server *s, unsigned shift, struct addr *at)
{
    const struct addr *listen = s->options.listen;
    for (size_t i = 0; i < DNS_LISTEN_MAX && !addr_is_none(&listen[i]); i++) {
        *at = listen[i];
        if (addr_port(at) != 0)
            addr_set_port(at, (uint16_t)(addr_port(at) + shift));
        int err = open_door(s, at);
        /* A machine without IPv6 has no ::1, and that is nobody's mistake. */
        bool absent = err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT;
        if (absent && !s->options.listen_configured && s->doors > 0)
            continue;
        if (err < 0) {
            close_doors(s);
            return err;
        }
    }
    return 0;
}

static void explain(int err, const struct addr *at, char *why, size_t why_len)
{
    char text[ADDR_TEXT_MAX];
    const char *reason = err == -EADDRINUSE ? "another program holds this port"
                         : err == -EACCES
                             ? "this port needs a privilege that the gateway does not have"
                             : strerror(-err);
    (void)snprintf(why, why_len, "DNS server: %s: %s", addr_print(at, text), reason);
}

static int open_somewhere(struct dns_server *s, char *why, size_t why_len)
{
    struct addr at = {0};
    char text[ADDR_TEXT_MAX];
    unsigned tries = s->options.listen_configured ? 1 : PORTS_TRIED;
    int err = 0;
    for (unsigned shift = 0; shift < tries; shift++) {
        err = open_doors(s, shift, &at);
        if (err == 0 && shift > 0)
            log_warn(LOG_DNS, "the usual port is taken: listening on %s",
                     addr_print(&s->door[0].bound, text));
        if (err != -EADDRINUSE)
            break;
    }
    if (err < 0)
        explain(err, &at, why, why_len);
    return err;
}

static size_t count_addresses(const struct addr *list, size_t max)
{
    size_t count = 0;
    while (count < max && !addr_is_none(&list[count]))
        count++;
    return count;
}

/* Forwarding to ourselves would go round for ever. */
static bool has_loop(const struct dns_server_options *o)
{
    for (size_t i = 0; i < count_addresses(o->upstream, DNS_UPSTREAM_MAX); i++)
        for (size_t j = 0; j < count_addresses(o->listen, DNS_LISTEN_MAX); j++)
            if (addr_port(&o->upstream[i]) == addr_port(&o->listen[j]) &&
                addr_is_loopback(&o->upstream[i]))
                return true;
    return false;
}

static void set_up(struct dns_server *s, struct node *n)
{
    static const struct tcp_handler tcp_events = {on_query, on_gone};
    const struct dns_server_options *o = &s->options;
    size_t upstreams = count_addresses(o->upstream, DNS_UPSTREAM_MAX);
    predial_init(&s->predial, n);
    s->names = (struct zone){n,       s->options.suffix, o->loopback_v6, &s->predial,
                             o->pool, o->https,          o->https_arg};
    answer_zone_init(&s->zone, s->options.suffix, &zone_source, &s->names);
    s->zone.recursion = upstreams > 0;
    forward_init(&s->forward, s->env, o->upstream, upstreams);
    s->forward.on_answer = send_late;
    s->forward.arg = s;
    tcp_server_init(&s->tcp, s->env, &tcp_events, s);
}

/* Where the system was not set up for it there is no folder, and nobody who asks. */
static void open_look_ups(struct dns_server *s)
{
    const char *path = s->options.names_socket;
    int err = path && *path ? names_server_new(&s->look_ups, s->env, path, s->options.suffix,
                                               &zone_source, &s->names)
                            : 0;

    if (err == -ENOENT || err == -EACCES || err == -EOPNOTSUPP)
        log_debug(LOG_DNS, "%s: %s: no look-ups there", path, strerror(-err));
    else if (err < 0)
        log_warn(LOG_DNS, "%s: %s: libnss_overlay has nobody to ask", path,
                 err == -EADDRINUSE ? "another gateway serves it" : strerror(-err));
}

int dns_server_new(struct dns_server **out, struct node *n,
                   const struct dns_server_options *options, char *why, size_t why_len)
{
    if (!names_suffix_ok(options->suffix) || has_loop(options)) {
        (void)snprintf(why, why_len, "DNS server: %s",
                       has_loop(options) ? "its upstream is itself" : "no such suffix can be");
        return -EINVAL;
    }
    struct dns_server *s = calloc(1, sizeof(*s));
    if (!s) {
        (void)snprintf(why, why_len, "DNS server: out of memory");
        return -ENOMEM;
    }
    s->env = node_env(n);
    s->options = *options;
    set_up(s, n);
    int err = open_somewhere(s, why, why_len);
    if (err < 0) {
        dns_server_free(s);
        return err;
    }
    open_look_ups(s);
    *out = s;
    return 0;
}

void dns_server_look(struct dns_server *s)
{
    if (!s->look_ups)
        open_look_ups(s);
}

size_t dns_server_addresses(const struct dns_server *s, struct addr *out, size_t max)
{
    size_t count = s->doors < max ? s->doors : max;
    for (size_t i = 0; i < count; i++)
        out[i] = s->door[i].bound;
    return count;
}

void dns_server_free(struct dns_server *s)
{
    if (!s)
        return;
    names_server_free(s->look_ups);
    close_doors(s);
    forward_deinit(&s->forward);
    predial_deinit(&s->predial);
    free(s);
}
