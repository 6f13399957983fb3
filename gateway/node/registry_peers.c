/* The peers of the registry: an array by id, and a view of it by alias. */
#include "gateway/node/registry_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16

int registry_grow(void **array, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return 0;
    size_t more = *room > 0 ? *room * 2 : FIRST_ROOM;
    void *grown = reallocarray(*array, more, size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *room = more;
    return 0;
}

/* The place of `id` in the array, or where it would go; *found tells which. */
static size_t place_of(const struct registry *r, const struct peer_id *id, bool *found)
{
    size_t low = 0, high = r->peer_count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = peer_id_compare(&r->peers[middle]->peer.id, id);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct peer_entry *registry_entry(const struct registry *r, const struct peer_id *id)
{
    bool found;
    size_t i = place_of(r, id, &found);
    return found ? r->peers[i] : NULL;
}

struct known_peer *registry_peer(struct registry *r, const struct peer_id *id)
{
    struct peer_entry *e = registry_entry(r, id);
    return e ? &e->peer : NULL;
}

static int make_room(struct registry *r)
{
    size_t room = r->peer_room;
    void *peers = r->peers, *view = r->by_alias;
    int err = registry_grow(&peers, &room, r->peer_count, sizeof(*r->peers));
    r->peers = peers;
    if (err < 0 || room == r->peer_room)
        return err;
    /* Sorting on demand must not fail, so the view has its room beforehand. */
    view = reallocarray(view, room, sizeof(*r->by_alias));
    if (!view)
        return -ENOMEM;
    r->by_alias = view;
    r->peer_room = room;
    return 0;
}

/* As registry_peer_add(), but leaves `stored` as it is (false for a new one). */
static int add_entry(struct registry *r, const struct peer_id *id, struct peer_entry **out)
{
    bool found;
    size_t i = place_of(r, id, &found);
    if (found) {
        *out = r->peers[i];
        return 0;
    }
    if (r->peer_count >= REGISTRY_PEERS_MAX)
        return -ENOSPC;
    if (make_room(r) < 0)
        return -ENOMEM;
    struct peer_entry *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->peer.id = *id;
    memmove(&r->peers[i + 1], &r->peers[i], (r->peer_count - i) * sizeof(*r->peers));
    r->peers[i] = e;
    r->peer_count++;
    r->unsorted = true;
    *out = e;
    return 0;
}

struct known_peer *registry_peer_add(struct registry *r, const struct peer_id *id, int *err)
{
    struct peer_entry *e;
    *err = add_entry(r, id, &e);
    if (*err < 0)
        return NULL;
    e->stored = true;
    return &e->peer;
}

static void remove_entry(struct registry *r, struct peer_entry *e)
{
    bool found;
    size_t i = place_of(r, &e->peer.id, &found);
    r->peer_count--;
    memmove(&r->peers[i], &r->peers[i + 1], (r->peer_count - i) * sizeof(*r->peers));
    r->unsorted = true;
    free(e);
}

/* Forgets a peer of which nothing is left that a person said. Addresses that worked are no reason
 * to keep it: somebody known is let in. */
void registry_drop_if_empty(struct registry *r, struct peer_entry *e)
{
    const struct known_peer *p = e->peer.from_config ? &e->hidden : &e->peer;
    if (p->alias[0] || !addr_is_none(&p->address[0]) || p->relay[0][0] || p->mail[0] ||
        e->peer.blocked)
        return;
    e->stored = false;
    if (!e->peer.from_config)
        remove_entry(r, e);
}

/* ---- in order of alias ---- */

/* Those without an alias come last. */
static int compare_aliases(const char *a, const char *b)
{
    if (!a[0] || !b[0])
        return !a[0] - !b[0];
    return strcmp(a, b);
}

static int compare_peers(const void *a, const void *b)
{
    const struct known_peer *p = *(const struct known_peer *const *)a;
    const struct known_peer *q = *(const struct known_peer *const *)b;
    int order = compare_aliases(p->alias, q->alias);
    return order != 0 ? order : peer_id_compare(&p->id, &q->id);
}

static void sort(struct registry *r)
{
    if (!r->unsorted)
        return;
    for (size_t i = 0; i < r->peer_count; i++)
        r->by_alias[i] = &r->peers[i]->peer;
    if (r->peer_count > 0)
        qsort(r->by_alias, r->peer_count, sizeof(*r->by_alias), compare_peers);
    r->unsorted = false;
}

struct known_peer *registry_peer_by_alias(struct registry *r, const char *alias)
{
    size_t low = 0, high = r->peer_count;
    sort(r);
    while (low < high && alias[0]) {
        size_t middle = low + (high - low) / 2;
        int order = compare_aliases(r->by_alias[middle]->alias, alias);
        if (order == 0)
            return r->by_alias[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t registry_peer_count(const struct registry *r)
{
    return r->peer_count;
}

struct known_peer *registry_peer_at(struct registry *r, size_t index)
{
    sort(r);
    return index < r->peer_count ? r->by_alias[index] : NULL;
}

/* ---- names ---- */

bool registry_alias_ok(const char *alias)
{
    size_t len = strnlen(alias, ALIAS_MAX + 1);
    if (len == 0 || len > ALIAS_MAX || alias[0] == '-' || alias[len - 1] == '-')
        return false;
    return strspn(alias, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

bool registry_mail_ok(const char *mail)
{
    size_t len = strnlen(mail, PEER_MAIL_MAX + 1);
    const char *at = strchr(mail, '@');

    if (len > PEER_MAIL_MAX || !at || at == mail || !at[1] || at[1] == '-' || mail[0] == '-')
        return false;
    for (const char *c = mail; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("\"(),:;<>[\\]", *c) || (*c == '@' && c != at))
            return false;
    return true;
}

/* May `id` be called so? 0, -EINVAL or -EEXIST. */
static int check_alias(struct registry *r, const struct peer_id *id, const char *alias)
{
    if (!registry_alias_ok(alias))
        return -EINVAL;
    const struct known_peer *owner = registry_peer_by_alias(r, alias);
    return owner && !peer_id_equal(&owner->id, id) ? -EEXIST : 0;
}

/* What the configuration file stands in for is stored too, and no alias twice. */
static void drop_hidden_alias(struct registry *r, const char *alias)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        struct peer_entry *e = r->peers[i];
        if (e->peer.from_config && strcmp(e->hidden.alias, alias) == 0)
            e->hidden.alias[0] = '\0';
    }
}

int registry_set_alias(struct registry *r, const struct peer_id *id, const char *alias)
{
    const struct known_peer *known = registry_peer(r, id);
    if (strcmp(alias, REGISTRY_RESERVED_ALIAS) == 0 && !(known && strcmp(known->alias, alias) == 0))
        return -EINVAL;
    return registry_put_alias(r, id, alias);
}

int registry_put_alias(struct registry *r, const struct peer_id *id, const char *alias)
{
    struct peer_entry *e;
    int err = check_alias(r, id, alias);
    if (err == 0)
        err = add_entry(r, id, &e);
    if (err < 0)
        return err;
    if (e->peer.from_config)
        return strcmp(e->peer.alias, alias) == 0 ? 0 : -EPERM;
    drop_hidden_alias(r, alias);
    e->stored = true;
    memcpy(e->peer.alias, alias, strlen(alias) + 1);
    r->unsorted = true;
    return 0;
}

int registry_unname(struct registry *r, const char *alias)
{
    struct known_peer *p = registry_peer_by_alias(r, alias);
    if (!p)
        return -ENOENT;
    if (p->from_config)
        return -EPERM;
    p->alias[0] = '\0';
    r->unsorted = true;
    registry_drop_if_empty(r, container_of(p, struct peer_entry, peer));
    return 0;
}

int registry_block(struct registry *r, const struct peer_id *peer, bool blocked)
{
    struct peer_entry *e = registry_entry(r, peer);
    if (!e && !blocked)
        return 0;
    int err = add_entry(r, peer, &e);
    if (err < 0)
        return err;
    e->peer.blocked = blocked;
    e->peer.blocked_why[0] = '\0';
    if (blocked)
        e->stored = true;
    else
        registry_drop_if_empty(r, e);
    return 0;
}

int registry_block_for(struct registry *r, const struct peer_id *peer, const char *why)
{
    int err = registry_block(r, peer, true);
    if (err < 0)
        return err;
    struct known_peer *p = registry_peer(r, peer);
    (void)snprintf(p->blocked_why, sizeof(p->blocked_why), "%s", why);
    return 0;
}

bool registry_is_blocked(const struct registry *r, const struct peer_id *peer)
{
    const struct peer_entry *e = registry_entry(r, peer);
    return e && e->peer.blocked;
}

/* ---- PEER as people write it ---- */

static bool begins_with(const char *text, const char *prefix, size_t len)
{
    return strncmp(text, prefix, len) == 0;
}

static int find_by_prefix(struct registry *r, const char *prefix, struct peer_id *out)
{
    char text[PEER_ID_TEXT_MAX];
    size_t len = strlen(prefix), matches = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct known_peer *p = &r->peers[i]->peer;
        bool match = begins_with(p->alias, prefix, len) ||
                     (len >= 4 && begins_with(peer_id_print(&p->id, text), prefix, len));
        if (match && matches++ == 0)
            *out = p->id;
    }
    if (matches > 1)
        return -ENOTUNIQ;
    return matches == 1 ? 0 : -ENOENT;
}

int registry_find_peer(struct registry *r, const char *text, struct peer_id *out)
{
    char folded[PEER_ID_TEXT_MAX];
    size_t len = strnlen(text, sizeof(folded));
    if (len == 0 || len >= sizeof(folded))
        return -ENOENT;
    for (size_t i = 0; i <= len; i++)
        folded[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    const struct known_peer *named = registry_peer_by_alias(r, folded);
    if (named) {
        *out = named->id;
        return 0;
    }
    if (peer_id_parse(out, folded, len) == 0)
        return 0;
    return find_by_prefix(r, folded, out);
}

/* ---- where they say that they are ---- */

bool registry_peer_relays(struct registry *r, const struct peer_id *id,
                          char relay[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1], size_t count)
{
    struct peer_entry *e = registry_entry(r, id);
    size_t same = 0;

    if (!e || count == 0)
        return false;
    while (same < PEER_RELAYS_MAX && strcmp(e->peer.its_relay[same], relay[same]) == 0)
        same++;
    if (same == PEER_RELAYS_MAX)
        return false;
    memcpy(e->peer.its_relay, relay, sizeof(e->peer.its_relay));
    return true;
}

/* ---- addresses that worked ---- */

void registry_good_address(struct registry *r, const struct peer_id *id, const struct addr *a)
{
    struct peer_entry *e = registry_entry(r, id);
    if (!e || addr_is_none(a))
        return;
    struct addr *list = e->peer.last_good;
    size_t i = 0;
    while (i < PEER_ADDRESSES_MAX - 1 && !addr_is_none(&list[i]) && !addr_equal(&list[i], a))
        i++;
    memmove(&list[1], &list[0], i * sizeof(*list));
    list[0] = *a;
}

void registry_remember(struct registry *r, const struct peer_id *id,
                       const struct addr last_good[static PEER_ADDRESSES_MAX])
{
    void *array = r->remembered;
    if (addr_is_none(&last_good[0]))
        return;
    if (r->remembered_count == REGISTRY_REMEMBERED_MAX) {
        r->remembered_count--;
        memmove(&r->remembered[0], &r->remembered[1], r->remembered_count * sizeof(*r->remembered));
    }
    if (registry_grow(&array, &r->remembered_room, r->remembered_count, sizeof(*r->remembered)) < 0)
        return; /* only a hint is lost */
    r->remembered = array;
    struct remembered *m = &r->remembered[r->remembered_count++];
    m->id = *id;
    memcpy(m->last_good, last_good, sizeof(m->last_good));
}

/* Gives a peer that is back in the configuration file the addresses that worked before. */
static void recall(struct registry *r, struct known_peer *p)
{
    for (size_t i = 0; i < r->remembered_count; i++) {
        struct remembered *m = &r->remembered[i];
        if (!peer_id_equal(&m->id, &p->id))
            continue;
        memcpy(p->last_good, m->last_good, sizeof(p->last_good));
        r->remembered_count--;
        memmove(m, m + 1, (r->remembered_count - i) * sizeof(*m));
        return;
    }
}

/* ---- the configuration file ---- */

/* What a person says about a peer, either here or there. */
static void copy_said(struct known_peer *to, const struct known_peer *from)
{
    memcpy(to->alias, from->alias, sizeof(to->alias));
    memcpy(to->address, from->address, sizeof(to->address));
    memcpy(to->relay, from->relay, sizeof(to->relay));
    memcpy(to->mail, from->mail, sizeof(to->mail));
}

int registry_peer_put_config(struct registry *r, const struct known_peer *peer)
{
    struct peer_entry *e;
    int err = peer->alias[0] ? check_alias(r, &peer->id, peer->alias) : 0;
    if (err == 0)
        err = add_entry(r, &peer->id, &e);
    if (err < 0)
        return err;
    if (!e->peer.from_config) {
        copy_said(&e->hidden, &e->peer);
        if (!e->stored)
            recall(r, &e->peer);
    }
    copy_said(&e->peer, peer);
    e->peer.from_config = true;
    r->unsorted = true;
    return 0;
}

/* Back to what is stored. False: nothing is, the entry goes. */
static bool restore(struct registry *r, struct peer_entry *e)
{
    e->peer.from_config = false;
    if (!e->stored)
        return false;
    /* Stored aliases differ, and all of the configuration file's go: there is no conflict. */
    copy_said(&e->peer, &e->hidden);
    r->unsorted = true;
    return true;
}

void registry_peers_drop_config(struct registry *r)
{
    for (size_t i = r->peer_count; i > 0; i--) {
        struct peer_entry *e = r->peers[i - 1];
        if (!e->peer.from_config || restore(r, e))
            continue;
        registry_remember(r, &e->peer.id, e->peer.last_good);
        remove_entry(r, e);
    }
}

void registry_peers_free(struct registry *r)
{
    for (size_t i = 0; i < r->peer_count; i++)
        free(r->peers[i]);
    free(r->peers);
    free(r->by_alias);
    free(r->remembered);
}
