#include "config/control/render_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/fields.h"

/* Where the cursor goes for a page that overwrites the last one, instead of clearing the screen
 * first, which flickers. */
#define HOME        "\033[H"
#define CLEAR_LINE  "\033[K"
#define CLEAR_BELOW "\033[J"
#define PLAIN       "\033[0m"

struct look {
    const struct front *front;
    FILE *out;
    const json_t *before; /* the status a second ago, or NULL */
    double seconds;       /* since then */
};

struct unit {
    const char *name;
    double factor;
};

static void print_bytes(FILE *out, double bytes)
{
    static const struct unit UNITS[] = {{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}};

    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++)
        if (bytes >= UNITS[i].factor) {
            (void)fprintf(out, "%.1f %s", bytes / UNITS[i].factor, UNITS[i].name);
            return;
        }
    (void)fprintf(out, "%.0f B", bytes);
}

/* ---- peers ---- */

static bool coloured(const struct front *f)
{
    const char *no = f->host->getenv(f->host->arg, "NO_COLOR");
    return f->host->is_terminal(f->host->arg, 1) && !(no && *no);
}

static const char *colour_of(const char *state)
{
    if (strcmp(state, "direct") == 0)
        return "\033[32m";
    if (strcmp(state, "relayed") == 0 || strcmp(state, "finding") == 0)
        return "\033[33m";
    if (strcmp(state, "unreachable") == 0 || strcmp(state, "blocked") == 0)
        return "\033[31m";
    return "";
}

static void print_path(FILE *out, const json_t *peer)
{
    const json_t *path = json_object_get(peer, "path");

    if (json_is_object(path)) {
        const char *over = json_string_value(json_object_get(path, "over"));
        (void)fprintf(out, "%s %s%s", field_text(path, "kind"), field_text(path, "remote"),
                      over && strcmp(over, "tcp") == 0 ? " over TCP" : "");
        if (json_is_number(json_object_get(path, "rtt_ms")))
            (void)fprintf(out, " %.1f ms", field_number(path, "rtt_ms"));
    } else {
        (void)fputs(field_text(peer, "why_not_direct"), out);
    }
}

/** The same peer a second ago, or NULL. */
static const json_t *peer_before(const struct look *l, const json_t *peer)
{
    size_t i;
    json_t *old;

    json_array_foreach(json_object_get(l->before, "peers"), i, old)
    {
        if (strcmp(field_text(old, "id"), field_text(peer, "id")) == 0)
            return old;
    }
    return NULL;
}

static void print_traffic(const struct look *l, const json_t *peer, const char *name,
                          const char *key)
{
    const json_t *old = peer_before(l, peer);
    double bytes = field_number(peer, key), more = old ? bytes - field_number(old, key) : 0;

    (void)fprintf(l->out, "  %s ", name);
    print_bytes(l->out, bytes);
    if (more > 0 && l->seconds > 0) {
        (void)fputs(" (", l->out);
        print_bytes(l->out, more / l->seconds);
        (void)fputs("/s)", l->out);
    }
}

static void print_port(FILE *out, const json_t *port)
{
    const json_t *listen = json_array_get(json_object_get(port, "listen"), 0);
    const char *url = field_text(port, "url");

    (void)fprintf(out, "    %-14s %-4s %s", field_text(port, "service"), field_text(port, "proto"),
                  listen ? json_string_value(listen) : "port taken by another program");
    if (*url != '-')
        (void)fprintf(out, "  %s", url);
    (void)fputc('\n', out);
}

/** What it was kept from, if anything. */
static void print_account(FILE *out, const json_t *peer)
{
    const json_t *limits = json_object_get(peer, "limits");
    double waited = field_number(peer, "throttled_ms") / 1e3;
    double dropped = field_number(peer, "dropped_datagrams");

    if (json_is_number(json_object_get(limits, "rate"))) {
        (void)fputs("  limit ", out);
        print_bytes(out, field_number(limits, "rate"));
        (void)fputs("/s", out);
        if (waited >= 0.1)
            (void)fprintf(out, " (waited %.1f s)", waited);
    }
    if (dropped > 0)
        (void)fprintf(out, "  dropped %.0f datagrams", dropped);
}

static void print_blocked(FILE *out, const json_t *peer)
{
    if (json_is_string(json_object_get(peer, "blocked_why")))
        (void)fprintf(out, "    blocked by this gateway: it %s\n", field_text(peer, "blocked_why"));
}

static void print_peer(const struct look *l, const json_t *peer)
{
    const char *state = field_text(peer, "state"), *alias = field_text(peer, "alias");
    const char *colour = coloured(l->front) ? colour_of(state) : "";
    size_t i;
    json_t *port;

    (void)fprintf(l->out, "  %-16.52s %s%-11s%s ", *alias == '-' ? field_text(peer, "id") : alias,
                  colour, state, *colour ? PLAIN : "");
    print_path(l->out, peer);
    print_traffic(l, peer, "in", "rx_bytes");
    print_traffic(l, peer, "out", "tx_bytes");
    print_account(l->out, peer);
    (void)fputc('\n', l->out);
    print_blocked(l->out, peer);
    if (strcmp(state, "relayed") == 0 && json_is_string(json_object_get(peer, "why_not_direct")))
        (void)fprintf(l->out, "    not direct: %s\n", field_text(peer, "why_not_direct"));
    json_array_foreach(json_object_get(peer, "ports"), i, port)
    {
        print_port(l->out, port);
    }
}

/* ---- the whole ---- */

static void print_service(FILE *out, const json_t *service)
{
    size_t allowed = json_array_size(json_object_get(service, "allow"));
    size_t denied = json_array_size(json_object_get(service, "deny"));
    int connections = (int)field_number(service, "connections");

    (void)fprintf(out, "  %-16s %-4s %5d -> %s  for ", field_text(service, "name"),
                  field_text(service, "proto"), (int)field_number(service, "port"),
                  field_text(service, "target"));
    if (field_flag(service, "public"))
        (void)fputs("everybody", out);
    else if (allowed == 0)
        (void)fputs("nobody", out);
    else
        (void)fprintf(out, "%zu peer%s", allowed, allowed == 1 ? "" : "s");
    if (denied > 0)
        (void)fprintf(out, ", never %zu peer%s", denied, denied == 1 ? "" : "s");
    (void)fprintf(out, "  %d connection%s\n", connections, connections == 1 ? "" : "s");
}

static const char *yes_no(const json_t *nat, const char *key)
{
    const json_t *value = json_object_get(nat, key);
    return !json_is_boolean(value) ? "unknown" : json_is_true(value) ? "yes" : "no";
}

static void print_nat(FILE *out, const json_t *nat)
{
    size_t i;
    json_t *server;

    if (strcmp(field_text(nat, "class"), "udp_blocked") == 0)
        (void)fputs("nat    udp_blocked: no UDP gets through to the internet and back\n", out);
    if (!json_is_string(json_object_get(nat, "public")))
        return;
    (void)fprintf(out,
                  "nat    %s, seen at %s, mapping %s, filtering %s, hairpin %s, reachable %s\n",
                  field_text(nat, "class"), field_text(nat, "public"), field_text(nat, "mapping"),
                  field_text(nat, "filtering"), yes_no(nat, "hairpin"), yes_no(nat, "reachable"));
    json_array_foreach(json_object_get(nat, "stun"), i, server)
    {
        if (field_flag(server, "disagrees"))
            (void)fprintf(out, "       the STUN server %s disagrees: it says %s\n",
                          field_text(server, "server"), field_text(server, "seen"));
    }
}

static void print_port_mapping(FILE *out, const json_t *nat)
{
    if (json_is_string(json_object_get(nat, "port_mapping")))
        (void)fprintf(out, "port   %s\n", field_text(nat, "port_mapping"));
}

static void print_turn(FILE *out, const json_t *turn)
{
    const char *state = field_text(turn, "state");

    if (json_is_string(json_object_get(turn, "relayed")))
        (void)fprintf(out, "turn   reached at %s\n", field_text(turn, "relayed"));
    else if (strcmp(state, "off") != 0 && *state != '-')
        (void)fprintf(out, "turn   %s\n", state);
}

static void print_record(FILE *out, const json_t *record)
{
    char age[SPAN_TEXT_MAX];

    if (strcmp(field_text(record, "state"), "published") == 0)
        (void)fprintf(out, "; our record is kept by %.0f nodes, %s old",
                      field_number(record, "nodes"), span_text(field_number(record, "age_s"), age));
    else
        (void)fputs("; our record is not published yet", out);
    if (field_number(record, "relays") > 0)
        (void)fprintf(out, ", and by %.0f pkarr relays", field_number(record, "relays"));
    if (field_number(record, "left_out") > 0)
        (void)fprintf(out, ", without %.0f that did not fit", field_number(record, "left_out"));
}

static void print_dht(FILE *out, const json_t *dht)
{
    const char *mode = field_text(dht, "mode");

    if (*mode == '-' ||
        (strcmp(mode, "off") == 0 && field_number(json_object_get(dht, "record"), "relays") == 0))
        return;
    (void)fprintf(out, "dht    %s%s, %.0f nodes, %.0f answer", mode,
                  field_flag(dht, "serving") ? ", serving" : "", field_number(dht, "nodes"),
                  field_number(dht, "answered"));
    print_record(out, json_object_get(dht, "record"));
    (void)fputc('\n', out);
}

static void print_exchange(FILE *out, const json_t *exchange)
{
    if (!field_flag(exchange, "on"))
        return;
    (void)fprintf(out, "told   %.0f records, by %.0f contacts that tell of others\n",
                  field_number(exchange, "known"), field_number(exchange, "contacts"));
}

static void print_mail(FILE *out, const json_t *mail)
{
    const char *state = field_text(mail, "state");

    if (strcmp(state, "off") != 0 && *state != '-')
        (void)fprintf(out, "mail   %s, %.0f sent, %.0f received\n", state,
                      field_number(mail, "sent"), field_number(mail, "received"));
}

/* Only where the machine was set up for it. */
static void print_setup(FILE *out, const json_t *setup, const char *suffix)
{
    if (!json_is_true(json_object_get(setup, "active")))
        return;
    (void)fprintf(out, "pool   %s", field_text(setup, "pool"));
    if (json_is_true(json_object_get(setup, "http")))
        (void)fprintf(out, ", http://PEER.%s/", suffix);
    const json_t *taken = json_object_get(setup, "conflicts");
    for (size_t i = 0; i < json_array_size(taken); i++)
        (void)fprintf(out, "%s %lld", i == 0 ? "; other programs have port" : ",",
                      (long long)json_integer_value(json_array_get(taken, i)));
    (void)fputc('\n', out);
}

static void print_mailbox(FILE *out, const json_t *mailbox)
{
    double sent = field_number(mailbox, "sent"), received = field_number(mailbox, "received");

    if (sent + received > 0)
        (void)fprintf(out, "calls  through the DHT: %.0f sent, %.0f received\n", sent, received);
}

static void print_head(FILE *out, const json_t *status)
{
    const json_t *dns = json_object_get(status, "dns"), *proxy = json_object_get(status, "proxy");
    char uptime[SPAN_TEXT_MAX];
    auto_free char *udp_list = field_list(status, "udp", "-");
    auto_free char *dns_list = field_list(dns, "listen", "-");
    auto_free char *proxy_list = field_list(proxy, "listen", "-");

    (void)fprintf(out, "overlay %s, process %d, up %s\n", field_text(status, "version"),
                  (int)field_number(status, "pid"),
                  span_text(field_number(status, "uptime_s"), uptime));
    (void)fprintf(out, "id     %s\nhome   %s\nudp    %s\ndns    %s for .%s\nproxy  %s\n",
                  field_text(status, "id"), field_text(status, "home"), udp_list, dns_list,
                  field_text(dns, "suffix"), proxy_list);
    print_setup(out, json_object_get(status, "setup"), field_text(dns, "suffix"));
    print_nat(out, json_object_get(status, "nat"));
    print_port_mapping(out, json_object_get(status, "nat"));
    print_turn(out, json_object_get(status, "turn"));
    print_dht(out, json_object_get(status, "dht"));
    print_exchange(out, json_object_get(status, "peer_exchange"));
    print_mail(out, json_object_get(status, "mail"));
    print_mailbox(out, json_object_get(status, "mailbox"));
}

/** " 43.4 ms; spare 192.0.2.10:4433 44.0 ms" behind the first one's address. */
static void print_relays(FILE *out, const json_t *relays)
{
    size_t i;
    json_t *relay;

    json_array_foreach(relays, i, relay)
    {
        bool spare = strcmp(field_text(relay, "state"), "spare") == 0;
        if (spare)
            (void)fprintf(out, "; spare %s", field_text(relay, "host"));
        if ((spare || strcmp(field_text(relay, "state"), "home") == 0) &&
            json_is_number(json_object_get(relay, "rtt_ms")))
            (void)fprintf(out, " %.1f ms", field_number(relay, "rtt_ms"));
    }
}

static void print_relay(FILE *out, const json_t *relay)
{
    const char *home = field_text(relay, "home"), *at = strchr(home, '@');
    bool serving = field_flag(relay, "serving");

    if (!at && !serving)
        return;
    (void)fprintf(out, "relay  %s", at ? at + 1 : "");
    print_relays(out, json_object_get(relay, "relays"));
    if (serving) {
        double peers = field_number(relay, "registered");
        double circuits = field_number(relay, "circuits");
        (void)fprintf(out, "%sthis is one for %.0f peer%s, %.0f circuit%s, ", at ? "; " : "", peers,
                      peers == 1 ? "" : "s", circuits, circuits == 1 ? "" : "s");
        print_bytes(out, field_number(relay, "bytes"));
    }
    (void)fputc('\n', out);
}

static void print_abuse(FILE *out, const json_t *abuse)
{
    double blocked = field_number(abuse, "blocked"), shut = field_number(abuse, "shut");

    if (blocked + shut > 0)
        (void)fprintf(out, "abuse  %.0f peer%s blocked, %.0f address%s shut out for now\n", blocked,
                      blocked == 1 ? "" : "s", shut, shut == 1 ? "" : "es");
}

static void print_status(const struct look *l, const json_t *status)
{
    const json_t *services = json_object_get(status, "services");
    const json_t *peers = json_object_get(status, "peers");
    size_t i;
    json_t *item;

    print_head(l->out, status);
    print_relay(l->out, json_object_get(status, "relay"));
    print_abuse(l->out, json_object_get(status, "abuse"));
    (void)fprintf(l->out, "services%s\n", json_array_size(services) == 0 ? " none" : "");
    json_array_foreach(services, i, item)
    {
        print_service(l->out, item);
    }
    (void)fprintf(l->out, "peers%s\n", json_array_size(peers) == 0 ? " none" : "");
    json_array_foreach(peers, i, item)
    {
        print_peer(l, item);
    }
}

static char *status_text(const struct front *f, const json_t *status, const json_t *before,
                         double seconds)
{
    char *text = NULL;
    size_t len;
    const struct look l = {f, open_memstream(&text, &len), before, seconds};

    if (!l.out)
        return NULL;
    print_status(&l, status);
    return fclose(l.out) == 0 ? text : NULL;
}

void render_status(const struct front *f, const json_t *status)
{
    auto_free char *text = status_text(f, status, NULL, 0);

    if (text)
        front_data(f, "%s", text);
}

/* ---- as a page ---- */

/** The bytes of one colour or one character of UTF-8. */
static size_t piece_len(const char *text)
{
    size_t len = 1;

    if (*text == '\033')
        return strcspn(text, "m") + 1;
    while (((unsigned char)text[len] & 0xc0) == 0x80)
        len++;
    return len;
}

/** One line, cut to the width of the terminal; colours take no room. Returns the next one. */
static const char *print_cut(FILE *out, const char *line, unsigned columns)
{
    const char *end = strchrnul(line, '\n');
    unsigned used = 0;

    while (line < end && (columns == 0 || used < columns)) {
        size_t len = piece_len(line);
        used += *line != '\033';
        (void)fwrite(line, 1, len, out);
        line += len;
    }
    (void)fputs(line < end ? PLAIN CLEAR_LINE : CLEAR_LINE, out);
    return *end ? end + 1 : end;
}

void render_status_page(const struct front *f, const json_t *status, const json_t *before,
                        double seconds)
{
    unsigned columns = f->host->columns(f->host->arg), rows = f->host->rows(f->host->arg);
    auto_free char *text = status_text(f, status, before, seconds);
    char *page = NULL;
    size_t len;
    FILE *out = text ? open_memstream(&page, &len) : NULL;

    if (!out)
        return;
    (void)fputs(HOME, out);
    /* The last row stays free, or the terminal would scroll. */
    for (const char *line = text; *line && rows != 1; rows -= rows > 0) {
        line = print_cut(out, line, columns);
        (void)fputc('\n', out);
    }
    (void)fputs(CLEAR_BELOW, out);
    if (fclose(out) == 0)
        front_data(f, "%s", page);
    free(page);
}
