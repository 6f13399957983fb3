#include "config/setup/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

#define BLANKS " \t"

/* ---- lines and words ---- */

/** The next line from `*at`, without its end; false at the end. */
static bool next_line(const char **at, char *line, size_t size)
{
    size_t len = strcspn(*at, "\n");

    if (!**at)
        return false;
    (void)snprintf(line, size, "%.*s", (int)len, *at);
    *at += len + ((*at)[len] == '\n');
    return true;
}

/** The word behind `key` in a line of words, copied to `out`; "" if there is none. */
static const char *word_behind(const char *line, const char *key, char out[static FACTS_TEXT])
{
    size_t n = strlen(key);
    bool wanted = false;

    out[0] = '\0';
    for (const char *w = line; *w; w += strspn(w, BLANKS)) {
        size_t len = strcspn(w, BLANKS);
        if (wanted) {
            (void)snprintf(out, FACTS_TEXT, "%.*s", (int)len, w);
            break;
        }
        wanted = len == n && memcmp(w, key, n) == 0;
        w += len;
    }
    return out;
}

/* ---- who answers look-ups ---- */

/** All name servers are among these; there is one at least. */
static bool only(const char *resolv_conf, const char *const *servers)
{
    char line[FACTS_TEXT], server[FACTS_TEXT];
    bool any = false;

    for (const char *at = resolv_conf; next_line(&at, line, sizeof(line));) {
        bool known = false;
        if (strncmp(line, "nameserver", 10) != 0 || !*word_behind(line, "nameserver", server))
            continue;
        for (const char *const *s = servers; *s; s++)
            known = known || strcmp(server, *s) == 0;
        if (!known)
            return false;
        any = true;
    }
    return any;
}

bool facts_is_stub(const char *resolv_conf)
{
    static const char *const STUBS[] = {"127.0.0.53", "127.0.0.54", NULL};
    return only(resolv_conf, STUBS);
}

bool facts_is_local(const char *resolv_conf)
{
    static const char *const LOCAL[] = {"127.0.0.1", "127.0.1.1", "::1", NULL};
    return only(resolv_conf, LOCAL);
}

unsigned facts_version(const char *text)
{
    static const char NAME[] = "systemd ";
    return strncmp(text, NAME, sizeof(NAME) - 1) == 0
               ? (unsigned)strtoul(text + sizeof(NAME) - 1, NULL, 10)
               : 0;
}

enum facts_nm facts_nm_mode(const char *config)
{
    char line[FACTS_TEXT];
    bool main = false;

    for (const char *at = config; next_line(&at, line, sizeof(line));) {
        if (line[0] == '[')
            main = strcmp(line, "[main]") == 0;
        else if (main && strncmp(line, "dns=", 4) == 0)
            return strcmp(line + 4, "dnsmasq") == 0 ? NM_DNSMASQ : NM_OTHER;
    }
    return NM_OTHER;
}

/* ---- ports and addresses ---- */

/** "  0: 00000000:0050 00000000:0000 0A ..": address, state; 0A is LISTEN. */
bool facts_port_free(const char *table, uint16_t port)
{
    char line[FACTS_TEXT], word[64];

    for (const char *at = table; next_line(&at, line, sizeof(line));) {
        if (strcmp(text_word(line, 3, word, sizeof(word)), "0A") != 0)
            continue;
        const char *colon = strrchr(text_word(line, 1, word, sizeof(word)), ':');
        if (colon && strtoul(colon + 1, NULL, 16) == port)
            return false;
    }
    return true;
}

static bool overlaps(const struct addr_prefix *pool, const char *text)
{
    struct addr_prefix p;

    if (addr_prefix_parse(&p, text) < 0 || addr_is_v6(&p.addr) || p.bits == 0)
        return false;
    return addr_prefix_contains(pool, &p.addr) || addr_prefix_contains(&p, &pool->addr);
}

/** What makes a route of a type but "unicast" stands in front of its prefix. */
static const char *prefix_of_route(const char *line)
{
    static const char *const TYPES[] = {"local ",    "broadcast ", "unreachable ", "blackhole ",
                                        "prohibit ", "throw ",     "multicast ",   "anycast ",
                                        "unicast ",  "nat "};

    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
        if (strncmp(line, TYPES[i], strlen(TYPES[i])) == 0)
            return line + strlen(TYPES[i]);
    return line;
}

static bool is_ours(const char *line)
{
    char word[FACTS_TEXT];
    return strcmp(word_behind(line, "dev", word), SETUP_LINK) == 0 ||
           strcmp(word_behind(line, "proto", word), SETUP_PROTOCOL) == 0;
}

static bool route_in_pool(const struct addr_prefix *pool, const char *routes,
                          char what[static FACTS_TEXT])
{
    char line[FACTS_TEXT], prefix[FACTS_TEXT];

    for (const char *at = routes; next_line(&at, line, sizeof(line));) {
        const char *from = prefix_of_route(line);
        (void)snprintf(prefix, sizeof(prefix), "%.*s", (int)strcspn(from, BLANKS), from);
        if (is_ours(line) || !overlaps(pool, prefix))
            continue;
        (void)snprintf(what, FACTS_TEXT, "the route %.200s", line);
        return true;
    }
    return false;
}

bool facts_overlap(const struct addr_prefix *pool, const char *addresses, const char *routes,
                   char what[static FACTS_TEXT])
{
    char line[FACTS_TEXT], address[FACTS_TEXT], device[64];

    /* "2: eth0    inet 10.0.0.2/24 brd .." */
    for (const char *at = addresses; next_line(&at, line, sizeof(line));) {
        if (strcmp(text_word(line, 1, device, sizeof(device)), SETUP_LINK) == 0 ||
            !overlaps(pool, word_behind(line, "inet", address)))
            continue;
        (void)snprintf(what, FACTS_TEXT, "the address %.64s of %.64s", address, device);
        return true;
    }
    return route_in_pool(pool, routes, what);
}
