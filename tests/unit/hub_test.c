/* The shared sockets: what goes to whom, and what happens when a socket is full. The endpoint is
 * played by this file. */
#include "gateway/node/hub.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/demux.h"
#include "tests/support/fake_env.h"

/* ---- the endpoint ---- */

static struct {
    size_t inputs, bytes, dispatches, outputs;
    struct path from;
    struct quic_tx tx[4];
    size_t tx_count, tx_at;
    instant deadline;
} quic;

void quic_input(struct quic_endpoint *ep, instant now, const struct path *path, uint8_t *data,
                size_t len, size_t segment)
{
    (void)ep;
    (void)now;
    (void)data;
    assert_true(segment > 0);
    quic.inputs++;
    quic.bytes += len;
    quic.from = *path;
}

void quic_dispatch(struct quic_endpoint *ep, instant now)
{
    (void)ep;
    (void)now;
    quic.dispatches++;
}

bool quic_output(struct quic_endpoint *ep, instant now, struct quic_tx *tx)
{
    (void)ep;
    (void)now;
    quic.outputs++;
    if (quic.tx_at == quic.tx_count)
        return false;
    *tx = quic.tx[quic.tx_at++];
    return true;
}

instant quic_deadline(const struct quic_endpoint *ep)
{
    (void)ep;
    return quic.deadline;
}

/* ---- the world ---- */

struct harness {
    struct fake_env fake;
    struct hub hub;
    size_t others, other_len;
    uint8_t other_first;
    size_t relayed, relay_len, stuns, rooms;
    enum path_kind relay_kind;
    uint32_t via; /* of the last relay frames or STUN message */
};

static void on_relay(void *arg, const struct path *path, uint8_t *data, size_t len, size_t segment)
{
    struct harness *h = arg;
    (void)data;
    assert_true(segment > 0 && segment <= len);
    h->relayed++;
    h->relay_len += len;
    h->relay_kind = path->kind;
    h->via = path->via;
}

static void on_stun(void *arg, const struct udp_rx *rx, uint32_t via)
{
    struct harness *h = arg;
    assert_int_equal(rx->len, rx->segment);
    h->stuns++;
    h->via = via;
}

static void on_other(void *arg, const struct udp_rx *rx)
{
    struct harness *h = arg;
    h->others++;
    h->other_len = rx->len;
    h->other_first = rx->data[0];
}

static void on_room(void *arg)
{
    ((struct harness *)arg)->rooms++;
}

static const struct hub_handler HANDLER = {on_relay, on_stun, on_other, on_room};

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static int build(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    const struct addr v4 = address("0.0.0.0:4433"), v6 = address("[::]:4434");
    assert_non_null(h);
    memset(&quic, 0, sizeof(quic));
    quic.deadline = INSTANT_NEVER;
    fake_env_init(&h->fake);
    hub_init(&h->hub, &h->fake.env, NULL, &HANDLER, h);
    assert_int_equal(hub_listen(&h->hub, &v4), 0);
    assert_int_equal(hub_listen(&h->hub, &v6), 0);
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct harness *h = *state;
    hub_close(&h->hub);
    fake_env_deinit(&h->fake);
    free(h);
    return 0;
}

static void arrives(struct harness *h, uint8_t *data, size_t len, size_t segment)
{
    const struct udp_rx rx = {
        .data = data,
        .len = len,
        .segment = segment,
        .from = address("192.0.2.7:999"),
        .to = address("198.51.100.1:4433"),
        .now = h->fake.now,
    };
    /* As the socket would: a batch of equal datagrams at once. */
    hub_take(&h->hub.socket[0], &rx);
    fake_env_settle(&h->fake);
}

static void queue(struct harness *h, const char *to, const char *from)
{
    (void)h;
    struct quic_tx *tx = &quic.tx[quic.tx_count++];
    tx->path = (struct path){.kind = PATH_UDP, .remote = address(to)};
    if (from)
        tx->path.local = address(from);
    tx->data = (const uint8_t *)"packet";
    tx->len = tx->segment = 6;
}

static void feeds_a_batch_of_quic_in_one_piece(void **state)
{
    struct harness *h = *state;
    uint8_t data[2500];
    memset(data, DEMUX_QUIC_BIT, sizeof(data));

    arrives(h, data, sizeof(data), 1200);
    assert_int_equal(quic.inputs, 1);
    assert_int_equal(quic.bytes, 2500);
    assert_int_equal(quic.dispatches, 1);
    assert_int_equal(h->others, 0);
    assert_int_equal(addr_port(&quic.from.remote), 999);
    assert_int_equal(addr_port(&quic.from.local), 4433);
}

static void picks_strangers_out_of_a_batch(void **state)
{
    struct harness *h = *state;
    uint8_t data[3500];
    memset(data, DEMUX_QUIC_BIT, sizeof(data));
    data[1000] = 0x99 & 0xbf; /* of no protocol that the first byte tells */

    arrives(h, data, sizeof(data), 1000);
    assert_int_equal(quic.inputs, 2);
    assert_int_equal(quic.bytes, 2500);
    assert_int_equal(h->others, 1);
    assert_int_equal(h->other_len, 1000);
}

static void gives_probes_to_the_endpoint(void **state)
{
    struct harness *h = *state;
    uint8_t probe[40] = {DEMUX_PROBE};

    arrives(h, probe, sizeof(probe), sizeof(probe));
    assert_int_equal(quic.inputs, 1);
    assert_int_equal(h->others, 0);
}

static void takes_relay_frames_in_batches_and_stun_messages_one_by_one(void **state)
{
    struct harness *h = *state;
    static const uint8_t stun[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    uint8_t data[5 * 20];
    memset(data, DEMUX_RELAY, 60);
    memcpy(data + 60, stun, sizeof(stun));
    memcpy(data + 80, stun, sizeof(stun));

    arrives(h, data, sizeof(data), 20);
    assert_int_equal(h->relayed, 1);
    assert_int_equal(h->relay_len, 60);
    assert_int_equal(h->stuns, 2);
    assert_int_equal(h->via, 0);
    assert_int_equal(quic.inputs + h->others, 0);
}

static void an_extra_socket_carries_its_own_paths(void **state)
{
    struct harness *h = *state;
    const struct addr any = address("0.0.0.0:4433");
    uint8_t data[40] = {DEMUX_PROBE};
    uint32_t via = 0, gone = 0;

    assert_int_equal(hub_open_extra(&h->hub, &any, &via), 0);
    assert_int_equal(hub_open_extra(&h->hub, &any, &gone), 0);
    assert_int_not_equal(via, gone);
    struct path path = {.kind = PATH_UDP, .via = via, .remote = address("192.0.2.7:9")};
    struct hub_socket *s = hub_socket_of(&h->hub, &path);
    assert_non_null(s);
    assert_int_not_equal(addr_port(&s->local), 4433);
    fake_udp_arrives(&h->fake, s->udp, &path.remote, data, sizeof(data));
    fake_env_settle(&h->fake);
    assert_true(path_equal(&quic.from, &path));

    hub_send_path(&h->hub, &path, data, sizeof(data), 3);
    assert_ptr_equal(h->fake.sent[0].socket, s->udp);
    path.via = gone;
    hub_close_extra(&h->hub, gone);
    hub_close_extra(&h->hub, gone);
    hub_send_path(&h->hub, &path, data, sizeof(data), 0);
    assert_int_equal(h->fake.sent_count, 1);
}

struct claim {
    struct hub_claim claim;
    size_t bytes;
};

static bool on_claimed(struct hub_claim *claim, const struct udp_rx *rx)
{
    container_of(claim, struct claim, claim)->bytes += rx->len;
    return rx->segment < 60;
}

static void a_claimed_address_is_not_looked_into(void **state)
{
    struct harness *h = *state;
    uint8_t data[80];
    struct claim c = {.claim = {.from = address("192.0.2.7:999"), .take = on_claimed}};
    memset(data, DEMUX_QUIC_BIT, sizeof(data));

    hub_add_claim(&h->hub, &c.claim);
    arrives(h, data, sizeof(data), 40);
    assert_int_equal(c.bytes, 80);
    assert_int_equal(quic.inputs, 0);
    arrives(h, data, sizeof(data), 60); /* not wanted */
    assert_int_equal(c.bytes, 160);
    assert_int_equal(quic.inputs, 1);
    quic.inputs = 0;
    hub_remove_claim(&c.claim);
    arrives(h, data, sizeof(data), 40);
    assert_int_equal(quic.inputs, 1);
}

struct carried {
    struct hub_carrier carrier;
    struct quic_tx last;
    unsigned count;
    int answer;
};

static int carry(struct hub_carrier *carrier, const struct quic_tx *tx)
{
    struct carried *c = container_of(carrier, struct carried, carrier);
    c->last = *tx;
    c->count++;
    return c->answer;
}

static void a_carrier_sends_and_brings_what_no_socket_does(void **state)
{
    struct harness *h = *state;
    struct carried c = {.carrier.send = carry, .answer = -EAGAIN};
    uint8_t data[40] = {DEMUX_QUIC_BIT};
    const struct path path = {
        .kind = PATH_RELAY, .via = 7, .remote = path_synthetic(PATH_RELAY, 7)};

    queue(h, "192.0.2.7:1", NULL);
    quic.tx[0].path = path;
    hub_set_carrier(&h->hub, PATH_RELAY, &c.carrier);
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    c.answer = 0;
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    assert_int_equal(c.count, 2);
    assert_true(path_equal(&c.last.path, &path));
    assert_int_equal(h->fake.sent_count, 0);

    hub_deliver(&h->hub, &path, data, sizeof(data), sizeof(data));
    fake_env_settle(&h->fake);
    assert_true(path_equal(&quic.from, &path));
}

/* Packet, frame, packet, and what is of no use there, all 40 bytes long. */
static void deliver_a_mixture(struct harness *h, const struct path *path)
{
    uint8_t data[5 * 40] = {0};

    data[0] = data[80] = DEMUX_QUIC_BIT;
    data[40] = DEMUX_RELAY;
    data[120] = 0x99;
    memcpy(data + 160, (const uint8_t[]){0, 1, 0, 20, 0x21, 0x12, 0xa4, 0x42}, 8);
    hub_deliver(&h->hub, path, data, sizeof(data), 40);
    fake_env_settle(&h->fake);
    assert_int_equal(quic.inputs, 2);
    assert_int_equal(quic.bytes, 80);
    assert_int_equal(h->others + h->stuns, 0);
}

static void what_a_connection_brings_is_told_apart(void **state)
{
    struct harness *h = *state;
    const struct path path = {.kind = PATH_TCP, .via = 5, .remote = address("192.0.2.7:443")};

    deliver_a_mixture(h, &path);
    assert_int_equal(h->relayed, 1);
    assert_int_equal(h->relay_len, 40);
    assert_int_equal(h->relay_kind, PATH_TCP);
    assert_int_equal(h->via, 5);
}

static void a_circuit_brings_no_frames_of_another(void **state)
{
    struct harness *h = *state;
    const struct path path = {
        .kind = PATH_RELAY, .via = 7, .remote = path_synthetic(PATH_RELAY, 7)};

    deliver_a_mixture(h, &path);
    assert_int_equal(h->relayed, 0);
}

static void sends_by_the_socket_of_the_family(void **state)
{
    struct harness *h = *state;

    queue(h, "192.0.2.7:1", NULL);
    queue(h, "[2001:db8::7]:2", NULL);
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    assert_int_equal(h->fake.sent_count, 2);
    assert_ptr_equal(h->fake.sent[0].socket, fake_udp_on(&h->fake, 4433));
    assert_ptr_equal(h->fake.sent[1].socket, fake_udp_on(&h->fake, 4434));
}

static void reaches_ipv4_through_nat64_where_there_is_ipv6_alone(void **state)
{
    struct harness *h = *state;
    const struct addr local = address("0.0.0.0:0"), home = address("192.168.1.1:5");
    const struct addr made[] = {address("[64:ff9b::192.0.0.170]:0")};
    const struct addr seen = address("192.0.2.7:1"), there = address("[64:ff9b::192.0.2.7]:1");
    uint8_t quic_packet[] = {0x40, 1, 2, 3};
    struct udp_rx rx = {.data = quic_packet, .len = 4, .segment = 4, .from = there};
    uint32_t via;

    assert_int_equal(nat64_find(&h->hub.nat64, made, 1), 0);
    queue(h, "192.0.2.7:1", NULL);
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    assert_ptr_equal(h->fake.sent[0].socket, fake_udp_on(&h->fake, 4434));
    assert_true(addr_equal(&h->fake.sent[0].to, &there));
    rx.to = address("[2001:db8::2]:4434");
    hub_take(&h->hub.socket[1], &rx);
    assert_true(addr_equal(&quic.from.remote, &seen));
    assert_true(addr_is_none(&quic.from.local));

    assert_int_equal(hub_open_extra(&h->hub, &local, &via), 0);
    const struct path extra = {.kind = PATH_UDP, .via = via, .remote = seen};
    assert_true(addr_is_v6(&hub_socket_of(&h->hub, &extra)->local));
    hub_send_path(&h->hub, &extra, quic_packet, 4, 0);
    assert_true(addr_equal(&h->fake.sent[1].to, &there));
    const struct addr near = hub_outside(&h->hub, &home);
    assert_true(addr_equal(&near, &home));
    hub_close_extra(&h->hub, via);
}

static void answers_by_the_socket_that_heard_the_question(void **state)
{
    struct harness *h = *state;
    const struct addr second = address("198.51.100.1:4435");

    assert_int_equal(hub_listen(&h->hub, &second), 0);
    queue(h, "192.0.2.7:1", "198.51.100.1:4435");
    queue(h, "192.0.2.7:1", "198.51.100.1:4433");
    queue(h, "192.0.2.7:1", "198.51.100.9:4435"); /* nobody is there any more */
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    assert_ptr_equal(h->fake.sent[0].socket, fake_udp_on(&h->fake, 4435));
    assert_ptr_equal(h->fake.sent[1].socket, fake_udp_on(&h->fake, 4433));
    assert_ptr_equal(h->fake.sent[2].socket, fake_udp_on(&h->fake, 4433));
}

static void dials_from_no_loopback_address_to_the_outside(void **state)
{
    struct harness *h = *state;
    struct hub other;
    const struct addr in = address("127.0.0.1:4500"), out = address("198.51.100.1:4501");
    const struct addr here = address("127.0.0.1:9"), there = address("192.0.2.7:9");

    hub_init(&other, &h->fake.env, NULL, &HANDLER, h);
    assert_int_equal(hub_listen(&other, &in), 0);
    assert_ptr_equal(hub_socket_for(&other, &there), &other.socket[0]); /* there is no better */
    assert_int_equal(hub_listen(&other, &out), 0);
    assert_ptr_equal(hub_socket_for(&other, &there), &other.socket[1]);
    assert_ptr_equal(hub_socket_for(&other, &here), &other.socket[0]);
    hub_close(&other);
}

static void answers_from_the_address_that_was_dialled_while_it_is_ours(void **state)
{
    struct harness *h = *state;
    char text[ADDR_TEXT_MAX];
    struct addr ours = h->hub.locals[h->hub.local_count - 1];
    for (size_t i = 0; i < h->hub.local_count; i++)
        if (!addr_is_v6(&h->hub.locals[i]))
            ours = h->hub.locals[i];
    addr_set_port(&ours, 4433);

    queue(h, "192.0.2.7:1", addr_print(&ours, text));
    queue(h, "192.0.2.7:1", "203.0.113.99:4433");
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    assert_true(addr_same_ip(&h->fake.sent[0].from, &ours));
    assert_true(addr_is_none(&h->fake.sent[1].from));
}

static void holds_what_a_full_socket_does_not_take(void **state)
{
    struct harness *h = *state;

    queue(h, "192.0.2.7:1", NULL);
    queue(h, "192.0.2.7:2", NULL);
    h->fake.udp_send_error = -EAGAIN;
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    assert_int_equal(h->fake.sent_count, 0);
    assert_int_equal(quic.outputs, 1);
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    assert_int_equal(quic.outputs, 1);

    h->fake.udp_send_error = 0;
    fake_udp_writable(&h->fake, fake_udp_on(&h->fake, 4433));
    assert_int_equal(h->rooms, 1);
    fake_env_settle(&h->fake);
    assert_int_equal(h->fake.sent_count, 2);
    assert_int_equal(addr_port(&h->fake.sent[0].to), 1);
}

static void a_full_socket_that_is_closed_holds_nobody_up(void **state)
{
    struct harness *h = *state;
    const struct addr any = address("0.0.0.0:0");
    uint32_t via = 0;

    assert_int_equal(hub_open_extra(&h->hub, &any, &via), 0);
    queue(h, "192.0.2.7:1", NULL);
    quic.tx[0].path.via = via;
    queue(h, "192.0.2.7:2", NULL);
    h->fake.udp_send_error = -EAGAIN;
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    h->fake.udp_send_error = 0;
    hub_close_extra(&h->hub, via);
    fake_env_settle(&h->fake);
    assert_int_equal(h->fake.sent_count, 1);
    assert_int_equal(addr_port(&h->fake.sent[0].to), 2);
}

static int pass_on(struct harness *h, const char *to)
{
    const struct quic_tx tx = {.path = {.kind = PATH_UDP, .remote = address(to)},
                               .data = (const uint8_t *)"others",
                               .len = 6,
                               .segment = 6};
    return hub_send_last(&h->hub, &tx);
}

static void what_is_not_ours_goes_last(void **state)
{
    struct harness *h = *state;

    queue(h, "192.0.2.7:1", NULL);
    queue(h, "192.0.2.7:2", NULL);
    h->fake.udp_send_error = -EAGAIN;
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    h->fake.udp_send_error = 0;
    assert_int_equal(pass_on(h, "192.0.2.8:3"), -EAGAIN);
    fake_udp_writable(&h->fake, fake_udp_on(&h->fake, 4433));
    assert_int_equal(h->rooms, 1);
    assert_int_equal(h->fake.sent_count, 2);
    assert_int_equal(pass_on(h, "192.0.2.8:3"), 0);
    assert_int_equal(addr_port(&h->fake.sent[0].to), 1);
    assert_int_equal(addr_port(&h->fake.sent[2].to), 3);
}

static void does_not_spin_while_a_socket_is_full(void **state)
{
    struct harness *h = *state;

    queue(h, "192.0.2.7:1", NULL);
    h->fake.udp_send_error = -EAGAIN;
    quic.deadline = h->fake.now + MSEC(1); /* and past from then on */
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    fake_env_advance(&h->fake, MSEC(1));
    size_t before = quic.dispatches;
    assert_in_range(before, 1, 2);
    fake_env_advance(&h->fake, SEC(1));
    assert_int_equal(quic.dispatches, before);
}

static void wakes_at_the_endpoints_deadline(void **state)
{
    struct harness *h = *state;

    quic.deadline = h->fake.now + MSEC(30);
    hub_wake(&h->hub);
    fake_env_settle(&h->fake);
    assert_int_equal(quic.dispatches, 1);
    fake_env_advance(&h->fake, MSEC(29));
    assert_int_equal(quic.dispatches, 1);
    quic.deadline = INSTANT_NEVER;
    fake_env_advance(&h->fake, MSEC(1));
    assert_int_equal(quic.dispatches, 2);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build, end)
    const struct CMUnitTest tests[] = {
        SENTENCE(feeds_a_batch_of_quic_in_one_piece),
        SENTENCE(picks_strangers_out_of_a_batch),
        SENTENCE(gives_probes_to_the_endpoint),
        SENTENCE(takes_relay_frames_in_batches_and_stun_messages_one_by_one),
        SENTENCE(an_extra_socket_carries_its_own_paths),
        SENTENCE(a_claimed_address_is_not_looked_into),
        SENTENCE(a_carrier_sends_and_brings_what_no_socket_does),
        SENTENCE(what_a_connection_brings_is_told_apart),
        SENTENCE(a_circuit_brings_no_frames_of_another),
        SENTENCE(sends_by_the_socket_of_the_family),
        SENTENCE(reaches_ipv4_through_nat64_where_there_is_ipv6_alone),
        SENTENCE(answers_by_the_socket_that_heard_the_question),
        SENTENCE(dials_from_no_loopback_address_to_the_outside),
        SENTENCE(answers_from_the_address_that_was_dialled_while_it_is_ours),
        SENTENCE(holds_what_a_full_socket_does_not_take),
        SENTENCE(a_full_socket_that_is_closed_holds_nobody_up),
        SENTENCE(what_is_not_ours_goes_last),
        SENTENCE(does_not_spin_while_a_socket_is_full),
        SENTENCE(wakes_at_the_endpoints_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
