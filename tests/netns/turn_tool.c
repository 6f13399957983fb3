/*
 * Two TURN clients on one server exchange datagrams through their relayed addresses; for
 * tests/netns/turn_test.sh.
 *
 *     turn_tool IP:PORT udp|tcp|tls USER PASSWORD|secret:SECRET COUNT [TRUST.pem]
 *
 * Prints "relayed ADDRESS ADDRESS" and "echoed N of COUNT", or "failed REASON" and exits 1.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/io/machine.h"
#include "gateway/relay/turn_link.h"

#define SIZE   1200 /* bytes of a datagram */
#define WINDOW 16   /* on their way at a time */

struct tool;

struct end {
    struct tool *tool;
    struct turn_link *link;
    struct addr relayed;
    bool open, closed;
};

struct tool {
    struct machine *machine;
    struct env *env;
    struct end end[2];
    unsigned count, sent, echoed;
    int code;
    struct timer timer;
};

static void finish(struct tool *t, int code)
{
    t->code = code;
    io_loop_stop(machine_loop(t->machine));
}

static void send_next(struct tool *t)
{
    uint8_t data[SIZE];
    unsigned burst = 0;

    memset(data, 'x', sizeof(data));
    while (t->sent < t->count && t->sent < t->echoed + WINDOW && burst++ < WINDOW) {
        memcpy(data, &t->sent, sizeof(t->sent));
        if (turn_link_send(t->end[0].link, &t->end[1].relayed, data, sizeof(data), 0) < 0)
            break;
        t->sent++;
    }
}

static void on_ready(void *arg, const struct addr *relayed)
{
    struct end *e = arg;
    struct tool *t = e->tool;
    char text[2][ADDR_TEXT_MAX];

    e->relayed = *relayed;
    if (addr_is_none(&t->end[0].relayed) || addr_is_none(&t->end[1].relayed))
        return;
    printf("relayed %s %s\n", addr_print(&t->end[0].relayed, text[0]),
           addr_print(&t->end[1].relayed, text[1]));
    for (unsigned i = 0; i < 2; i++)
        if (turn_link_open(t->end[i].link, &t->end[1 - i].relayed) < 0)
            finish(t, 1);
}

static void on_peer(void *arg, const struct addr *peer, enum turn_peer_state state)
{
    struct end *e = arg;
    (void)peer;
    e->open = state == TURN_PEER_OPEN;
    if (!e->open) {
        printf("failed the peer was refused\n");
        finish(e->tool, 1);
    } else if (e->tool->end[0].open && e->tool->end[1].open) {
        send_next(e->tool);
    }
}

static void on_datagram(void *arg, const struct addr *peer, uint8_t *data, size_t len, instant now)
{
    struct end *e = arg;
    struct tool *t = e->tool;
    (void)now;

    if (e == &t->end[1]) {
        (void)!turn_link_send(e->link, peer, data, len, 0);
        return;
    }
    t->echoed += len == SIZE;
    if (t->echoed == t->count) {
        printf("echoed %u of %u\n", t->echoed, t->count);
        turn_link_close(t->end[0].link);
        turn_link_close(t->end[1].link);
    } else {
        send_next(t);
    }
}

static void on_failed(void *arg, enum turn_failure failure, const char *reason)
{
    struct end *e = arg;
    printf("failed %d %s\n", (int)failure, reason);
    finish(e->tool, 1);
}

static void on_closed(void *arg)
{
    struct end *e = arg;
    e->closed = true;
    if (e->tool->end[0].closed && e->tool->end[1].closed)
        finish(e->tool, 0);
}

static const struct turn_link_handler HANDLER = {on_ready, on_peer, on_datagram, on_failed,
                                                 on_closed};

static void on_timer(struct timer *timer)
{
    struct tool *t = container_of(timer, struct tool, timer);
    printf("echoed %u of %u\nfailed it took too long\n", t->echoed, t->count);
    finish(t, 1);
}

static char *read_file(const char *path)
{
    static char text[16384];
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    (void)fclose(f);
    return text;
}

static int usage(void)
{
    fprintf(stderr, "usage: turn_tool IP:PORT udp|tcp|tls USER PASSWORD COUNT [TRUST.pem]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static struct tool t;
    struct turn_link_options options = {0};
    char user[TURN_USER_MAX + 1], password[TURN_PASSWORD_MAX + 1], host[ADDR_TEXT_MAX];

    if (argc < 6 || addr_parse(&options.server, argv[1]) < 0)
        return usage();
    if (crypto_start() < 0 || machine_new(&t.machine, NULL) < 0)
        return 1;
    t.env = machine_env(t.machine);
    options.transport = argv[2][0] == 'u'             ? TURN_LINK_UDP
                        : strcmp(argv[2], "tcp") == 0 ? TURN_LINK_TCP
                                                      : TURN_LINK_TLS;
    options.host = addr_print_ip(&options.server, host);
    options.user = argv[3];
    options.password = argv[4];
    if (strncmp(argv[4], "secret:", 7) == 0) {
        turn_rest_credentials(argv[4] + 7, env_wall_us(t.env) / 1000000 + 600, argv[3], user,
                              password);
        options.user = user;
        options.password = password;
    }
    t.count = (unsigned)strtoul(argv[5], NULL, 10);
    options.trust = argc > 6 ? read_file(argv[6]) : NULL;
    t.timer.fire = on_timer;
    timer_set(t.env, &t.timer, env_now(t.env) + SEC(30));
    for (unsigned i = 0; i < 2; i++) {
        t.end[i].tool = &t;
        if (turn_link_new(&t.end[i].link, t.env, &options, &HANDLER, &t.end[i]) < 0)
            return 1;
    }
    io_loop_run(machine_loop(t.machine));
    timer_stop(t.env, &t.timer);
    for (unsigned i = 0; i < 2; i++)
        turn_link_free(t.end[i].link);
    return machine_free(t.machine) < 0 ? 1 : t.code;
}
