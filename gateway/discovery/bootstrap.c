#include "gateway/discovery/bootstrap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

#define FORGET_AFTER 3 /* failures in a row */

static const char *const WORD[BOOTSTRAP_KINDS] = {
    [BOOTSTRAP_RELAY] = "relay", [BOOTSTRAP_PEER] = "peer", [BOOTSTRAP_DHT] = "dht"};

static const struct peer_id NOBODY;

/* ---- entries ---- */

/* The place of an entry, or `count`. */
static size_t place_of(const struct bootstrap *b, enum bootstrap_kind kind,
                       const struct peer_id *id, const struct addr *addr)
{
    size_t i = 0;
    while (i < b->count[kind] &&
           !(peer_id_equal(&b->entry[kind][i].id, id) && addr_equal(&b->entry[kind][i].addr, addr)))
        i++;
    return i;
}

/* Takes the entry at `from` to the place `to`; those between move by one. */
static void move(struct bootstrap_entry *list, size_t from, size_t to)
{
    const struct bootstrap_entry moved = list[from];

    if (from > to)
        memmove(&list[to + 1], &list[to], (from - to) * sizeof(*list));
    else
        memmove(&list[from], &list[from + 1], (to - from) * sizeof(*list));
    list[to] = moved;
}

bool bootstrap_good(struct bootstrap *b, enum bootstrap_kind kind, const struct peer_id *id,
                    const struct addr *addr, int64_t wall_us)
{
    struct bootstrap_entry *list = b->entry[kind];
    const struct peer_id *key = id ? id : &NOBODY;
    size_t i = place_of(b, kind, key, addr);
    bool news = i > 0 || b->count[kind] == 0;

    if (i == b->count[kind] && b->count[kind] < BOOTSTRAP_MAX)
        b->count[kind]++;
    if (i == BOOTSTRAP_MAX)
        i--;
    list[i] = (struct bootstrap_entry){.id = *key, .addr = *addr, .answered_us = wall_us};
    move(list, i, 0);
    return news;
}

bool bootstrap_bad(struct bootstrap *b, enum bootstrap_kind kind, const struct peer_id *id,
                   const struct addr *addr)
{
    struct bootstrap_entry *list = b->entry[kind];
    size_t i = place_of(b, kind, id ? id : &NOBODY, addr);

    if (i == b->count[kind])
        return false;
    bool forget = ++list[i].failures >= FORGET_AFTER;
    move(list, i, b->count[kind] - 1);
    if (forget)
        b->count[kind]--;
    return forget;
}

size_t bootstrap_find(const struct bootstrap *b, enum bootstrap_kind kind, const struct peer_id *id,
                      struct addr *out, size_t max)
{
    size_t found = 0;

    for (size_t i = 0; i < b->count[kind] && found < max; i++)
        if (!id || peer_id_equal(&b->entry[kind][i].id, id))
            out[found++] = b->entry[kind][i].addr;
    return found;
}

/* ---- text ---- */

static size_t write_line(const struct bootstrap_entry *e, enum bootstrap_kind kind, char *out)
{
    char id[PEER_ID_TEXT_MAX] = "-", addr[ADDR_TEXT_MAX];

    if (kind != BOOTSTRAP_DHT)
        (void)peer_id_print(&e->id, id);
    int n = snprintf(out, BOOTSTRAP_LINE_MAX, "%s %s %s %" PRId64 "\n", WORD[kind], id,
                     addr_print(&e->addr, addr), e->answered_us);
    return n > 0 && n < BOOTSTRAP_LINE_MAX ? (size_t)n : 0;
}

size_t bootstrap_write(const struct bootstrap *b, char out[static BOOTSTRAP_TEXT_MAX])
{
    size_t len = 0;

    for (unsigned kind = 0; kind < BOOTSTRAP_KINDS; kind++)
        for (size_t i = 0; i < b->count[kind]; i++)
            len += write_line(&b->entry[kind][i], (enum bootstrap_kind)kind, out + len);
    return len;
}

/* Cuts the next word out of a line. NULL at its end. */
static const char *next_word(char **at)
{
    char *word = *at + strspn(*at, " ");
    if (*word == '\0')
        return NULL;
    *at = word + strcspn(word, " ");
    if (**at != '\0')
        *(*at)++ = '\0';
    return word;
}

static bool read_kind(const char *word, enum bootstrap_kind *out)
{
    for (unsigned kind = 0; word && kind < BOOTSTRAP_KINDS; kind++) {
        if (strcmp(word, WORD[kind]) != 0)
            continue;
        *out = (enum bootstrap_kind)kind;
        return true;
    }
    return false;
}

static bool read_id(const char *word, enum bootstrap_kind kind, struct peer_id *out)
{
    *out = NOBODY;
    if (!word || kind == BOOTSTRAP_DHT)
        return word && strcmp(word, "-") == 0;
    return peer_id_parse(out, word, strlen(word)) == 0;
}

static bool read_line(char *line, enum bootstrap_kind *kind, struct bootstrap_entry *e)
{
    char *at = line;
    const char *word = next_word(&at);
    uint64_t time;

    memset(e, 0, sizeof(*e));
    if (!read_kind(word, kind) || !read_id(next_word(&at), *kind, &e->id))
        return false;
    word = next_word(&at);
    if (!word || addr_parse(&e->addr, word) < 0 || addr_port(&e->addr) == 0)
        return false;
    word = next_word(&at);
    if (!word || text_parse_u64(&time, word, strlen(word), INT64_MAX) < 0)
        return false;
    e->answered_us = (int64_t)time;
    return next_word(&at) == NULL;
}

/* The file has the newest first: each goes behind what is there. */
static void add_last(struct bootstrap *b, enum bootstrap_kind kind, const struct bootstrap_entry *e)
{
    if (b->count[kind] < BOOTSTRAP_MAX && place_of(b, kind, &e->id, &e->addr) == b->count[kind])
        b->entry[kind][b->count[kind]++] = *e;
}

size_t bootstrap_read(struct bootstrap *b, const char *text, size_t len)
{
    size_t bad = 0;

    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        char line[BOOTSTRAP_LINE_MAX];
        struct bootstrap_entry e;
        enum bootstrap_kind kind;
        bool fits = n < sizeof(line) && !memchr(text, '\0', n);

        (void)snprintf(line, sizeof(line), "%.*s", fits ? (int)n : 0, text);
        if (fits && read_line(line, &kind, &e))
            add_last(b, kind, &e);
        else
            bad++;
        n += end ? 1 : 0;
        text += n;
        len -= n;
    }
    return bad;
}
