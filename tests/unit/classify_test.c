/* The classifier behind a small NAT of each kind, with servers that are honest, liars or dead. */
#include "gateway/nat/classify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MAPPINGS_MAX 64
#define QUEUE_MAX    64
#define LATENCY      MSEC(10)

enum port_rule { KEEP, COUNT_UP, NEAR, ANYWHERE };

struct mapping {
    unsigned socket;
    struct addr to; /* as far as the rule looks at it */
    uint16_t port;
    struct addr seen[16]; /* where packets went */
    unsigned seen_count;
};

struct server {
    struct addr at, lie;
    bool dead, refuses;
};

struct packet {
    instant at;
    bool inward;     /* from the internet to us */
    unsigned socket; /* for inward ones that were let in */
    struct addr from, to;
    size_t len;
    uint8_t data[256];
};

struct world {
    struct classify_options options;
    struct classify c;
    instant now;
    /* the NAT */
    enum nat_rule mapping, filtering;
    enum port_rule ports;
    bool hairpin, none, blocked;
    int hops;        /* a packet with a smaller TTL does not get out; one with a larger one does */
    unsigned others; /* ports that a neighbour takes between two of ours */
    struct mapping map[MAPPINGS_MAX];
    unsigned maps, port;
    /* servers; the first has two addresses if `change` */
    struct server server[NAT_SERVERS_MAX];
    bool change, unwilling;
    struct packet queue[QUEUE_MAX];
    unsigned queued, sent, pretended_to;
};

static struct world world;

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static const char OTHER[] = "198.51.100.99:3479", OTHER_PORT[] = "198.51.100.1:3479";

static struct world *behind(enum nat_rule mapping, enum nat_rule filtering, enum port_rule ports)
{
    static const char *const SERVER[] = {"198.51.100.1:3478", "198.51.100.2:3478",
                                         "198.51.100.3:3478"};
    struct world *w = &world;
    memset(w, 0, sizeof(*w));
    w->mapping = mapping;
    w->filtering = filtering;
    w->ports = ports;
    w->port = 50000;
    w->hops = 2;
    w->options.server_count = 3;
    for (unsigned i = 0; i < 3; i++)
        w->options.server[i] = w->server[i].at = at(SERVER[i]);
    for (unsigned i = 0; i < CLASSIFY_SOCKETS; i++) {
        w->options.local[i] = at("192.168.1.2:0");
        addr_set_port(&w->options.local[i], (uint16_t)(4000 + 7 * i));
    }
    memset(w->options.seed, 5, sizeof(w->options.seed));
    return w;
}

static void queue(struct world *w, bool inward, struct addr from, struct addr to,
                  const uint8_t *data, size_t len)
{
    assert_true(w->queued < QUEUE_MAX);
    assert_true(len <= sizeof(w->queue[0].data));
    struct packet *p = &w->queue[w->queued++];
    *p = (struct packet){
        .at = w->now + LATENCY, .inward = inward, .from = from, .to = to, .len = len};
    memcpy(p->data, data, len);
}

static bool rule_matches(enum nat_rule rule, const struct addr *a, const struct addr *b)
{
    if (rule == NAT_RULE_EI)
        return true;
    return rule == NAT_RULE_AD ? addr_same_ip(a, b) : addr_equal(a, b);
}

static uint16_t choose_port(struct world *w, unsigned socket)
{
    switch (w->ports) {
    case KEEP:
        return addr_port(&w->options.local[socket]);
    case COUNT_UP:
        w->port += 1 + w->others;
        return (uint16_t)w->port;
    case NEAR:
        return (uint16_t)(50000 + (w->port += 37) * 61 % 512);
    case ANYWHERE:
        return (uint16_t)(1024 + (w->port += 997) * 40503u % 60000);
    }
    return 0;
}

static struct mapping *outward(struct world *w, unsigned socket, const struct addr *to)
{
    struct mapping *m = NULL;
    for (unsigned i = 0; i < w->maps && !m; i++)
        if (w->map[i].socket == socket && rule_matches(w->mapping, &w->map[i].to, to))
            m = &w->map[i];
    if (!m) {
        assert_true(w->maps < MAPPINGS_MAX);
        m = &w->map[w->maps++];
        *m = (struct mapping){.socket = socket, .to = *to, .port = choose_port(w, socket)};
    }
    if (m->seen_count < 16)
        m->seen[m->seen_count++] = *to;
    return m;
}

static bool lets_in(const struct world *w, const struct mapping *m, const struct addr *from)
{
    for (unsigned i = 0; i < m->seen_count; i++)
        if (rule_matches(w->filtering, &m->seen[i], from))
            return true;
    return false;
}

/* What the internet sends to our public side. */
static void inward(struct world *w, const struct packet *p)
{
    for (unsigned i = 0; i < w->maps; i++) {
        if (!w->none && w->map[i].port != addr_port(&p->to))
            continue;
        if (w->none && addr_port(&w->options.local[w->map[i].socket]) != addr_port(&p->to))
            continue;
        if (lets_in(w, &w->map[i], &p->from)) {
            int err = classify_input(&w->c, w->now, w->map[i].socket, &p->from, p->data, p->len);
            assert_true(err == 0 || err == -EBADMSG);
            return;
        }
    }
}

static struct addr outside(const struct world *w, const struct mapping *m)
{
    struct addr a = at("203.0.113.5:0");
    if (w->none)
        return w->options.local[m->socket];
    addr_set_port(&a, m->port);
    return a;
}

static void send_out(struct world *w, const struct classify_datagram *d)
{
    w->sent++;
    if (w->blocked || (d->ttl != 0 && d->ttl < w->hops))
        return;
    const struct mapping *m = outward(w, d->socket, &d->to);
    struct addr from = outside(w, m), self = at("203.0.113.5:1");
    if (d->ttl != 0 && d->ttl < 12) /* it is out, and dies there */
        return;
    if (addr_same_ip(&d->to, &self)) {
        if (w->hairpin)
            queue(w, true, from, d->to, d->data, d->len);
        return;
    }
    queue(w, false, from, d->to, d->data, d->len);
}

/* From where the server that was asked at `to` answers such a request. */
static struct addr answers_from(const struct world *w, const struct addr *to, uint32_t change)
{
    struct addr from = *to;
    if (w->unwilling || change == 0)
        return from;
    return at(change & STUN_CHANGE_IP ? OTHER : OTHER_PORT);
}

static void serve(struct world *w, const struct packet *p)
{
    const struct server *s = NULL;
    struct addr other = at(OTHER), other_port = at(OTHER_PORT);
    struct stun_message m;
    struct stun_writer out;
    uint8_t answer[256];
    uint32_t change = 0;

    for (unsigned i = 0; i < w->options.server_count; i++)
        if (addr_equal(&p->to, &w->server[i].at))
            s = &w->server[i];
    if (w->change && (addr_equal(&p->to, &other) || addr_equal(&p->to, &other_port)))
        s = &w->server[0];
    if (!s || s->dead || stun_read(&m, p->data, p->len) < 0 || m.class != STUN_REQUEST)
        return;
    if (stun_get_u32(&m, STUN_CHANGE_REQUEST, &change) < 0)
        change = 0;
    struct addr mapped = addr_is_none(&s->lie) ? p->from : s->lie;
    stun_begin(&out, answer, sizeof(answer), s->refuses ? STUN_ERROR : STUN_SUCCESS, STUN_BINDING,
               m.id);
    if (s->refuses)
        stun_put_error(&out, 400, "no");
    else
        stun_put_address(&out, STUN_XOR_MAPPED_ADDRESS, &mapped);
    if (w->change && s == &w->server[0])
        stun_put_address(&out, STUN_OTHER_ADDRESS, &other);
    queue(w, true, answers_from(w, &p->to, change), p->from, answer, stun_end(&out));
}

static void deliver(struct world *w)
{
    struct packet p = w->queue[0];
    memmove(w->queue, w->queue + 1, --w->queued * sizeof(p));
    w->now = p.at;
    if (p.inward)
        inward(w, &p);
    else
        serve(w, &p);
}

static const struct nat_report *run(struct world *w)
{
    struct classify_datagram d;

    classify_init(&w->c, &w->options, w->now);
    while (classify_deadline(&w->c) != INSTANT_NEVER) {
        while (classify_output(&w->c, w->now, &d))
            send_out(w, &d);
        instant due = classify_deadline(&w->c);
        if (w->queued > 0 && w->queue[0].at <= due)
            deliver(w);
        else if (due != INSTANT_NEVER && due > w->now)
            w->now = due;
    }
    assert_true(w->now <= SEC(8));
    assert_true(w->sent <= 150);
    return &w->c.report;
}

static void a_home_router_is_a_cone(void **state)
{
    (void)state;
    struct addr public = at("203.0.113.5:4000");
    const struct nat_report *r = run(behind(NAT_RULE_EI, NAT_RULE_APD, KEEP));
    assert_int_equal(r->class, NAT_CONE);
    assert_int_equal(r->mapping, NAT_RULE_EI);
    assert_int_equal(r->filtering, NAT_RULE_UNKNOWN); /* nobody here can tell */
    assert_int_equal(r->hairpin, NAT_NO);
    assert_int_equal(r->preserving, NAT_YES);
    assert_true(addr_equal(&r->public, &public));
    assert_int_equal(r->answered, 7);
    assert_int_equal(r->disagreeing, 0);
    assert_int_equal(r->opener_ttl, OPENER_TTL_GUESS);
    assert_false(r->opener_measured);
}

static void filtering_is_told_by_a_server_with_two_addresses(void **state)
{
    (void)state;
    for (enum nat_rule rule = NAT_RULE_EI; rule <= NAT_RULE_APD; rule++) {
        struct world *w = behind(NAT_RULE_EI, rule, KEEP);
        w->change = true;
        const struct nat_report *r = run(w);
        assert_int_equal(r->filtering, rule);
        assert_int_equal(r->class, rule == NAT_RULE_EI ? NAT_PUBLIC : NAT_CONE);
        assert_int_equal(r->opener_measured, rule != NAT_RULE_EI);
    }
}

static void the_opener_goes_as_far_as_the_nat_and_no_further(void **state)
{
    (void)state;
    for (int hops = 2; hops <= 9; hops++) {
        struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
        w->change = true;
        w->hops = hops;
        const struct nat_report *r = run(w);
        assert_int_equal(r->opener_measured, hops <= 8);
        assert_int_equal(r->opener_ttl, hops <= 8 ? hops : OPENER_TTL_GUESS);
        assert_int_equal(r->filtering, NAT_RULE_APD);
    }
}

static void a_server_that_does_not_change_its_address_tells_nothing(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_EI, KEEP);
    w->change = w->unwilling = true;
    assert_int_equal(run(w)->filtering, NAT_RULE_UNKNOWN);
    assert_int_equal(w->c.report.class, NAT_CONE);
}

static void steps_of_a_symmetric_nat_are_measured(void **state)
{
    (void)state;
    for (unsigned others = 0; others < 6; others++) {
        struct world *w = behind(NAT_RULE_APD, NAT_RULE_APD, COUNT_UP);
        w->others = others;
        const struct nat_report *r = run(w);
        assert_int_equal(r->mapping, NAT_RULE_APD);
        assert_int_equal(r->class, others < 4 ? NAT_SEQUENTIAL : NAT_BLOCK);
        assert_int_equal(r->delta, others < 4 ? 1 + others : 0);
        assert_int_equal(r->preserving, NAT_NO);
    }
}

static void a_block_of_ports_is_told_from_random_ones(void **state)
{
    (void)state;
    const struct nat_report *r = run(behind(NAT_RULE_APD, NAT_RULE_APD, NEAR));
    assert_int_equal(r->class, NAT_BLOCK);
    assert_true(r->span > 0 && r->span < 512);
    assert_true(r->port_min >= 50000 && r->port_max < 50512);
    r = run(behind(NAT_RULE_APD, NAT_RULE_APD, ANYWHERE));
    assert_int_equal(r->class, NAT_RANDOM);
}

static void mapping_by_address_shows_at_a_servers_other_port(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_AD, NAT_RULE_AD, COUNT_UP);
    w->change = true;
    assert_int_equal(run(w)->mapping, NAT_RULE_AD);
    w = behind(NAT_RULE_APD, NAT_RULE_AD, COUNT_UP);
    w->change = true;
    assert_int_equal(run(w)->mapping, NAT_RULE_APD);
}

static void a_router_that_turns_packets_around_hairpins(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_EI, COUNT_UP);
    w->hairpin = true;
    assert_int_equal(run(w)->hairpin, NAT_YES);
}

static void an_address_of_our_own_is_public(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_EI, KEEP);
    w->none = true;
    assert_int_equal(run(w)->class, NAT_PUBLIC);
    assert_int_equal(w->c.report.hairpin, NAT_YES);
    w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP); /* and with a firewall that we can see */
    w->none = w->change = true;
    assert_int_equal(run(w)->class, NAT_CONE);
}

static void no_answer_at_all_means_that_udp_is_blocked(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
    w->blocked = true;
    const struct nat_report *r = run(w);
    assert_int_equal(r->class, NAT_BLOCKED);
    assert_int_equal(w->now, SEC(3));
    w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP); /* a refusal came through */
    w->options.server_count = 1;
    w->server[0].refuses = true;
    assert_int_equal(run(w)->class, NAT_UNKNOWN);
    assert_int_equal(w->c.report.refused, 1);
}

static void a_dead_server_is_not_waited_for(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
    w->server[1].dead = true;
    assert_int_equal(run(w)->class, NAT_CONE);
    assert_int_equal(w->c.report.answered, 5);
    assert_true(w->now <= MSEC(700) + MSEC(1600));
}

static void one_server_alone_cannot_tell_the_mapping(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, ANYWHERE);
    w->options.server_count = 1;
    assert_int_equal(run(w)->class, NAT_UNKNOWN);
    w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP); /* where ports are kept it can be guessed */
    w->options.server_count = 1;
    assert_int_equal(run(w)->class, NAT_CONE);
    assert_int_equal(w->c.report.mapping, NAT_RULE_UNKNOWN);
    w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP); /* but one with two addresses can */
    w->options.server_count = 1;
    w->change = true;
    assert_int_equal(run(w)->class, NAT_CONE);
}

static void a_liar_is_named_and_the_majority_kept(void **state)
{
    (void)state;
    struct addr public = at("203.0.113.5:4000");
    for (unsigned liar = 0; liar < 3; liar++) {
        struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
        w->server[liar].lie = at("192.0.2.66:4000"); /* another address */
        const struct nat_report *r = run(w);
        assert_int_equal(r->disagreeing, 1u << liar);
        assert_true(addr_equal(&r->public, &public));
        assert_int_equal(r->class, NAT_CONE);
        assert_true(addr_equal(&r->seen[liar], &w->server[liar].lie));

        w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
        w->server[liar].lie = at("203.0.113.5:666"); /* only another port */
        r = run(w);
        assert_int_equal(r->disagreeing, 1u << liar);
        assert_true(addr_equal(&r->public, &public));
        assert_int_equal(r->class, NAT_CONE);
    }
}

static void two_servers_that_contradict_one_another_are_both_named(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
    w->options.server_count = 2;
    w->server[1].lie = at("192.0.2.66:4000");
    const struct nat_report *r = run(w);
    assert_int_equal(r->disagreeing, 3);
    assert_int_equal(r->class, NAT_UNKNOWN);
    assert_true(addr_is_none(&r->public));
}

/* All servers say so; nothing may go to `bad`. */
static void nothing_goes_where_servers_say(const char *bad, const char *mapped_text,
                                           const char *other_text)
{
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
    struct classify_datagram d;
    struct stun_writer out;
    struct addr mapped = at(mapped_text), other = at(other_text), never = at(bad);
    uint8_t answer[256];

    classify_init(&w->c, &w->options, 0);
    for (unsigned s = 0; s < 3; s++) {
        assert_true(classify_output(&w->c, 0, &d));
        stun_begin(&out, answer, sizeof(answer), STUN_SUCCESS, STUN_BINDING, d.data + 8);
        stun_put_address(&out, STUN_XOR_MAPPED_ADDRESS, &mapped);
        stun_put_address(&out, STUN_OTHER_ADDRESS, &other);
        assert_int_equal(classify_input(&w->c, 0, 0, &d.to, answer, stun_end(&out)), 0);
    }
    for (instant now = 0; now < SEC(10); now += MSEC(50))
        while (classify_output(&w->c, now, &d))
            assert_false(addr_equal(&d.to, &never));
    assert_int_equal(classify_deadline(&w->c), INSTANT_NEVER);
}

static void a_server_cannot_make_us_ask_just_anybody(void **state)
{
    (void)state;
    static const char *const BAD[] = {"127.0.0.1:3479",    "10.0.0.1:3479",     "224.0.0.1:3479",
                                      "169.254.0.1:3479",  "0.0.0.0:3479",      "198.51.100.9:53",
                                      "198.51.100.9:3478", "[2001:db8::1]:3479"};
    for (unsigned i = 0; i < sizeof(BAD) / sizeof(*BAD); i++)
        nothing_goes_where_servers_say(BAD[i], "203.0.113.5:4000", BAD[i]);
}

static void nor_by_saying_that_it_sees_us_there(void **state)
{
    (void)state;
    static const char *const BAD[] = {"127.0.0.1:3479",    "192.168.1.1:5000", "224.0.0.1:3479",
                                      "169.254.0.1:3479",  "0.0.0.0:3479",     "198.51.100.9:53",
                                      "[2001:db8::1]:3479"};
    for (unsigned i = 0; i < sizeof(BAD) / sizeof(*BAD); i++)
        nothing_goes_where_servers_say(BAD[i], BAD[i], "198.51.100.99:3479");
}

static void strangers_are_ignored(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
    struct addr stranger = at("192.0.2.200:3478");
    struct classify_datagram d;

    classify_init(&w->c, &w->options, 0);
    assert_true(classify_output(&w->c, 0, &d));
    assert_int_equal(classify_input(&w->c, 0, 0, &stranger, d.data, d.len), -EBADMSG);
    for (size_t len = 0; len < d.len; len++)
        assert_int_equal(classify_input(&w->c, 0, 0, &d.to, d.data, len), -EBADMSG);
    assert_int_equal(classify_input(&w->c, 0, 3, &d.to, d.data, d.len), -EBADMSG);
}

static void without_servers_nothing_is_done(void **state)
{
    (void)state;
    struct world *w = behind(NAT_RULE_EI, NAT_RULE_APD, KEEP);
    w->options.server_count = 0;
    assert_int_equal(run(w)->class, NAT_UNKNOWN);
    assert_int_equal(w->sent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_home_router_is_a_cone),
        cmocka_unit_test(filtering_is_told_by_a_server_with_two_addresses),
        cmocka_unit_test(the_opener_goes_as_far_as_the_nat_and_no_further),
        cmocka_unit_test(a_server_that_does_not_change_its_address_tells_nothing),
        cmocka_unit_test(steps_of_a_symmetric_nat_are_measured),
        cmocka_unit_test(a_block_of_ports_is_told_from_random_ones),
        cmocka_unit_test(mapping_by_address_shows_at_a_servers_other_port),
        cmocka_unit_test(a_router_that_turns_packets_around_hairpins),
        cmocka_unit_test(an_address_of_our_own_is_public),
        cmocka_unit_test(no_answer_at_all_means_that_udp_is_blocked),
        cmocka_unit_test(a_dead_server_is_not_waited_for),
        cmocka_unit_test(one_server_alone_cannot_tell_the_mapping),
        cmocka_unit_test(a_liar_is_named_and_the_majority_kept),
        cmocka_unit_test(two_servers_that_contradict_one_another_are_both_named),
        cmocka_unit_test(a_server_cannot_make_us_ask_just_anybody),
        cmocka_unit_test(nor_by_saying_that_it_sees_us_there),
        cmocka_unit_test(strangers_are_ignored),
        cmocka_unit_test(without_servers_nothing_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
