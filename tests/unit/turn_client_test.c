/* The TURN client against a small server of our own, under a virtual clock. */
#include "gateway/relay/turn_client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/stun.h"

enum offer { OFFER_NOTHING, OFFER_BOTH, OFFER_STRUCK };

struct world {
    struct turn_client c;
    instant now;
    /* the server */
    struct turn_auth auth; /* what it expects */
    enum offer offer;
    const char *password;
    bool open; /* wants no credentials */
    bool dead, unsigned_answers;
    unsigned nonce;
    unsigned fail_allocate, fail_refresh, fail_peer; /* an error instead */
    uint32_t lifetime;
    unsigned requests[16]; /* by method */
    uint32_t asked_lifetime;
    struct addr bound, permitted;
    uint16_t channel;
    uint8_t request[STUN_MAX], answer[STUN_MAX];
    size_t request_len, answer_len;
    struct turn_received received;
};

static struct world world;

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct world *start(bool stream)
{
    struct world *w = &world;
    memset(w, 0, sizeof(*w));
    struct turn_options options = {
        .server = at("192.0.2.1:3478"), .stream = stream, .user = "alice", .password = "secret"};
    memset(options.seed, 3, sizeof(options.seed));
    w->lifetime = 600;
    w->password = "secret";
    w->now = SEC(1);
    assert_int_equal(turn_client_init(&w->c, &options, w->now), 0);
    return w;
}

/* ---- the server ---- */

static void put_challenge(struct world *w, struct stun_writer *out)
{
    static const uint8_t BOTH[] = {0, 2, 0, 0, 0, 1, 0, 0};
    char nonce[32] = "nonce-0";
    if (w->offer != OFFER_NOTHING)
        memcpy(nonce, "obMatJos2gAAA-0", 16);
    nonce[strlen(nonce) - 1] = (char)('0' + w->nonce);
    stun_put_text(out, STUN_REALM, "example.org");
    stun_put_text(out, STUN_NONCE, nonce);
    if (w->offer == OFFER_BOTH)
        stun_put(out, STUN_PASSWORD_ALGORITHMS, BOTH, sizeof(BOTH));
}

/* The error this request deserves, 0: none. */
static unsigned judge(struct world *w, const struct stun_message *m)
{
    char nonce[64] = "";
    uint8_t key[STUN_KEY_MAX];
    bool sha256 = w->offer == OFFER_BOTH;

    if (w->open)
        return 0;
    if (stun_get_text(m, STUN_NONCE, nonce, sizeof(nonce)) < 0)
        return 401;
    size_t len = stun_long_term_key(key, sha256 ? STUN_ALGORITHM_SHA256 : STUN_ALGORITHM_MD5,
                                    "alice", "example.org", w->password);
    if (stun_check_integrity(m, sha256 ? STUN_INTEGRITY_SHA256 : STUN_INTEGRITY_SHA1, key, len) < 0)
        return 401;
    assert_int_equal(stun_has(m, STUN_PASSWORD_ALGORITHM), sha256);
    assert_true(stun_has(m, STUN_USERNAME));
    return nonce[strlen(nonce) - 1] == (char)('0' + w->nonce) ? 0 : 438;
}

static unsigned injected(const struct world *w, uint16_t method)
{
    if (method == STUN_ALLOCATE)
        return w->fail_allocate;
    return method == STUN_REFRESH ? w->fail_refresh : w->fail_peer;
}

static void put_success(struct world *w, const struct stun_message *m, struct stun_writer *out)
{
    struct addr relayed = at("198.51.100.7:50000"), mapped = at("203.0.113.9:4000");
    if (m->method == STUN_ALLOCATE) {
        stun_put_address(out, STUN_XOR_RELAYED_ADDRESS, &relayed);
        stun_put_address(out, STUN_XOR_MAPPED_ADDRESS, &mapped);
    }
    if (m->method == STUN_ALLOCATE || m->method == STUN_REFRESH) {
        assert_int_equal(stun_get_u32(m, STUN_LIFETIME, &w->asked_lifetime), 0);
        stun_put_u32(out, STUN_LIFETIME, w->lifetime);
    }
    if (m->method == STUN_CHANNEL_BIND) {
        assert_int_equal(stun_get_address(m, STUN_XOR_PEER_ADDRESS, &w->bound), 0);
        assert_int_equal(stun_get_u16(m, STUN_CHANNEL_NUMBER, &w->channel), 0);
    }
    if (m->method == STUN_CREATE_PERMISSION)
        assert_int_equal(stun_get_address(m, STUN_XOR_PEER_ADDRESS, &w->permitted), 0);
}

static void sign(struct world *w, struct stun_writer *out)
{
    uint8_t key[STUN_KEY_MAX];
    bool sha256 = w->offer == OFFER_BOTH;
    if (w->open || w->unsigned_answers)
        return;
    size_t len = stun_long_term_key(key, sha256 ? STUN_ALGORITHM_SHA256 : STUN_ALGORITHM_MD5,
                                    "alice", "example.org", w->password);
    stun_put_integrity(out, sha256 ? STUN_INTEGRITY_SHA256 : STUN_INTEGRITY_SHA1, key, len);
}

/* Writes the answer to w->request into w->answer. */
static void serve(struct world *w)
{
    struct stun_message m;
    struct stun_writer out;

    assert_int_equal(stun_read(&m, w->request, w->request_len), 0);
    assert_int_equal(m.class, STUN_REQUEST);
    w->requests[m.method]++;
    unsigned code = judge(w, &m);
    bool challenge = code != 0;
    if (!challenge)
        code = injected(w, m.method);
    stun_begin(&out, w->answer, sizeof(w->answer), code ? STUN_ERROR : STUN_SUCCESS, m.method,
               m.id);
    if (code)
        stun_put_error(&out, code, "because");
    if (challenge)
        put_challenge(w, &out);
    if (code == 300) {
        struct addr other = at("192.0.2.2:3478");
        stun_put_address(&out, STUN_ALTERNATE_SERVER, &other);
    }
    if (!code)
        put_success(w, &m, &out);
    if (!challenge)
        sign(w, &out);
    w->answer_len = stun_end(&out);
}

static int give(struct world *w)
{
    struct addr server = w->c.server;
    return turn_client_input(&w->c, w->now, &server, w->answer, w->answer_len, &w->received);
}

/* Goes on until nothing is due before `until`. */
static void run_until(struct world *w, instant until)
{
    for (;;) {
        while ((w->request_len = turn_client_output(&w->c, w->now, w->request)) > 0) {
            serve(w);
            if (!w->dead)
                (void)!give(w);
        }
        instant due = turn_client_deadline(&w->c);
        if (due > until)
            break;
        w->now = due;
    }
    if (until != INSTANT_NEVER)
        w->now = until;
}

static void settle(struct world *w)
{
    run_until(w, w->now);
}

static void open_peer(struct world *w, const char *peer)
{
    struct addr a = at(peer);
    assert_int_equal(turn_client_open(&w->c, w->now, &a), 0);
    settle(w);
    assert_int_equal(turn_client_peer(&w->c, &a), TURN_PEER_OPEN);
}

/* ---- the tests ---- */

static void gets_an_address_with_user_and_password(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr relayed = at("198.51.100.7:50000"), mapped = at("203.0.113.9:4000");
    settle(w);
    assert_int_equal(w->c.state, TURN_READY);
    assert_true(addr_equal(&w->c.relayed, &relayed));
    assert_true(addr_equal(&w->c.mapped, &mapped));
    assert_int_equal(w->requests[STUN_ALLOCATE], 2); /* the first was challenged */
    assert_int_equal(w->asked_lifetime, TURN_LIFETIME);
}

static void gets_one_without_where_none_is_wanted(void **state)
{
    (void)state;
    struct world *w = start(false);
    w->open = true;
    settle(w);
    assert_int_equal(w->c.state, TURN_READY);
    assert_int_equal(w->requests[STUN_ALLOCATE], 1);
}

static void uses_sha_256_where_it_is_offered(void **state)
{
    (void)state;
    struct world *w = start(false);
    w->offer = OFFER_BOTH;
    settle(w);
    assert_int_equal(w->c.state, TURN_READY);
    assert_int_equal(w->c.auth.algorithm, STUN_ALGORITHM_SHA256);
}

static void refuses_a_challenge_that_was_weakened_on_its_way(void **state)
{
    (void)state;
    struct world *w = start(false);
    w->offer = OFFER_STRUCK;
    settle(w);
    assert_int_equal(w->c.state, TURN_FAILED);
    assert_int_equal(w->c.failure, TURN_UNAUTHORIZED);
}

static void a_wrong_password_is_not_tried_again(void **state)
{
    (void)state;
    struct world *w = start(false);
    w->password = "other";
    settle(w);
    assert_int_equal(w->c.state, TURN_FAILED);
    assert_int_equal(w->c.failure, TURN_UNAUTHORIZED);
    assert_int_equal(w->requests[STUN_ALLOCATE], 2);
    assert_int_equal(turn_client_deadline(&w->c), INSTANT_NEVER);
}

static void a_stale_nonce_is_renewed(void **state)
{
    (void)state;
    struct world *w = start(false);
    settle(w);
    w->nonce++;
    open_peer(w, "198.51.100.20:5000");
    assert_int_equal(w->requests[STUN_CHANNEL_BIND], 2);
    w->nonce++;
    run_until(w, w->now + SEC(301));
    assert_int_equal(w->c.state, TURN_READY);
    assert_true(w->requests[STUN_REFRESH] >= 1);
}

static void a_server_that_calls_every_nonce_stale_is_left(void **state)
{
    (void)state;
    struct world *w = start(false);
    settle(w);
    struct addr peer = at("198.51.100.20:5000");
    assert_int_equal(turn_client_open(&w->c, w->now, &peer), 0);
    for (unsigned i = 0; i < 9 && w->c.state == TURN_READY; i++) {
        w->nonce++;
        w->request_len = turn_client_output(&w->c, w->now, w->request);
        assert_true(w->request_len > 0);
        serve(w);
        assert_int_equal(give(w), 0);
    }
    assert_int_equal(w->c.state, TURN_FAILED);
    assert_true(w->requests[STUN_CHANNEL_BIND] <= 4);
}

static void silence_ends_after_9_5_s(void **state)
{
    (void)state;
    struct world *w = start(false);
    w->dead = true;
    run_until(w, w->now + MSEC(9499));
    assert_int_equal(w->c.state, TURN_ALLOCATING);
    assert_int_equal(w->requests[STUN_ALLOCATE], 5);
    run_until(w, w->now + MSEC(1));
    assert_int_equal(w->c.state, TURN_FAILED);
    assert_int_equal(w->c.failure, TURN_SILENT);
    assert_int_equal(w->requests[STUN_ALLOCATE], 5);
}

static void over_a_stream_nothing_is_said_twice(void **state)
{
    (void)state;
    struct world *w = start(true);
    w->dead = true;
    run_until(w, w->now + SEC(60));
    assert_int_equal(w->c.state, TURN_FAILED);
    assert_int_equal(w->requests[STUN_ALLOCATE], 1);
}

static void repetitions_are_the_same_bytes(void **state)
{
    (void)state;
    struct world *w = start(false);
    uint8_t first[STUN_MAX];
    size_t len = turn_client_output(&w->c, w->now, first);
    w->now += MSEC(500);
    assert_int_equal(turn_client_output(&w->c, w->now, w->request), len);
    assert_memory_equal(first, w->request, len);
}

static void errors_have_clear_reasons(void **state)
{
    (void)state;
    static const struct {
        unsigned code;
        enum turn_failure failure;
    } CASE[] = {{403, TURN_FORBIDDEN},    {437, TURN_MISMATCH},    {440, TURN_UNSUPPORTED},
                {441, TURN_UNAUTHORIZED}, {442, TURN_UNSUPPORTED}, {486, TURN_QUOTA},
                {508, TURN_CAPACITY},     {500, TURN_REFUSED}};
    for (unsigned i = 0; i < 8; i++) {
        struct world *w = start(false);
        w->fail_allocate = CASE[i].code;
        settle(w);
        assert_int_equal(w->c.state, TURN_FAILED);
        assert_int_equal(w->c.failure, CASE[i].failure);
        assert_non_null(strstr(w->c.reason, "because"));
    }
}

static void goes_to_the_server_it_is_sent_to(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr other = at("192.0.2.2:3478");
    w->fail_allocate = 300;
    /* challenge, then 300 */
    for (unsigned i = 0; i < 2; i++) {
        w->request_len = turn_client_output(&w->c, w->now, w->request);
        serve(w);
        assert_int_equal(give(w), 0);
    }
    assert_true(addr_equal(&w->c.server, &other));
    w->fail_allocate = 0;
    settle(w);
    assert_int_equal(w->c.state, TURN_READY);
}

static void is_not_sent_in_circles(void **state)
{
    (void)state;
    struct world *w = start(false);
    w->fail_allocate = 300; /* the second server names itself */
    settle(w);
    assert_int_equal(w->c.state, TURN_FAILED);
    assert_int_equal(w->c.failure, TURN_MISDIRECTED);
}

static void a_stream_must_be_made_anew_to_move(void **state)
{
    (void)state;
    struct world *w = start(true);
    w->fail_allocate = 300;
    settle(w);
    assert_int_equal(w->c.state, TURN_MOVED);
    assert_int_equal(turn_client_deadline(&w->c), INSTANT_NEVER);
    w->fail_allocate = 0;
    turn_client_reconnected(&w->c, w->now);
    settle(w);
    assert_int_equal(w->c.state, TURN_READY);
}

static void data_goes_in_channels_both_ways(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr peer = at("198.51.100.20:5000");
    uint8_t header[TURN_CHANNEL_HEADER];
    size_t padding = 9;

    assert_int_equal(turn_client_frame(&w->c, &peer, 5, header, &padding), -ENOTCONN);
    settle(w);
    assert_int_equal(turn_client_frame(&w->c, &peer, 5, header, &padding), -ENOTCONN);
    open_peer(w, "198.51.100.20:5000");
    assert_true(addr_equal(&w->bound, &peer));
    assert_int_equal(turn_client_frame(&w->c, &peer, 5, header, &padding), 0);
    assert_memory_equal(header, "\x40\x00\0\5", 4);
    assert_int_equal(padding, 0);
    assert_int_equal(turn_client_frame(&w->c, &peer, TURN_DATA_MAX + 1, header, &padding),
                     -ENOTCONN);

    memcpy(w->answer, "\x40\x00\0\5hello", 9);
    for (w->answer_len = 0; w->answer_len < 9; w->answer_len++)
        assert_int_equal(give(w), -EBADMSG);
    assert_int_equal(give(w), 1);
    assert_true(addr_equal(&w->received.peer, &peer));
    assert_int_equal(w->received.len, 5);
    assert_memory_equal(w->received.data, "hello", 5);
    w->answer[1] = 1; /* a channel that nobody has */
    assert_int_equal(give(w), -EBADMSG);
}

static void streams_pad_to_four_bytes(void **state)
{
    (void)state;
    struct world *w = start(true);
    struct addr peer = at("198.51.100.20:5000");
    uint8_t header[TURN_CHANNEL_HEADER];
    size_t padding;
    settle(w);
    open_peer(w, "198.51.100.20:5000");
    assert_int_equal(turn_client_frame(&w->c, &peer, 5, header, &padding), 0);
    assert_int_equal(padding, 3);
}

static int indicate(struct world *w, const char *from)
{
    struct stun_writer out;
    struct addr peer = at(from);
    uint8_t id[STUN_ID_LEN] = {1};
    stun_begin(&out, w->answer, sizeof(w->answer), STUN_INDICATION, STUN_DATA_INDICATION, id);
    stun_put_address(&out, STUN_XOR_PEER_ADDRESS, &peer);
    stun_put(&out, STUN_DATA, "hi", 2);
    w->answer_len = stun_end(&out);
    return give(w);
}

static void takes_data_from_another_port_of_a_peer_but_of_nobody_else(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr other_port = at("198.51.100.20:666");
    settle(w);
    open_peer(w, "198.51.100.20:5000");
    assert_int_equal(indicate(w, "198.51.100.20:666"), 1);
    assert_true(addr_equal(&w->received.peer, &other_port));
    assert_memory_equal(w->received.data, "hi", 2);
    assert_int_equal(indicate(w, "198.51.100.21:5000"), -EBADMSG);
}

static void everything_is_renewed_at_half_life(void **state)
{
    (void)state;
    struct world *w = start(false);
    settle(w);
    open_peer(w, "198.51.100.20:5000");
    run_until(w, w->now + MSEC(149999));
    assert_int_equal(w->requests[STUN_CREATE_PERMISSION], 0);
    run_until(w, w->now + MSEC(1));
    assert_int_equal(w->requests[STUN_CREATE_PERMISSION], 1);
    assert_int_equal(w->requests[STUN_REFRESH], 0);
    run_until(w, w->now + SEC(150));
    assert_int_equal(w->requests[STUN_REFRESH], 1);
    assert_int_equal(w->requests[STUN_CHANNEL_BIND], 2);
    run_until(w, w->now + SEC(3600));
    assert_int_equal(w->c.state, TURN_READY);
    assert_int_equal(w->requests[STUN_REFRESH], 13);
    assert_int_equal(w->requests[STUN_CHANNEL_BIND], 14);
}

static void an_absurd_lifetime_is_bounded(void **state)
{
    (void)state;
    struct world *w = start(false);
    w->lifetime = 0;
    settle(w);
    assert_int_equal(w->c.refresh_at, w->now + SEC(15));
    w = start(false);
    w->lifetime = UINT32_MAX;
    settle(w);
    assert_int_equal(w->c.refresh_at, w->now + SEC(1800));
}

static void a_server_that_restarted_gets_everything_anew(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr peer = at("198.51.100.20:5000");
    settle(w);
    open_peer(w, "198.51.100.20:5000");
    w->fail_refresh = 437;
    run_until(w, w->now + SEC(300));
    assert_int_equal(w->c.state, TURN_READY);
    assert_int_equal(w->requests[STUN_ALLOCATE], 3);
    assert_int_equal(turn_client_peer(&w->c, &peer), TURN_PEER_OPEN);
    run_until(w, w->now + SEC(3000)); /* but not for ever */
    assert_int_equal(w->c.state, TURN_FAILED);
    assert_int_equal(w->c.failure, TURN_MISMATCH);
}

static void a_peer_that_is_refused_says_so_and_may_be_tried_again(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr peer = at("198.51.100.20:5000"), six = at("[2001:db8::1]:5000");
    settle(w);
    w->fail_peer = 403;
    assert_int_equal(turn_client_open(&w->c, w->now, &peer), 0);
    settle(w);
    assert_int_equal(turn_client_peer(&w->c, &peer), TURN_PEER_REFUSED);
    assert_int_equal(w->c.peer[0].code, 403);
    assert_int_equal(w->c.state, TURN_READY);
    w->fail_peer = 0;
    open_peer(w, "198.51.100.20:5000");
    assert_int_equal(turn_client_open(&w->c, w->now, &six), -EADDRNOTAVAIL);
}

static void has_room_for_so_many_peers(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr peer = at("198.51.100.20:1");
    settle(w);
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++) {
        addr_set_port(&peer, (uint16_t)(1000 + i));
        assert_int_equal(turn_client_open(&w->c, w->now, &peer), 0);
    }
    settle(w);
    assert_int_equal(w->channel, TURN_CHANNEL_FIRST + TURN_PEERS_MAX - 1);
    addr_set_port(&peer, 5000);
    assert_int_equal(turn_client_open(&w->c, w->now, &peer), -ENOSPC);
    addr_set_port(&peer, 1005);
    turn_client_shut(&w->c, &peer);
    assert_int_equal(turn_client_peer(&w->c, &peer), TURN_PEER_NONE);
    open_peer(w, "198.51.100.20:1005"); /* its channel is still its own */
    assert_int_equal(w->channel, TURN_CHANNEL_FIRST + 5);
    turn_client_shut(&w->c, &peer);
    open_peer(w, "198.51.100.20:5000");
    assert_int_equal(w->channel, TURN_CHANNEL_FIRST + TURN_PEERS_MAX);
}

/* Opens the way to one of 65536 peers and lets it lapse. Returns its channel, 0: there is none. */
static uint16_t visit(struct world *w, unsigned number)
{
    struct addr peer = at("198.51.100.20:1");
    addr_set_port(&peer, (uint16_t)(1 + number));
    if (turn_client_open(&w->c, w->now, &peer) < 0)
        return 0;
    settle(w);
    turn_client_shut(&w->c, &peer);
    return w->channel;
}

static void a_channel_gets_another_peer_when_the_server_has_forgotten_the_first(void **state)
{
    (void)state;
    struct world *w = start(false);
    const unsigned all = TURN_CHANNEL_LAST - TURN_CHANNEL_FIRST + 1;
    settle(w);
    open_peer(w, "198.51.100.20:60000"); /* stays, and keeps the first */
    for (unsigned i = 1; i < all; i++)
        assert_int_equal(visit(w, i), TURN_CHANNEL_FIRST + i);
    assert_int_equal(visit(w, all), 0);
    run_until(w, w->now + SEC(899));
    assert_int_equal(visit(w, all), 0);
    run_until(w, w->now + SEC(1));
    for (unsigned i = 0; i < 100; i++)
        assert_in_range(visit(w, all + i), TURN_CHANNEL_FIRST + 1, TURN_CHANNEL_LAST);
}

static void a_permission_that_is_given_does_not_hide_a_silent_channel(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr peer = at("198.51.100.20:5000");
    settle(w);
    open_peer(w, "198.51.100.20:5000");
    w->dead = true;
    w->c.peer[0].permit_at = INSTANT_NEVER;
    w->c.refresh_at = INSTANT_NEVER;
    w->c.peer[0].bind_at = w->now;
    w->c.peer[0].permit_at = w->now + MSEC(500 + 1000 + 2000 + 4000 + 2000);
    run_until(w, w->c.peer[0].permit_at);
    assert_int_equal(turn_client_peer(&w->c, &peer), TURN_PEER_REFUSED);
}

static void gives_the_address_back_at_the_end(void **state)
{
    (void)state;
    struct world *w = start(false);
    settle(w);
    turn_client_close(&w->c, w->now);
    settle(w);
    assert_int_equal(w->c.state, TURN_CLOSED);
    assert_int_equal(w->asked_lifetime, 0);
    w = start(false);
    settle(w);
    w->dead = true;
    turn_client_close(&w->c, w->now);
    run_until(w, w->now + SEC(4));
    assert_int_equal(w->c.state, TURN_CLOSED);
    w = start(false);
    turn_client_close(&w->c, w->now);
    assert_int_equal(w->c.state, TURN_CLOSED);
    assert_int_equal(turn_client_output(&w->c, w->now, w->request), 0);
}

static void believes_no_answer_without_its_mac(void **state)
{
    (void)state;
    struct world *w = start(false);
    w->unsigned_answers = true;
    settle(w);
    assert_int_equal(w->c.state, TURN_ALLOCATING); /* challenged, and then nothing believable */
}

static void believes_only_its_server(void **state)
{
    (void)state;
    struct world *w = start(false);
    struct addr stranger = at("192.0.2.1:3479");
    w->open = true;
    w->request_len = turn_client_output(&w->c, w->now, w->request);
    serve(w);
    assert_int_equal(
        turn_client_input(&w->c, w->now, &stranger, w->answer, w->answer_len, &w->received),
        -EBADMSG);
    for (size_t len = 0, whole = w->answer_len; len < whole; len++) {
        w->answer_len = len;
        assert_int_equal(give(w), -EBADMSG);
        w->answer_len = whole;
    }
    w->answer[12] ^= 1; /* another transaction */
    assert_int_equal(give(w), -EBADMSG);
    w->answer[12] ^= 1;
    assert_int_equal(give(w), 0);
    assert_int_equal(give(w), -EBADMSG); /* once */
}

static void time_limited_credentials_follow_from_the_secret(void **state)
{
    (void)state;
    char user[TURN_USER_MAX + 1], password[TURN_PASSWORD_MAX + 1];
    turn_rest_credentials("north", 1893456000, "overlay", user, password);
    assert_string_equal(user, "1893456000:overlay");
    assert_string_equal(password, "tFOQwuVwFCJ+uV64RVZ1N6HspUo="); /* by another implementation */
}

static void credentials_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char text[TURN_USER_MAX + 2];
    struct turn_options options = {.server = at("192.0.2.1:3478"), .user = text, .password = "p"};
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(turn_client_init(&world.c, &options, 0), -EINVAL);
    options.user = "u";
    options.password = text;
    assert_int_equal(turn_client_init(&world.c, &options, 0), -EINVAL);
    text[TURN_USER_MAX] = '\0';
    assert_int_equal(turn_client_init(&world.c, &options, 0), 0);
    turn_client_wipe(&world.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_an_address_with_user_and_password),
        cmocka_unit_test(gets_one_without_where_none_is_wanted),
        cmocka_unit_test(uses_sha_256_where_it_is_offered),
        cmocka_unit_test(refuses_a_challenge_that_was_weakened_on_its_way),
        cmocka_unit_test(a_wrong_password_is_not_tried_again),
        cmocka_unit_test(a_stale_nonce_is_renewed),
        cmocka_unit_test(a_server_that_calls_every_nonce_stale_is_left),
        cmocka_unit_test(silence_ends_after_9_5_s),
        cmocka_unit_test(over_a_stream_nothing_is_said_twice),
        cmocka_unit_test(repetitions_are_the_same_bytes),
        cmocka_unit_test(errors_have_clear_reasons),
        cmocka_unit_test(goes_to_the_server_it_is_sent_to),
        cmocka_unit_test(is_not_sent_in_circles),
        cmocka_unit_test(a_stream_must_be_made_anew_to_move),
        cmocka_unit_test(data_goes_in_channels_both_ways),
        cmocka_unit_test(streams_pad_to_four_bytes),
        cmocka_unit_test(takes_data_from_another_port_of_a_peer_but_of_nobody_else),
        cmocka_unit_test(everything_is_renewed_at_half_life),
        cmocka_unit_test(an_absurd_lifetime_is_bounded),
        cmocka_unit_test(a_server_that_restarted_gets_everything_anew),
        cmocka_unit_test(a_peer_that_is_refused_says_so_and_may_be_tried_again),
        cmocka_unit_test(has_room_for_so_many_peers),
        cmocka_unit_test(a_channel_gets_another_peer_when_the_server_has_forgotten_the_first),
        cmocka_unit_test(a_permission_that_is_given_does_not_hide_a_silent_channel),
        cmocka_unit_test(gives_the_address_back_at_the_end),
        cmocka_unit_test(believes_no_answer_without_its_mac),
        cmocka_unit_test(believes_only_its_server),
        cmocka_unit_test(time_limited_credentials_follow_from_the_secret),
        cmocka_unit_test(credentials_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
