/* From the configuration file to the registry and the node's options. */
#include "config/control/apply.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/settings/parse.h"
#include "gateway/identity/keys.h"
#include "tests/support/fake_env.h"

static struct fake_env env;
static struct registry *registry;
static struct peer_id alice, bob;
static char alice_text[PEER_ID_TEXT_MAX], bob_text[PEER_ID_TEXT_MAX], why[512];

static void make_id(struct peer_id *id, char text[static PEER_ID_TEXT_MAX], uint8_t seed)
{
    uint8_t secret[KEYS_SEED_LEN];
    struct keys keys;

    memset(secret, seed, sizeof(secret));
    keys_from_seed(&keys, secret);
    *id = keys.id;
    (void)peer_id_print(id, text);
    keys_wipe(&keys);
}

static int set_up(void **state)
{
    (void)state;
    fake_env_init(&env);
    assert_int_equal(registry_open(&registry, &env.env, why, sizeof(why)), 0);
    make_id(&alice, alice_text, 2);
    make_id(&bob, bob_text, 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    registry_free(registry);
    fake_env_deinit(&env);
    return 0;
}

/** Parses; every %A and %B in the text is an id. */
static void parse(struct settings *s, const char *format)
{
    char text[2048] = "";

    for (const char *c = format; *c; c++) {
        size_t len = strlen(text);
        if (c[0] == '%' && (c[1] == 'A' || c[1] == 'B'))
            (void)snprintf(text + len, sizeof(text) - len, "%s",
                           *++c == 'A' ? alice_text : bob_text);
        else
            (void)snprintf(text + len, sizeof(text) - len, "%c", *c);
    }
    assert_int_equal(settings_init(s), 0);
    assert_int_equal(settings_parse(s, "f", text, strlen(text), why, sizeof(why)), 0);
}

static int apply(const char *format)
{
    struct settings s;

    parse(&s, format);
    int err = settings_apply(&s, NULL, registry, "f", why, sizeof(why));
    settings_deinit(&s);
    return err;
}

static void refuses(const char *format, const char *complaint)
{
    assert_int_equal(apply(format), -EBADMSG);
    if (!strstr(why, complaint))
        fail_msg("%s\n is not\n%s", why, complaint);
}

static void options_reach_the_node(void **state)
{
    (void)state;
    struct settings s;
    struct node_options o;

    parse(&s, "[gateway]\nlisten = 192.0.2.1:4433\nport = random\nnetwork = lab\n"
              "nickname = me\n[lan]\nmode = public\n[limits]\nudp_idle_s = 2m\nrate = 1K\n"
              "max_peers = 3\nstreams_per_peer = 4\n[turn]\nca = turn.pem\n"
              "[dht]\nmode = client\nlisten = [::1]:9\nbootstrap = a.example:7\n"
              "relays = https://a.example, http://127.0.0.1:8\n"
              "[gateway]\npublish_addresses = on\npeer_exchange = on\n");
    settings_node_options(&s, "1.2.3", &o);
    settings_deinit(&s);
    assert_int_equal(addr_port(&o.listen[0]), 4433);
    assert_true(addr_is_none(&o.listen[1]));
    assert_false(o.port_kept);
    assert_string_equal(o.network, "lab");
    assert_string_equal(o.turn_ca, "turn.pem");
    assert_string_equal(o.nickname, "me");
    assert_true(o.publish_addresses);
    assert_true(o.peer_exchange);
    assert_int_equal(o.dht, NODE_DHT_CLIENT);
    assert_int_equal(addr_port(&o.dht_listen[0]), 9);
    assert_string_equal(o.dht_bootstrap[0].host, "a.example");
    assert_int_equal(o.dht_bootstrap[0].port, 7);
    assert_int_equal(o.dht_bootstrap[1].port, 0);
    assert_string_equal(o.pkarr_relay[1], "http://127.0.0.1:8");
    assert_string_equal(o.version, "1.2.3");
    assert_int_equal(o.lan, LAN_PUBLIC);
    assert_int_equal(o.udp_idle_s, 120);
    assert_int_equal(o.rate, 1024);
    assert_int_equal(o.max_peers, 3);
    assert_int_equal(o.streams_per_peer, 4);
}

static void peers_and_services_reach_the_registry(void **state)
{
    (void)state;

    assert_int_equal(apply("[peer alice]\nid = %A\naddress = 192.0.2.7:4433\n"
                           "[service web]\ntarget = 3000\nallow = alice, %B\nraw = yes\n"
                           "[service dns]\ntarget = 127.0.0.1:53\nproto = both\nallow = *\n"
                           "[service db]\ntarget = unix:/db\nport = 5432\n"),
                     0);
    const struct known_peer *peer = registry_peer_by_alias(registry, "alice");
    assert_non_null(peer);
    assert_true(peer->from_config && peer_id_equal(&peer->id, &alice));
    assert_int_equal(addr_port(&peer->address[0]), 4433);
    const struct service *web = registry_service(registry, "web");
    assert_string_equal(web->target, "localhost:3000");
    assert_int_equal(web->port, 3000);
    assert_true(web->from_config && web->raw && !web->public);
    assert_true(registry_may_use(registry, web, &alice, 0));
    assert_true(registry_may_use(registry, web, &bob, 0));
    assert_true(registry_service(registry, "dns")->public);
    assert_int_equal(registry_service(registry, "dns")->proto, SERVICE_BOTH);
    assert_int_equal(registry_service(registry, "db")->port, 5432);
}

static void what_the_file_says_is_never_saved(void **state)
{
    (void)state;

    assert_int_equal(apply("[peer alice]\nid = %A\n[service web]\ntarget = 3000\n"), 0);
    assert_int_equal(registry_set_alias(registry, &bob, "bob"), 0);
    assert_int_equal(registry_save(registry), 0);
    assert_null(strstr(fake_env_file(&env, REGISTRY_FILE), "web"));
    assert_null(strstr(fake_env_file(&env, REGISTRY_FILE), "\"alice\""));
    assert_non_null(strstr(fake_env_file(&env, REGISTRY_FILE), "bob"));
}

static void applying_again_replaces_what_the_file_said_before(void **state)
{
    (void)state;

    assert_int_equal(apply("[peer alice]\nid = %A\n[service web]\ntarget = 3000\n"), 0);
    assert_int_equal(apply("[peer al]\nid = %A\n[service app]\ntarget = 3000\n"), 0);
    assert_null(registry_peer_by_alias(registry, "alice"));
    assert_null(registry_service(registry, "web"));
    assert_non_null(registry_service(registry, "app"));
}

static void aliases_of_the_registry_may_stand_in_allow(void **state)
{
    (void)state;

    assert_int_equal(registry_set_alias(registry, &bob, "bob"), 0);
    assert_int_equal(apply("[service web]\ntarget = 3000\nallow = bob\n"), 0);
    assert_true(registry_may_use(registry, registry_service(registry, "web"), &bob, 0));
}

static void mistakes_are_named_with_their_line(void **state)
{
    (void)state;

    refuses("[service a]\ntarget = 1\nallow = nobody\n",
            "f:1: [service a]: 'nobody' in 'allow' is no peer we know");
    refuses("[mail]\nsmtp = smtp://me:secret@mail.example.org\nfrom = a@example.org\n",
            "f:2: [mail]: no name or password in a URL");
    refuses("[mail]\nimap = imap://localhost:x@mail.example.org/INBOX\n", "f:2: [mail]: no name");
    refuses("[service a]\ntarget = 192.0.2.1:1\n", "f:1: [service a]: 192.0.2.1:1 is another host");
    refuses("[service a]\ntarget = 169.254.169.254:80\noff_host = yes\n", "must not be shared");
    refuses("[service a]\ntarget = unix:/a\nport = 1\nproto = udp\n", "for TCP only");
    refuses("[service a]\ntarget = 53\nproto = udp\nraw = yes\n", "are about TCP");
    refuses("[service a]\ntarget = 1\nproxy_protocol = yes\npeer_header = yes\n",
            "exclude each other");
    refuses("[service a]\ntarget = 1\n[service b]\ntarget = 2\nport = 1\n",
            "f:3: [service b] has the port of [service a]");
    refuses("[peer a]\nid = %A\n[peer b]\nid = %A\n", "f:3: [peer b] has the id of [peer a]");
    refuses("[peer a]\nid = %A\nrelay = %A@169.254.1.1:4433\n", "is not PEER_ID@HOST:PORT");
    refuses("[peer a]\nid = yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n",
            "is not a peer id");
}

static void a_bad_file_leaves_what_was_there(void **state)
{
    (void)state;
    struct settings before, bad;

    parse(&before, "[peer alice]\nid = %A\n[service web]\ntarget = 3000\nallow = alice\n");
    assert_int_equal(settings_apply(&before, NULL, registry, "f", why, sizeof(why)), 0);
    parse(&bad, "[service a]\ntarget = 1\n[service b]\ntarget = 2\nport = 1\n");
    assert_int_equal(settings_apply(&bad, &before, registry, "f", why, sizeof(why)), -EBADMSG);
    assert_true(registry_may_use(registry, registry_service(registry, "web"), &alice, 0));
    assert_null(registry_service(registry, "a"));
    settings_deinit(&before);
    settings_deinit(&bad);
}

#define WITH_REGISTRY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(options_reach_the_node),
        WITH_REGISTRY(peers_and_services_reach_the_registry),
        WITH_REGISTRY(what_the_file_says_is_never_saved),
        WITH_REGISTRY(applying_again_replaces_what_the_file_said_before),
        WITH_REGISTRY(aliases_of_the_registry_may_stand_in_allow),
        WITH_REGISTRY(mistakes_are_named_with_their_line),
        WITH_REGISTRY(a_bad_file_leaves_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
