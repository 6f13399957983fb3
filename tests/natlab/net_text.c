#include "tests/natlab/net_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/natlab/net_settings.h"

#define WORDS_MAX 32

/* A line taken apart: words, of which some are KEY=VALUE. */
struct saying {
    struct net *net;
    char *word[WORDS_MAX]; /* without '=' */
    unsigned word_count;
    struct {
        char *key, *value;
    } pair[WORDS_MAX];
    unsigned pair_count;
    char *out;
};

PRINTF_LIKE(2, 3) static int wrong(const struct saying *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(s->out, NET_TEXT_MAX, format, args);
    va_end(args);
    return -EINVAL;
}

static int take_apart(struct saying *s, char *line)
{
    char *rest = NULL, *comment = strchr(line, '#');
    if (comment)
        *comment = '\0';
    for (char *w = strtok_r(line, " \t\r\n", &rest); w; w = strtok_r(NULL, " \t\r\n", &rest)) {
        char *equals = strchr(w, '=');
        if (s->word_count == WORDS_MAX || s->pair_count == WORDS_MAX)
            return wrong(s, "too many words");
        if (!equals) {
            s->word[s->word_count++] = w;
            continue;
        }
        *equals = '\0';
        s->pair[s->pair_count].key = w;
        s->pair[s->pair_count++].value = equals + 1;
    }
    return 0;
}

static const char *value_of(const struct saying *s, const char *key)
{
    for (unsigned i = 0; i < s->pair_count; i++)
        if (strcmp(s->pair[i].key, key) == 0)
            return s->pair[i].value;
    return NULL;
}

/* ---- values ---- */

static const char *const switches[] = {"off", "on", NULL};
static const char *const sides[] = {"up", "down", NULL};

/* Every KEY=VALUE that is not among the command's own is of a line or, with `c`, a rule. */
static int set_rest(const struct saying *s, const char *const own[], struct nat_config *c,
                    struct sim_link *up, struct sim_link *down)
{
    for (unsigned i = 0; i < s->pair_count; i++) {
        const char *key = s->pair[i].key, *value = s->pair[i].value;
        if (net_choice(key, own) >= 0)
            continue;
        int err = up ? net_set_line(up, key, value) : -ENOENT;
        if (down && (!up || err == 0))
            err = net_set_line(down, key, value);
        if (err == -ENOENT && c)
            err = net_set_rule(c, key, value);
        if (err < 0)
            return wrong(s, "%s=%s: %s", key, value, err == -ENOENT ? "unknown" : "bad value");
    }
    return 0;
}

/* ---- names ---- */

static int network_of(const struct saying *s, unsigned *network)
{
    const char *behind = value_of(s, "behind");
    *network = NET_INTERNET;
    if (!behind)
        return 0;
    const struct net_router *r = net_router_named(s->net, behind);
    if (!r)
        return wrong(s, "no nat %s", behind);
    *network = net_inside(s->net, r);
    return 0;
}

static bool is_taken(const struct saying *s, const char *name)
{
    return net_host_named(s->net, name) || net_router_named(s->net, name);
}

/* The address by which the internet knows a host or router, or none. */
static struct addr public_of(const struct saying *s, const char *name)
{
    const struct net_host *h = net_host_named(s->net, name);
    const struct net_router *r = net_router_named(s->net, name);
    while (r && r->outside != NET_INTERNET)
        r = &s->net->router[r->outside - 1];
    if (r)
        return r->nat.public;
    return h && h->address_count > 0 ? h->address[0] : (struct addr){0};
}

/* ---- commands ---- */

static int tell_seed(const struct saying *s)
{
    if (s->net->router_count > 0)
        return wrong(s, "seed comes before the first nat");
    if (s->word_count < 2 || net_number(&s->net->seed, s->word[1], UINT64_MAX) < 0)
        return wrong(s, "seed N");
    s->net->chance = s->net->seed;
    return 0;
}

static int tell_hops(const struct saying *s)
{
    uint64_t hops;
    if (s->word_count < 2 || net_number(&hops, s->word[1], 60) < 0)
        return wrong(s, "hops N, up to 60");
    s->net->hops = (unsigned)hops;
    return 0;
}

static int tell_silent(const struct saying *s)
{
    int is = s->word_count < 2 ? -EINVAL : net_choice(s->word[1], switches);
    if (is < 0)
        return wrong(s, "silent on|off");
    s->net->silent = is == 1;
    return 0;
}

static int parse_public(const struct saying *s, struct addr *out)
{
    const char *wan = value_of(s, "wan");
    if (!wan || addr_parse_ip(out, wan, 0) < 0 || addr_is_v6(out))
        return wrong(s, "wan=IPV4 is wanted");
    return 0;
}

/* Adds the routers of a preset, the outer one first. */
static int add_routers(const struct saying *s, const struct nat_preset *p, unsigned outside,
                       const struct addr *public)
{
    static const char *const own[] = {"type", "wan", "behind", NULL};
    const uint8_t middle[4] = {100, 64, 0, (uint8_t)(s->net->router_count + 2)};
    for (unsigned i = p->depth; i-- > 0;) {
        char name[NET_NAME_MAX];
        struct nat_config config = p->router[i];
        struct sim_link line = {0};
        const struct addr address = i + 1 == p->depth ? *public : addr_v4(middle, 0);
        (void)snprintf(name, sizeof(name), "%.24s%s", s->word[1], i > 0 ? ".isp" : "");
        /* What the line says is about the nearer router, and the line to the internet the outer's.
         */
        int err = set_rest(s, own, &config, &line, NULL);
        if (err < 0)
            return err;
        struct net_router *r =
            net_add_router(s->net, name, outside, config.mapping == NAT_MAP_NONE ? NULL : &address,
                           i > 0 ? &p->router[i] : &config);
        if (!r)
            return wrong(s, "too many routers");
        if (i + 1 == p->depth)
            r->up = r->down = line;
        outside = net_inside(s->net, r);
    }
    return 0;
}

static int tell_nat(const struct saying *s)
{
    const char *type = value_of(s, "type");
    const struct nat_preset *p = nat_preset_find(type ? type : "linux");
    struct addr public = {0};
    unsigned outside;
    if (s->word_count < 2 || is_taken(s, s->word[1]))
        return wrong(s, "a nat needs a name of its own");
    if (!p)
        return wrong(s, "no preset %s", type);
    int err = network_of(s, &outside);
    if (err == 0 && p->router[0].mapping != NAT_MAP_NONE)
        err = parse_public(s, &public);
    return err < 0 ? err : add_routers(s, p, outside, &public);
}

static int read_addresses(const struct saying *s, struct net_host *h)
{
    h->address_count = 0;
    for (unsigned i = 0; i < s->pair_count; i++) {
        if (strcmp(s->pair[i].key, "ip") != 0)
            continue;
        char *bits = strchr(s->pair[i].value, '/');
        if (bits)
            *bits = '\0'; /* the namespace's matter */
        if (h->address_count == NET_ADDRESSES_MAX ||
            addr_parse_ip(&h->address[h->address_count], s->pair[i].value, 0) < 0)
            return wrong(s, "ip=%s: not an address, or too many", s->pair[i].value);
        h->address_count++;
    }
    return h->address_count > 0 ? 0 : wrong(s, "ip=IP is wanted");
}

static int tell_host(const struct saying *s)
{
    static const char *const own[] = {"ip", "behind", "place", NULL};
    struct net_host made = {0};
    struct sim_link line = {0};
    const char *place = value_of(s, "place");
    if (s->word_count < 2 || is_taken(s, s->word[1]))
        return wrong(s, "a host needs a name of its own");
    int err = network_of(s, &made.network);
    if (err == 0)
        err = read_addresses(s, &made);
    if (err == 0)
        err = set_rest(s, own, NULL, &line, NULL);
    if (err < 0)
        return err;
    struct net_host *h = net_add_host(s->net, s->word[1]);
    if (!h)
        return wrong(s, "too many hosts");
    (void)snprintf(made.name, sizeof(made.name), "%s", s->word[1]);
    (void)snprintf(made.place, sizeof(made.place), "%s", place ? place : s->word[1]);
    made.up = made.down = line;
    *h = made;
    return 0;
}

static int tell_rule(const struct saying *s)
{
    static const char *const own[] = {NULL};
    struct net_router *r = s->word_count < 2 ? NULL : net_router_named(s->net, s->word[1]);
    if (!r)
        return wrong(s, "rule NAT RULE...");
    struct nat_config config = r->nat.config;
    int err = set_rest(s, own, &config, NULL, NULL);
    if (err == 0 && (config.port_min > config.port_max))
        err = wrong(s, "min is above max");
    if (err == 0)
        r->nat.config = config;
    return err;
}

static int tell_line(const struct saying *s)
{
    static const char *const own[] = {NULL};
    struct net_host *h = s->word_count < 2 ? NULL : net_host_named(s->net, s->word[1]);
    struct net_router *r = s->word_count < 2 ? NULL : net_router_named(s->net, s->word[1]);
    int side = s->word_count < 3 ? -1 : net_choice(s->word[2], sides);
    if ((!h && !r) || (s->word_count > 2 && side < 0))
        return wrong(s, "line NAME [up|down] LINE...");
    struct sim_link *up = h ? &h->up : &r->up, *down = h ? &h->down : &r->down;
    struct sim_link new_up = *up, new_down = *down;
    int err = set_rest(s, own, NULL, side == 1 ? NULL : &new_up, side == 0 ? NULL : &new_down);
    if (err < 0)
        return err;
    *up = new_up;
    *down = new_down;
    return 0;
}

static int tell_move(const struct saying *s)
{
    struct net_host *h = s->word_count < 2 ? NULL : net_host_named(s->net, s->word[1]);
    if (!h)
        return wrong(s, "move HOST ip=IP... [behind=NAT]");
    struct net_host moved = *h;
    int err = network_of(s, &moved.network);
    if (err == 0)
        err = read_addresses(s, &moved);
    if (err == 0)
        *h = moved;
    return err;
}

static int tell_reboot(const struct saying *s)
{
    struct net_router *r = s->word_count < 2 ? NULL : net_router_named(s->net, s->word[1]);
    struct addr public;
    if (!r)
        return wrong(s, "reboot NAT [wan=IP]");
    if (!value_of(s, "wan")) {
        nat_reboot(&r->nat, NULL);
        return 0;
    }
    int err = parse_public(s, &public);
    if (err == 0)
        nat_reboot(&r->nat, &public);
    return err;
}

static int two_names(const struct saying *s, struct addr *a, struct addr *b)
{
    if (s->word_count < 3)
        return wrong(s, "two names are wanted");
    *a = public_of(s, s->word[1]);
    *b = public_of(s, s->word[2]);
    if (addr_is_none(a) || addr_is_none(b))
        return wrong(s, "one of them has no public address");
    return 0;
}

static int tell_cut(const struct saying *s)
{
    struct net *n = s->net;
    struct addr a, b;
    int err = two_names(s, &a, &b);
    if (err < 0)
        return err;
    if (n->cut_count == NET_CUTS_MAX)
        return wrong(s, "too many cuts");
    n->cut[n->cut_count].a = a;
    n->cut[n->cut_count++].b = b;
    return 0;
}

static int tell_mend(const struct saying *s)
{
    struct net *n = s->net;
    struct addr a, b;
    int err = two_names(s, &a, &b);
    for (unsigned i = 0; err == 0 && i < n->cut_count;) {
        bool this = (addr_same_ip(&n->cut[i].a, &a) && addr_same_ip(&n->cut[i].b, &b)) ||
                    (addr_same_ip(&n->cut[i].a, &b) && addr_same_ip(&n->cut[i].b, &a));
        if (this)
            n->cut[i] = n->cut[--n->cut_count];
        else
            i++;
    }
    return err;
}

static int tell_count(const struct saying *s)
{
    const struct net_host *h = s->word_count < 2 ? NULL : net_host_named(s->net, s->word[1]);
    struct net_router *r = s->word_count < 2 ? NULL : net_router_named(s->net, s->word[1]);
    if (h)
        (void)snprintf(s->out, NET_TEXT_MAX, "sent=%llu received=%llu", (unsigned long long)h->sent,
                       (unsigned long long)h->received);
    if (h)
        return 0;
    if (!r)
        return wrong(s, "count NAME");
    const struct nat_count *c = &r->nat.count;
    (void)snprintf(s->out, NET_TEXT_MAX,
                   "out=%llu in=%llu turned=%llu filtered=%llu blocked=%llu expired=%llu full=%llu "
                   "poisoned=%llu mappings=%zu",
                   (unsigned long long)c->out, (unsigned long long)c->in,
                   (unsigned long long)c->turned, (unsigned long long)c->filtered,
                   (unsigned long long)c->blocked, (unsigned long long)c->expired,
                   (unsigned long long)c->full, (unsigned long long)c->poisoned,
                   nat_mapping_count(&r->nat, s->net->now));
    return 0;
}

int net_tell(struct net *n, char *line, char out[static NET_TEXT_MAX])
{
    static const struct {
        const char *name;
        int (*tell)(const struct saying *s);
    } commands[] = {
        {"seed", tell_seed}, {"hops", tell_hops}, {"silent", tell_silent}, {"nat", tell_nat},
        {"host", tell_host}, {"rule", tell_rule}, {"line", tell_line},     {"move", tell_move},
        {"cut", tell_cut},   {"mend", tell_mend}, {"reboot", tell_reboot}, {"count", tell_count},
    };
    struct saying s = {.net = n, .out = out};
    out[0] = '\0';
    int err = take_apart(&s, line);
    if (err < 0 || s.word_count + s.pair_count == 0)
        return err;
    for (unsigned i = 0; s.word_count > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, s.word[0]) == 0)
            return commands[i].tell(&s);
    return wrong(&s, "unknown: %s", s.word_count > 0 ? s.word[0] : s.pair[0].key);
}
