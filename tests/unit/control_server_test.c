/* The control socket: every command, against a fake node. */
#include "config/control/server.h"

#include <errno.h>
#include <stdio.h>

#include "tests/support/control_stage.h"
#include "tests/support/local_world.h"

static struct stage stage;

static int set_up(void **state)
{
    (void)state;
    stage_init(&stage);
    stage_serve(&stage);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_deinit(&stage);
    return 0;
}

/** The answer holds this text. */
static void says(const char *line, const char *part)
{
    const char *answer = stage_ask(&stage, line);

    if (!strstr(answer, part))
        fail_msg("%s\n answered %s\n expected %s", line, answer, part);
}

static void named(const char *format, const char *id, const char *part)
{
    char line[512];

    (void)snprintf(line, sizeof(line), format, id);
    says(line, part);
}

/* ---- protocol ---- */

static void malformed_requests_are_told_so(void **state)
{
    (void)state;

    says("", "\"code\":2");
    says("{", "not JSON");
    says("[]", "a request is an object");
    says("{\"cmd\":3}", "a request is an object");
    says("{\"cmd\":\"id\",\"cmd\":\"id\"}", "not JSON");
    says("{\"cmd\":\"fly\"}", "unknown command 'fly'");
    says("{\"cmd\":\"id\",\"x\":1}", "unknown argument \\\"x\\\"");
    says("{\"cmd\":\"block\"}", "\\\"peer\\\" is missing");
    says("{\"cmd\":\"block\",\"peer\":3}", "is not what it should be");
    says("{\"cmd\":\"block\",\"peer\":\"\"}", "is not what it should be");
    says("{\"cmd\":\"block\",\"peer\":\"a\\nb\"}", "is not what it should be");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"port\":-1}", "is not what it should be");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"to\":[1]}", "is not what it should be");
}

static void several_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);

    stage_say(caller, "{\"cmd\":\"id\"}\n{\"cmd\":\"fly\"}\n{\"cmd\":\"id\"}");
    const char *answer = stage_heard(&stage, caller);
    assert_int_equal(strncmp(answer, "{\"ok\":true", 10), 0);
    assert_non_null(strstr(answer, "}\n{\"error\":\"unknown command"));
    assert_non_null(strstr(answer, "\"hint\":null}\n{\"ok\":true"));
    stage_leave(caller);
    assert_true(fake_sock_closed(caller));
}

static void a_request_may_arrive_byte_by_byte(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);
    const char *line = "{\"cmd\":\"id\"}\n";

    for (const char *c = line; *c; c++) {
        assert_string_equal(stage_heard(&stage, caller), "");
        fake_sock_says(caller, c, 1);
    }
    assert_non_null(strstr(stage_heard(&stage, caller), "\"ok\":true"));
    stage_leave(caller);
}

static void a_truncated_request_changes_nothing(void **state)
{
    (void)state;
    const char *line = "{\"cmd\":\"share\",\"target\":\"3000\"}";

    for (size_t len = 0; len < strlen(line); len++) {
        struct sock *caller = stage_call(&stage);
        fake_sock_says(caller, line, len);
        fake_sock_ends(caller);
        assert_string_equal(stage_heard(&stage, caller), "");
        assert_true(fake_sock_closed(caller));
    }
    assert_int_equal(registry_service_count(stage.registry), 0);
}

static void a_line_of_more_than_a_mebibyte_ends_the_caller(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);
    char block[1 << 14];

    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 63; i++)
        fake_sock_says(caller, block, sizeof(block));
    assert_false(fake_sock_closed(caller));
    fake_sock_says(caller, block, sizeof(block));
    assert_true(fake_sock_closed(caller));
}

static void the_33rd_caller_is_refused_and_the_others_stay(void **state)
{
    (void)state;
    struct sock *caller[32];

    for (int i = 0; i < 32; i++)
        caller[i] = stage_call(&stage);

    struct sock_listener *l = fake_listener_on_path(&stage.env, STAGE_SOCKET);
    struct sock *more = fake_accept(&stage.env, l, NULL);
    assert_non_null(strstr(stage_heard(&stage, more), "too many callers"));
    assert_true(fake_sock_closed(more));
    stage_say(caller[0], "{\"cmd\":\"id\"}");
    assert_non_null(strstr(stage_heard(&stage, caller[0]), "\"ok\":true"));
    for (int i = 0; i < 32; i++)
        stage_leave(caller[i]);
    says("{\"cmd\":\"id\"}", "\"ok\":true");
}

static void a_caller_that_reads_nothing_is_answered_no_further(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);

    fake_sock_room(caller, 0);
    for (int i = 0; i < 100; i++)
        stage_say(caller, "{\"cmd\":\"share\",\"target\":\"3000\"}");
    assert_int_equal(stage.node.changed, 1);
    fake_sock_room(caller, 1 << 20);
    assert_int_equal(stage.node.changed, 100);
    stage_leave(caller);
}

/* ---- registry commands ---- */

static void peers_are_added_named_and_unnamed(void **state)
{
    (void)state;

    named("{\"cmd\":\"peer\",\"id\":\"%s\",\"alias\":\"alice\",\"addresses\":[\"192.0.2.7:4433\"]}",
          stage.alice_text, "\"192.0.2.7:4433\"");
    assert_int_equal(stage.node.changed, 1);
    assert_non_null(strstr(fake_env_file(&stage.env, REGISTRY_FILE), stage.alice_text));
    named("{\"cmd\":\"peer\",\"id\":\"%s\",\"relays\":["
          "\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy@relay.example:443\"]}",
          stage.alice_text,
          "'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy@relay.example:443' is not "
          "PEER_ID@HOST:PORT");
    named("{\"cmd\":\"peer\",\"id\":\"%s\",\"addresses\":[\"192.0.2.8\"]}", stage.alice_text,
          "'192.0.2.8' is not IP:PORT");
    named("{\"cmd\":\"name\",\"alias\":\"alice\",\"id\":\"%s\"}", stage.bob_text, "\"code\":1");
    named("{\"cmd\":\"name\",\"alias\":\"Bob!\",\"id\":\"%s\"}", stage.bob_text, "\"code\":2");
    named("{\"cmd\":\"name\",\"alias\":\"bob\",\"id\":\"%s\"}", stage.bob_text, "\"ok\":true");
    says("{\"cmd\":\"name\",\"alias\":\"carol\",\"id\":\"abc\"}", "is not a peer id");
    says("{\"cmd\":\"resolve\",\"name\":\"bob\"}", stage.bob_text);
    says("{\"cmd\":\"resolve\",\"name\":\"web.bob.overlay\"}", "\"service\":\"web\"");
    says("{\"cmd\":\"resolve\",\"name\":\"nobody.overlay\"}", "\"code\":3");
    says("{\"cmd\":\"complete\",\"what\":\"peers\"}", "\"result\":[\"alice\",\"bob\"]");
    says("{\"cmd\":\"unname\",\"alias\":\"bob\"}", "\"ok\":true");
    says("{\"cmd\":\"unname\",\"alias\":\"bob\"}", "\"code\":3");
}

static void nothing_changes_when_saving_fails(void **state)
{
    (void)state;

    stage.env.save_error = -ENOSPC;
    named("{\"cmd\":\"name\",\"alias\":\"alice\",\"id\":\"%s\"}", stage.alice_text,
          "No space left on device");
    stage.env.save_error = 0;
    assert_null(registry_peer_by_alias(stage.registry, "alice"));
    says("{\"cmd\":\"resolve\",\"name\":\"alice\"}", "\"code\":3");
}

static void allow_deny_and_block_change_the_registry(void **state)
{
    (void)state;

    named("{\"cmd\":\"name\",\"alias\":\"alice\",\"id\":\"%s\"}", stage.alice_text, "ok");
    says("{\"cmd\":\"allow\",\"peer\":\"alice\",\"service\":\"web\"}", "unknown service 'web'");
    says("{\"cmd\":\"share\",\"target\":\"3000\"}", "ok");
    says("{\"cmd\":\"allow\",\"peer\":\"nobody\",\"service\":\"web\"}", "unknown peer 'nobody'");
    says("{\"cmd\":\"allow\",\"peer\":\"al\",\"service\":\"web\"}", "ok");
    assert_true(
        registry_may_use(stage.registry, registry_service(stage.registry, "web"), &stage.alice, 0));
    says("{\"cmd\":\"deny\",\"peer\":\"alice\",\"service\":\"web\"}", "ok");
    assert_false(
        registry_may_use(stage.registry, registry_service(stage.registry, "web"), &stage.alice, 0));
    says("{\"cmd\":\"block\",\"peer\":\"alice\"}", "\"blocked\":true");
    assert_true(registry_is_blocked(stage.registry, &stage.alice));
    says("{\"cmd\":\"unblock\",\"peer\":\"alice\"}", "\"blocked\":false");
    assert_false(registry_is_blocked(stage.registry, &stage.alice));
}

static void addresses_are_blocked_as_peers_are(void **state)
{
    (void)state;
    size_t count;

    says("{\"cmd\":\"block\",\"peer\":\"192.0.2.0/24\"}", "\"addresses\":\"192.0.2.0/24\"");
    says("{\"cmd\":\"block\",\"peer\":\"2001:db8::7\"}", "\"blocked\":true");
    (void)registry_blocked_addresses(stage.registry, &count);
    assert_int_equal(count, 2);
    assert_int_equal(stage.node.changed, 2);
    says("{\"cmd\":\"block\",\"peer\":\"192.0.2.1/24\"}", "bits set behind its first 24");
    says("{\"cmd\":\"unblock\",\"peer\":\"192.0.2.0/24\"}", "\"blocked\":false");
    says("{\"cmd\":\"unblock\",\"peer\":\"192.0.2.0/24\"}", "is not blocked by a command");
}

/* ---- invite, revoke ---- */

static void invite_makes_a_code_for_a_service(void **state)
{
    (void)state;

    says("{\"cmd\":\"invite\"}", "\"service\":null"); /* to become a peer, no more */
    says("{\"cmd\":\"share\",\"target\":\"3000\"}", "\"invite\":null");
    says("{\"cmd\":\"share\",\"target\":\"3000\",\"invite\":true}",
         "\"invite\":{\"code\":\"2-cobalt-lemon\"");
    says("{\"cmd\":\"invite\"}", "\"service\":\"web\"");
    says("{\"cmd\":\"share\",\"target\":\"22\"}", "ok");
    says("{\"cmd\":\"invite\"}", "to which service? ssh, web");
    says("{\"cmd\":\"invite\",\"service\":\"blog\"}", "\"code\":3");
    says("{\"cmd\":\"invite\",\"service\":\"ssh\",\"uses\":0}", "from 1 to 100");
    says("{\"cmd\":\"invite\",\"service\":\"ssh\",\"uses\":101}", "from 1 to 100");
    says("{\"cmd\":\"invite\",\"service\":\"ssh\",\"for\":\"2d\"}", "not a time up to 24h");
    says("{\"cmd\":\"invite\",\"service\":\"ssh\",\"uses\":3,\"for\":\"1h\"}",
         "\"uses\":3,\"tries\":3,\"expires_s\":3600");
    says("{\"cmd\":\"ls\"}", "\"invites\":[{\"code\":\"1-cobalt-lemon\"");
    for (size_t i = stage.node.invite_count; i < NODE_INVITES_MAX; i++)
        says("{\"cmd\":\"invite\",\"service\":\"ssh\"}", "ok");
    says("{\"cmd\":\"invite\",\"service\":\"ssh\"}", "16 invites are open already");
    says("{\"cmd\":\"share\",\"target\":\"3000\",\"invite\":true}", "\"invite\":null");
}

static void invite_tells_who_comes_to_those_that_wait(void **state)
{
    struct sock *caller = stage_call(&stage);
    struct node_invite_event e = {.what = NODE_INVITE_JOINED, .number = 2, .alias = "bob"};
    (void)state;

    stage_say(caller, "{\"cmd\":\"invite\",\"wait\":true}");
    struct node_invite_watch *w = stage.node.watching;
    assert_non_null(w);
    assert_non_null(strstr(stage_heard(&stage, caller), "\"event\":\"invited\""));
    w->event(w, &e); /* another invite's */
    e.number = 1;
    assert_string_equal(stage_heard(&stage, caller), "");
    w->event(w, &e);
    assert_non_null(strstr(stage_heard(&stage, caller), "\"peer\":\"bob\""));
    e = (struct node_invite_event){.what = NODE_INVITE_WRONG, .number = 1, .tries = 2};
    w->event(w, &e);
    assert_non_null(strstr(stage_heard(&stage, caller), "\"tries\":2"));
    e.what = NODE_INVITE_ENDED;
    w->event(w, &e);
    assert_non_null(strstr(stage_heard(&stage, caller), "\"ended\":true"));
    stage_leave(caller);
}

static void revoke_takes_back_what_an_invite_gave(void **state)
{
    int err;
    (void)state;

    says("{\"cmd\":\"share\",\"target\":\"3000\"}", "ok");
    assert_int_equal(registry_set_alias(stage.registry, &stage.alice, "alice"), 0);
    says("{\"cmd\":\"revoke\",\"what\":\"alice\"}", "alice has nothing from an invite");
    registry_peer_add(stage.registry, &stage.bob, &err)->guest = true;
    assert_int_equal(registry_set_alias(stage.registry, &stage.bob, "bob"), 0);
    assert_int_equal(registry_allow_guest(stage.registry, "web", &stage.bob), 0);
    says("{\"cmd\":\"revoke\",\"what\":\"bob\"}", "\"peer\":\"bob\",\"services\":1");
    assert_null(registry_peer(stage.registry, &stage.bob));
    says("{\"cmd\":\"revoke\",\"what\":\"bob\"}", "\"code\":3");
    says("{\"cmd\":\"invite\"}", "\"number\":1");
    says("{\"cmd\":\"revoke\",\"what\":\"1-cobalt-lemon\"}", "{\"number\":1}");
    says("{\"cmd\":\"revoke\",\"what\":\"1\"}", "\"code\":3");
}

/* ---- share, ls, close ---- */

static void share_names_services_by_their_port(void **state)
{
    (void)state;

    says("{\"cmd\":\"share\",\"target\":\"3000\"}", "\"service\":\"web\"");
    says("{\"cmd\":\"share\",\"target\":\"3000\"}", "\"service\":\"web\"");
    says("{\"cmd\":\"share\",\"target\":\"8080\"}", "\"service\":\"p8080\"");
    says("{\"cmd\":\"share\",\"target\":\"22\"}", "\"service\":\"ssh\"");
    says("{\"cmd\":\"share\",\"target\":\"7\"}", "\"service\":\"p7\"");
    says("{\"cmd\":\"share\",\"target\":\"4000\"}", "\"service\":\"p4000\"");
    says("{\"cmd\":\"share\",\"target\":\"5000\",\"as\":\"app\"}", "\"service\":\"app\"");
    says("{\"cmd\":\"share\",\"target\":\"unix:/a\",\"port\":5432,\"as\":\"db\"}",
         "\"target\":\"unix:/a\"");
    assert_int_equal(registry_service_count(stage.registry), 7);
}

static void share_says_what_is_wrong(void **state)
{
    (void)state;

    says("{\"cmd\":\"share\",\"target\":\"x\"}", "is not a target");
    says("{\"cmd\":\"share\",\"target\":\"192.0.2.1:80\"}", "is not an address of this machine");
    says("{\"cmd\":\"share\",\"target\":\"169.254.169.254:80\",\"off_host\":true}",
         "must not be shared");
    says("{\"cmd\":\"share\",\"target\":\"unix:/a\"}", "needs a port");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"port\":70000}", "--port is a number");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"port\":0}", "--port is a number");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"udp\":true,\"both\":true}", "contradict");
    says("{\"cmd\":\"share\",\"target\":\"unix:/a\",\"port\":1,\"udp\":true}", "TCP only");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"for\":\"soon\"}", "is not a time");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"as\":\"A b\"}", "is not a name");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"to\":[\"nobody\"]}", "\"code\":3");
    assert_int_equal(registry_service_count(stage.registry), 0);
    says("{\"cmd\":\"share\",\"target\":\"3000\"}", "ok");
    says("{\"cmd\":\"share\",\"target\":\"4000\",\"port\":3000,\"as\":\"app\"}",
         "port 3000 is shared as 'web' already");
    says("{\"cmd\":\"share\",\"target\":\"3000\",\"as\":\"game\",\"udp\":true}", "ok");
}

static void share_for_a_time_and_to_peers(void **state)
{
    (void)state;

    named("{\"cmd\":\"name\",\"alias\":\"alice\",\"id\":\"%s\"}", stage.alice_text, "ok");
    named("{\"cmd\":\"name\",\"alias\":\"bob\",\"id\":\"%s\"}", stage.bob_text, "ok");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"as\":\"a\",\"to\":[\"alice\"],\"for\":\"2h\"}",
         "\"expires_s\":7200");
    says("{\"cmd\":\"share\",\"target\":\"1\",\"as\":\"a\",\"to\":[\"bob\"]}", stage.alice_text);
    const struct service *s = registry_service(stage.registry, "a");
    assert_int_equal(s->allow_count, 2);
    assert_int_equal(s->expires_us, 0);
}

static void a_held_share_goes_with_its_caller(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);

    stage_say(caller, "{\"cmd\":\"share\",\"target\":\"3000\",\"hold\":true}");
    assert_non_null(strstr(stage_heard(&stage, caller), "\"event\":\"shared\""));
    assert_non_null(registry_service(stage.registry, "web"));
    stage_leave(caller);
    assert_null(registry_service(stage.registry, "web"));
}

static void a_held_share_is_never_saved_and_never_replaces_another(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);

    stage_say(caller, "{\"cmd\":\"share\",\"target\":\"3000\",\"hold\":true}");
    says("{\"cmd\":\"share\",\"target\":\"4000\"}", "ok");
    assert_null(strstr(fake_env_file(&stage.env, REGISTRY_FILE), "\"web\""));
    says("{\"cmd\":\"share\",\"target\":\"4000\",\"hold\":true}", "'p4000' is shared already");
    says("{\"cmd\":\"share\",\"target\":\"3000\",\"public\":true}", "ok");
    stage_leave(caller);
    assert_true(registry_service(stage.registry, "web")->public);
    assert_non_null(strstr(fake_env_file(&stage.env, REGISTRY_FILE), "\"web\""));
}

static void ls_lists_and_close_closes(void **state)
{
    (void)state;
    static const struct remote_service offer = {.name = "web", .proto = SERVICE_TCP, .port = 80};
    struct sock *caller = stage_call(&stage);

    says("{\"cmd\":\"ls\"}", "{\"services\":[],\"open\":[],\"invites\":[]}");
    stage_alice_offers(&stage, &offer, 1);
    stage_say(caller, "{\"cmd\":\"open\",\"place\":\"alice\"}");
    fake_node_connected(&stage.node, 0, "");
    stage_leave(caller);
    says("{\"cmd\":\"share\",\"target\":\"3000\",\"as\":\"mine\"}", "ok");
    says("{\"cmd\":\"ls\"}", "\"id\":\"mine\"");
    says("{\"cmd\":\"ls\"}", "\"id\":\"web.alice\"");
    says("{\"cmd\":\"complete\",\"what\":\"services\"}", "[\"mine\"]");
    says("{\"cmd\":\"complete\",\"what\":\"own\"}", "[\"mine\"]");
    says("{\"cmd\":\"complete\",\"what\":\"places\"}", "[\"alice\",\"web.alice\"]");
    says("{\"cmd\":\"close\",\"id\":\"mine\"}", "ok");
    says("{\"cmd\":\"close\",\"id\":\"mine\"}", "\"code\":3");
    says("{\"cmd\":\"close\",\"id\":\"web.alice.overlay\"}", "ok");
    says("{\"cmd\":\"close\",\"id\":\"web.alice\"}", "'web.alice' is not open");
    says("{\"cmd\":\"close\",\"id\":\"alice\"}", "nothing is called 'alice'");
}

/* ---- open ---- */

static const struct remote_service OFFERS[] = {
    {.name = "web", .proto = SERVICE_TCP, .port = 80},
    {.name = "game", .proto = SERVICE_BOTH, .port = 3478},
    {.name = "voice", .proto = SERVICE_UDP, .port = 5060},
};

/** `open` with these further arguments, the connection being made. */
static const char *opens(const char *arguments)
{
    struct sock *caller = stage_call(&stage);
    char line[256];

    (void)snprintf(line, sizeof(line), "{\"cmd\":\"open\",%s}", arguments);
    stage_say(caller, line);
    fake_node_connected(&stage.node, 0, "");
    (void)stage_heard(&stage, caller);
    stage_leave(caller);
    return stage.answer;
}

static void open_opens_all_or_the_one_that_is_named(void **state)
{
    (void)state;

    stage_alice_offers(&stage, OFFERS, 3);
    assert_non_null(strstr(opens("\"place\":\"alice\""), "\"name\":\"game.alice.overlay\""));
    assert_int_equal(stage.port_count, 3);
    stage.port_count = 0;
    assert_non_null(strstr(opens("\"place\":\"web.alice\""), "\"url\":\"http://web.alice."));
    assert_int_equal(stage.port_count, 1);
    (void)opens("\"place\":\"alice:3478\"");
    assert_string_equal(stage.ports[1].service, "game");
    assert_int_equal(stage.ports[1].proto, SERVICE_BOTH);
    (void)opens("\"place\":\"alice:5060\",\"udp\":true");
    assert_string_equal(stage.ports[2].service, "voice");
    assert_non_null(strstr(stage.answer, "\"url\":null"));
    (void)opens("\"place\":\"WEB.Alice.overlay.\",\"at\":\"9000\"");
    assert_int_equal(stage.port_count, 3);
}

/** Opens an invite, which leads to this. */
static const char *opens_invite(const char *text, int err, const struct node_joined *joined,
                                const char *why)
{
    struct sock *caller = stage_call(&stage);
    char line[256];

    (void)snprintf(line, sizeof(line), "{\"cmd\":\"open\",\"place\":\"%s\"}", text);
    stage_say(caller, line);
    fake_node_joined(&stage.node, err, joined, why);
    fake_node_connected(&stage.node, 0, "");
    (void)stage_heard(&stage, caller);
    stage_leave(caller);
    return stage.answer;
}

static void open_takes_a_code_and_opens_what_it_is_for(void **state)
{
    struct node_joined joined = {.peer = stage.alice, .alias = "alice", .service = "web"};
    (void)state;

    stage_alice_offers(&stage, OFFERS, 3);
    (void)snprintf(joined.fingerprint, sizeof(joined.fingerprint), "tiger-oboe-salt-lemon");
    assert_non_null(strstr(opens_invite("7-cobalt-lemon", 0, &joined, ""),
                           "\"fingerprint\":\"tiger-oboe-salt-lemon\""));
    assert_non_null(strstr(stage.answer, "\"name\":\"web.alice.overlay\""));
    assert_int_equal(stage.port_count, 1);
    joined.service[0] = '\0';
    assert_non_null(strstr(opens_invite("7 Cobalt Lemon", 0, &joined, ""), "\"result\":[]"));
    assert_int_equal(stage.port_count, 1);
}

static void open_says_why_an_invite_leads_nowhere(void **state)
{
    (void)state;

    assert_non_null(strstr(opens_invite("7-cobalt-lemmon", 0, NULL, ""), "'lemmon' is no word"));
    assert_non_null(strstr(opens_invite("7-cobalt", 0, NULL, ""), "not a whole code"));
    assert_non_null(strstr(opens_invite("overlay:yy", 0, NULL, ""), "cut or mistyped"));
    assert_non_null(strstr(opens_invite("7-cobalt-lemon", -ETIMEDOUT, NULL, "x"), "\"code\":5"));
    assert_non_null(strstr(opens_invite("7-cobalt-lemon", -EACCES, NULL, "x"), "\"code\":4"));
    assert_non_null(strstr(opens_invite("7-cobalt-lemon", -EKEYEXPIRED, NULL, "x"), "\"code\":4"));
    stage.node.join_error = -EINVAL;
    assert_non_null(strstr(opens_invite("7-cobalt-lemon", 0, NULL, ""), "one of our own"));
    assert_int_equal(stage.port_count, 0);
}

static void who_waits_for_an_invite_may_go(void **state)
{
    struct sock *caller = stage_call(&stage);
    (void)state;

    stage_say(caller, "{\"cmd\":\"open\",\"place\":\"7-cobalt-lemon\"}");
    assert_non_null(stage.node.join);
    stage_leave(caller);
    assert_null(stage.node.join);
}

static void open_says_what_is_not_there(void **state)
{
    (void)state;

    stage_alice_offers(&stage, OFFERS, 3);
    assert_non_null(strstr(opens("\"place\":\"alice:5060\""), "add --udp"));
    assert_non_null(strstr(opens("\"place\":\"alice\",\"at\":\"9000\""), "\"code\":2"));
    assert_non_null(strstr(opens("\"place\":\"alice\",\"at\":\"192.0.2.1:1\""), "\"code\":2"));
    assert_non_null(strstr(opens("\"place\":\"alice\",\"at\":\"x\""), "\"code\":2"));
    assert_non_null(strstr(opens("\"place\":\"alice\",\"at\":\"127.0.0.1:0\""), "\"code\":2"));
    assert_non_null(strstr(opens("\"place\":\"nobody\""), "\"code\":3"));
    assert_non_null(strstr(opens("\"place\":\"alice:x\""), "\"code\":2"));
    stage_alice_offers(&stage, OFFERS, 0);
    assert_non_null(strstr(opens("\"place\":\"alice\""), "shares nothing with us"));
    assert_int_equal(stage.port_count, 0);
}

static void open_takes_no_hundreds_of_ports_at_one_word(void **state)
{
    (void)state;
    static struct remote_service offers[65];
    for (size_t i = 0; i < 65; i++) {
        offers[i] = (struct remote_service){.proto = SERVICE_TCP, .port = (uint16_t)(1000 + i)};
        (void)snprintf(offers[i].name, sizeof(offers[i].name), "s%zu", i);
    }
    stage_alice_offers(&stage, offers, 65);
    const char *heard = opens("\"place\":\"alice\"");
    assert_non_null(strstr(heard, "\"code\":1"));
    assert_non_null(strstr(heard, "has 65 services, and at most 64 are opened at once"));
    assert_int_equal(stage.port_count, 0);
    (void)opens("\"place\":\"s64.alice\"");
    assert_int_equal(stage.port_count, 1);
    stage.port_count = 0;
    stage_alice_offers(&stage, offers, 64);
    assert_non_null(strstr(opens("\"place\":\"alice\""), "\"name\":\"s63.alice.overlay\""));
    assert_int_equal(stage.port_count, 64);
}

static void open_asks_the_peer_about_what_it_did_not_list(void **state)
{
    (void)state;
    static const struct {
        const char *place;
        enum preamble_status status;
        const char *answer;
    } CASES[] = {{"\"place\":\"db.alice\"", PREAMBLE_DENIED, "\"code\":4"},
                 {"\"place\":\"alice:81\"", PREAMBLE_DENIED, "\"code\":4"},
                 {"\"place\":\"db.alice\"", PREAMBLE_NO_SERVICE, "\"code\":3"},
                 {"\"place\":\"web.alice\",\"udp\":true", PREAMBLE_WRONG_PROTO, "\"code\":3"},
                 {"\"place\":\"db.alice\"", PREAMBLE_OK, "\"name\":\"db.alice.overlay\""}};
    struct fake_pipe *far = calloc(1, sizeof(*far));

    assert_non_null(far);
    stage_alice_offers(&stage, OFFERS, 3);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct sock *caller = stage_call(&stage);
        char line[128];
        fake_pipe_init(far);
        stage.node.pipe = &far->pipe;
        stage.node.answered = true;
        stage.node.answer.status = CASES[i].status;
        (void)snprintf(line, sizeof(line), "{\"cmd\":\"open\",%s}", CASES[i].place);
        stage_say(caller, line);
        fake_node_connected(&stage.node, 0, "");
        assert_int_equal(stage.port_count, 0);
        fake_pipe_say(far, "");
        assert_non_null(strstr(stage_heard(&stage, caller), CASES[i].answer));
        assert_true(far->reset);
        stage_leave(caller);
    }
    assert_int_equal(stage.port_count, 1);
    free(far);
}

static void open_waits_8_s_for_that_answer(void **state)
{
    (void)state;
    struct fake_pipe *far = calloc(1, sizeof(*far));
    struct sock *caller = stage_call(&stage), *leaver = stage_call(&stage);

    assert_non_null(far);
    fake_pipe_init(far);
    stage.node.pipe = &far->pipe;
    stage_alice_offers(&stage, OFFERS, 3);
    stage_say(caller, "{\"cmd\":\"open\",\"place\":\"db.alice\"}");
    fake_node_connected(&stage.node, 0, "");
    fake_env_advance(&stage.env, SEC(8));
    assert_non_null(strstr(stage_heard(&stage, caller), "\"code\":5"));
    assert_true(far->reset);
    stage_leave(caller);

    fake_pipe_init(far);
    stage_say(leaver, "{\"cmd\":\"open\",\"place\":\"alice:81\"}");
    fake_node_connected(&stage.node, 0, "");
    stage_leave(leaver);
    assert_true(far->reset);
    free(far);
}

static void open_tells_how_connecting_failed(void **state)
{
    (void)state;
    static const struct {
        int err;
        const char *code;
    } CASES[] = {{-ETIMEDOUT, "\"code\":5"},
                 {-EHOSTUNREACH, "\"code\":5"},
                 {-EACCES, "\"code\":4"},
                 {-ECANCELED, "\"code\":1"}};

    stage_alice_offers(&stage, OFFERS, 3);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct sock *caller = stage_call(&stage);
        stage_say(caller, "{\"cmd\":\"open\",\"place\":\"alice\"}");
        assert_non_null(strstr(stage_heard(&stage, caller), "\"event\":\"finding\""));
        fake_node_connected(&stage.node, CASES[i].err, "peer id mismatch");
        assert_non_null(strstr(stage_heard(&stage, caller), CASES[i].code));
        stage_leave(caller);
    }
    assert_int_equal(stage.port_count, 0);
}

static void open_takes_back_what_it_opened_when_the_next_one_fails(void **state)
{
    (void)state;

    stage_alice_offers(&stage, OFFERS, 3);
    stage.open_error = -EADDRINUSE;
    stage.open_error_after = 2;
    assert_non_null(strstr(opens("\"place\":\"alice\""), "the test says no"));
    assert_int_equal(stage.port_count, 0);
}

static void a_held_open_is_closed_with_its_caller(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);

    stage_alice_offers(&stage, OFFERS, 3);
    (void)opens("\"place\":\"web.alice\"");
    stage_say(caller, "{\"cmd\":\"open\",\"place\":\"alice\",\"hold\":true}");
    fake_node_connected(&stage.node, 0, "");
    assert_non_null(strstr(stage_heard(&stage, caller), "\"event\":\"opened\""));
    assert_int_equal(stage.port_count, 3);
    stage_leave(caller);
    assert_int_equal(stage.port_count, 1);
    assert_string_equal(stage.ports[0].service, "web");
}

static void a_caller_may_leave_while_we_connect(void **state)
{
    (void)state;
    static const char *const LINES[] = {
        "{\"cmd\":\"open\",\"place\":\"alice\"}", "{\"cmd\":\"ping\",\"peer\":\"alice\"}",
        "{\"cmd\":\"bench\",\"peer\":\"alice\"}", "{\"cmd\":\"pipe\",\"place\":\"web.alice\"}"};

    stage_alice_offers(&stage, OFFERS, 3);
    for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++) {
        struct sock *caller = stage_call(&stage);
        stage_say(caller, LINES[i]);
        assert_non_null(stage.node.wait);
        stage.node.wait = NULL;
        stage_leave(caller);
        assert_true(fake_sock_closed(caller));
    }
}

/* ---- ping ---- */

static void ping_asks_once_a_second_and_sums_up(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);

    stage_alice_offers(&stage, OFFERS, 3);
    stage_say(caller, "{\"cmd\":\"ping\",\"peer\":\"alice\",\"count\":3}");
    fake_node_connected(&stage.node, 0, "");
    fake_node_pong(&stage.node, 0, MSEC(10));
    assert_non_null(strstr(stage_heard(&stage, caller), "\"rtt_ms\":10.0"));
    assert_null(stage.node.ping);
    fake_env_advance(&stage.env, SEC(1));
    fake_node_pong(&stage.node, -ETIMEDOUT, 0);
    assert_non_null(strstr(stage_heard(&stage, caller), "\"rtt_ms\":null"));
    fake_env_advance(&stage.env, SEC(1));
    fake_node_pong(&stage.node, 0, MSEC(30));
    const char *answer = stage_heard(&stage, caller);
    assert_non_null(strstr(answer, "\"sent\":3,\"received\":2,\"min_ms\":10.0,\"avg_ms\":20.0"));
    assert_non_null(strstr(answer, "\"replies_ms\":[10.0,null,30.0]"));
    stage_leave(caller);
}

/* A caller that pings until the way is direct; its first question is under way, by a relay. */
static struct sock *ping_a_relayed_alice(void)
{
    struct sock *caller = stage_call(&stage);

    stage_alice_offers(&stage, OFFERS, 3);
    stage.node.view.state = PEER_RELAYED;
    stage_say(caller, "{\"cmd\":\"ping\",\"peer\":\"alice\",\"until_direct\":true}");
    fake_node_connected(&stage.node, 0, "");
    return caller;
}

static void ping_tells_when_the_way_changes_and_does_not_wait_then(void **state)
{
    (void)state;
    struct sock *caller = ping_a_relayed_alice();

    fake_node_pong(&stage.node, 0, MSEC(61));
    const char *first = stage_heard(&stage, caller);
    assert_non_null(strstr(first, "\"path\":\"relay\""));
    assert_null(strstr(first, "before"));
    fake_env_advance(&stage.env, MSEC(300));
    assert_null(stage.node.ping);
    stage.node.view.state = PEER_DIRECT;
    fake_env_advance(&stage.env, MSEC(100));
    assert_non_null(stage.node.ping);
    fake_node_pong(&stage.node, 0, MSEC(23));
    const char *second = stage_heard(&stage, caller);
    assert_non_null(strstr(second, "\"path\":\"direct\""));
    assert_non_null(strstr(second, "\"before\":{\"path\":\"relay\",\"rtt_ms\":61.0}"));
    assert_non_null(strstr(second, "\"sent\":2"));
    stage_leave(caller);
}

static void an_answer_counts_for_the_way_its_question_took(void **state)
{
    (void)state;
    struct sock *caller = ping_a_relayed_alice();

    stage.node.view.state = PEER_DIRECT;
    fake_node_pong(&stage.node, 0, MSEC(61));
    const char *answer = stage_heard(&stage, caller);
    assert_non_null(strstr(answer, "\"path\":\"relay\""));
    assert_null(strstr(answer, "\"sent\""));
    stage_leave(caller);
}

static void ping_fails_when_nobody_answers_or_never_directly(void **state)
{
    (void)state;
    struct sock *caller = stage_call(&stage);

    stage_alice_offers(&stage, OFFERS, 3);
    stage_say(caller, "{\"cmd\":\"ping\",\"peer\":\"alice\",\"count\":1}");
    fake_node_connected(&stage.node, 0, "");
    fake_node_pong(&stage.node, -ETIMEDOUT, 0);
    assert_non_null(strstr(stage_heard(&stage, caller), "\"code\":5"));

    stage.node.view.state = PEER_RELAYED;
    stage.node.view.why_not_direct = "no guess hit";
    stage_say(caller, "{\"cmd\":\"ping\",\"peer\":\"alice\",\"count\":1,\"until_direct\":true}");
    fake_node_connected(&stage.node, 0, "");
    fake_node_pong(&stage.node, 0, MSEC(5));
    const char *heard = stage_heard(&stage, caller);
    assert_non_null(strstr(heard, "\"why_not_direct\":\"no guess hit\""));
    assert_non_null(strstr(heard, "never directly: no guess hit"));

    stage.node.view.state = PEER_DIRECT;
    stage_say(caller, "{\"cmd\":\"ping\",\"peer\":\"alice\",\"until_direct\":true}");
    fake_node_connected(&stage.node, 0, "");
    fake_node_pong(&stage.node, 0, MSEC(5));
    assert_non_null(strstr(stage_heard(&stage, caller), "\"sent\":1"));
    says("{\"cmd\":\"ping\",\"peer\":\"alice\",\"count\":0}", "\"code\":2");
    stage_leave(caller);
}

/* ---- pipe ---- */

static void pipe_joins_the_callers_socket_and_the_stream(void **state)
{
    (void)state;
    struct fake_pipe *far = calloc(1, sizeof(*far));
    struct sock *caller = stage_call(&stage);

    assert_non_null(far);
    fake_pipe_init(far);
    stage.node.pipe = &far->pipe;
    stage_alice_offers(&stage, OFFERS, 3);
    stage_say(caller, "{\"cmd\":\"pipe\",\"place\":\"alice:22\"}");
    fake_sock_says(caller, "SSH-2.0", 7);
    fake_node_connected(&stage.node, 0, "");
    assert_int_equal(stage.node.asked.port, 22);
    assert_string_equal(stage_heard(&stage, caller), "");
    stage.node.answered = true;
    fake_pipe_say(far, "");
    assert_non_null(strstr(stage_heard(&stage, caller), "{\"ok\":true,\"result\":{\"pipe\":"));
    fake_env_settle(&stage.env);
    assert_ptr_equal(stage.joined, caller);
    assert_ptr_equal(stage.joined_pipe, &far->pipe);
    assert_string_equal(stage.joined_early, "SSH-2.0");
    sock_close(&stage.env.env, caller);
    free(far);

    char line[128];
    (void)snprintf(line, sizeof(line), "{\"cmd\":\"pipe_end\",\"pipe\":%llu}",
                   (unsigned long long)stage.joined_id);
    says(line, "{\"whole\":true}");
    stage.join_breaks = true;
    says(line, "{\"whole\":false}");
    says("{\"cmd\":\"pipe_end\",\"pipe\":0}", "{\"whole\":true}");
}

static void pipe_tells_what_the_far_side_said(void **state)
{
    (void)state;
    static const struct {
        enum preamble_status status;
        const char *code;
    } CASES[] = {{PREAMBLE_DENIED, "\"code\":4"},     {PREAMBLE_NO_SERVICE, "\"code\":3"},
                 {PREAMBLE_REFUSED, "\"code\":5"},    {PREAMBLE_TIMED_OUT, "\"code\":5"},
                 {PREAMBLE_BUSY, "\"code\":1"},       {PREAMBLE_MALFORMED, "\"code\":1"},
                 {PREAMBLE_WRONG_PROTO, "\"code\":3"}};
    struct fake_pipe *far = calloc(1, sizeof(*far));

    assert_non_null(far);
    stage_alice_offers(&stage, OFFERS, 3);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct sock *caller = stage_call(&stage);
        fake_pipe_init(far);
        stage.node.pipe = &far->pipe;
        stage.node.answered = true;
        stage.node.answer.status = CASES[i].status;
        stage_say(caller, "{\"cmd\":\"pipe\",\"place\":\"web.alice\"}");
        fake_node_connected(&stage.node, 0, "");
        fake_pipe_say(far, "");
        assert_non_null(strstr(stage_heard(&stage, caller), CASES[i].code));
        assert_true(fake_pipe_is_over(far));
        stage_leave(caller);
    }
    says("{\"cmd\":\"pipe\",\"place\":\"alice\"}", "which service");
    free(far);
}

static void bench_measures_both_ways(void **state)
{
    (void)state;
    struct fake_pipe *down = calloc(1, sizeof(*down)), *up = calloc(1, sizeof(*up));
    struct sock *caller = stage_call(&stage);
    static const char DATA[1000];

    assert_true(down && up);
    fake_pipe_init(down);
    fake_pipe_init(up);
    stage_alice_offers(&stage, OFFERS, 3);
    stage.node.pipe = &down->pipe;
    stage.node.answered = true;
    stage_say(caller, "{\"cmd\":\"bench\",\"peer\":\"alice\"}");
    fake_node_connected(&stage.node, 0, "");
    assert_int_equal(stage.node.asked.kind, PREAMBLE_BENCH);
    assert_memory_equal(down->sent, "\0\4\0\0\0\0\0\0", 8);
    fake_pipe_say(down, "");
    fake_pipe_send(down, DATA, sizeof(DATA));
    stage.node.pipe = &up->pipe;
    fake_env_advance(&stage.env, SEC(5));
    assert_true(down->reset);
    assert_memory_equal(up->sent, "\0\0\0\0\0\0\0\0", 8);
    fake_pipe_say(up, "");
    assert_true(up->sent_len > 100000);
    fake_env_advance(&stage.env, SEC(5));
    assert_true(up->finished);
    fake_pipe_take(up);
    fake_env_advance(&stage.env, MSEC(20));
    const char *answer = stage_heard(&stage, caller);
    assert_non_null(strstr(answer, "\"down_bps\":1600.0"));
    assert_non_null(strstr(answer, "\"up_bps\":"));
    assert_true(up->reset);
    stage_leave(caller);
    free(down);
    free(up);
}

/* ---- status, reload, stop ---- */

static void a_path_that_leads_nowhere_now_has_no_address(void **state)
{
    (void)state;
    stage_alice_offers(&stage, OFFERS, 3);
    says("{\"cmd\":\"status\"}", "\"remote\":\"127.0.0.1:4433\"");
    stage.node.view.path.remote = (struct addr){0};
    says("{\"cmd\":\"status\"}", "\"remote\":null");
}

static void resolve_shows_the_record_of_a_peer_that_nobody_knows(void **state)
{
    (void)state;
    static struct record_found found;
    const uint8_t seed[KEYS_SEED_LEN] = {7};
    char line[160], text[PEER_ID_TEXT_MAX];
    struct keys keys;

    keys_from_seed(&keys, seed);
    (void)snprintf(line, sizeof(line), "{\"cmd\":\"resolve\",\"name\":\"web.%s.overlay\"}",
                   peer_id_print(&keys.id, text));
    says(line, "\"record\":null,\"why_no_record\":\"the DHT is switched off here\"");
    says(line, "\"source\":\"id\",\"fingerprint\":\"");
    found = (struct record_found){.record = {.ours = true,
                                             .nick = "kim",
                                             .relays = 1,
                                             .relay = {"r@relay.example:1"},
                                             .services = 1,
                                             .service = {{.name = "web", .port = 80, .tcp = true}}},
                                  .seq = env_wall_us(&stage.env.env) - 90 * INT64_C(1000000),
                                  .copies = 3};
    stage.node.record = &found;
    says(line, "\"service\":\"web\"");
    says(line, "\"age_s\":90,\"future\":false,");
    says(line, "\"nickname\":\"kim\",\"relays\":[\"r@relay.example:1\"],\"addresses\":[],"
               "\"services\":[{\"name\":\"web\",\"proto\":\"tcp\",\"port\":80}]");
    found.seq += 90 * INT64_C(1000000) + RECORD_FUTURE_US + INT64_C(1000000);
    says(line, "\"age_s\":-86401,\"future\":true,");
    says(line, "\"from\":\"dht\",\"told_by\":null,");
    found.told = true;
    found.told_by = stage.bob;
    says(line, "\"from\":\"peer\",\"told_by\":\"");
}

#define OTHER "bz1kjsd81qp9xjwpbdne4x86bpqo7wo7md1iebee9oypc7tep69o"

/* A request about bob, whose id stands for %s. */
static void says_of_bob(const char *format, const char *part)
{
    char line[512];

    (void)snprintf(line, sizeof(line), format, stage.bob_text, stage.bob_text);
    says(line, part);
}

static void an_address_book_adds_names_and_overwrites_nothing(void **state)
{
    (void)state;
    says_of_bob(
        "{\"cmd\":\"import\",\"lines\":[\"# a book\",\"bob %s address=192.0.2.9:7 address=x "
        "relay=nonsense\"]}",
        "{\"added\":[\"bob\"],\"same\":0,\"conflicts\":[]}");
    says_of_bob("{\"cmd\":\"book\"}", " address=192.0.2.9:7\"]");
    says_of_bob("{\"cmd\":\"import\",\"lines\":[\"bob %s address=192.0.2.10:7\"]}",
                "{\"added\":[],\"same\":1,\"conflicts\":[]}");
    says_of_bob("{\"cmd\":\"book\"}", " address=192.0.2.9:7\"]");
    says_of_bob("{\"cmd\":\"import\",\"lines\":[\"rob %s\"]}", "it is called bob here");
    says_of_bob("{\"cmd\":\"import\",\"lines\":[\"bob " OTHER "\"]}", "somebody else is called so");
    says_of_bob("{\"cmd\":\"import\",\"lines\":[\"B!B " OTHER "\"]}", "this cannot be an alias");
    says_of_bob("{\"cmd\":\"import\",\"lines\":[\"bob\",\"ann 123\"]}", "\"added\":[]");
    says_of_bob("{\"cmd\":\"import\",\"lines\":[\"ann 123\"]}", "this is no ALIAS PEER_ID");
    says_of_bob("{\"cmd\":\"import\",\"lines\":[\"ann " OTHER "\"]}", "{\"added\":[\"ann\"]");
}

static void a_name_that_a_peer_proposes_is_taken_when_a_person_says_so(void **state)
{
    (void)state;
    static struct record_found found = {.record = {.nick = "bobby"}};

    says_of_bob("{\"cmd\":\"accept\",\"peer\":\"%s\"}", "has not proposed a name");
    stage.node.record = &found;
    says_of_bob("{\"cmd\":\"accept\",\"peer\":\"%s\"}", "{\"alias\":\"bobby\",\"id\":\"");
    says_of_bob("{\"cmd\":\"accept\",\"peer\":\"" OTHER "\"}", "is the alias of");
    memcpy(found.record.nick, "No Name", 8);
    says_of_bob("{\"cmd\":\"accept\",\"peer\":\"" OTHER "\"}", "has not proposed a name");
    stage.node.view = (struct peer_view){.id = stage.bob, .nickname = "robert"};
    says("{\"cmd\":\"unname\",\"alias\":\"bobby\"}", "bobby");
    says_of_bob("{\"cmd\":\"accept\",\"peer\":\"%s\"}", "{\"alias\":\"robert\",\"id\":\"");
}

#define KEY "b72908e6c8ed397518e29641e0bf9d1e90549736441d594ab36c5884a507543e"

static void dht_says_what_is_wrong_with_a_question(void **state)
{
    (void)state;
    says("{\"cmd\":\"dht\",\"do\":\"eat\"}", "dht what? 'eat'");
    says("{\"cmd\":\"dht\",\"do\":\"get\"}", "get what?");
    says("{\"cmd\":\"dht\",\"do\":\"get\",\"what\":\"nobody\"}", "\"code\":3");
    says("{\"cmd\":\"dht\",\"do\":\"get\",\"seq\":1,"
         "\"what\":\"0123456789012345678901234567890123456789\"}",
         "has no salt and no seq");
    says("{\"cmd\":\"dht\",\"do\":\"put\",\"value\":\"6\"}", "is not what it should be");
    says("{\"cmd\":\"dht\",\"do\":\"put\",\"value\":\"68\"}", "this gateway's own record");
    says("{\"cmd\":\"dht\",\"do\":\"put\",\"value\":\"68\",\"key\":\"00\",\"seq\":1}",
         "belong together");
    says("{\"cmd\":\"dht\",\"do\":\"announce\",\"what\":\"x\",\"port\":65536}", "up to 65535");
    says("{\"cmd\":\"dht\",\"do\":\"ping\",\"what\":\"192.0.2.1\"}", "is not HOST:PORT");
}

static void without_a_dht_every_question_says_so(void **state)
{
    (void)state;
    static const char *const ASKED[] = {
        "{\"cmd\":\"dht\",\"do\":\"get\",\"what\":\"" KEY "\"}",
        "{\"cmd\":\"dht\",\"do\":\"put\",\"value\":\"68\",\"immutable\":true}",
        "{\"cmd\":\"dht\",\"do\":\"put\",\"value\":\"68\",\"salt\":\"00\"}",
        "{\"cmd\":\"dht\",\"do\":\"announce\",\"what\":\"chess\"}",
        "{\"cmd\":\"dht\",\"do\":\"peers\",\"what\":\"chess\"}",
        "{\"cmd\":\"dht\",\"do\":\"sample\"}",
        "{\"cmd\":\"dht\",\"do\":\"sample\",\"what\":\"chess\"}",
        "{\"cmd\":\"dht\",\"do\":\"ping\",\"what\":\"192.0.2.1:1\"}",
        "{\"cmd\":\"dht\",\"do\":\"size\"}",
    };

    for (size_t i = 0; i < sizeof(ASKED) / sizeof(ASKED[0]); i++)
        says(ASKED[i], "the DHT is switched off here");
}

static void a_question_to_a_dht_that_nobody_answers_is_exit_5(void **state)
{
    (void)state;
    stage.node.options.dht = NODE_DHT_CLIENT;
    stage.node.options.dht_listen[0] = addr_loopback(false, 6881);
    says("{\"cmd\":\"dht\",\"do\":\"get\",\"what\":\"" KEY "\"}", "\"code\":5");
    dht_desk_stop(&stage.node.dht);
}

static void the_status_shows_our_record_on_the_dht(void **state)
{
    (void)state;
    says("{\"cmd\":\"status\"}", "\"dht\":{\"mode\":\"off\",\"nodes\":null,");
    stage.node.dht_view = (struct node_dht_view){.mode = NODE_DHT_ADAPTIVE, .nodes = 12};
    says("{\"cmd\":\"status\"}", "\"record\":{\"state\":\"off\",\"seq\":null,\"age_s\":null,"
                                 "\"nodes\":null,\"relays\":0,\"left_out\":0}");
    stage.node.dht_view.record =
        (struct record_status){.state = RECORD_WAITING, .seq = 5, .nodes = 21, .left_out = 1};
    says("{\"cmd\":\"status\"}", "\"record\":{\"state\":\"published\",\"seq\":5,\"age_s\":");
    says("{\"cmd\":\"status\"}", "\"nodes\":21,\"relays\":0,\"left_out\":1}");
    says("{\"cmd\":\"status\"}", "\"peer_exchange\":{\"on\":false,\"contacts\":0,");
    stage.node.dht_view.exchanging = true;
    stage.node.dht_view.exchange = (struct exchange_counts){.contacts = 2, .known = 7, .forged = 1};
    says("{\"cmd\":\"status\"}", "\"peer_exchange\":{\"on\":true,\"contacts\":2,\"known\":7,"
                                 "\"taken\":0,\"forged\":1,");
}

static void status_has_every_key_of_the_contract(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"id",    "version",  "pid",   "uptime_s", "home",
                                       "udp",   "nat",      "dns",   "proxy",    "dht",
                                       "relay", "services", "peers", "setup"};
    static const char *const PEER_KEYS[] = {
        "id",       "alias",   "state",  "path",           "rx_bytes",
        "tx_bytes", "streams", "ports",  "why_not_direct", "dropped_datagrams",
        "punch",    "known",   "address"};
    static const char *const NAT_KEYS[] = {
        "class",     "mapping",   "filtering",  "hairpin",         "reachable", "addresses",
        "udp_v4",    "udp_v6",    "preserving", "port_mapping",    "layered",   "no_port_mapping",
        "carrier",   "delta",     "span",       "opener_measured", "public",    "opener_ttl",
        "router",    "v6_only",   "nat64",      "translated",      "local",     "measured_s",
        "port_maps", "public_v6", "stun"};

    stage_alice_offers(&stage, OFFERS, 3);
    (void)opens("\"place\":\"web.alice\"");
    says("{\"cmd\":\"share\",\"target\":\"3000\",\"public\":true}", "ok");
    fake_env_advance(&stage.env, SEC(7));
    json_t *answer = json_loads(stage_ask(&stage, "{\"cmd\":\"status\"}"), 0, NULL);
    json_t *status = json_object_get(answer, "result");
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++)
        assert_non_null(json_object_get(status, KEYS[i]));
    assert_int_equal(json_integer_value(json_object_get(status, "uptime_s")), 7);
    assert_int_equal(json_integer_value(json_object_get(status, "pid")), 77);
    json_t *peer = json_array_get(json_object_get(status, "peers"), 0);
    for (size_t i = 0; i < sizeof(PEER_KEYS) / sizeof(PEER_KEYS[0]); i++)
        assert_non_null(json_object_get(peer, PEER_KEYS[i]));
    assert_string_equal(json_string_value(json_object_get(peer, "state")), "direct");
    assert_true(json_is_null(json_object_get(peer, "why_not_direct")));
    for (size_t i = 0; i < sizeof(NAT_KEYS) / sizeof(NAT_KEYS[0]); i++)
        assert_non_null(json_object_get(json_object_get(status, "nat"), NAT_KEYS[i]));
    json_t *relay = json_object_get(status, "relay");
    assert_string_equal(json_string_value(json_object_get(relay, "home")),
                        "rrr@relay.example:4433");
    assert_true(json_is_true(json_object_get(relay, "serving")));
    assert_int_equal(json_integer_value(json_object_get(relay, "circuits")), 2);
    json_t *port = json_array_get(json_object_get(peer, "ports"), 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(port, "listen"), 0)),
                        "127.0.0.1:20001");
    json_t *service = json_array_get(json_object_get(status, "services"), 0);
    assert_true(json_is_true(json_object_get(service, "public")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(status, "nat"), "class")),
                        "unknown");
    json_decref(answer);
}

static const json_t *at(const json_t *list, size_t i)
{
    return json_array_get(list, i);
}

static double number(const json_t *object, const char *key)
{
    if (!json_is_number(json_object_get(object, key)))
        fail_msg("%s is no number", key);
    return json_number_value(json_object_get(object, key));
}

static void doctor_shows_relays_port_maps_and_the_last_round_in_numbers(void **state)
{
    (void)state;
    const struct round_view round = {.number = 3,
                                     .result = "lost",
                                     .strategy = "a birthday search",
                                     .candidates = 2,
                                     .probes = 412,
                                     .guesses = 300,
                                     .lost = 1,
                                     .began = env_now(&stage.env.env),
                                     .took = MSEC(4001)};

    stage_alice_offers(&stage, OFFERS, 3);
    stage.node.view.state = PEER_RELAYED;
    stage.node.view.why_not_direct = "no guess hit";
    stage.node.view.round = round;
    fake_env_advance(&stage.env, SEC(12));
    json_t *answer = json_loads(stage_ask(&stage, "{\"cmd\":\"doctor\"}"), 0, NULL);
    const json_t *report = json_object_get(answer, "result");
    const json_t *relay = at(json_object_get(json_object_get(report, "relay"), "relays"), 0);
    assert_string_equal(json_string_value(json_object_get(relay, "state")), "home");
    assert_string_equal(json_string_value(json_object_get(relay, "over")), "udp");
    assert_true(number(relay, "rtt_ms") > 43.0 && number(relay, "rtt_ms") < 44.0);
    const json_t *map = at(json_object_get(json_object_get(report, "nat"), "port_maps"), 0);
    assert_string_equal(json_string_value(json_object_get(map, "external")), "100.64.3.4:4433");
    assert_true(number(map, "age_s") >= 12);
    assert_true(json_is_null(json_object_get(map, "left_s")));
    const json_t *punch = json_object_get(at(json_object_get(report, "peers"), 0), "punch");
    assert_true(number(punch, "probes") == 412);
    assert_true(number(punch, "guesses") == 300);
    assert_true(number(punch, "candidates") == 2);
    assert_true(number(punch, "answers") == 0);
    assert_true(number(punch, "ago_s") == 12);
    assert_true(number(punch, "took_ms") == 4001);
    assert_string_equal(json_string_value(json_object_get(report, "worst")), "note");
    json_decref(answer);
}

static void reload_and_stop_reach_the_program(void **state)
{
    (void)state;

    says("{\"cmd\":\"reload\"}", "ok");
    stage.reload_error = -EBADMSG;
    says("{\"cmd\":\"reload\"}", "overlay.conf:3: the test says no");
    assert_false(stage.stopped);
    says("{\"cmd\":\"stop\"}", "\"pid\":77");
    assert_true(stage.stopped);
}

#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(malformed_requests_are_told_so),
        WITH_STAGE(several_requests_are_answered_in_order),
        WITH_STAGE(a_request_may_arrive_byte_by_byte),
        WITH_STAGE(a_truncated_request_changes_nothing),
        WITH_STAGE(a_line_of_more_than_a_mebibyte_ends_the_caller),
        WITH_STAGE(the_33rd_caller_is_refused_and_the_others_stay),
        WITH_STAGE(a_caller_that_reads_nothing_is_answered_no_further),
        WITH_STAGE(peers_are_added_named_and_unnamed),
        WITH_STAGE(nothing_changes_when_saving_fails),
        WITH_STAGE(allow_deny_and_block_change_the_registry),
        WITH_STAGE(addresses_are_blocked_as_peers_are),
        WITH_STAGE(share_names_services_by_their_port),
        WITH_STAGE(share_says_what_is_wrong),
        WITH_STAGE(share_for_a_time_and_to_peers),
        WITH_STAGE(a_held_share_goes_with_its_caller),
        WITH_STAGE(a_held_share_is_never_saved_and_never_replaces_another),
        WITH_STAGE(ls_lists_and_close_closes),
        WITH_STAGE(open_opens_all_or_the_one_that_is_named),
        WITH_STAGE(invite_makes_a_code_for_a_service),
        WITH_STAGE(invite_tells_who_comes_to_those_that_wait),
        WITH_STAGE(revoke_takes_back_what_an_invite_gave),
        WITH_STAGE(open_takes_a_code_and_opens_what_it_is_for),
        WITH_STAGE(open_says_why_an_invite_leads_nowhere),
        WITH_STAGE(who_waits_for_an_invite_may_go),
        WITH_STAGE(open_says_what_is_not_there),
        WITH_STAGE(open_takes_no_hundreds_of_ports_at_one_word),
        WITH_STAGE(open_asks_the_peer_about_what_it_did_not_list),
        WITH_STAGE(open_waits_8_s_for_that_answer),
        WITH_STAGE(open_tells_how_connecting_failed),
        WITH_STAGE(open_takes_back_what_it_opened_when_the_next_one_fails),
        WITH_STAGE(a_held_open_is_closed_with_its_caller),
        WITH_STAGE(a_caller_may_leave_while_we_connect),
        WITH_STAGE(ping_asks_once_a_second_and_sums_up),
        WITH_STAGE(ping_tells_when_the_way_changes_and_does_not_wait_then),
        WITH_STAGE(an_answer_counts_for_the_way_its_question_took),
        WITH_STAGE(ping_fails_when_nobody_answers_or_never_directly),
        WITH_STAGE(pipe_joins_the_callers_socket_and_the_stream),
        WITH_STAGE(pipe_tells_what_the_far_side_said),
        WITH_STAGE(bench_measures_both_ways),
        WITH_STAGE(doctor_shows_relays_port_maps_and_the_last_round_in_numbers),
        WITH_STAGE(a_path_that_leads_nowhere_now_has_no_address),
        WITH_STAGE(an_address_book_adds_names_and_overwrites_nothing),
        WITH_STAGE(a_name_that_a_peer_proposes_is_taken_when_a_person_says_so),
        WITH_STAGE(resolve_shows_the_record_of_a_peer_that_nobody_knows),
        WITH_STAGE(dht_says_what_is_wrong_with_a_question),
        WITH_STAGE(without_a_dht_every_question_says_so),
        WITH_STAGE(a_question_to_a_dht_that_nobody_answers_is_exit_5),
        WITH_STAGE(the_status_shows_our_record_on_the_dht),
        WITH_STAGE(status_has_every_key_of_the_contract),
        WITH_STAGE(reload_and_stop_reach_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
