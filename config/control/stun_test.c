#include "config/control/stun_test.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/addr.h"

#define ASKED_MAX (2 * (ARGS_POSITIONAL_MAX + OPTION_SERVERS_MAX)) /* each over UDP and TCP */

struct test {
    struct cli_stun list[ASKED_MAX];
    size_t count;
};

/* Adds a server, once for each transport that was asked for. */
static int add(struct front *f, struct test *t, const char *text)
{
    struct cli_stun entry = {0};
    bool udp = args_has(&f->args, "udp"), tcp = args_has(&f->args, "tcp");

    if (stun_server_parse(&entry.server, text) < 0)
        return front_fail(f, CLI_USAGE, NULL, "'%s' is not a STUN server; write %s", text,
                          STUN_SERVER_FORMS);
    if (entry.server.transport_said || !tcp || udp)
        t->list[t->count++] = entry;
    if (!entry.server.transport_said && tcp) {
        if (entry.server.transport != STUN_OVER_TLS)
            entry.server.transport = STUN_OVER_TCP;
        t->list[t->count++] = entry;
    }
    return CLI_OK;
}

static int add_configured(struct front *f, struct test *t)
{
    struct settings s;
    int code = front_find_home(f);

    if (code != CLI_OK)
        return code;
    code = front_read_config(f, &s);
    if (code == CLI_OK && s.stun_servers.count == 0)
        code = front_fail(f, CLI_FAILED, "set servers in [stun]",
                          "no STUN servers are configured in %s", front_config_name(f));
    for (size_t i = 0; i < s.stun_servers.count && code == CLI_OK; i++)
        code = add(f, t, s.stun_servers.at[i]);
    settings_deinit(&s);
    return code;
}

static int collect(struct front *f, struct test *t)
{
    int code = CLI_OK;

    for (size_t i = 0; i < f->args.count && code == CLI_OK; i++)
        code = add(f, t, f->args.at[i]);
    if (code == CLI_OK && args_has(&f->args, "default"))
        code = add_configured(f, t);
    if (code == CLI_OK && t->count == 0)
        code = front_fail(f, CLI_USAGE, "overlay help stun-test", "which STUN server?");
    return code;
}

/* ---- what came of it ---- */

static void complain(const struct front *f, const struct cli_stun *s)
{
    char line[512];
    int len = snprintf(line, sizeof(line), "ERROR While resolving {server=%s}: %s\n",
                       s->server.text, s->reason);
    (void)f->host->write(f->host->arg, 2, line, (size_t)len);
}

static void print(const struct front *f, const struct cli_stun *s)
{
    char text[ADDR_TEXT_MAX];

    if (s->err < 0) {
        complain(f, s);
        return;
    }
    (void)addr_print(&s->seen, text);
    if (args_has(&f->args, "print-servers"))
        front_data(f, "%s %s\n", s->server.text, text);
    else
        front_data(f, "%s\n", text);
}

static void print_json(const struct front *f, const struct test *t)
{
    static const char *const TRANSPORT[] = {"udp", "tcp", "tls"};
    char text[ADDR_TEXT_MAX];
    json_t *list = json_array();

    for (size_t i = 0; i < t->count; i++) {
        const struct cli_stun *s = &t->list[i];
        bool good = s->err == 0;
        json_t *entry = json_pack("{s:s, s:s, s:o, s:o}", "server", s->server.text, "transport",
                                  TRANSPORT[s->server.transport], "address",
                                  good ? json_string(addr_print(&s->seen, text)) : json_null(),
                                  "error", good ? json_null() : json_string(s->reason));
        (void)json_array_append_new(list, entry);
    }
    front_json(f, list);
    json_decref(list);
}

/* Two sights of the same socket agree in full; two connections had ports of their own. */
static bool agree(const struct cli_stun *a, const struct cli_stun *b)
{
    if (a->err < 0 || b->err < 0 || addr_is_v6(&a->seen) != addr_is_v6(&b->seen))
        return true;
    bool ports = a->server.transport == STUN_OVER_UDP && b->server.transport == STUN_OVER_UDP;
    return ports ? addr_equal(&a->seen, &b->seen) : addr_same_ip(&a->seen, &b->seen);
}

static bool all_agree(const struct test *t)
{
    for (size_t i = 0; i < t->count; i++)
        for (size_t j = i + 1; j < t->count; j++)
            if (!agree(&t->list[i], &t->list[j]))
                return false;
    return true;
}

static int conclude(struct front *f, const struct test *t)
{
    int code = CLI_OK;

    if (f->json)
        print_json(f, t);
    for (size_t i = 0; i < t->count; i++) {
        if (!f->json)
            print(f, &t->list[i]);
        if (t->list[i].err < 0)
            code = CLI_FAILED;
    }
    if (!args_has(&f->args, "no-check") && !all_agree(t)) {
        front_say(f, "The servers see different addresses: behind this NAT every destination gets "
                     "its own, or a server lies.\n");
        code = CLI_FAILED;
    }
    return code;
}

static void on_waiting(void *arg, const struct cli_stun *entry)
{
    const struct front *f = arg;
    if (front_is_live(f))
        front_say(f, "%s has not answered yet; it has 40 s\n", entry->server.text);
}

int stun_test_run(struct front *f)
{
    struct test *t = calloc(1, sizeof(*t));

    if (!t)
        return front_fail(f, CLI_FAILED, NULL, "out of memory");
    int code = collect(f, t);
    if (code == CLI_OK) {
        int err = f->host->stun_ask(f->host->arg, t->list, t->count, on_waiting, f);
        code = err < 0 ? front_fail(f, CLI_FAILED, NULL, "cannot ask: %s", strerror(-err))
                       : conclude(f, t);
    }
    free(t);
    return code;
}
