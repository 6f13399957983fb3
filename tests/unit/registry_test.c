/* The registry in a home of memory: what it keeps, what it refuses, and what survives what. */
#include "gateway/node/registry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"
#include "tests/support/keys_numbered.h"

#define NOW INT64_C(1767225600000000)

struct home {
    struct fake_env env;
    struct registry *r;
    struct peer_id alice, bob, carol;
    char why[160];
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static int move_in(void **state)
{
    static struct home home;
    struct home *h = &home;
    memset(h, 0, sizeof(*h));
    fake_env_init(&h->env);
    h->alice = keys_numbered(1).id;
    h->bob = keys_numbered(2).id;
    h->carol = keys_numbered(3).id;
    assert_int_equal(registry_open(&h->r, &h->env.env, h->why, sizeof(h->why)), 0);
    *state = h;
    return 0;
}

static int move_out(void **state)
{
    struct home *h = *state;
    registry_free(h->r);
    fake_env_deinit(&h->env);
    return 0;
}

/* The gateway ends and starts again. */
static void restart(struct home *h)
{
    assert_int_equal(registry_save(h->r), 0);
    registry_free(h->r);
    h->r = NULL;
    assert_int_equal(registry_open(&h->r, &h->env.env, h->why, sizeof(h->why)), 0);
}

static struct service web(void)
{
    return (struct service){
        .name = "web", .proto = SERVICE_TCP, .port = 80, .target = "127.0.0.1:3000"};
}

static void put_web(struct home *h, bool from_config, const char *target)
{
    struct service s = web();
    s.from_config = from_config;
    strcpy(s.target, target);
    assert_int_equal(registry_service_put(h->r, &s), 0);
}

static void put_config_peer(struct home *h, const struct peer_id *id, const char *alias)
{
    struct known_peer p = {.id = *id, .address = {at("203.0.113.1:1")}};
    strcpy(p.alias, alias);
    assert_int_equal(registry_peer_put_config(h->r, &p), 0);
}

static void is_empty_without_a_file_and_writes_none_by_itself(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_peer_count(h->r), 0);
    assert_int_equal(registry_service_count(h->r), 0);
    assert_int_equal(registry_port_count(h->r), 0);
    assert_null(registry_peer_at(h->r, 0));
    assert_null(registry_service_at(h->r, 0));
    assert_null(registry_port_at(h->r, 0));
    assert_null(fake_env_file(&h->env, REGISTRY_FILE));
}

static void keeps_everything_across_a_restart(void **state)
{
    struct home *h = *state;
    int err;

    assert_int_equal(registry_set_alias(h->r, &h->alice, "alice"), 0);
    struct known_peer *p = registry_peer_add(h->r, &h->alice, &err);
    p->address[0] = at("192.0.2.7:4433");
    p->address[1] = at("[fe80::1%2]:4433");
    snprintf(p->relay[0], sizeof(p->relay[0]), "%.52s@relay.example:443",
             peer_id_print(&h->bob, (char[PEER_ID_TEXT_MAX]){0}));
    char its[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1] = {{0}};
    snprintf(its[0], sizeof(its[0]), "%.52s@spare.example:443",
             peer_id_print(&h->carol, (char[PEER_ID_TEXT_MAX]){0}));
    assert_true(registry_peer_relays(h->r, &h->alice, its, 1));
    assert_false(registry_peer_relays(h->r, &h->alice, its, 1));
    assert_false(registry_peer_relays(h->r, &h->carol, its, 1));
    struct addr good = at("198.51.100.3:5");
    registry_good_address(h->r, &h->alice, &good);
    assert_int_equal(registry_block(h->r, &h->bob, true), 0);
    struct service s = web();
    s.proto = SERVICE_BOTH;
    s.raw = s.proxy_protocol = s.peer_header = s.off_host = true;
    s.expires_us = NOW + 5;
    s.allow = (struct peer_id[]){h->carol, h->alice, h->carol};
    s.allow_count = 3;
    s.connections = 77;
    assert_int_equal(registry_service_put(h->r, &s), 0);
    assert_int_equal(registry_deny(h->r, "web", &h->bob), 0);
    assert_int_equal(registry_port_put(h->r, &(struct port_assignment){.peer = h->alice,
                                                                       .service = "p22",
                                                                       .port = 20001,
                                                                       .remote_port = 22,
                                                                       .open = true,
                                                                       .proto = SERVICE_UDP,
                                                                       .at = at("127.0.0.2:22")}),
                     0);
    restart(h);

    p = registry_peer_by_alias(h->r, "alice");
    assert_non_null(p);
    assert_true(peer_id_equal(&p->id, &h->alice));
    assert_true(addr_equal(&p->address[1], &(struct addr[]){at("[fe80::1%2]:4433")}[0]));
    assert_true(addr_is_none(&p->address[2]));
    assert_true(addr_equal(&p->last_good[0], &good));
    assert_string_equal(p->relay[0] + 52, "@relay.example:443");
    assert_string_equal(p->its_relay[0], its[0]);
    assert_true(registry_is_blocked(h->r, &h->bob));
    struct service *kept = registry_service(h->r, "web");
    assert_int_equal(kept->proto, SERVICE_BOTH);
    assert_true(kept->raw && kept->proxy_protocol && kept->peer_header && kept->off_host);
    assert_false(kept->public);
    assert_int_equal(kept->expires_us, NOW + 5);
    assert_int_equal(kept->allow_count, 2);
    assert_int_equal(kept->deny_count, 1);
    assert_int_equal(kept->connections, 0);
    struct port_assignment *port = registry_port(h->r, &h->alice, "p22");
    assert_non_null(port);
    assert_true(port->open);
    assert_int_equal(port->port, 20001);
    assert_int_equal(port->remote_port, 22);
    assert_int_equal(port->proto, SERVICE_UDP);
    assert_int_equal(addr_port(&port->at), 22);
}

static void writes_nothing_when_nothing_changed(void **state)
{
    struct home *h = *state;
    put_web(h, false, "127.0.0.1:3000");
    restart(h);
    assert_int_equal(h->env.saves, 1);
    restart(h);
    assert_int_equal(h->env.saves, 1);
}

static void keeps_the_old_state_when_saving_fails(void **state)
{
    struct home *h = *state;
    put_web(h, false, "127.0.0.1:3000");
    assert_int_equal(registry_save(h->r), 0);
    assert_int_equal(registry_set_alias(h->r, &h->alice, "alice"), 0);
    h->env.save_error = -ENOSPC;
    assert_int_equal(registry_save(h->r), -ENOSPC);
    assert_int_equal(registry_reload(h->r, h->why, sizeof(h->why)), 0);
    assert_null(registry_peer_by_alias(h->r, "alice"));
    assert_non_null(registry_service(h->r, "web"));
    h->env.save_error = 0;
    assert_int_equal(registry_set_alias(h->r, &h->bob, "bob"), 0);
    assert_int_equal(registry_save(h->r), 0);
    assert_non_null(strstr(fake_env_file(&h->env, REGISTRY_FILE), "\"bob\""));
}

static void keeps_counters_and_the_configuration_through_a_reload(void **state)
{
    struct home *h = *state;
    put_web(h, false, "127.0.0.1:3000");
    assert_int_equal(registry_save(h->r), 0);
    registry_service(h->r, "web")->rx_bytes = 42;
    put_config_peer(h, &h->alice, "alice");
    struct service s = web();
    strcpy(s.name, "ssh");
    s.from_config = true;
    s.allow = &h->bob;
    s.allow_count = 1;
    assert_int_equal(registry_service_put(h->r, &s), 0);
    assert_int_equal(registry_reload(h->r, h->why, sizeof(h->why)), 0);
    assert_int_equal(registry_service(h->r, "web")->rx_bytes, 42);
    assert_non_null(registry_peer_by_alias(h->r, "alice"));
    assert_int_equal(registry_service(h->r, "ssh")->allow_count, 1);
}

static void gives_an_alias_to_one_peer_only(void **state)
{
    struct home *h = *state;
    static const char *const bad[] = {
        "", "-a", "a-", "A", "a.b", "a b", "a\n", "\xc3\xa4", "a23456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(registry_set_alias(h->r, &h->alice, bad[i]), -EINVAL);
    assert_int_equal(registry_peer_count(h->r), 0);

    assert_int_equal(registry_set_alias(h->r, &h->alice, "a2345678901234567890123456789012"), 0);
    assert_int_equal(registry_set_alias(h->r, &h->alice, "alice"), 0);
    assert_null(registry_peer_by_alias(h->r, "a2345678901234567890123456789012"));
    assert_int_equal(registry_set_alias(h->r, &h->bob, "alice"), -EEXIST);
    assert_int_equal(registry_peer_count(h->r), 1);
    assert_null(registry_peer_by_alias(h->r, ""));
}

static void one_alias_is_reserved_but_whoever_had_it_keeps_it(void **state)
{
    struct home *h = *state;
    char text[1 << 12];
    assert_int_equal(registry_set_alias(h->r, &h->alice, "localhost-check"), -EINVAL);
    assert_int_equal(registry_peer_count(h->r), 0);
    /* A file of the time before it was. */
    assert_int_equal(registry_set_alias(h->r, &h->alice, "localhost-cheek"), 0);
    assert_int_equal(registry_save(h->r), 0);
    (void)snprintf(text, sizeof(text), "%s", fake_env_file(&h->env, REGISTRY_FILE));
    strstr(text, "-cheek")[4] = 'c';
    fake_env_put_file(&h->env, REGISTRY_FILE, text);
    registry_free(h->r);
    assert_int_equal(registry_open(&h->r, &h->env.env, h->why, sizeof(h->why)), 0);
    assert_non_null(registry_peer_by_alias(h->r, "localhost-check"));
    assert_int_equal(registry_set_alias(h->r, &h->alice, "localhost-check"), 0);
    assert_int_equal(registry_set_alias(h->r, &h->bob, "localhost-check"), -EINVAL);
    restart(h);
    assert_non_null(registry_peer_by_alias(h->r, "localhost-check"));
}

static void forgets_a_peer_with_its_last_property(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_unname(h->r, "alice"), -ENOENT);
    assert_int_equal(registry_set_alias(h->r, &h->alice, "alice"), 0);
    struct addr good = at("198.51.100.3:5");
    registry_good_address(h->r, &h->alice, &good);
    assert_int_equal(registry_unname(h->r, "alice"), 0);
    assert_null(registry_peer(h->r, &h->alice));

    assert_int_equal(registry_set_alias(h->r, &h->bob, "bob"), 0);
    assert_int_equal(registry_block(h->r, &h->bob, true), 0);
    assert_int_equal(registry_unname(h->r, "bob"), 0);
    assert_true(registry_is_blocked(h->r, &h->bob));
    assert_int_equal(registry_block(h->r, &h->bob, false), 0);
    assert_null(registry_peer(h->r, &h->bob));
    assert_int_equal(registry_block(h->r, &h->carol, false), 0);
    assert_int_equal(registry_peer_count(h->r), 0);
}

static void lists_peers_by_alias_and_those_without_last(void **state)
{
    struct home *h = *state;
    int err;
    assert_non_null(registry_peer_add(h->r, &h->carol, &err));
    assert_int_equal(registry_set_alias(h->r, &h->bob, "zoe"), 0);
    assert_int_equal(registry_set_alias(h->r, &h->alice, "amy"), 0);
    assert_string_equal(registry_peer_at(h->r, 0)->alias, "amy");
    assert_string_equal(registry_peer_at(h->r, 1)->alias, "zoe");
    assert_true(peer_id_equal(&registry_peer_at(h->r, 2)->id, &h->carol));
}

static void finds_a_peer_as_people_write_it(void **state)
{
    struct home *h = *state;
    struct peer_id found;
    char text[PEER_ID_TEXT_MAX];

    assert_int_equal(registry_set_alias(h->r, &h->alice, "alice"), 0);
    assert_int_equal(registry_set_alias(h->r, &h->bob, "alina"), 0);
    assert_int_equal(registry_find_peer(h->r, "ALICE", &found), 0);
    assert_true(peer_id_equal(&found, &h->alice));
    assert_int_equal(registry_find_peer(h->r, "alin", &found), 0);
    assert_true(peer_id_equal(&found, &h->bob));
    assert_int_equal(registry_find_peer(h->r, "ali", &found), -ENOTUNIQ);
    assert_int_equal(registry_find_peer(h->r, "x", &found), -ENOENT);
    assert_int_equal(registry_find_peer(h->r, "", &found), -ENOENT);
    (void)peer_id_print(&h->carol, text); /* not known, but whole */
    assert_int_equal(registry_find_peer(h->r, text, &found), 0);
    assert_true(peer_id_equal(&found, &h->carol));
    text[10] = '\0';
    assert_int_equal(registry_find_peer(h->r, text, &found), -ENOENT);
    (void)peer_id_print(&h->alice, text);
    text[4] = '\0';
    assert_int_equal(registry_find_peer(h->r, text, &found), 0);
    assert_true(peer_id_equal(&found, &h->alice));
    text[3] = '\0';
    assert_int_equal(registry_find_peer(h->r, text, &found), -ENOENT);
}

static void is_private_until_somebody_is_allowed(void **state)
{
    struct home *h = *state;
    put_web(h, false, "127.0.0.1:3000");
    struct service *s = registry_service(h->r, "web");
    assert_false(registry_may_use(h->r, s, &h->alice, NOW));
    assert_false(registry_may_connect(h->r, &h->alice, NOW));
    assert_int_equal(registry_allow(h->r, "web", &h->alice), 0);
    assert_true(registry_may_use(h->r, s, &h->alice, NOW));
    assert_true(registry_may_connect(h->r, &h->alice, NOW));
    assert_false(registry_may_use(h->r, s, &h->bob, NOW));
    assert_int_equal(registry_allow(h->r, "none", &h->alice), -ENOENT);
}

static void lets_deny_beat_allow_and_a_block_beat_everything(void **state)
{
    struct home *h = *state;
    put_web(h, false, "127.0.0.1:3000");
    struct service *s = registry_service(h->r, "web");
    s->public = true;
    assert_true(registry_may_connect(h->r, &h->carol, NOW));
    assert_int_equal(registry_deny(h->r, "web", &h->alice), 0);
    assert_false(registry_may_use(h->r, s, &h->alice, NOW));
    assert_false(registry_may_connect(h->r, &h->alice, NOW));
    assert_int_equal(registry_allow(h->r, "web", &h->alice), 0);
    assert_true(registry_may_use(h->r, s, &h->alice, NOW));
    assert_int_equal(s->deny_count, 0);
    assert_int_equal(registry_block(h->r, &h->alice, true), 0);
    assert_false(registry_may_use(h->r, s, &h->alice, NOW));
    assert_false(registry_may_connect(h->r, &h->alice, NOW));
}

static struct addr_prefix prefix(const char *text)
{
    struct addr_prefix p;
    assert_int_equal(addr_prefix_parse(&p, text), 0);
    return p;
}

static void keeps_blocked_addresses(void **state)
{
    struct home *h = *state;
    const struct addr_prefix net = prefix("192.0.2.0/24"), one = prefix("2001:db8::7");
    char text[ADDR_PREFIX_TEXT_MAX];
    size_t count;

    assert_int_equal(registry_save(h->r), 0);
    assert_null(strstr(fake_env_file(&h->env, REGISTRY_FILE), "\"blocked\""));
    assert_int_equal(registry_block_addresses(h->r, &net, false), -ENOENT);
    assert_int_equal(registry_block_addresses(h->r, &net, true), 0);
    assert_int_equal(registry_block_addresses(h->r, &net, true), 0);
    assert_int_equal(registry_block_addresses(h->r, &one, true), 0);
    assert_int_equal(registry_save(h->r), 0);
    assert_int_equal(registry_reload(h->r, h->why, sizeof(h->why)), 0);
    const struct addr_prefix *list = registry_blocked_addresses(h->r, &count);
    assert_int_equal(count, 2);
    assert_string_equal(addr_prefix_print(&list[0], text), "192.0.2.0/24");
    assert_string_equal(addr_prefix_print(&list[1], text), "2001:db8::7");
    assert_int_equal(registry_block_addresses(h->r, &net, false), 0);
    (void)registry_blocked_addresses(h->r, &count);
    assert_int_equal(count, 1);
    for (unsigned i = 0; i < REGISTRY_BLOCKED_MAX; i++) {
        const struct addr_prefix more = {addr_v4((const uint8_t[4]){10, 0, 0, (uint8_t)i}, 0), 32};
        assert_int_equal(registry_block_addresses(h->r, &more, true),
                         i < REGISTRY_BLOCKED_MAX - 1 ? 0 : -ENOSPC);
    }
}

static void keeps_what_a_peer_was_blocked_for(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_block_for(h->r, &h->alice, "broke the protocol"), 0);
    assert_int_equal(registry_save(h->r), 0);
    assert_int_equal(registry_reload(h->r, h->why, sizeof(h->why)), 0);
    assert_true(registry_is_blocked(h->r, &h->alice));
    assert_string_equal(registry_peer(h->r, &h->alice)->blocked_why, "broke the protocol");
    assert_int_equal(registry_block(h->r, &h->alice, true), 0); /* by a person now */
    assert_string_equal(registry_peer(h->r, &h->alice)->blocked_why, "");
}

static void lets_known_peers_connect_though_nothing_is_shared(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_set_alias(h->r, &h->alice, "alice"), 0);
    assert_true(registry_may_connect(h->r, &h->alice, NOW));
    assert_false(registry_may_connect(h->r, &h->bob, NOW));
}

static void ends_a_service_at_its_time(void **state)
{
    struct home *h = *state;
    struct service s = web();
    const int64_t wall_us = env_wall_us(&h->env.env);
    s.public = true;
    s.expires_us = wall_us + 10;
    assert_int_equal(registry_service_put(h->r, &s), 0);
    struct service *kept = registry_service(h->r, "web");
    assert_true(registry_may_use(h->r, kept, &h->alice, wall_us + 9));
    assert_false(registry_may_use(h->r, kept, &h->alice, wall_us + 10));
    assert_false(registry_expire(h->r, wall_us + 9));
    assert_true(registry_expire(h->r, wall_us + 10));
    assert_null(registry_service(h->r, "web"));
}

static void a_wall_clock_set_back_prolongs_no_service(void **state)
{
    struct home *h = *state;
    struct service s = web();
    s.public = true;
    s.expires_us = env_wall_us(&h->env.env) + INT64_C(2) * 3600 * 1000000;
    assert_int_equal(registry_service_put(h->r, &s), 0);
    assert_int_equal(registry_save(h->r), 0);
    h->env.wall_us -= INT64_C(5) * 365 * 86400 * 1000000;
    /* Neither said again nor read again does it begin anew. */
    assert_int_equal(registry_service_put(h->r, &s), 0);
    assert_int_equal(registry_reload(h->r, h->why, sizeof(h->why)), 0);

    fake_env_advance(&h->env, SEC(7199));
    struct service *kept = registry_service(h->r, "web");
    assert_true(registry_may_use(h->r, kept, &h->alice, env_wall_us(&h->env.env)));
    assert_false(registry_expire(h->r, env_wall_us(&h->env.env)));
    fake_env_advance(&h->env, SEC(1));
    assert_false(registry_may_use(h->r, kept, &h->alice, env_wall_us(&h->env.env)));
    assert_false(registry_may_connect(h->r, &h->alice, env_wall_us(&h->env.env)));
    assert_true(registry_expire(h->r, env_wall_us(&h->env.env)));
}

static void a_wall_clock_set_forward_ends_what_had_a_time(void **state)
{
    struct home *h = *state;
    struct service s = web(), open_end = web();
    s.expires_us = env_wall_us(&h->env.env) + INT64_C(3600) * 1000000;
    strcpy(open_end.name, "always");
    assert_int_equal(registry_service_put(h->r, &s), 0);
    assert_int_equal(registry_service_put(h->r, &open_end), 0);
    h->env.wall_us += INT64_C(5) * 365 * 86400 * 1000000;
    assert_true(registry_expire(h->r, env_wall_us(&h->env.env)));
    assert_null(registry_service(h->r, "web"));
    assert_non_null(registry_service(h->r, "always"));
    /* One that can never come is none that has passed. */
    s.expires_us = INT64_MAX;
    assert_int_equal(registry_service_put(h->r, &s), 0);
    assert_false(registry_expire(h->r, env_wall_us(&h->env.env)));
}

static void finds_services_by_port_and_protocol(void **state)
{
    struct home *h = *state;
    struct service dns = {
        .name = "dns", .proto = SERVICE_UDP, .port = 53, .target = "127.0.0.1:5353"};
    put_web(h, false, "unix:/run/web.sock");
    assert_int_equal(registry_service_put(h->r, &dns), 0);
    assert_string_equal(registry_service_by_port(h->r, 53, SERVICE_UDP)->name, "dns");
    assert_null(registry_service_by_port(h->r, 53, SERVICE_TCP));
    assert_string_equal(registry_service_by_port(h->r, 80, SERVICE_TCP)->name, "web");
    assert_string_equal(registry_service_at(h->r, 0)->name, "dns");
    assert_int_equal(registry_service_remove(h->r, "dns"), 0);
    assert_int_equal(registry_service_remove(h->r, "dns"), -ENOENT);
    assert_null(registry_service_by_port(h->r, 53, SERVICE_UDP));
}

static void refuses_services_that_make_no_sense(void **state)
{
    struct home *h = *state;
    struct service s = web();
    s.port = 0;
    assert_int_equal(registry_service_put(h->r, &s), -EINVAL);
    s = web();
    s.name[0] = '-';
    assert_int_equal(registry_service_put(h->r, &s), -EINVAL);
    s = web();
    s.proto = 0;
    assert_int_equal(registry_service_put(h->r, &s), -EINVAL);
    s = web();
    strcpy(s.target, "192.0.2.7:80");
    assert_int_equal(registry_service_put(h->r, &s), -EINVAL);
    s.off_host = true;
    assert_int_equal(registry_service_put(h->r, &s), 0);
}

static void takes_local_targets_and_others_only_when_asked(void **state)
{
    static const char *const local[] = {"127.0.0.1:3000", "127.9.9.9:1", "[::1]:65535",
                                        "localhost:80",   "unix:/a",     "unix:/run/a b.sock"};
    static const char *const other[] = {
        "192.0.2.7:80", "[2001:db8::1]:80", "host.example:80", "10.0.0.1:22", "a:1", "x_y.lan:1"};
    static const char *const never[] = {
        "",
        "3000",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        ":80",
        "unix:",
        "unix:a",
        "unix:/",
        "unix:/a\nb",
        "localhost",
        "localhost:",
        "169.254.169.254:80",
        "[::ffff:169.254.169.254]:80",
        "[fe80::1%1]:80",
        "0.0.0.0:80",
        "[::]:80",
        "224.0.0.1:80",
        "169.254.1.1:80",
        "a b:80",
        "-a:80",
        "0251.0376.0251.0376:80",
        "2852039166:80",
        "0xa9fea9fe:80",
        "169.254.43518:80",
        "host.:80",
        "http://a:80",
        "::1:80",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        assert_true(registry_target_ok(local[i], false));
        assert_true(registry_target_ok(local[i], true));
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        assert_false(registry_target_ok(other[i], false));
        assert_true(registry_target_ok(other[i], true));
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        assert_false(registry_target_ok(never[i], true));
    char longest[] = {[253] = ':', [254] = '1', [255] = '\0'}, beyond[257] = "";
    memset(longest, 'a', 253);
    assert_true(registry_target_ok(longest, true));
    memset(beyond, 'a', 254);
    strcpy(beyond + 254, ":1");
    assert_false(registry_target_ok(beyond, true));
}

static void takes_no_relay_that_it_would_not_read_again(void **state)
{
    static const struct {
        const char *at;
        bool ok;
    } cases[] = {
        {"@relay.example:443", true},
        {"@relay.example:4433/443", true},
        {"@[2001:db8::1]:4433/8443", true},
        {"@relay.example:4433/0", false},
        {"@relay.example:4433/", false},
        {"@relay.example:4433/443/1", false},
        {"@relay.example/443", false},
        {"@192.0.2.1:443", true},
        {"@[2001:db8::1]:443", true},
        {"@localhost:443", true},
        {"@169.254.1.1:443", false},
        {"@0.0.0.0:443", false},
        {"@1.2.3:443", false},
        {"@host:0", false},
        {"@host", false},
        {"@", false},
        {"", false},
        {"relay.example:443", false},
        {"@unix:/relay", false},
        {"@a:1,b@c:2", false},
    };
    struct home *h = *state;
    char id[PEER_ID_TEXT_MAX], text[PEER_RELAY_MAX + 3];
    int err;
    struct known_peer *p = registry_peer_add(h->r, &h->alice, &err);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "%s%s", peer_id_print(&h->alice, id), cases[i].at);
        assert_int_equal(registry_relay_ok(text), cases[i].ok);
        if (!cases[i].ok)
            continue;
        strcpy(p->relay[0], text);
        restart(h);
        p = registry_peer(h->r, &h->alice);
        assert_string_equal(p->relay[0], text);
    }
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, id, PEER_ID_TEXT_LEN);
    memcpy(text + PEER_ID_TEXT_LEN, "@", 1);
    strcpy(text + PEER_RELAY_MAX - 1, ":10");
    assert_false(registry_relay_ok(text));
    text[PEER_RELAY_MAX - 2] = ':';
    strcpy(text + PEER_RELAY_MAX - 1, "1");
    assert_true(registry_relay_ok(text));
    memset(id, 'b', PEER_ID_TEXT_LEN);
    snprintf(text, sizeof(text), "%s@relay.example:443", id);
    assert_false(registry_relay_ok(text));
}

static void hides_a_stored_service_behind_the_configuration_files(void **state)
{
    struct home *h = *state;
    struct service s = web();
    put_web(h, false, "127.0.0.1:1");
    put_web(h, true, "127.0.0.1:2");
    assert_int_equal(registry_service_count(h->r), 1);
    assert_string_equal(registry_service(h->r, "web")->target, "127.0.0.1:2");
    assert_int_equal(registry_service_put(h->r, &s), -EPERM);
    assert_int_equal(registry_service_remove(h->r, "web"), -EPERM);
    put_web(h, true, "127.0.0.1:3");
    assert_string_equal(registry_service(h->r, "web")->target, "127.0.0.1:3");
    assert_int_equal(registry_save(h->r), 0);
    assert_null(strstr(fake_env_file(&h->env, REGISTRY_FILE), "127.0.0.1:3"));
    registry_drop_config(h->r);
    assert_string_equal(registry_service(h->r, "web")->target, "127.0.0.1:1");
}

static void keeps_a_grant_for_a_service_of_the_configuration_file(void **state)
{
    struct home *h = *state;
    struct service s = web();
    s.from_config = true;
    s.allow = (struct peer_id[]){h->alice};
    s.allow_count = 1;
    assert_int_equal(registry_service_put(h->r, &s), 0);
    assert_int_equal(registry_allow(h->r, "web", &h->bob), 0);
    assert_int_equal(registry_deny(h->r, "web", &h->alice), 0);
    restart(h);
    assert_null(registry_service(h->r, "web"));
    assert_int_equal(registry_service_put(h->r, &s), 0);
    struct service *kept = registry_service(h->r, "web");
    assert_true(registry_may_use(h->r, kept, &h->bob, NOW));
    assert_false(registry_may_use(h->r, kept, &h->alice, NOW));
    assert_int_equal(registry_allow(h->r, "web", &h->alice), 0);
    assert_true(registry_may_use(h->r, kept, &h->alice, NOW));
}

static void puts_a_stored_peer_back_when_the_configuration_file_lets_go(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_set_alias(h->r, &h->alice, "stored"), 0);
    put_config_peer(h, &h->alice, "filed");
    assert_non_null(registry_peer_by_alias(h->r, "filed"));
    assert_null(registry_peer_by_alias(h->r, "stored"));
    assert_int_equal(registry_set_alias(h->r, &h->alice, "other"), -EPERM);
    assert_int_equal(registry_unname(h->r, "filed"), -EPERM);
    assert_int_equal(registry_block(h->r, &h->alice, true), 0);
    assert_int_equal(registry_save(h->r), 0);
    assert_null(strstr(fake_env_file(&h->env, REGISTRY_FILE), "filed"));
    registry_drop_config(h->r);
    assert_non_null(registry_peer_by_alias(h->r, "stored"));
    assert_null(registry_peer_by_alias(h->r, "filed"));
    assert_true(registry_is_blocked(h->r, &h->alice));
    assert_true(addr_is_none(&registry_peer(h->r, &h->alice)->address[0]));
}

static void gives_an_alias_away_that_the_configuration_file_hides(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_set_alias(h->r, &h->alice, "laptop"), 0);
    put_config_peer(h, &h->alice, "filed");
    assert_int_equal(registry_set_alias(h->r, &h->bob, "laptop"), 0);
    restart(h); /* two of one name would refuse it */
    assert_true(peer_id_equal(&registry_peer_by_alias(h->r, "laptop")->id, &h->bob));
    assert_string_equal(registry_peer(h->r, &h->alice)->alias, "");
}

static void gives_an_alias_back_that_the_configuration_file_gave_to_another(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_set_alias(h->r, &h->alice, "laptop"), 0);
    put_config_peer(h, &h->alice, "filed");
    put_config_peer(h, &h->bob, "laptop");
    registry_drop_config(h->r);
    assert_true(peer_id_equal(&registry_peer_by_alias(h->r, "laptop")->id, &h->alice));
    assert_null(registry_peer(h->r, &h->bob));
    assert_int_equal(registry_unname(h->r, "laptop"), 0);
    assert_int_equal(registry_set_alias(h->r, &h->bob, "laptop"), 0);
    put_config_peer(h, &h->bob, "filed");
    put_config_peer(h, &h->alice, "laptop");
    registry_drop_config(h->r);
    assert_true(peer_id_equal(&registry_peer_by_alias(h->r, "laptop")->id, &h->bob));
}

static void lets_nobody_in_whom_only_the_old_configuration_knew(void **state)
{
    struct home *h = *state;
    struct addr good = at("198.51.100.3:5");
    put_config_peer(h, &h->alice, "alice");
    registry_good_address(h->r, &h->alice, &good);
    restart(h);
    assert_false(registry_may_connect(h->r, &h->alice, NOW));
    put_config_peer(h, &h->alice, "alice");
    assert_true(addr_equal(&registry_peer(h->r, &h->alice)->last_good[0], &good));
    registry_drop_config(h->r);
    assert_false(registry_may_connect(h->r, &h->alice, NOW));
    put_config_peer(h, &h->alice, "alice");
    assert_true(addr_equal(&registry_peer(h->r, &h->alice)->last_good[0], &good));
}

static void tries_a_configuration_without_a_home(void **state)
{
    struct home *h = *state;
    struct registry *r;
    struct service s = web();

    s.from_config = true;
    assert_int_equal(registry_open(&r, NULL, h->why, sizeof(h->why)), 0);
    assert_int_equal(registry_service_put(r, &s), 0);
    assert_int_equal(registry_allow(r, "web", &h->alice), 0);
    assert_true(registry_may_use(r, registry_service(r, "web"), &h->alice, NOW));
    assert_false(registry_may_connect(r, &h->bob, NOW));
    registry_free(r);
}

static void refuses_a_configured_alias_of_another_peer(void **state)
{
    struct home *h = *state;
    struct known_peer p = {.id = h->bob, .alias = "alice"};
    assert_int_equal(registry_set_alias(h->r, &h->alice, "alice"), 0);
    assert_int_equal(registry_peer_put_config(h->r, &p), -EEXIST);
    strcpy(p.alias, "Bob");
    assert_int_equal(registry_peer_put_config(h->r, &p), -EINVAL);
    assert_int_equal(registry_peer_count(h->r), 1);
}

static void remembers_the_newest_good_addresses_of_known_peers(void **state)
{
    struct home *h = *state;
    int err;
    struct known_peer *p = registry_peer_add(h->r, &h->alice, &err);
    for (uint16_t port = 1; port <= 12; port++) {
        struct addr a = addr_loopback(false, port);
        registry_good_address(h->r, &h->alice, &a);
        registry_good_address(h->r, &h->bob, &a);
    }
    assert_int_equal(addr_port(&p->last_good[0]), 12);
    assert_int_equal(addr_port(&p->last_good[7]), 5);
    struct addr again = addr_loopback(false, 9);
    registry_good_address(h->r, &h->alice, &again);
    assert_int_equal(addr_port(&p->last_good[0]), 9);
    assert_int_equal(addr_port(&p->last_good[1]), 12);
    assert_int_equal(addr_port(&p->last_good[7]), 5);
    assert_null(registry_peer(h->r, &h->bob));
}

static void has_one_port_for_a_service_of_a_peer(void **state)
{
    struct home *h = *state;
    struct port_assignment p = {
        .peer = h->alice, .service = "web", .port = 20001, .proto = SERVICE_TCP};
    assert_int_equal(registry_port_put(h->r, &p), 0);
    p.peer = h->bob;
    p.port = 20002;
    assert_int_equal(registry_port_put(h->r, &p), 0);
    p.open = true;
    assert_int_equal(registry_port_put(h->r, &p), 0);
    assert_int_equal(registry_port_count(h->r), 2);
    assert_true(registry_port(h->r, &h->bob, "web")->open);
    assert_true(peer_id_equal(&registry_port_owner(h->r, 20001)->peer, &h->alice));
    assert_null(registry_port_owner(h->r, 20003));
    assert_null(registry_port(h->r, &h->alice, "ssh"));
}

static void stops_at_its_limits(void **state)
{
    struct home *h = *state;
    struct peer_id id = {{0}};
    int err = 0;
    for (unsigned i = 0; i < REGISTRY_PEERS_MAX; i++) {
        memcpy(id.key, &i, sizeof(i));
        assert_non_null(registry_peer_add(h->r, &id, &err));
    }
    memset(id.key, 0xff, 32);
    assert_null(registry_peer_add(h->r, &id, &err));
    assert_int_equal(err, -ENOSPC);
    assert_int_equal(registry_block(h->r, &id, true), -ENOSPC);

    struct service s = web();
    for (unsigned i = 0; i < REGISTRY_SERVICES_MAX; i++) {
        snprintf(s.name, sizeof(s.name), "s%u", i);
        assert_int_equal(registry_service_put(h->r, &s), 0);
    }
    assert_int_equal(registry_service_put(h->r, &s), 0);
    strcpy(s.name, "one-more");
    assert_int_equal(registry_service_put(h->r, &s), -ENOSPC);
    for (unsigned i = 0; i < REGISTRY_GRANTS_MAX; i++) {
        memcpy(id.key, &i, sizeof(i));
        assert_int_equal(registry_allow(h->r, "s1", &id), 0);
    }
    memset(id.key, 0xfe, 32);
    assert_int_equal(registry_allow(h->r, "s1", &id), -ENOSPC);

    struct port_assignment p = {.proto = SERVICE_TCP, .service = "web", .port = 1};
    for (unsigned i = 0; i < REGISTRY_PORTS_MAX; i++) {
        memcpy(p.peer.key, &i, sizeof(i));
        assert_int_equal(registry_port_put(h->r, &p), 0);
    }
    p.peer = id;
    assert_int_equal(registry_port_put(h->r, &p), -ENOSPC);
}

/* An id that the tests' files may use; "ID" in them stands for it. */
static void expand(char *out, size_t room, const char *text, const struct peer_id *id)
{
    size_t at_out = 0;
    char print[PEER_ID_TEXT_MAX];
    for (; *text && at_out + PEER_ID_TEXT_MAX < room; text++) {
        if (strncmp(text, "ID", 2) == 0) {
            at_out += (size_t)sprintf(out + at_out, "%s", peer_id_print(id, print));
            text++;
        } else {
            out[at_out++] = *text;
        }
    }
    out[at_out] = '\0';
}

#define EMPTY_REST "\"services\":[],\"grants\":[],\"ports\":[],\"remembered\":[]}"

static void names_the_line_of_what_is_wrong_and_touches_nothing(void **state)
{
    struct home *h = *state;
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "registry.json:1: "},
        {"{\n\"version\": 1,\n\"peers\": [}", "registry.json:3: "},
        {"[]", "registry.json:1: not a registry"},
        {"{\n\"version\":2}", "registry.json:2: of another version of overlay"},
        {"{\"version\":1}", "registry.json:1: a section is missing"},
        {"{\"version\":1,\n\"peers\":{}," EMPTY_REST, "registry.json:2: not an array"},
        {"{\"version\":1,\"peers\":[],\"more\":1," EMPTY_REST,
         "registry.json:1: has a section that is not known here"},
        {"{\"version\":1,\"peers\":[\n{\"id\":\"ID\"},\n{\"id\":\"ID\"}\n]," EMPTY_REST,
         "registry.json:3: id: given twice"},
        {"{\"version\":1,\"peers\":[\n{},\n]," EMPTY_REST, "registry.json:3: "},
        {"{\"version\":1,\"peers\":[\n1]," EMPTY_REST, "registry.json:2: not an object"},
        {"{\"version\":1,\"peers\":[\n{}]," EMPTY_REST, "registry.json:2: id: not a peer id"},
        {"{\"version\":1,\"peers\":[\n{\"id\":\"IDy\"}]," EMPTY_REST,
         "registry.json:2: id: not a peer id"},
        {"{\"version\":1,\"peers\":[{\"id\":\"ID\",\n\"alias\":\"A\"}]," EMPTY_REST,
         "registry.json:1: alias: not valid"},
        {"{\"version\":1,\"peers\":[{\"id\":\"ID\",\"alias\":5}]," EMPTY_REST,
         "registry.json:1: alias: not a string"},
        {"{\"version\":1,\"peers\":[{\"id\":\"ID\",\"blocked\":1}]," EMPTY_REST,
         "registry.json:1: blocked: not true or false"},
        {"{\"version\":1,\"peers\":[{\"id\":\"ID\",\"addresses\":[\"1.2.3.4\"]}]," EMPTY_REST,
         "registry.json:1: addresses: not an IP:PORT"},
        {"{\"version\":1,\"peers\":[{\"id\":\"ID\",\"addresses\":[1,2,3,4,5,6,7,8,9]}]," EMPTY_REST,
         "registry.json:1: addresses: too many"},
        {"{\"version\":1,\"peers\":[{\"id\":\"ID\",\"relays\":[\"x@y:1\"]}]," EMPTY_REST,
         "registry.json:1: relays: not a PEER_ID@HOST:PORT"},
        {"{\"version\":1,\"peers\":[{\"id\":\"ID\",\"colour\":\"red\"}]," EMPTY_REST,
         "registry.json:1: has a member that is not known here"},
        {"{\"version\":1,\"peers\":[],\"services\":[\n{\"name\":\"web\",\"proto\":\"sctp\"}],"
         "\"grants\":[],\"ports\":[],\"remembered\":[]}",
         "registry.json:2: proto: not tcp, udp or both"},
        {"{\"version\":1,\"peers\":[],\"services\":[\n\n{\"name\":\"web\",\"proto\":\"tcp\","
         "\"port\":80,\"target\":\"169.254.169.254:80\",\"off_host\":true}],"
         "\"grants\":[],\"ports\":[],\"remembered\":[]}",
         "registry.json:3: target: not a target"},
        {"{\"version\":1,\"peers\":[],\"services\":[{\"name\":\"web\",\"proto\":\"tcp\","
         "\"port\":65536,\"target\":\"127.0.0.1:80\"}],"
         "\"grants\":[],\"ports\":[],\"remembered\":[]}",
         "registry.json:1: port: not a number in range"},
        {"{\"version\":1,\"peers\":[],\"services\":[],\"grants\":[],\"ports\":[\n"
         "{\"peer\":\"ID\",\"service\":\"web\",\"proto\":\"tcp\"}],\"remembered\":[]}",
         "registry.json:2: port: missing"},
        {"{\"version\":1,\"version\":1}", "registry.json:1: "},
    };
    char text[1024];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct registry *r = NULL;
        expand(text, sizeof(text), bad[i].text, &h->alice);
        fake_env_put_file(&h->env, REGISTRY_FILE, text);
        assert_int_equal(registry_open(&r, &h->env.env, h->why, sizeof(h->why)), -EBADMSG);
        assert_null(r);
        h->why[strlen(bad[i].why)] = '\0';
        assert_string_equal(h->why, bad[i].why);
        assert_string_equal(fake_env_file(&h->env, REGISTRY_FILE), text);
    }
}

static void refuses_a_file_cut_anywhere(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_set_alias(h->r, &h->alice, "alice"), 0);
    put_web(h, false, "127.0.0.1:3000");
    assert_int_equal(registry_save(h->r), 0);
    char whole[1024], cut[1024];
    strcpy(whole, fake_env_file(&h->env, REGISTRY_FILE));
    for (size_t len = 0; len + 1 < strlen(whole); len++) {
        struct registry *r = NULL;
        memcpy(cut, whole, len);
        cut[len] = '\0';
        fake_env_put_file(&h->env, REGISTRY_FILE, cut);
        assert_int_equal(registry_open(&r, &h->env.env, h->why, sizeof(h->why)), -EBADMSG);
    }
}

static void says_why_the_file_cannot_be_read(void **state)
{
    struct home *h = *state;
    struct registry *r = NULL;
    h->env.load_error = -EACCES;
    assert_int_equal(registry_open(&r, &h->env.env, h->why, sizeof(h->why)), -EACCES);
    assert_string_equal(h->why, "registry.json: must be ours and closed to others (chmod 600)");
}

#define IN_A_HOME(test) cmocka_unit_test_setup_teardown(test, move_in, move_out)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_HOME(is_empty_without_a_file_and_writes_none_by_itself),
        IN_A_HOME(keeps_everything_across_a_restart),
        IN_A_HOME(writes_nothing_when_nothing_changed),
        IN_A_HOME(keeps_the_old_state_when_saving_fails),
        IN_A_HOME(keeps_counters_and_the_configuration_through_a_reload),
        IN_A_HOME(gives_an_alias_to_one_peer_only),
        IN_A_HOME(one_alias_is_reserved_but_whoever_had_it_keeps_it),
        IN_A_HOME(forgets_a_peer_with_its_last_property),
        IN_A_HOME(lists_peers_by_alias_and_those_without_last),
        IN_A_HOME(finds_a_peer_as_people_write_it),
        IN_A_HOME(is_private_until_somebody_is_allowed),
        IN_A_HOME(lets_deny_beat_allow_and_a_block_beat_everything),
        IN_A_HOME(keeps_blocked_addresses),
        IN_A_HOME(keeps_what_a_peer_was_blocked_for),
        IN_A_HOME(lets_known_peers_connect_though_nothing_is_shared),
        IN_A_HOME(ends_a_service_at_its_time),
        IN_A_HOME(a_wall_clock_set_back_prolongs_no_service),
        IN_A_HOME(a_wall_clock_set_forward_ends_what_had_a_time),
        IN_A_HOME(finds_services_by_port_and_protocol),
        IN_A_HOME(refuses_services_that_make_no_sense),
        IN_A_HOME(takes_local_targets_and_others_only_when_asked),
        IN_A_HOME(takes_no_relay_that_it_would_not_read_again),
        IN_A_HOME(hides_a_stored_service_behind_the_configuration_files),
        IN_A_HOME(keeps_a_grant_for_a_service_of_the_configuration_file),
        IN_A_HOME(puts_a_stored_peer_back_when_the_configuration_file_lets_go),
        IN_A_HOME(gives_an_alias_away_that_the_configuration_file_hides),
        IN_A_HOME(gives_an_alias_back_that_the_configuration_file_gave_to_another),
        IN_A_HOME(lets_nobody_in_whom_only_the_old_configuration_knew),
        IN_A_HOME(tries_a_configuration_without_a_home),
        IN_A_HOME(refuses_a_configured_alias_of_another_peer),
        IN_A_HOME(remembers_the_newest_good_addresses_of_known_peers),
        IN_A_HOME(has_one_port_for_a_service_of_a_peer),
        IN_A_HOME(stops_at_its_limits),
        IN_A_HOME(names_the_line_of_what_is_wrong_and_touches_nothing),
        IN_A_HOME(refuses_a_file_cut_anywhere),
        IN_A_HOME(says_why_the_file_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
