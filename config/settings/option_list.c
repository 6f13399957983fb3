#include "config/settings/option_list.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings/stun_server.h"
#include "gateway/base/text.h"

int option_complain(struct complaint *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why->text, why->len, format, args);
    va_end(args);
    return -EBADMSG;
}

/** Copies the next word of a comma separated list. Returns false at its end. */
static bool next_word(const char **at, char *word, size_t size, bool *too_long)
{
    const char *start = *at + strspn(*at, " \t");
    const char *end = start + strcspn(start, ",");

    *at = *end ? end + 1 : end;
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    size_t len = (size_t)(end - start);
    *too_long = len >= size;
    if (*too_long)
        len = size - 1;
    memcpy(word, start, len);
    word[len] = '\0';
    return len > 0;
}

typedef int add_word(void *field, const char *word, struct complaint *why);

static int each_word(void *field, const char *text, add_word *add, struct complaint *why)
{
    char word[160];
    bool too_long;
    int err = 0;

    if (!*text)
        return 0;
    do {
        if (!next_word(&text, word, sizeof(word), &too_long))
            return option_complain(why, "an empty place in the list");
        if (too_long)
            return option_complain(why, "'%.20s...' is too long", word);
        err = add(field, word, why);
    } while (err == 0 && *text);
    return err;
}

static int add_addr(void *field, const char *word, struct complaint *why)
{
    struct addr_list *list = field;

    if (list->count == OPTION_ADDRS_MAX)
        return option_complain(why, "more than %d addresses", OPTION_ADDRS_MAX);
    if (addr_parse(&list->at[list->count], word) < 0)
        return option_complain(why, "'%s' is not an address; write IP:PORT or [IPv6]:PORT", word);
    list->count++;
    return 0;
}

static int add_name(void *field, const char *word, struct complaint *why)
{
    struct name_list *list = field;

    if (list->count == OPTION_NAMES_MAX)
        return option_complain(why, "more than %d names", OPTION_NAMES_MAX);
    if (strlen(word) > OPTION_NAME_MAX || strpbrk(word, " \t"))
        return option_complain(why, "'%.70s' is not a name; put commas between names", word);
    char **at = realloc(list->at, (list->count + 1) * sizeof(*at));
    if (!at)
        return -ENOMEM;
    list->at = at;
    at[list->count] = strdup(word);
    if (!at[list->count])
        return -ENOMEM;
    list->count++;
    return 0;
}

static int add_prefix(void *field, const char *word, struct complaint *why)
{
    struct prefix_list *list = field;
    struct addr_prefix p;

    if (list->count == OPTION_PREFIXES_MAX)
        return option_complain(why, "more than %d addresses", OPTION_PREFIXES_MAX);
    if (addr_prefix_parse(&p, word) < 0)
        return option_complain(why, "'%s' is not ADDRESS or ADDRESS/BITS", word);
    if (!addr_prefix_is_exact(&p))
        return option_complain(why, "'%s' has bits set behind its first %u", word, p.bits);
    struct addr_prefix *at = realloc(list->at, (list->count + 1) * sizeof(*at));
    if (!at)
        return -ENOMEM;
    list->at = at;
    at[list->count++] = p;
    return 0;
}

/* ":PORT", or ":PORT/TLS_PORT". */
static bool ports_ok(const char *colon)
{
    size_t len = strcspn(colon + 1, "/");
    const char *behind = colon + 1 + len;
    uint16_t port, tls = 1;

    return text_parse_u16(&port, colon + 1, len) == 0 && port > 0 &&
           (*behind == '\0' || text_parse_u16(&tls, behind + 1, strlen(behind + 1)) == 0) &&
           tls > 0;
}

static int add_relay(void *field, const char *word, struct complaint *why)
{
    struct relay_list *list = field;
    const char *sign = strchr(word, '@');
    const char *colon = strrchr(word, ':');

    if (list->count == OPTION_RELAYS_MAX)
        return option_complain(why, "more than %d relays", OPTION_RELAYS_MAX);
    if (!sign || sign - word != OPTION_PEER_ID_LEN || !colon || colon < sign + 2 ||
        strlen(word) >= sizeof(list->at[0]) || !ports_ok(colon))
        return option_complain(why, "'%s' is not a relay; write PEER_ID@HOST:PORT", word);
    memcpy(list->at[list->count], word, strlen(word) + 1);
    list->count++;
    return 0;
}

static int add_server(void *field, const char *word, struct complaint *why)
{
    struct server_list *list = field;
    struct stun_server server;

    if (list->count == OPTION_SERVERS_MAX)
        return option_complain(why, "more than %d servers", OPTION_SERVERS_MAX);
    if (stun_server_parse(&server, word) < 0)
        return option_complain(why, "'%.70s' is not a STUN or TURN server; write HOST:PORT", word);
    memcpy(list->at[list->count], word, strlen(word) + 1);
    list->count++;
    return 0;
}

static int add_host(void *field, const char *word, struct complaint *why)
{
    struct server_list *list = field;
    struct stun_server server;
    const char *host = word + (*word == '[');

    if (list->count == OPTION_SERVERS_MAX)
        return option_complain(why, "more than %d hosts", OPTION_SERVERS_MAX);
    if (stun_server_parse(&server, word) < 0 ||
        strncmp(host, server.host, strlen(server.host)) != 0 ||
        !strchr(host + strlen(server.host), ':'))
        return option_complain(why, "'%.70s' is not a host; write HOST:PORT", word);
    memcpy(list->at[list->count], word, strlen(word) + 1);
    list->count++;
    return 0;
}

static int add_url(void *field, const char *word, struct complaint *why)
{
    struct server_list *list = field;
    const char *host = strstr(word, "://");

    if (list->count == OPTION_SERVERS_MAX)
        return option_complain(why, "more than %d URLs", OPTION_SERVERS_MAX);
    if (strlen(word) >= sizeof(list->at[0]) || !host || !isalnum((unsigned char)host[3]) ||
        (strncmp(word, "http://127.", 11) != 0 && strncmp(word, "https://", 8) != 0) ||
        strpbrk(word, " \t\"'<>\\?#"))
        return option_complain(why, "'%.70s' is not a URL; write https://HOST", word);
    memcpy(list->at[list->count], word, strlen(word) + 1);
    list->count++;
    return 0;
}

static add_word *adder_of(enum option_type type)
{
    switch (type) {
    case OPTION_ADDRS:
        return add_addr;
    case OPTION_NAMES:
        return add_name;
    case OPTION_PREFIXES:
        return add_prefix;
    case OPTION_RELAYS:
        return add_relay;
    case OPTION_HOSTS:
        return add_host;
    case OPTION_URLS:
        return add_url;
    default:
        return add_server;
    }
}

int option_list_add(enum option_type type, void *field, const char *text, struct complaint *why)
{
    return each_word(field, text, adder_of(type), why);
}

static void clear_names(struct name_list *names)
{
    while (names->count > 0)
        free(names->at[--names->count]);
    free(names->at);
    names->at = NULL;
}

static void clear_prefixes(struct prefix_list *list)
{
    free(list->at);
    *list = (struct prefix_list){0};
}

void option_list_clear(enum option_type type, void *field)
{
    if (type == OPTION_NAMES)
        clear_names(field);
    else if (type == OPTION_PREFIXES)
        clear_prefixes(field);
    else if (type == OPTION_ADDRS)
        ((struct addr_list *)field)->count = 0;
    else if (type == OPTION_RELAYS)
        ((struct relay_list *)field)->count = 0;
    else
        ((struct server_list *)field)->count = 0;
}

static bool addrs_equal(const struct addr_list *a, const struct addr_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!addr_equal(&a->at[i], &b->at[i]))
            return false;
    return true;
}

static bool names_equal(const struct name_list *a, const struct name_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    return true;
}

static bool prefixes_equal(const struct prefix_list *a, const struct prefix_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!addr_prefix_equal(&a->at[i], &b->at[i]))
            return false;
    return true;
}

static bool places_equal(const option_place *a, const option_place *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

bool option_list_equal(enum option_type type, const void *a, const void *b)
{
    if (type == OPTION_ADDRS)
        return addrs_equal(a, b);
    if (type == OPTION_NAMES)
        return names_equal(a, b);
    if (type == OPTION_PREFIXES)
        return prefixes_equal(a, b);
    if (type == OPTION_RELAYS) {
        const struct relay_list *x = a, *y = b;
        return x->count == y->count && places_equal(x->at, y->at, x->count);
    }
    const struct server_list *x = a, *y = b;
    return x->count == y->count && places_equal(x->at, y->at, x->count);
}
