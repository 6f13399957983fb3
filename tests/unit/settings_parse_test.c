/* overlay.conf: every option, every error, and the default file read back. */
#include "config/settings/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/settings/target.h"

#define ID_A "ybndrfg8ejkmcpqxot1uwisza345h769ybndrfg8ejkmcpqxot1o"

static char why[512];

static int parse(struct settings *s, const char *text)
{
    why[0] = '\0';
    assert_int_equal(settings_init(s), 0);
    return settings_parse(s, "overlay.conf", text, strlen(text), why, sizeof(why));
}

/** The text is refused with this complaint. */
static void refuses(const char *text, const char *complaint)
{
    struct settings s;

    assert_int_equal(parse(&s, text), -EBADMSG);
    assert_string_equal(why, complaint);
    settings_deinit(&s);
}

static void an_empty_file_means_the_defaults(void **state)
{
    (void)state;
    struct settings s;
    char text[ADDR_TEXT_MAX];

    assert_int_equal(parse(&s, ""), 0);
    assert_int_equal(s.gateway_listen.count, 2);
    assert_string_equal(addr_print(&s.gateway_listen.at[1], text), "[::]:0");
    assert_int_equal(s.gateway_port, SETTINGS_PORT_KEPT);
    assert_string_equal(addr_print(&s.dns_listen.at[0], text), "127.0.0.1:5354");
    assert_string_equal(s.dns_suffix, "overlay");
    assert_string_equal(addr_print(&s.proxy_listen.at[1], text), "[::1]:7777");
    assert_string_equal(s.local_users.at[0], "same");
    assert_int_equal(s.lan_mode, SETTINGS_LAN_PRIVATE);
    assert_int_equal(s.dht_mode, SETTINGS_DHT_ADAPTIVE);
    assert_int_equal(s.dht_listen.count, 2);
    assert_int_equal(s.dht_bootstrap.count, 4);
    assert_int_equal(s.dht_relays.count, 0);
    assert_false(s.gateway_publish_addresses);
    assert_int_equal(s.limits_udp_idle_s, 60);
    assert_int_equal(s.limits_rate, 0);
    for (int i = 0; i < SETTINGS_OPTION_COUNT; i++)
        assert_false(settings_is_set(&s, (enum settings_option)i));
    settings_deinit(&s);
}

static void every_option_of_the_single_sections_is_read(void **state)
{
    (void)state;
    struct settings s;
    char text[ADDR_TEXT_MAX];

    assert_int_equal(
        parse(&s,
              "[gateway]\nlisten = 192.0.2.1:4433\nport=random\n"
              "external = 203.0.113.4:4433\ntcp = on\n"
              "nickname = alice\nnetwork = lab\n"
              "[dns]\nlisten = 127.0.0.1:53\nsuffix = home.arpa\n"
              "forward = yes\nupstream = 9.9.9.9:53, [2620:fe::fe]:53\n"
              "[proxy]\nlisten =\n"
              "[metrics]\nlisten = 127.0.0.1:9464\n"
              "[local]\nusers = alice, bob\n"
              "[setup]\npool = 198.18.0.0/16\nredirect_port = 7791\n"
              "names_socket = /run/x/names.sock\n"
              "[lan]\nmode = off\n"
              "[dht]\nmode = server\nlisten = 192.0.2.1:6881\n"
              "bootstrap = router.example.org:6881, [2001:db8::1]:1\n"
              "relays = https://pkarr.example.org\nmailbox = off\n"
              "[relay]\nserve = friends\nuse = " ID_A "@relay.example.org:4433/1\n"
              "tls_listen = 0.0.0.0:443\nrate = 1M\ndaily = 2G\n"
              "[portmap]\nmode = off\n"
              "[stun]\nservers = stun.example.net:3478, stuns:[::1]\n"
              "[punch]\nmode = off\nbirthday = off\npwnat = on\nopener_ttl = 5\n"
              "[turn]\nuse = turn:turn.example.org:3478\nusername = me\n"
              "password = pw\nsecret = xyz\nca = turn.pem\n"
              "[mail]\nsmtp = smtps://mail.example.org\nimap = imaps://mail.example.org/Overlay\n"
              "user = me\npassword_file = /run/pw\nfrom = me@example.org\n"
              "ca = ca.pem\npoll_s = 2m\n"
              "[limits]\nstreams_per_peer = 10\nrate = 2M\nudp_idle_s = 5m\n"
              "max_peers = 7\nuplink = 1M\nblock_abusers = on\n"
              "[gateway]\nallow_from = 192.0.2.0/24\nblock_from = ::/0\n"
              "publish_addresses = on\npeer_exchange = on\n"),
        0);
    assert_int_equal(s.gateway_listen.count, 1);
    assert_string_equal(addr_print(&s.gateway_listen.at[0], text), "192.0.2.1:4433");
    assert_int_equal(s.gateway_port, SETTINGS_PORT_RANDOM);
    assert_string_equal(s.gateway_nickname, "alice");
    assert_string_equal(s.gateway_network, "lab");
    assert_string_equal(s.dns_suffix, "home.arpa");
    assert_true(s.dns_forward);
    assert_int_equal(s.dns_upstream.count, 2);
    assert_int_equal(s.proxy_listen.count, 0);
    assert_int_equal(s.local_users.count, 2);
    assert_string_equal(s.local_users.at[1], "bob");
    assert_int_equal(s.setup_pool.count, 1);
    assert_int_equal(s.setup_pool.at[0].bits, 16);
    assert_int_equal(s.setup_redirect_port, 7791);
    assert_int_equal(s.lan_mode, SETTINGS_LAN_OFF);
    assert_int_equal(s.relay_serve, SETTINGS_RELAY_FRIENDS);
    assert_int_equal(s.dht_mode, SETTINGS_DHT_SERVER);
    assert_int_equal(s.dht_listen.count, 1);
    assert_string_equal(s.dht_bootstrap.at[1], "[2001:db8::1]:1");
    assert_string_equal(s.dht_relays.at[0], "https://pkarr.example.org");
    assert_true(s.gateway_publish_addresses);
    assert_int_equal(s.relay_use.count, 1);
    assert_true(s.gateway_tcp);
    assert_int_equal(s.relay_tls_listen.count, 1);
    assert_int_equal(s.turn_use.count, 1);
    assert_string_equal(s.turn_username, "me");
    assert_string_equal(s.turn_ca, "turn.pem");
    assert_string_equal(s.mail_imap, "imaps://mail.example.org/Overlay");
    assert_string_equal(s.mail_password_file, "/run/pw");
    assert_int_equal(s.mail_poll_s, 120);
    assert_int_equal(s.relay_rate, 1 << 20);
    assert_int_equal(s.relay_daily, UINT64_C(2) << 30);
    assert_int_equal(s.portmap_mode, SETTINGS_PORTMAP_OFF);
    assert_int_equal(s.stun_servers.count, 2);
    assert_string_equal(s.stun_servers.at[1], "stuns:[::1]");
    assert_int_equal(s.gateway_external.count, 1);
    assert_int_equal(s.punch_mode, SETTINGS_PUNCH_OFF);
    assert_false(s.punch_birthday);
    assert_true(s.punch_pwnat);
    assert_int_equal(s.punch_opener_ttl, 5);
    assert_int_equal(s.limits_streams_per_peer, 10);
    assert_int_equal(s.limits_rate, 2 << 20);
    assert_int_equal(s.limits_udp_idle_s, 300);
    assert_int_equal(s.limits_max_peers, 7);
    for (int i = 0; i < SETTINGS_OPTION_COUNT; i++)
        assert_true(settings_is_set(&s, (enum settings_option)i));
    assert_int_equal(s.line[SET_gateway_port], 3);
    settings_deinit(&s);
}

static void services_and_peers_are_read(void **state)
{
    (void)state;
    struct settings s;

    assert_int_equal(parse(&s, "[service web]\n  target = 3000\n  allow = alice\n  allow = bob\n"
                               "  raw = on\n  proxy_protocol = on\n  peer_header = on\n"
                               "[service db]\ntarget = unix:/run/db.sock\nport = 5432\n"
                               "proto = both\nallow = *\n"
                               "[service nas]\ntarget = 192.0.2.9:80\noff_host = yes\n"
                               "[peer alice]\nid = " ID_A "\naddress = 192.0.2.7:4433\n"
                               "relay = " ID_A "@relay.example.org:4433\n"),
                     0);
    assert_int_equal(s.service_count, 3);
    assert_string_equal(s.services[0].name, "web");
    assert_string_equal(s.services[0].target, "3000");
    assert_int_equal(s.services[0].allow.count, 2);
    assert_true(s.services[0].raw && s.services[0].proxy_protocol && s.services[0].peer_header);
    assert_int_equal(s.services[1].port, 5432);
    assert_int_equal(s.services[1].proto, SETTINGS_BOTH);
    assert_string_equal(s.services[1].allow.at[0], "*");
    assert_true(s.services[2].off_host);
    assert_int_equal(s.peer_count, 1);
    assert_string_equal(s.peers[0].alias, "alice");
    assert_string_equal(s.peers[0].id, ID_A);
    assert_int_equal(s.peers[0].address.count, 1);
    assert_int_equal(s.peers[0].relay.count, 1);
    assert_int_equal(s.peers[0].line, 16);
    settings_deinit(&s);
}

static void ranges_of_addresses_are_lists(void **state)
{
    (void)state;
    struct settings s;

    assert_int_equal(parse(&s, "[gateway]\nblock_from = 192.0.2.0/24, 2001:db8::/32\n"
                               "block_from = 198.51.100.7\n"),
                     0);
    assert_int_equal(s.gateway_allow_from.count, 0);
    assert_int_equal(s.gateway_block_from.count, 3);
    assert_int_equal(s.gateway_block_from.at[1].bits, 32);
    assert_int_equal(s.gateway_block_from.at[2].bits, 32);
    settings_deinit(&s);
    refuses("[gateway]\nallow_from = 192.0.2.1/24\n",
            "overlay.conf:2: allow_from: '192.0.2.1/24' has bits set behind its first 24");
    refuses("[gateway]\nallow_from = example.com\n",
            "overlay.conf:2: allow_from: 'example.com' is not ADDRESS or ADDRESS/BITS");
}

static void lists_go_on_over_lines_and_replace_the_default(void **state)
{
    (void)state;
    struct settings s;

    assert_int_equal(parse(&s, "[local]\nusers = a\nusers = b, c\n"), 0);
    assert_int_equal(s.local_users.count, 3);
    assert_string_equal(s.local_users.at[0], "a");
    settings_deinit(&s);
}

static void comments_blanks_and_carriage_returns_are_skipped(void **state)
{
    (void)state;
    struct settings s;

    assert_int_equal(parse(&s, "# one\r\n; two\r\n\r\n\t[dns] \r\n  suffix = x ; why\r\n"), 0);
    assert_string_equal(s.dns_suffix, "x");
    settings_deinit(&s);
}

static void errors_name_file_and_line(void **state)
{
    (void)state;

    refuses("[nowhere]\n", "overlay.conf:1: unknown section [nowhere]");
    refuses("[dns]\n\nport = 1\n", "overlay.conf:3: unknown option 'port' in [dns]");
    refuses("[dhtt]\nmode = off\n", "overlay.conf:1: unknown section [dhtt]");
    refuses("[gateway]\nextern = 192.0.2.1:1\n",
            "overlay.conf:2: unknown option 'extern' in [gateway]");
    refuses("port = 1\n", "overlay.conf:1: 'port' comes before any [section]");
    refuses("[dns]\nsuffix\n", "overlay.conf:2: neither a [section] nor NAME = VALUE");
    refuses("[dns\n", "overlay.conf:1: a section without its ']'");
    refuses("[dns]\nsuffix = a\nsuffix = b\n",
            "overlay.conf:3: 'suffix' is written twice, first on line 2");
    refuses("[dns]\nsuffix =\n", "overlay.conf:2: 'suffix' needs a value: DOMAIN");
    refuses("[service a]\ntarget = 1\n[service a]\n",
            "overlay.conf:3: [service a] is written twice, first on line 1");
    refuses("[peer a]\nid = " ID_A "\n[peer a]\n",
            "overlay.conf:3: [peer a] is written twice, first on line 1");
    refuses("[service A]\n", "overlay.conf:1: 'A' is not a name; use a-z, 0-9 and '-', at most 32");
}

static void values_that_do_not_fit_are_errors(void **state)
{
    (void)state;

    refuses("[gateway]\nlisten = 1.2.3.4\n", "overlay.conf:2: listen: '1.2.3.4' is not an "
                                             "address; write IP:PORT or [IPv6]:PORT");
    refuses("[gateway]\nlisten = 1.2.3.4:1,,\n",
            "overlay.conf:2: listen: an empty place in the list");
    refuses("[gateway]\nport = 4433\n", "overlay.conf:2: port: '4433' is none of kept|random");
    refuses("[gateway]\nlisten =\n", "overlay.conf:2: listen: at least one address is needed");
    refuses("[dht]\nbootstrap = a.example\n",
            "overlay.conf:2: bootstrap: 'a.example' is not a host; write HOST:PORT");
    refuses("[dht]\nbootstrap = tcp:a.example:1\n",
            "overlay.conf:2: bootstrap: 'tcp:a.example:1' is not a host; write HOST:PORT");
    refuses("[dht]\nrelays = a.example\n",
            "overlay.conf:2: relays: 'a.example' is not a URL; write https://HOST");
    refuses("[dht]\nrelays = http://a.example\n",
            "overlay.conf:2: relays: 'http://a.example' is not a URL; write https://HOST");
    refuses("[dht]\nlisten = 0.0.0.0:1, 127.0.0.1:2\n",
            "overlay.conf:2: listen: the DHT node has one IPv4 address and one IPv6 address, or "
            "one of them");
    refuses("[limits]\nudp_idle_s = 0\n", "overlay.conf:2: udp_idle_s: 0 is not within 1-86400");
    refuses("[limits]\nmax_peers = 12x\n", "overlay.conf:2: max_peers: '12x' is not a number");
    refuses("[limits]\nrate = 99999999999999999999\n",
            "overlay.conf:2: rate: '99999999999999999999' is not a number");
    refuses("[dns]\nforward = maybe\n", "overlay.conf:2: forward: 'maybe' is neither on nor off");
    refuses("[dns]\nsuffix = a..b\n",
            "overlay.conf:2: suffix: 'a..b' is not a domain name in lower case");
    refuses("[local]\nusers = a b\n",
            "overlay.conf:2: users: 'a b' is not a name; put commas between names");
    refuses("[service a]\ntarget = ftp\n",
            "overlay.conf:2: target: 'ftp' is not a target; write " SHARE_TARGET_FORMS);
    refuses("[peer a]\nid = abc\n",
            "overlay.conf:2: id: 'abc' is not a peer id (52 characters, see `overlay id`)");
    refuses("[peer a]\nid = " ID_A "\nrelay = x@y\n",
            "overlay.conf:3: relay: 'x@y' is not a relay; write PEER_ID@HOST:PORT");
    refuses("[relay]\nuse = " ID_A "@y:1/0\n",
            "overlay.conf:2: use: '" ID_A "@y:1/0' is not a relay; write PEER_ID@HOST:PORT");
    refuses("[relay]\nuse = " ID_A "@y:1/\n",
            "overlay.conf:2: use: '" ID_A "@y:1/' is not a relay; write PEER_ID@HOST:PORT");
}

static void what_does_not_fit_together_is_an_error(void **state)
{
    (void)state;

    refuses("[dns]\nlisten = 0.0.0.0:5354\n",
            "overlay.conf:2: listen: 0.0.0.0:5354 is not a loopback address");
    refuses("[metrics]\nlisten = 0.0.0.0:9464\n",
            "overlay.conf:2: listen: 0.0.0.0:9464 is not a loopback address");
    refuses("[proxy]\nlisten = 192.0.2.1:7777\n",
            "overlay.conf:2: listen: 192.0.2.1:7777 is not a loopback address");
    refuses("[dns]\nforward = on\n", "overlay.conf:2: forward = on needs 'upstream' in [dns]");
    refuses("\n[service a]\n", "overlay.conf:2: [service a] needs 'target'");
    refuses("[service a]\ntarget = unix:/a\n",
            "overlay.conf:1: [service a] needs 'port', its target being a unix socket");
    refuses("[peer a]\n", "overlay.conf:1: [peer a] needs 'id'");
}

static void a_line_is_never_cut_silently(void **state)
{
    (void)state;
    struct settings s;
    char text[700];

    memset(text, 'a', sizeof(text));
    memcpy(text, "[gateway]\nnetwork = ", 20);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(parse(&s, text), -EBADMSG);
    assert_non_null(strstr(why, "overlay.conf:2: line longer than"));
    settings_deinit(&s);
}

static void a_byte_order_mark_is_no_part_of_the_first_line(void **state)
{
    (void)state;
    struct settings s;

    assert_int_equal(parse(&s, "\xef\xbb\xbf[dns]\nsuffix = lab\n"), 0);
    assert_string_equal(s.dns_suffix, "lab");
    settings_deinit(&s);
    assert_int_equal(parse(&s, "\xef\xbb\xbf"), 0);
    settings_deinit(&s);
}

static void nul_bytes_are_refused(void **state)
{
    (void)state;
    struct settings s;

    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(settings_parse(&s, "f", "[dns]\n\0\n", 8, why, sizeof(why)), -EBADMSG);
    assert_string_equal(why, "f:2: not a text file: it has NUL bytes");
    settings_deinit(&s);
}

static void every_truncation_is_either_read_or_refused(void **state)
{
    (void)state;
    const char *text = "[service web]\ntarget = 3000\nallow = a, b\n[dns]\nsuffix = x.y\n";

    for (size_t len = 0; len <= strlen(text); len++) {
        struct settings s;
        assert_int_equal(settings_init(&s), 0);
        int err = settings_parse(&s, "f", text, len, why, sizeof(why));
        assert_true(err == 0 || err == -EBADMSG);
        settings_deinit(&s);
    }
}

/** Uncomments every option of the default file and reads it back. */
static void the_default_file_reads_back_as_the_defaults(void **state)
{
    (void)state;
    char *text = NULL, *at;
    size_t len;
    struct settings s, defaults;
    FILE *out = open_memstream(&text, &len);

    settings_print_default(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(parse(&s, text), 0);
    settings_deinit(&s);

    at = strstr(text, "#[service");
    assert_non_null(at);
    *at = '\0';
    for (at = text; (at = strchr(at, '#')); at++)
        if (at[1] != ' ')
            *at = ' ';
    assert_int_equal(parse(&s, text), 0);
    assert_int_equal(settings_init(&defaults), 0);
    for (int i = 0; i < SETTINGS_OPTION_COUNT; i++)
        assert_true(settings_is_set(&s, (enum settings_option)i));
    assert_memory_equal(&s.gateway_listen, &defaults.gateway_listen, sizeof(s.gateway_listen));
    assert_memory_equal(&s.dns_listen, &defaults.dns_listen, sizeof(s.dns_listen));
    assert_string_equal(s.dns_suffix, defaults.dns_suffix);
    assert_int_equal(s.limits_streams_per_peer, defaults.limits_streams_per_peer);
    settings_deinit(&s);
    settings_deinit(&defaults);
    free(text);
}

static void what_a_running_gateway_cannot_change_is_listed(void **state)
{
    (void)state;
    struct settings now, fresh;
    char out[200];

    assert_int_equal(parse(&now, ""), 0);
    assert_int_equal(parse(&fresh, "[dns]\nsuffix = overlay\n[local]\nusers = bob\n"), 0);
    assert_int_equal(settings_later(&now, &fresh, out, sizeof(out)), 0);
    assert_string_equal(out, "");
    settings_deinit(&fresh);
    assert_int_equal(parse(&fresh,
                           "[dns]\nlisten = 127.0.0.1:53\nforward = on\n"
                           "upstream = 9.9.9.9:53\n[limits]\nrate = 1\n[lan]\nmode = off\n"),
                     0);
    assert_int_equal(settings_later(&now, &fresh, out, sizeof(out)), 5);
    assert_string_equal(out, "restart the gateway for: [dns] listen, [dns] forward, "
                             "[dns] upstream, [lan] mode, [limits] rate");
    assert_int_equal(settings_later(&now, &fresh, out, 40), 5);
    settings_deinit(&now);
    settings_deinit(&fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_means_the_defaults),
        cmocka_unit_test(every_option_of_the_single_sections_is_read),
        cmocka_unit_test(services_and_peers_are_read),
        cmocka_unit_test(ranges_of_addresses_are_lists),
        cmocka_unit_test(lists_go_on_over_lines_and_replace_the_default),
        cmocka_unit_test(comments_blanks_and_carriage_returns_are_skipped),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(values_that_do_not_fit_are_errors),
        cmocka_unit_test(what_does_not_fit_together_is_an_error),
        cmocka_unit_test(a_line_is_never_cut_silently),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_first_line),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(every_truncation_is_either_read_or_refused),
        cmocka_unit_test(the_default_file_reads_back_as_the_defaults),
        cmocka_unit_test(what_a_running_gateway_cannot_change_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
