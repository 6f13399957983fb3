/* What the proxy serves by itself: the status page, to whom, and what its owner may do. */
#include "adapters/own_site.h"

#include "adapters/browser_proxy.h"
#include "tests/support/keys_numbered.h"
#include "tests/support/local_node.h"

#define OWN    "Host: overlay.localhost:7777\r\n"
#define ASKED  OWN "Sec-Fetch-Site: same-origin\r\nOrigin: http://overlay.localhost:7777\r\n"
#define EVENTS "GET /events HTTP/1.1\r\n" OWN "\r\n"

static struct world world;
static struct node node;
static struct local_users users;
static struct proxy *proxy;
static uint16_t next_port;
static char shown[2][1 << 17]; /* to everybody, to the owner */
static unsigned looks;
static char done[200]; /* what was asked of the gateway last */
static bool refuses;

static char *show(void *arg, bool trusted)
{
    (void)arg;
    looks++;
    return shown[trusted][0] ? strdup(shown[trusted]) : NULL;
}

static char *act(void *arg, const char *text, size_t len, bool *ok)
{
    (void)arg;
    assert_true(len < sizeof(done));
    memcpy(done, text, len);
    done[len] = 0;
    *ok = !refuses;
    return strdup(refuses ? "{\"error\":\"no\"}" : "{\"ok\":true}");
}

static const struct web_source source = {NULL, show, act};

static int set_up(void **state)
{
    char why[256];
    (void)state;
    world_init(&world);
    world.uid = 1000;
    local_node_init(&node, &world);
    the_node = &node;
    users = (struct local_users){.uid = {1000}, .count = 1};
    struct proxy_options options = {
        .node = &node,
        .users = &users,
        .suffix = "overlay",
        .listen = {addr_loopback(false, 7777), addr_loopback(true, 7777)},
        .web = &source,
    };
    next_port = 40000;
    looks = 0;
    done[0] = 0;
    refuses = false;
    strcpy(shown[0], "{\"may\":false}");
    strcpy(shown[1], "{\"may\":true}");
    return proxy_new(&proxy, &options, why, sizeof(why));
}

static int tear_down(void **state)
{
    (void)state;
    proxy_free(proxy);
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

static struct sock *client(const char *text)
{
    struct sock *s = world_dial(&world, "127.0.0.1:7777", next_port++);
    assert_non_null(s);
    world_say(s, text);
    return s;
}

static void assert_says(struct sock *s, const char *part)
{
    if (!strstr(world_heard(s), part))
        fail_msg("wanted %s, heard: %s", part, world_heard(s));
}

static void assert_status(struct sock *s, unsigned status)
{
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "HTTP/1.1 %u ", status);
    if (strncmp(world_heard(s), wanted, strlen(wanted)) != 0)
        fail_msg("wanted %u, heard: %s", status, world_heard(s));
}

/* ---- looking ---- */

static void serves_the_page_with_everything_forbidden_that_it_does_not_need(void **state)
{
    (void)state;
    static const struct {
        const char *path, *type;
    } files[] = {
        {"/", "text/html; charset=utf-8"},
        {"/?x=1", "text/html; charset=utf-8"},
        {"/status.css", "text/css; charset=utf-8"},
        {"/parts.js", "text/javascript; charset=utf-8"},
        {"/status.js", "text/javascript; charset=utf-8"},
        {"/icon.svg", "image/svg+xml"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char text[200], type[100];
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" OWN "\r\n", files[i].path);
        snprintf(type, sizeof(type), "\r\nContent-Type: %s\r\n", files[i].type);
        struct sock *s = client(text);
        assert_status(s, 200);
        assert_says(s, type);
        assert_says(s, "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; ");
        assert_says(s, "frame-ancestors 'none'");
        assert_says(s, "\r\nX-Content-Type-Options: nosniff\r\n");
        assert_says(s, "\r\nReferrer-Policy: no-referrer\r\n");
        assert_says(s, "\r\nCross-Origin-Opener-Policy: same-origin\r\n");
        assert_says(s, "\r\nCross-Origin-Resource-Policy: same-origin\r\n");
        assert_says(s, "\r\nCache-Control: no-store\r\n");
        const char *body = strstr(world_heard(s), "\r\n\r\n") + 4;
        unsigned long len = strtoul(strstr(world_heard(s), "Content-Length: ") + 16, NULL, 10);
        assert_int_equal(strlen(body), len);
        assert_true(len > 100);
        assert_true(s->finished);
    }
    struct sock *s = client("HEAD / HTTP/1.1\r\n" OWN "\r\n");
    assert_status(s, 200);
    assert_string_equal(strstr(world_heard(s), "\r\n\r\n"), "\r\n\r\n");
    assert_status(client("GET /none HTTP/1.1\r\n" OWN "\r\n"), 404);
    assert_status(client("PUT / HTTP/1.1\r\n" OWN "Content-Length: 0\r\n\r\n"), 405);
    assert_status(client("OPTIONS /act HTTP/1.1\r\n" OWN "\r\n"), 405);
}

static void other_names_of_the_gateway_lead_there(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1:7777", "localhost:7777", "[::1]:7777",
                                        "overlay:7777"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
        struct sock *s = client(text);
        assert_status(s, 303);
        assert_says(s, "\r\nLocation: http://overlay.localhost:7777/\r\n");
        snprintf(text, sizeof(text), "GET /events HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
        assert_status(client(text), 404);
    }
    assert_int_equal(looks, 0);
}

static void shows_nothing_to_pages_of_others(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Origin: http://web.evil.overlay.localhost:7777\r\n",
        "Origin: null\r\n",
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char text[400];
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" OWN "%s\r\n", fields[i]);
        assert_status(client(text), 403);
        snprintf(text, sizeof(text), "GET /events HTTP/1.1\r\n" OWN "%s\r\n", fields[i]);
        assert_status(client(text), 403);
    }
    assert_int_equal(looks, 0);
    /* A name that somebody else's DNS leads here. */
    assert_status(client("GET / HTTP/1.1\r\nHost: evil.com:7777\r\n\r\n"), 403);
    assert_status(client("GET / HTTP/1.1\r\nHost: x.overlay.localhost:7777\r\n\r\n"), 404);
}

/* ---- what a peer's page may read ---- */

#define CHECK "Host: localhost-check.overlay.localhost:7777\r\n\r\n"

static const char *body_of(struct sock *s)
{
    return strstr(world_heard(s), "\r\n\r\n") + 4;
}

static void assert_lacks(struct sock *s, const char *part)
{
    if (strstr(world_heard(s), part))
        fail_msg("did not want %s, heard: %s", part, world_heard(s));
}

static void one_page_is_at_a_name_like_a_peers(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",         "/?x=1",       "/check.js",
                                        "/where.js", "/status.css", "/icon.svg"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" CHECK, paths[i]);
        struct sock *s = client(text);
        assert_status(s, 200);
        assert_says(s, "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; ");
        assert_says(s, "; connect-src http://127.0.0.1:7777\r\n");
        assert_lacks(s, "Access-Control-");
        assert_true(strlen(body_of(s)) > 50);
    }
    struct sock *s = client("GET /where.js HTTP/1.1\r\n" CHECK);
    assert_string_equal(body_of(s), "\"use strict\";\nconst WHERE = "
                                    "\"http://127.0.0.1:7777/localhost-check\";\n");
    s = client("HEAD / HTTP/1.1\r\n" CHECK);
    assert_status(s, 200);
    assert_string_equal(body_of(s), "");
}

static void as_a_proxy_it_is_marked_as_public_like_a_peers(void **state)
{
    (void)state;
    struct sock *s = client("GET http://localhost-check.overlay/ HTTP/1.1\r\n"
                            "Host: localhost-check.overlay\r\n\r\n");
    assert_status(s, 200);
    assert_says(s, "; connect-src http://127.0.0.1:7777; treat-as-public-address\r\n");
    assert_says(s, "<script src=\"/check.js\" defer>");
    s = client("GET http://localhost-check.overlay HTTP/1.1\r\n"
               "Host: localhost-check.overlay\r\n\r\n");
    assert_status(s, 200);
}

static void nothing_else_of_ours_is_at_that_name(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/events",          "/status.js", "/parts.js",  "/proxy.pac",
        "/localhost-check", "/metrics",   "/where.js/", "//"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" CHECK, paths[i]);
        assert_status(client(text), 404);
        snprintf(text, sizeof(text),
                 "GET http://localhost-check.overlay%s HTTP/1.1\r\n"
                 "Host: localhost-check.overlay\r\n\r\n",
                 paths[i]);
        assert_status(client(text), 404);
    }
    assert_status(client("POST /act HTTP/1.1\r\nContent-Length: 0\r\n" CHECK), 404);
    assert_status(client("POST / HTTP/1.1\r\nContent-Length: 0\r\n" CHECK), 405);
    assert_status(client("OPTIONS / HTTP/1.1\r\n" CHECK), 405);
    assert_status(client("GET / HTTP/1.1\r\nHost: x.localhost-check.overlay\r\n\r\n"), 404);
    assert_int_equal(looks, 0);
}

static void one_text_of_ours_is_anybodys(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1:7777", "localhost:7777", "[::1]:7777"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text),
                 "GET /localhost-check HTTP/1.1\r\nHost: %s\r\nOrigin: http://evil.example\r\n"
                 "Sec-Fetch-Site: cross-site\r\n\r\n",
                 hosts[i]);
        struct sock *s = client(text);
        assert_status(s, 200);
        assert_says(s, "\r\nAccess-Control-Allow-Origin: *\r\n");
        assert_string_equal(body_of(s), "This is the Overlay gateway of this machine.\n");
    }
    /* By no other name, by no other method, and nothing else. */
    assert_status(client("GET /localhost-check HTTP/1.1\r\n" OWN "\r\n"), 404);
    static const char *const others[] = {
        "POST /localhost-check HTTP/1.1\r\nContent-Length: 0\r\n",
        "OPTIONS /localhost-check HTTP/1.1\r\nAccess-Control-Request-Method: GET\r\n",
        "GET / HTTP/1.1\r\n",
        "GET /events HTTP/1.1\r\n",
        "GET /proxy.pac HTTP/1.1\r\n",
        "GET /localhost-check/ HTTP/1.1\r\n",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char text[300];
        snprintf(text, sizeof(text),
                 "%sHost: 127.0.0.1:7777\r\nOrigin: http://evil.example\r\n\r\n", others[i]);
        assert_lacks(client(text), "Access-Control-");
    }
}

static void a_peer_that_has_the_name_already_keeps_it(void **state)
{
    (void)state;
    struct known_peer p = {.id = keys_numbered(7).id, .alias = "localhost-check"};
    assert_int_equal(registry_peer_put_config(node.registry, &p), 0);
    assert_lacks(client("GET / HTTP/1.1\r\n" CHECK), "check.js");
    assert_int_equal(node.wait_count, 1);
}

/* ---- events ---- */

static void tells_what_changes_once_a_second(void **state)
{
    (void)state;
    struct sock *s = client(EVENTS);
    assert_status(s, 200);
    assert_says(s, "\r\nContent-Type: text/event-stream\r\n");
    assert_says(s, "\r\n\r\ndata: {\"may\":false}\n\n");
    world_forget(s);
    world_wait(&world, SEC(5));
    assert_string_equal(world_heard(s), "");
    strcpy(shown[0], "{\"n\":1}");
    strcpy(shown[0], "{\"n\":2}");
    world_wait(&world, SEC(1));
    assert_string_equal(world_heard(s), "data: {\"n\":2}\n\n");
    world_forget(s);
    shown[0][0] = 0; /* nothing to be seen for the moment is no change */
    world_wait(&world, SEC(3));
    assert_string_equal(world_heard(s), "");
    assert_false(world_is_over(s));
}

static void a_heartbeat_says_that_nothing_does(void **state)
{
    (void)state;
    struct sock *s = client(EVENTS);
    world_forget(s);
    world_wait(&world, SEC(14));
    assert_string_equal(world_heard(s), "");
    world_wait(&world, SEC(2));
    assert_string_equal(world_heard(s), ":\n\n");
    world_wait(&world, SEC(15));
    assert_string_equal(world_heard(s), ":\n\n:\n\n");
}

static void nobody_looks_while_nobody_watches(void **state)
{
    (void)state;
    world_wait(&world, SEC(10));
    assert_int_equal(looks, 0);
    struct sock *s = client(EVENTS);
    world_wait(&world, SEC(3));
    assert_true(looks >= 3);
    world_finish(s);
    world_run(&world);
    assert_true(world_is_over(s));
    unsigned before = looks;
    world_wait(&world, SEC(10));
    assert_int_equal(looks, before);
}

static void who_does_not_read_is_dropped(void **state)
{
    (void)state;
    struct sock *slow = client(EVENTS), *quick = client(EVENTS);
    memset(shown[0], 'x', sizeof(shown[0]) - 1);
    slow->room = 1000;
    world_wait(&world, SEC(2));
    assert_false(world_is_over(slow));
    world_wait(&world, SEC(12));
    assert_true(slow->reset);
    assert_false(world_is_over(quick));
    assert_true(quick->out_len > sizeof(shown[0]));
}

static void who_is_slow_gets_the_newest_and_no_more(void **state)
{
    (void)state;
    struct sock *s = client(EVENTS);
    world_forget(s);
    memset(shown[0], 'x', sizeof(shown[0]) - 1);
    s->room = 1000;
    world_wait(&world, SEC(2));
    for (int i = 0; i < 5; i++) {
        snprintf(shown[0], sizeof(shown[0]), "{\"n\":%d}", i);
        world_wait(&world, SEC(1));
    }
    world_make_room(s, 1 << 20);
    world_wait(&world, SEC(2));
    assert_false(world_is_over(s));
    assert_string_equal(world_heard(s) + s->out_len - 15, "data: {\"n\":4}\n\n");
    assert_null(strstr(world_heard(s), "{\"n\":3}"));
}

static void so_many_may_watch_and_no_more(void **state)
{
    (void)state;
    struct sock *first = NULL;
    for (int i = 0; i < WEB_READERS_MAX; i++) {
        struct sock *s = client(EVENTS);
        assert_status(s, 200);
        first = first ? first : s;
    }
    assert_status(client(EVENTS), 503);
    world_finish(first);
    world_run(&world);
    assert_status(client(EVENTS), 200);
}

/* ---- the owner ---- */

/* A key that lasts, as the page gets it. */
static const char *enter(void)
{
    static char key[WEB_KEY_TEXT];
    char link[PROXY_LINK_MAX], text[700];
    proxy_web_link(proxy, link);
    assert_memory_equal(link, "http://overlay.localhost:7777/#key=", 35);
    snprintf(text, sizeof(text),
             "POST /enter HTTP/1.1\r\n" ASKED "Content-Length: 0\r\nX-Overlay-Key: %s\r\n\r\n",
             link + 35);
    struct sock *s = client(text);
    assert_status(s, 200);
    const char *at = strstr(world_heard(s), "{\"key\":\"");
    assert_non_null(at);
    snprintf(key, sizeof(key), "%.*s", (int)strcspn(at + 8, "\""), at + 8);
    return key;
}

static struct sock *asks(const char *head, const char *key, const char *type, const char *body)
{
    char text[700];
    snprintf(text, sizeof(text),
             "POST /act HTTP/1.1\r\n%sX-Overlay-Key: %s\r\nContent-Type: %s\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             head, key, type, strlen(body), body);
    return client(text);
}

static void the_owner_sees_more(void **state)
{
    (void)state;
    char text[300];
    snprintf(text, sizeof(text), "GET /events HTTP/1.1\r\n" OWN "X-Overlay-Key: %s\r\n\r\n",
             enter());
    assert_says(client(text), "data: {\"may\":true}\n\n");
    assert_says(client(EVENTS), "data: {\"may\":false}\n\n");
    assert_says(client("GET /events HTTP/1.1\r\n" OWN "X-Overlay-Key: wrong\r\n\r\n"),
                "data: {\"may\":false}\n\n");
}

static void the_owner_may_have_things_done(void **state)
{
    (void)state;
    struct sock *s = asks(ASKED, enter(), "application/json", "{\"cmd\":\"revoke\"}");
    assert_status(s, 200);
    assert_says(s, "\r\n\r\n{\"ok\":true}");
    assert_string_equal(done, "{\"cmd\":\"revoke\"}");
    refuses = true;
    s = asks(ASKED, enter(), "application/json", "{}");
    assert_status(s, 400);
    assert_says(s, "{\"error\":\"no\"}");
}

static void nobody_else_may(void **state)
{
    (void)state;
    static const char *const heads[] = {
        OWN,
        OWN "Origin: http://overlay.localhost:7777\r\n",
        OWN "Sec-Fetch-Site: same-origin\r\n",
        OWN "Sec-Fetch-Site: same-site\r\nOrigin: http://overlay.localhost:7777\r\n",
        OWN "Sec-Fetch-Site: same-origin\r\nOrigin: http://web.evil.overlay.localhost:7777\r\n",
        OWN "Sec-Fetch-Site: same-origin\r\nOrigin: http://overlay.localhost:20001\r\n",
        "Host: 127.0.0.1:7777\r\nSec-Fetch-Site: same-origin\r\n"
        "Origin: http://127.0.0.1:7777\r\n",
    };
    const char *key = enter();
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct sock *s = asks(heads[i], key, "application/json", "{}");
        if (strncmp(world_heard(s), "HTTP/1.1 403 ", 13) != 0 &&
            strncmp(world_heard(s), "HTTP/1.1 404 ", 13) != 0)
            fail_msg("case %zu: %s", i, world_heard(s));
    }
    assert_status(asks(ASKED, "", "application/json", "{}"), 403);
    assert_status(asks(ASKED, "AAAAAAAAAAAAAAAAAAAAAAAAAAA", "application/json", "{}"), 403);
    assert_status(asks(ASKED, key, "text/plain", "{}"), 415);
    assert_string_equal(done, "");
}

static void a_link_opens_the_door_once(void **state)
{
    (void)state;
    char link[PROXY_LINK_MAX], text[700];
    proxy_web_link(proxy, link);
    snprintf(text, sizeof(text),
             "POST /enter HTTP/1.1\r\n" ASKED "Content-Length: 0\r\nX-Overlay-Key: %s\r\n\r\n",
             link + 35);
    assert_status(client(text), 200);
    assert_status(client(text), 403);
    /* and only to its own page; nor is it a key to anything by itself */
    proxy_web_link(proxy, link);
    snprintf(text, sizeof(text),
             "POST /enter HTTP/1.1\r\n" OWN "Content-Length: 0\r\nX-Overlay-Key: %s\r\n\r\n",
             link + 35);
    assert_status(client(text), 403);
    assert_status(asks(ASKED, link + 35, "application/json", "{}"), 403);
    assert_status(client("POST /enter HTTP/1.1\r\n" ASKED "Content-Length: 0\r\n\r\n"), 403);
    assert_status(client("POST /none HTTP/1.1\r\n" ASKED "Content-Length: 0\r\n\r\n"), 404);
}

static void a_body_may_come_in_pieces(void **state)
{
    (void)state;
    char text[700];
    snprintf(text, sizeof(text),
             "POST /act HTTP/1.1\r\n" ASKED "X-Overlay-Key: %s\r\n"
             "Content-Type: application/json\r\nContent-Length: 17\r\n\r\n",
             enter());
    struct sock *s = client(text);
    for (const char *at = "{\"cmd\":\"revoke\" }"; *at; at++) {
        assert_string_equal(done, "");
        assert_int_equal(s->out_len, 0);
        world_send(s, at, 1);
        world_run(&world);
    }
    assert_status(s, 200);
    assert_string_equal(done, "{\"cmd\":\"revoke\" }");
    s = client(text);
    world_say(s, "{\"cmd\"");
    world_wait(&world, SEC(11));
    assert_status(s, 408);
    s = client(text);
    world_say(s, "{\"cmd\"");
    world_finish(s);
    world_run(&world);
    assert_true(s->finished);
}

static void a_body_is_small_and_says_its_length(void **state)
{
    (void)state;
    assert_status(client("POST /act HTTP/1.1\r\n" ASKED "Content-Length: 4097\r\n\r\n"), 413);
    assert_status(client("POST /act HTTP/1.1\r\n" ASKED "Content-Length: 99999999999\r\n\r\n"),
                  413);
    assert_status(
        client("POST /act HTTP/1.1\r\n" ASKED "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"),
        411);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(serves_the_page_with_everything_forbidden_that_it_does_not_need),
        TEST(other_names_of_the_gateway_lead_there),
        TEST(shows_nothing_to_pages_of_others),
        TEST(one_page_is_at_a_name_like_a_peers),
        TEST(as_a_proxy_it_is_marked_as_public_like_a_peers),
        TEST(nothing_else_of_ours_is_at_that_name),
        TEST(one_text_of_ours_is_anybodys),
        TEST(a_peer_that_has_the_name_already_keeps_it),
        TEST(tells_what_changes_once_a_second),
        TEST(a_heartbeat_says_that_nothing_does),
        TEST(nobody_looks_while_nobody_watches),
        TEST(who_does_not_read_is_dropped),
        TEST(who_is_slow_gets_the_newest_and_no_more),
        TEST(so_many_may_watch_and_no_more),
        TEST(the_owner_sees_more),
        TEST(the_owner_may_have_things_done),
        TEST(nobody_else_may),
        TEST(a_link_opens_the_door_once),
        TEST(a_body_may_come_in_pieces),
        TEST(a_body_is_small_and_says_its_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
