#include "adapters/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/node/node_dht.h"

/* What one family's samples are made of. */
struct family {
    const char *name, *type, *help;
};

static void begin(FILE *out, const struct family *f)
{
    (void)fprintf(out, "# HELP overlay_%s %s\n# TYPE overlay_%s %s\n", f->name, f->help, f->name,
                  f->type);
}

/* A label's value: backslash, quote and newline are escaped. */
static void put_label(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            (void)fputs("\\n", out);
        else if (*text == '\\' || *text == '"')
            (void)fprintf(out, "\\%c", *text);
        else
            (void)fputc(*text, out);
    }
}

static void put(FILE *out, const char *name, const char *label, const char *value, double number)
{
    (void)fprintf(out, "overlay_%s", name);
    if (label && value) {
        (void)fprintf(out, "{%s=\"", label);
        put_label(out, value);
        (void)fputs("\"}", out);
    }
    (void)fprintf(out, " %.15g\n", number);
}

static void put_alone(FILE *out, const char *name, const char *type, const char *help,
                      double number)
{
    const struct family f = {name, type, help};
    begin(out, &f);
    put(out, name, NULL, NULL, number);
}

/* ---- peers ---- */

struct peers {
    struct peer_view *at;
    size_t count, told;
};

static bool is_connected(const struct peer_view *p)
{
    return p->path.present;
}

/* The connected ones come first: they are those of whom there is something to tell. */
static int by_connection(const void *a, const void *b)
{
    return (int)is_connected(b) - (int)is_connected(a);
}

static struct peers peers_of(struct node *n)
{
    size_t count = node_peers(n, NULL, 0);
    struct peers p = {calloc(count + 1, sizeof(*p.at)), 0, 0};
    if (!p.at)
        return p;
    size_t now = node_peers(n, p.at, count);
    p.count = now < count ? now : count;
    qsort(p.at, p.count, sizeof(*p.at), by_connection);
    p.told = p.count < METRICS_PEERS_MAX ? p.count : METRICS_PEERS_MAX;
    return p;
}

static double connected(const struct peer_view *p)
{
    return is_connected(p);
}

static double direct(const struct peer_view *p)
{
    return p->state == PEER_DIRECT;
}

static double rtt(const struct peer_view *p)
{
    return is_connected(p) && p->path.rtt > 0 ? (double)p->path.rtt / 1e9 : -1;
}

static double rx_bytes(const struct peer_view *p)
{
    return (double)p->rx_bytes;
}

static double tx_bytes(const struct peer_view *p)
{
    return (double)p->tx_bytes;
}

static double dropped(const struct peer_view *p)
{
    return (double)p->dropped;
}

static double throttled(const struct peer_view *p)
{
    return (double)p->throttled / 1e9;
}

static double streams(const struct peer_view *p)
{
    return (double)p->streams;
}

static double offences(const struct peer_view *p)
{
    return (double)p->offences;
}

static const struct peer_family {
    struct family family;
    double (*read)(const struct peer_view *p); /* negative: nothing to tell */
} PEER_FAMILIES[] = {
    {{"peer_connected", "gauge", "Whether there is a session with the peer."}, connected},
    {{"peer_direct", "gauge", "Whether its path is direct, without a relay."}, direct},
    {{"peer_round_trip_seconds", "gauge", "Smoothed round-trip time of its session."}, rtt},
    {{"peer_receive_bytes_total", "counter", "Bytes received in its session."}, rx_bytes},
    {{"peer_transmit_bytes_total", "counter", "Bytes sent in its session."}, tx_bytes},
    {{"peer_dropped_datagrams_total", "counter", "Datagrams that were too many or too late."},
     dropped},
    {{"peer_throttled_seconds_total", "counter", "How long data waited for the limit on its rate."},
     throttled},
    {{"peer_streams", "gauge", "Connections that are open in its session."}, streams},
    {{"peer_offences_total", "counter", "What it did that it should not."}, offences},
};

static const char *label_of(const struct peer_view *p, char out[static PEER_ID_TEXT_MAX])
{
    return p->alias[0] ? p->alias : peer_id_print(&p->id, out);
}

static void put_peers(FILE *out, const struct peers *peers)
{
    char id[PEER_ID_TEXT_MAX];
    for (size_t i = 0; i < sizeof(PEER_FAMILIES) / sizeof(PEER_FAMILIES[0]); i++) {
        const struct peer_family *f = &PEER_FAMILIES[i];
        begin(out, &f->family);
        for (size_t k = 0; k < peers->told; k++) {
            double number = f->read(&peers->at[k]);
            if (number >= 0)
                put(out, f->family.name, "peer", label_of(&peers->at[k], id), number);
        }
    }
}

static void put_states(FILE *out, const struct peers *peers)
{
    static const struct family family = {"peers", "gauge", "Peers by how they are reached."};
    begin(out, &family);
    for (int state = PEER_IDLE; state <= PEER_BLOCKED; state++) {
        size_t count = 0;
        for (size_t i = 0; i < peers->count; i++)
            count += peers->at[i].state == (enum peer_state)state;
        put(out, family.name, "state", peer_state_text((enum peer_state)state), (double)count);
    }
    put_alone(out, "peers_left_out", "gauge", "Peers that are not told one by one.",
              (double)(peers->count - peers->told));
}

/* ---- services ---- */

static const struct service_family {
    struct family family;
    size_t offset; /* of a counter in struct service */
} SERVICE_FAMILIES[] = {
    {{"service_connections", "gauge", "Connections to a service of ours."},
     offsetof(struct service, connections)},
    {{"service_receive_bytes_total", "counter", "Bytes that peers sent to it."},
     offsetof(struct service, rx_bytes)},
    {{"service_transmit_bytes_total", "counter", "Bytes that it sent to peers."},
     offsetof(struct service, tx_bytes)},
};

static void put_services(FILE *out, struct registry *r)
{
    for (size_t i = 0; i < sizeof(SERVICE_FAMILIES) / sizeof(SERVICE_FAMILIES[0]); i++) {
        const struct service_family *f = &SERVICE_FAMILIES[i];
        begin(out, &f->family);
        for (size_t k = 0; k < registry_service_count(r); k++) {
            const struct service *s = registry_service_at(r, k);
            uint64_t number = *(const uint64_t *)(const void *)((const char *)s + f->offset);
            put(out, f->family.name, "service", s->name, (double)number);
        }
    }
}

/* ---- the gateway ---- */

static void put_about(FILE *out, const struct metrics_about *about)
{
    static const struct family family = {"info", "gauge", "The program that runs."};
    begin(out, &family);
    put(out, family.name, "version", about->version, 1);
    put_alone(out, "start_time_seconds", "gauge", "When the gateway started, since 1970.",
              about->started);
}

static void put_relay(FILE *out, const struct node *n)
{
    struct relay_view v;
    node_relay(n, &v);
    put_alone(out, "relay_home", "gauge", "Whether a relay answers through which we are reached.",
              v.home[0] != 0);
    put_alone(out, "relay_registered_peers", "gauge", "Peers that are reached through this relay.",
              v.registered);
    put_alone(out, "relay_circuits", "gauge", "Pairs of peers that it relays between.", v.circuits);
    put_alone(out, "relay_bytes_total", "counter", "Bytes relayed for others.", (double)v.bytes);
    put_alone(out, "relay_datagrams_total", "counter", "Datagrams relayed for others.",
              (double)v.datagrams);
    put_alone(out, "relay_dropped_datagrams_total", "counter",
              "Datagrams not relayed: beyond a quota, or for a slow receiver.", (double)v.dropped);
}

static void put_abuse(FILE *out, const struct node *n)
{
    static const struct family family = {"offences_total", "counter",
                                         "What others did that they should not."};
    struct abuse_view v;
    node_abuse(n, &v);
    begin(out, &family);
    for (size_t i = 0; i < ABUSE_KINDS; i++)
        put(out, family.name, "event", v.kind[i].event, (double)v.kind[i].count);
    put_alone(out, "turned_away_total", "counter", "What came from addresses that may not.",
              (double)v.turned_away);
    put_alone(out, "shut_addresses", "gauge", "Addresses from which nothing is heard for now.",
              (double)v.shut);
}

static void put_dht(FILE *out, struct node *n)
{
    struct node_dht_view v;
    node_dht_view(n, &v);
    put_alone(out, "dht_nodes", "gauge", "Nodes of the DHT that are known.", (double)v.nodes);
    put_alone(out, "dht_serving", "gauge", "Whether this one answers others.", v.serving);
}

char *metrics_write(struct node *n, const struct metrics_about *about)
{
    char *text = NULL;
    size_t len;
    struct peers peers = peers_of(n);
    FILE *out = peers.at ? open_memstream(&text, &len) : NULL;
    bool ok = false;
    if (out) {
        put_about(out, about);
        put_states(out, &peers);
        put_peers(out, &peers);
        put_services(out, node_registry(n));
        put_relay(out, n);
        put_abuse(out, n);
        put_dht(out, n);
        ok = fclose(out) == 0;
    }
    free(peers.at);
    if (ok)
        return text;
    free(text);
    return NULL;
}
