/* The status as people see it, as text and as a page on a terminal. */
#include "config/control/render_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct {
    char out[8192];
    bool terminal;
    unsigned columns, rows;
    const char *no_color;
} s;

static const char *host_getenv(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "NO_COLOR") == 0 ? s.no_color : NULL;
}

static int host_write(void *arg, int fd, const char *text, size_t len)
{
    (void)arg;
    assert_int_equal(fd, 1);
    assert_true(strlen(s.out) + len < sizeof(s.out));
    strncat(s.out, text, len);
    return 0;
}

static bool host_is_terminal(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    return s.terminal;
}

static unsigned host_columns(void *arg)
{
    (void)arg;
    return s.columns;
}

static unsigned host_rows(void *arg)
{
    (void)arg;
    return s.rows;
}

static const struct cli_host HOST = {
    .getenv = host_getenv,
    .write = host_write,
    .is_terminal = host_is_terminal,
    .columns = host_columns,
    .rows = host_rows,
};
static const struct front FRONT = {.host = &HOST};

static const char STATUS[] =
    "{\"id\":\"yyy\",\"version\":\"1\",\"pid\":7,\"uptime_s\":%d,\"home\":\"/h\","
    "\"udp\":[\"0.0.0.0:1\",\"[::]:1\"],\"dns\":{\"listen\":[],\"suffix\":\"overlay\"},"
    "\"proxy\":{\"listen\":[\"127.0.0.1:7777\"]},"
    "\"relay\":{\"home\":\"rrr@relay.example:4433\",\"serving\":true,\"registered\":3,"
    "\"circuits\":2,\"bytes\":1200000,\"datagrams\":1000,\"dropped\":0},"
    "\"services\":[{\"name\":\"web\",\"proto\":\"tcp\",\"port\":80,\"target\":\"unix:/x\","
    "\"allow\":[],\"deny\":[\"a\"],\"public\":%s,\"connections\":1,\"rx_bytes\":0,\"tx_bytes\":0}],"
    "\"peers\":[{\"id\":\"bbb\",\"alias\":\"bob\",\"state\":\"direct\",\"path\":{\"kind\":\"udp\","
    "\"remote\":\"192.0.2.1:9\",\"rtt_ms\":1.25,\"mtu\":1200},\"why_not_direct\":null,"
    "\"rx_bytes\":%d,\"tx_bytes\":20,\"streams\":0,\"ports\":[{\"service\":\"ssh\","
    "\"proto\":\"tcp\",\"listen\":[\"127.0.0.1:20001\"],\"url\":null}]},"
    "{\"id\":\"ccc\",\"alias\":null,\"state\":\"unreachable\",\"path\":null,"
    "\"why_not_direct\":\"no answer\",\"rx_bytes\":0,\"tx_bytes\":0,\"streams\":0,\"ports\":[]}]}";

static json_t *status_of(int uptime_s, bool public, int rx_bytes)
{
    char text[2048];

    (void)snprintf(text, sizeof(text), STATUS, uptime_s, public ? "true" : "false", rx_bytes);
    json_t *status = json_loads(text, 0, NULL);
    assert_non_null(status);
    s.out[0] = '\0';
    return status;
}

static int set_up(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    return 0;
}

static void shows(const char *part)
{
    if (!strstr(s.out, part))
        fail_msg("not in the status: %s\n%s", part, s.out);
}

static void it_tells_where_peers_have_addresses(void **state)
{
    json_t *status = status_of(59, true, 1500);
    (void)state;

    json_t *setup = json_pack("{s:b, s:s, s:b, s:[ii]}", "active", 1, "pool", "198.19.0.0/16",
                              "http", 1, "conflicts", 3000, 8080);
    assert_int_equal(json_object_set_new(status, "setup", setup), 0);
    render_status(&FRONT, status);
    shows("pool   198.19.0.0/16, http://PEER.overlay/; other programs have port 3000, 8080\n");
    json_decref(status);
}

static void it_names_services_peers_and_ports(void **state)
{
    json_t *status = status_of(59, true, 1500);
    (void)state;

    render_status(&FRONT, status);
    shows("overlay 1, process 7, up 59 s\nid     yyy\nhome   /h\nudp    0.0.0.0:1, [::]:1\n"
          "dns    - for .overlay\nproxy  127.0.0.1:7777\n"
          "relay  relay.example:4433; this is one for 3 peers, 2 circuits, 1.2 MB\nservices\n");
    shows("  web              tcp     80 -> unix:/x  for everybody, never 1 peer  1 connection\n");
    shows("  bob              direct      udp 192.0.2.1:9 1.2 ms  in 1.5 kB  out 20 B\n"
          "    ssh            tcp  127.0.0.1:20001\n");
    shows("  ccc              unreachable no answer  in 0 B  out 0 B\n");
    json_decref(status);
}

static void it_tells_why_a_peer_is_not_direct_and_how_far_the_relays_are(void **state)
{
    json_t *status = status_of(59, true, 0);
    json_t *peer = json_array_get(json_object_get(status, "peers"), 0);
    (void)state;

    (void)json_object_set_new(peer, "state", json_string("relayed"));
    (void)json_object_set_new(peer, "why_not_direct", json_string("no guess hit; next try in 5 s"));
    (void)json_object_set_new(json_object_get(status, "relay"), "relays",
                              json_pack("[{s:s, s:s, s:f}, {s:s, s:s, s:f}, {s:s, s:s, s:n}]",
                                        "host", "relay.example:4433", "state", "home", "rtt_ms",
                                        43.21, "host", "spare.example:1", "state", "spare",
                                        "rtt_ms", 51.0, "host", "gone.example:1", "state", "none",
                                        "rtt_ms"));
    render_status(&FRONT, status);
    shows("relay  relay.example:4433 43.2 ms; spare spare.example:1 51.0 ms; this is one for 3 ");
    shows("  in 0 B  out 20 B\n    not direct: no guess hit; next try in 5 s\n    ssh ");
    json_decref(status);
}

static void it_tells_what_the_nat_is_and_which_stun_server_disagrees(void **state)
{
    json_t *status = status_of(59, true, 1500);
    json_t *nat =
        json_loads("{\"class\":\"cone\",\"mapping\":\"EI\",\"filtering\":\"unknown\","
                   "\"hairpin\":false,\"port_mapping\":null,"
                   "\"public\":\"203.0.113.5:4433\",\"stun\":[{\"server\":\"192.0.2.3:1\","
                   "\"seen\":\"192.0.2.66:1\",\"disagrees\":true}]}",
                   0, NULL);
    (void)state;

    assert_int_equal(json_object_set_new(status, "nat", nat), 0);
    render_status(&FRONT, status);
    shows("nat    cone, seen at 203.0.113.5:4433, mapping EI, filtering unknown, hairpin no, "
          "reachable unknown\n"
          "       the STUN server 192.0.2.3:1 disagrees: it says 192.0.2.66:1\n");
    json_decref(status);
}

static void it_says_when_no_udp_gets_through_and_counts_one_peer_as_one(void **state)
{
    json_t *status = status_of(59, true, 1500);
    (void)state;

    assert_int_equal(json_object_set_new(status, "nat",
                                         json_pack("{s:s, s:n}", "class", "udp_blocked", "public")),
                     0);
    assert_int_equal(
        json_object_set_new(status, "relay",
                            json_pack("{s:n, s:b, s:i, s:i, s:i}", "home", "serving", true,
                                      "registered", 1, "circuits", 1, "bytes", 9)),
        0);
    render_status(&FRONT, status);
    shows("nat    udp_blocked: no UDP gets through to the internet and back\n"
          "relay  this is one for 1 peer, 1 circuit, 9 B\n");
    json_decref(status);
}

static void it_tells_of_mail_where_mail_is_used(void **state)
{
    json_t *status = status_of(59, true, 1500);
    (void)state;

    render_status(&FRONT, status);
    assert_null(strstr(s.out, "mail"));
    assert_int_equal(
        json_object_set_new(status, "mail",
                            json_pack("{s:s, s:i, s:i}", "state", "on", "sent", 3, "received", 2)),
        0);
    render_status(&FRONT, status);
    shows("mail   on, 3 sent, 2 received\n");
    json_decref(status);
}

static void it_tells_of_calls_through_the_dht_once_there_were_any(void **state)
{
    json_t *status = status_of(59, true, 1500);
    (void)state;

    render_status(&FRONT, status);
    assert_null(strstr(s.out, "calls"));
    assert_int_equal(
        json_object_set_new(status, "mailbox",
                            json_pack("{s:s, s:i, s:i}", "state", "on", "sent", 1, "received", 2)),
        0);
    render_status(&FRONT, status);
    shows("calls  through the DHT: 1 sent, 2 received\n");
    json_decref(status);
}

static void it_says_how_long_in_words_of_that_length(void **state)
{
    static const struct {
        int uptime_s;
        const char *text;
    } CASES[] = {{0, "up 0 s\n"},
                 {125, "up 2 min 5 s\n"},
                 {7260, "up 2 h 1 min\n"},
                 {180000, "up 2 d 2 h\n"}};
    (void)state;

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        json_t *status = status_of(CASES[i].uptime_s, false, 0);
        render_status(&FRONT, status);
        shows(CASES[i].text);
        shows("for nobody, never 1 peer");
        json_decref(status);
    }
}

static void an_empty_gateway_has_none_of_either(void **state)
{
    json_t *status = json_loads("{\"services\":[],\"peers\":[]}", 0, NULL);
    (void)state;

    render_status(&FRONT, status);
    shows("services none\npeers none\n");
    json_decref(status);
}

static void states_are_coloured_on_a_terminal_unless_no_color_is_set(void **state)
{
    json_t *status = status_of(1, false, 0);
    (void)state;

    s.terminal = true;
    render_status(&FRONT, status);
    shows("\033[32mdirect     \033[0m");
    shows("\033[31munreachable\033[0m");
    s.out[0] = '\0';
    s.no_color = "1";
    render_status(&FRONT, status);
    assert_null(strchr(s.out, '\033'));
    json_decref(status);
}

static void a_page_is_cut_to_the_terminal_and_colours_take_no_room(void **state)
{
    json_t *status = status_of(1, false, 0);
    (void)state;

    s.terminal = true;
    s.columns = 24;
    s.rows = 12;
    render_status_page(&FRONT, status, NULL, 0);
    shows("\033[Hoverlay 1, process 7, up\033[0m\033[K\nid     yyy\033[K\n");
    shows("  bob              \033[32mdirec\033[0m\033[K\n\033[J");
    assert_null(strstr(s.out, "ssh"));
    json_decref(status);
}

static void a_page_is_never_cut_inside_a_character(void **state)
{
    json_t *status =
        json_loads("{\"home\":\"/\\u00e9\\u00e9\",\"services\":[],\"peers\":[]}", 0, NULL);
    (void)state;

    s.columns = 9; /* of ten: "home   /" and the two letters, four bytes */
    s.rows = 24;
    render_status_page(&FRONT, status, NULL, 0);
    shows("home   /\xc3\xa9\033[0m\033[K\n");
    json_decref(status);
}

static void a_page_of_unknown_size_is_whole(void **state)
{
    json_t *status = status_of(1, false, 0);
    (void)state;

    render_status_page(&FRONT, status, NULL, 0);
    shows("unreachable no answer  in 0 B  out 0 B\033[K\n\033[J");
    json_decref(status);
}

static void a_page_tells_what_moved_per_second(void **state)
{
    json_t *before = status_of(1, false, 1000), *status = status_of(2, false, 5000);
    (void)state;

    render_status_page(&FRONT, status, before, 2.0);
    shows("  in 5.0 kB (2.0 kB/s)  out 20 B\033[K\n");
    json_decref(before);
    json_decref(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_names_services_peers_and_ports, set_up),
        cmocka_unit_test_setup(it_tells_where_peers_have_addresses, set_up),
        cmocka_unit_test_setup(it_tells_why_a_peer_is_not_direct_and_how_far_the_relays_are,
                               set_up),
        cmocka_unit_test_setup(it_tells_what_the_nat_is_and_which_stun_server_disagrees, set_up),
        cmocka_unit_test_setup(it_says_when_no_udp_gets_through_and_counts_one_peer_as_one, set_up),
        cmocka_unit_test_setup(it_tells_of_mail_where_mail_is_used, set_up),
        cmocka_unit_test_setup(it_tells_of_calls_through_the_dht_once_there_were_any, set_up),
        cmocka_unit_test_setup(it_says_how_long_in_words_of_that_length, set_up),
        cmocka_unit_test_setup(an_empty_gateway_has_none_of_either, set_up),
        cmocka_unit_test_setup(states_are_coloured_on_a_terminal_unless_no_color_is_set, set_up),
        cmocka_unit_test_setup(a_page_is_cut_to_the_terminal_and_colours_take_no_room, set_up),
        cmocka_unit_test_setup(a_page_is_never_cut_inside_a_character, set_up),
        cmocka_unit_test_setup(a_page_of_unknown_size_is_whole, set_up),
        cmocka_unit_test_setup(a_page_tells_what_moved_per_second, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
