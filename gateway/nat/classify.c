#include "gateway/nat/classify.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "gateway/crypto/hash.h"
#include "gateway/nat/classify_judge.h"

/* Two answers and this long: servers that have not answered yet will not tell more. */
#define PATIENCE MSEC(700)

/* What needs no answer to be told is not waited for as long as a server. */
static const struct stun_schedule DETAIL = {MSEC(100), MSEC(800), 4};
static const struct stun_schedule AFTER_OPENER = {MSEC(100), MSEC(250), 2};

/* Two hops are the least that leave a home router; 0, the usual TTL, proves that the server does
 * what is asked of it at all. */
static const uint8_t OPENER_TTL[] = {2, 3, 4, 5, 6, 7, 8, 0};
#define OPENER_COUNT (sizeof(OPENER_TTL) / sizeof(*OPENER_TTL))

enum { SOCKET_MAIN = 0, SOCKET_FILTER = 1, SOCKET_HAIRPIN = 2, SOCKET_OPENER = 3 };

static void fresh_id(struct classify *c, uint8_t id[static STUN_ID_LEN])
{
    uint8_t hash[HASH_BLAKE2B_MIN];
    const uint8_t count[2] = {(uint8_t)(c->ids >> 8), (uint8_t)c->ids};
    c->ids++;
    hash_blake2b(hash, sizeof(hash), c->options.seed, CLASSIFY_SEED_LEN, count, sizeof(count));
    memcpy(id, hash, STUN_ID_LEN);
}

static struct classify_ask *add(struct classify *c, enum classify_kind kind, unsigned socket,
                                const struct addr *to, const struct stun_schedule *schedule,
                                instant now)
{
    uint8_t id[STUN_ID_LEN];
    assert(c->ask_count < CLASSIFY_ASKS_MAX);
    struct classify_ask *a = &c->ask[c->ask_count++];

    fresh_id(c, id);
    *a = (struct classify_ask){.kind = kind, .socket = socket, .server = -1, .phase = c->phase};
    stun_query_init(&a->query, to, schedule, id, now);
    return a;
}

void classify_init(struct classify *c, const struct classify_options *options, instant now)
{
    memset(c, 0, sizeof(*c));
    c->options = *options;
    c->started = now;
    c->helper = -1;
    c->report.opener_ttl = OPENER_TTL_GUESS;
    for (unsigned i = 0; i < options->server_count && i < NAT_SERVERS_MAX; i++) {
        struct classify_ask *a =
            add(c, CLASSIFY_MAPPING, SOCKET_MAIN, &options->server[i], &STUN_GATHER, now);
        a->server = (int)i;
    }
    if (c->ask_count == 0)
        c->phase = CLASSIFY_DONE;
}

static struct classify_ask *find(struct classify *c, enum classify_kind kind)
{
    for (unsigned i = 0; i < c->ask_count; i++)
        if (c->ask[i].kind == kind)
            return &c->ask[i];
    return NULL;
}

static bool is_answered(const struct classify_ask *a)
{
    return a && a->query.state == STUN_ANSWERED;
}

/* ---- phase 2: details ---- */

/* A server may name any address as its other one or as ours; what would harm somebody else is not
 * asked. */
static bool is_harmless(const struct addr *named, const struct addr *server)
{
    if (addr_is_none(named) || named->sa.sa_family != server->sa.sa_family ||
        addr_port(named) < 1024)
        return false;
    if (addr_is_unspecified(named) || addr_is_multicast(named) || addr_is_link_local(named))
        return false;
    return addr_is_loopback(named) == addr_is_loopback(server) &&
           addr_is_private(named) == addr_is_private(server);
}

static bool is_usable_other(const struct addr *other, const struct addr *server)
{
    return is_harmless(other, server) && !addr_same_ip(other, server) &&
           addr_port(other) != addr_port(server);
}

/* Index of the ask to whose server the details go: one with two addresses, or else the first that
 * answered; -1 if none did. */
static int choose_helper(struct classify *c)
{
    int first = -1;
    for (unsigned i = 0; i < c->ask_count; i++) {
        const struct stun_query *q = &c->ask[i].query;
        if (!is_answered(&c->ask[i]))
            continue;
        if (is_usable_other(&q->other, &q->server)) {
            c->helper = (int)i;
            c->other = q->other;
            return (int)i;
        }
        first = first < 0 ? (int)i : first;
    }
    return first;
}

static void ask_for_filtering(struct classify *c, const struct addr *server, instant now)
{
    struct addr other_port = *server;
    struct classify_ask *a;

    addr_set_port(&other_port, addr_port(&c->other));
    a = add(c, CLASSIFY_FILTER_BOTH, SOCKET_FILTER, server, &DETAIL, now);
    a->query.change = STUN_CHANGE_IP | STUN_CHANGE_PORT;
    a->query.origin = c->other;
    a = add(c, CLASSIFY_FILTER_PORT, SOCKET_FILTER, server, &DETAIL, now);
    a->query.change = STUN_CHANGE_PORT;
    a->query.origin = other_port;
    (void)add(c, CLASSIFY_ALTERNATE, SOCKET_MAIN, &other_port, &DETAIL, now);
    (void)add(c, CLASSIFY_ALTERNATE, SOCKET_MAIN, &c->other, &DETAIL, now);
}

static void start_details(struct classify *c, instant now)
{
    int chosen = choose_helper(c);
    if (chosen < 0)
        return;
    struct addr server = c->ask[chosen].query.server, mapped = c->ask[chosen].query.mapped;
    for (unsigned i = 1; i < CLASSIFY_SOCKETS; i++)
        (void)add(c, CLASSIFY_FRESH, i, &server, &DETAIL, now);
    if (c->helper >= 0)
        ask_for_filtering(c, &server, now);
    if (addr_equal(&mapped, &c->options.local[SOCKET_MAIN]))
        c->report.hairpin = NAT_YES; /* it is our own address: nothing to go through */
    else if (is_harmless(&mapped, &server))
        (void)add(c, CLASSIFY_HAIRPIN, SOCKET_HAIRPIN, &mapped, &DETAIL, now);
}

/* ---- what was found ---- */

static void judge(struct classify *c)
{
    struct nat_sample samples[JUDGE_SAMPLES_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < c->ask_count && count < JUDGE_SAMPLES_MAX; i++) {
        const struct classify_ask *a = &c->ask[i];
        if (!is_answered(a) || a->query.change || a->kind == CLASSIFY_HAIRPIN)
            continue;
        samples[count++] = (struct nat_sample){
            .local = c->options.local[a->socket],
            .to = a->query.server,
            .mapped = a->query.mapped,
            .order = a->order,
            .batch = a->phase,
            .main = a->socket == SOCKET_MAIN,
            .server = a->server,
        };
    }
    for (unsigned i = 0; i < c->options.observed_count && count < JUDGE_SAMPLES_MAX; i++)
        samples[count++] = (struct nat_sample){
            .local = c->options.local[SOCKET_MAIN],
            .to = c->options.observed[i].to,
            .mapped = c->options.observed[i].mapped,
            .batch = UINT_MAX - i,
            .main = true,
            .server = -1,
        };
    nat_judge(&c->report, samples, count);
    c->judged = true;
}

static void collect_servers(struct classify *c)
{
    struct nat_report *r = &c->report;
    for (unsigned i = 0; i < c->ask_count; i++) {
        const struct classify_ask *a = &c->ask[i];
        if (a->kind != CLASSIFY_MAPPING)
            continue;
        if (is_answered(a)) {
            r->answered |= 1u << a->server;
            r->seen[a->server] = a->query.mapped;
        } else if (a->query.state == STUN_REFUSED) {
            r->refused |= 1u << a->server;
        }
    }
}

static void collect_filtering(struct classify *c)
{
    const struct classify_ask *both = find(c, CLASSIFY_FILTER_BOTH);
    const struct classify_ask *port = find(c, CLASSIFY_FILTER_PORT);

    if (!both || both->unwilling || port->unwilling || both->query.state == STUN_REFUSED)
        return;
    if (is_answered(both))
        c->report.filtering = NAT_RULE_EI;
    else
        c->report.filtering = is_answered(port) ? NAT_RULE_AD : NAT_RULE_APD;
}

static void end_details(struct classify *c)
{
    const struct classify_ask *hairpin = find(c, CLASSIFY_HAIRPIN);

    if (hairpin && c->report.hairpin == NAT_NOT_KNOWN)
        c->report.hairpin = NAT_NO;
    collect_filtering(c);
    judge(c);
}

/* Only a mapping for everybody that lets in whom we wrote to shows how far an opener came. */
static bool can_measure_opener(const struct classify *c)
{
    return c->helper >= 0 && c->report.mapping == NAT_RULE_EI &&
           (c->report.filtering == NAT_RULE_AD || c->report.filtering == NAT_RULE_APD);
}

static void ask_after_opener(struct classify *c, instant now)
{
    struct addr server = c->ask[c->helper].query.server;
    struct classify_ask *old = find(c, CLASSIFY_OPENED);

    if (old) /* each opener's question takes the place of the one before */
        *old = c->ask[--c->ask_count];
    struct classify_ask *a = add(c, CLASSIFY_OPENED, SOCKET_OPENER, &server, &AFTER_OPENER, now);
    a->query.change = STUN_CHANGE_IP | STUN_CHANGE_PORT;
    a->query.origin = c->other;
    c->opener_due = true;
}

/* An opener's answer came, or did not in time. Returns whether the next one is to be tried. */
static bool end_opener(struct classify *c)
{
    const struct classify_ask *a = find(c, CLASSIFY_OPENED);
    uint8_t ttl = OPENER_TTL[c->opener];

    if (is_answered(a)) {
        c->report.opener_measured = ttl != 0;
        c->report.opener_ttl = ttl != 0 ? ttl : OPENER_TTL_GUESS;
        return false;
    }
    if (++c->opener < OPENER_COUNT)
        return true;
    /* Not even an ordinary packet opened the way: then the server does not do as it is asked, and
     * its silence about filtering means nothing. */
    if (c->report.filtering == NAT_RULE_APD)
        c->report.filtering = NAT_RULE_UNKNOWN;
    return false;
}

/* ---- phases ---- */

static bool is_settled(const struct classify *c)
{
    for (unsigned i = 0; i < c->ask_count; i++)
        if (c->ask[i].query.state == STUN_ASKING)
            return false;
    return true;
}

static unsigned answers(const struct classify *c)
{
    unsigned count = 0;
    for (unsigned i = 0; i < c->ask_count; i++)
        count += is_answered(&c->ask[i]);
    return count;
}

static void give_up_waiting(struct classify *c)
{
    for (unsigned i = 0; i < c->ask_count; i++) {
        if (c->ask[i].query.state == STUN_ASKING) {
            c->ask[i].query.state = STUN_SILENT;
            c->ask[i].query.due = INSTANT_NEVER;
        }
    }
}

static void finish(struct classify *c)
{
    judge(c);
    if (c->report.answered == 0 && c->report.refused == 0)
        c->report.class = NAT_BLOCKED;
    c->phase = CLASSIFY_DONE;
}

static void end_servers(struct classify *c, instant now)
{
    give_up_waiting(c);
    collect_servers(c);
    if (c->report.answered == 0) {
        finish(c);
        return;
    }
    c->phase = CLASSIFY_DETAILS;
    start_details(c, now);
}

/* Nobody needs to wait for the details to know the class. */
static void judge_early(struct classify *c)
{
    for (unsigned i = 0; i < c->ask_count; i++) {
        enum classify_kind kind = c->ask[i].kind;
        if ((kind == CLASSIFY_ALTERNATE || kind == CLASSIFY_FRESH) &&
            c->ask[i].query.state == STUN_ASKING)
            return;
    }
    judge(c);
}

static bool phase_is_over(const struct classify *c, instant now)
{
    if (c->phase == CLASSIFY_SERVERS && answers(c) >= 2 && now >= c->started + PATIENCE)
        return true;
    return is_settled(c);
}

static void advance(struct classify *c, instant now)
{
    if (c->phase == CLASSIFY_DETAILS && !c->judged)
        judge_early(c);
    while (c->phase != CLASSIFY_DONE && phase_is_over(c, now)) {
        switch (c->phase) {
        case CLASSIFY_SERVERS:
            end_servers(c, now);
            break;
        case CLASSIFY_DETAILS:
            end_details(c);
            c->phase = CLASSIFY_OPENER;
            if (can_measure_opener(c))
                ask_after_opener(c, now);
            else
                finish(c);
            break;
        case CLASSIFY_OPENER:
            if (end_opener(c))
                ask_after_opener(c, now);
            else
                finish(c);
            break;
        case CLASSIFY_DONE:
            break;
        }
    }
}

/* ---- driving ---- */

void classify_learn_local(struct classify *c, const struct addr *ip)
{
    for (unsigned i = 0; i < CLASSIFY_SOCKETS; i++) {
        uint16_t port = addr_port(&c->options.local[i]);
        if (!addr_is_unspecified(&c->options.local[i]) ||
            c->options.local[i].sa.sa_family != ip->sa.sa_family)
            continue;
        c->options.local[i] = *ip;
        addr_set_port(&c->options.local[i], port);
    }
}

/* A packet that no one answers, to die beyond our own NAT. */
static void write_opener(struct classify *c, struct classify_datagram *out)
{
    struct stun_writer w;
    uint8_t id[STUN_ID_LEN];

    fresh_id(c, id);
    stun_begin(&w, out->data, sizeof(out->data), STUN_INDICATION, STUN_BINDING, id);
    out->len = stun_end(&w);
    out->socket = SOCKET_OPENER;
    out->to = c->other;
    out->ttl = OPENER_TTL[c->opener];
    c->opener_due = false;
}

bool classify_output(struct classify *c, instant now, struct classify_datagram *out)
{
    advance(c, now);
    if (c->opener_due) {
        write_opener(c, out);
        return true;
    }
    for (unsigned i = 0; i < c->ask_count; i++) {
        struct classify_ask *a = &c->ask[i];
        size_t len = stun_query_output(&a->query, now, out->data);
        if (len > 0) {
            out->socket = a->socket;
            out->to = a->query.server;
            out->ttl = 0;
            out->len = len;
            a->order = ++c->order;
            return true;
        }
    }
    if (c->phase != CLASSIFY_DONE && phase_is_over(c, now))
        return classify_output(c, now, out);
    return false;
}

/* Our own request to our own public address has come back in. */
static bool is_hairpin(struct classify *c, unsigned socket, const uint8_t *pkt, size_t len)
{
    struct classify_ask *a = find(c, CLASSIFY_HAIRPIN);
    struct stun_message m;

    if (!a || a->query.state != STUN_ASKING || socket != SOCKET_MAIN)
        return false;
    if (stun_read(&m, pkt, len) < 0 || m.class != STUN_REQUEST ||
        memcmp(m.id, a->query.id, STUN_ID_LEN) != 0)
        return false;
    a->query.state = STUN_ANSWERED;
    a->query.due = INSTANT_NEVER;
    c->report.hairpin = NAT_YES;
    return true;
}

/* A server that ignores CHANGE-REQUEST answers from where it was asked. */
static bool is_unwilling(struct classify_ask *a, const struct addr *from, const uint8_t *pkt,
                         size_t len)
{
    struct stun_message m;

    if (a->query.change == 0 || a->query.state != STUN_ASKING ||
        !addr_equal(from, &a->query.server))
        return false;
    if (stun_read(&m, pkt, len) < 0 || memcmp(m.id, a->query.id, STUN_ID_LEN) != 0 ||
        (m.class != STUN_SUCCESS && m.class != STUN_ERROR))
        return false;
    a->unwilling = true;
    a->query.state = STUN_SILENT;
    a->query.due = INSTANT_NEVER;
    return true;
}

int classify_input(struct classify *c, instant now, unsigned socket, const struct addr *from,
                   const uint8_t *pkt, size_t len)
{
    bool ours = is_hairpin(c, socket, pkt, len);

    for (unsigned i = 0; i < c->ask_count && !ours; i++) {
        struct classify_ask *a = &c->ask[i];
        if (a->socket == socket && a->kind != CLASSIFY_HAIRPIN)
            ours = stun_query_input(&a->query, now, from, pkt, len) == 0 ||
                   is_unwilling(a, from, pkt, len);
    }
    if (!ours)
        return -EBADMSG;
    advance(c, now);
    return 0;
}

instant classify_deadline(const struct classify *c)
{
    instant due = INSTANT_NEVER;

    if (c->phase == CLASSIFY_DONE)
        return INSTANT_NEVER;
    if (c->opener_due)
        return c->started;
    if (c->phase == CLASSIFY_SERVERS && answers(c) >= 2)
        due = c->started + PATIENCE;
    for (unsigned i = 0; i < c->ask_count; i++)
        if (c->ask[i].query.due < due)
            due = c->ask[i].query.due;
    return due;
}
