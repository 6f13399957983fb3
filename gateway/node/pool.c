#include "gateway/node/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file_error.h"
#include "gateway/base/list.h"
#include "gateway/base/log.h"
#include "gateway/base/map.h"
#include "gateway/crypto/hash.h"

#define SAVE_AFTER SEC(1) /* several at once cost one write */

/* The range's own address and the gateway's come first, and everybody's last. */
enum { FIRST_HOST = 2, RESERVED = 3 };

/* Places tried at random before the range is gone through. */
#define TRIES 32

struct entry {
    struct list link; /* in `kept` or `strangers`, longest unused first */
    bool kept;
    struct pool_line line;
};

struct pool {
    struct env *env;
    struct registry *registry;
    struct addr_prefix range;
    uint32_t hosts; /* that a peer may have */
    uint64_t secret[2];
    bool active, http;
    struct list kept, strangers;
    size_t kept_count, stranger_count;
    struct map by_peer, by_ip;
    struct timer save;
    bool changed;
};

/* ---- addresses ---- */

bool pool_range_ok(const struct addr_prefix *range)
{
    return !addr_is_none(&range->addr) && !addr_is_v6(&range->addr) &&
           range->bits >= POOL_BITS_MIN && range->bits <= POOL_BITS_MAX &&
           addr_prefix_is_exact(range) && !addr_is_loopback(&range->addr) &&
           !addr_is_multicast(&range->addr) && !addr_is_link_local(&range->addr) &&
           !addr_is_unspecified(&range->addr);
}

static void put_host(const struct pool *p, uint32_t number, uint8_t ip[static 4])
{
    size_t len;
    memcpy(ip, addr_ip(&p->range.addr, &len), 4);
    for (unsigned i = 0; i < 4; i++)
        ip[i] = (uint8_t)(ip[i] | number >> (24 - 8 * i));
}

static struct addr host(const struct pool *p, uint32_t number)
{
    uint8_t ip[4];
    put_host(p, number, ip);
    return addr_v4(ip, 0);
}

struct addr pool_gateway(const struct pool *p)
{
    return host(p, 1);
}

const struct addr_prefix *pool_range(const struct pool *p)
{
    return &p->range;
}

/* Is it one that a peer may have? */
static bool is_host(const struct pool *p, const uint8_t ip[static 4])
{
    struct addr at = addr_v4(ip, 0), first = host(p, 0), own = host(p, 1);
    struct addr last = host(p, p->hosts + FIRST_HOST);
    return addr_prefix_contains(&p->range, &at) && !addr_equal(&at, &first) &&
           !addr_equal(&at, &own) && !addr_equal(&at, &last);
}

bool pool_is_local(const struct pool *p)
{
    struct addr first = pool_gateway(p), last = host(p, p->hosts + FIRST_HOST - 1);
    return env_is_local(p->env, &first) && env_is_local(p->env, &last);
}

bool pool_set_active(struct pool *p, bool active)
{
    if (active == p->active)
        return false;
    p->active = active;
    p->http = false;
    return true;
}

bool pool_is_active(const struct pool *p)
{
    return p && p->active;
}

bool pool_has_http(const struct pool *p)
{
    return pool_is_active(p) && p->http;
}

void pool_set_http(struct pool *p, bool served)
{
    p->http = served;
}

/* ---- entries ---- */

static void drop(struct pool *p, struct entry *e)
{
    (void)map_remove(&p->by_peer, &e->line.peer, sizeof(e->line.peer));
    (void)map_remove(&p->by_ip, e->line.ip, sizeof(e->line.ip));
    list_remove(&e->link);
    *(e->kept ? &p->kept_count : &p->stranger_count) -= 1;
    free(e);
}

static void append(struct pool *p, struct entry *e)
{
    list_append(e->kept ? &p->kept : &p->strangers, &e->link);
}

static struct entry *add(struct pool *p, const struct pool_line *line, bool kept)
{
    struct entry *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->line = *line;
    e->kept = kept;
    if (map_insert(&p->by_peer, &e->line.peer, sizeof(e->line.peer), e) < 0) {
        free(e);
        return NULL;
    }
    if (map_insert(&p->by_ip, e->line.ip, sizeof(e->line.ip), e) < 0) {
        (void)map_remove(&p->by_peer, &e->line.peer, sizeof(e->line.peer));
        free(e);
        return NULL;
    }
    append(p, e);
    *(kept ? &p->kept_count : &p->stranger_count) += 1;
    return e;
}

static struct entry *find(const struct pool *p, const struct peer_id *peer)
{
    return map_find(&p->by_peer, peer, sizeof(*peer));
}

static bool is_contact(const struct pool *p, const struct peer_id *peer)
{
    return registry_peer(p->registry, peer) != NULL;
}

static size_t strangers_max(const struct pool *p)
{
    return p->hosts / 4 < POOL_STRANGERS_MAX ? p->hosts / 4 : POOL_STRANGERS_MAX;
}

static void drop_first(struct pool *p, struct list *from)
{
    struct list *first = list_first(from);
    if (first)
        drop(p, list_entry(first, struct entry, link));
}

/* Makes room for one more to be kept: who is no contact any more goes first. */
static bool make_room(struct pool *p)
{
    if (p->kept_count < POOL_KEPT_MAX)
        return true;
    list_each(at, &p->kept)
    {
        struct entry *e = list_entry(at, struct entry, link);
        if (!is_contact(p, &e->line.peer)) {
            drop(p, e);
            return true;
        }
    }
    return false;
}

static bool is_free(const struct pool *p, const uint8_t ip[static 4])
{
    return !map_find(&p->by_ip, ip, 4);
}

static bool choose(const struct pool *p, const struct peer_id *peer, uint8_t ip[static 4])
{
    struct {
        struct peer_id peer;
        uint8_t turn;
    } what = {.peer = *peer};
    uint32_t number = 0;

    for (; what.turn < TRIES; what.turn++) {
        number = (uint32_t)(map_hash(p->secret, &what, sizeof(what)) % p->hosts);
        put_host(p, number + FIRST_HOST, ip);
        if (is_free(p, ip))
            return true;
    }
    for (uint32_t i = 0; i < p->hosts; i++) {
        put_host(p, (number + i) % p->hosts + FIRST_HOST, ip);
        if (is_free(p, ip))
            return true;
    }
    return false;
}

/* ---- the file ---- */

static void load(struct pool *p)
{
    uint8_t *data = NULL;
    size_t len = 0, bad = 0;
    int err = env_load(p->env, POOL_FILE, &data, &len);

    if (err < 0 && err != -ENOENT)
        log_warn(LOG_GATEWAY, "%s: %s; addresses of peers are chosen anew", POOL_FILE,
                 file_error_text(err));
    for (size_t at = 0, n; at < len; at += n + 1) {
        const char *line = (const char *)data + at, *end = memchr(line, '\n', len - at);
        struct pool_line read;
        n = end ? (size_t)(end - line) : len - at;
        if (pool_line_read(&read, line, n) < 0)
            bad++;
        /* Of another range, or twice: as good as not there. */
        else if (is_host(p, read.ip) && p->kept_count < POOL_KEPT_MAX)
            (void)add(p, &read, true);
    }
    if (bad > 0)
        log_warn(LOG_GATEWAY, "%s: %zu lines could not be read and are left out", POOL_FILE, bad);
    free(data);
}

static void save(struct pool *p)
{
    char *text = p->changed ? malloc(p->kept_count * POOL_LINE_MAX + 1) : NULL;
    size_t len = 0;

    if (!text)
        return;
    list_each(at, &p->kept) len +=
        pool_line_write(&list_entry(at, struct entry, link)->line, text + len);
    int err = env_save(p->env, POOL_FILE, (const uint8_t *)text, len);
    if (err < 0)
        log_warn(LOG_GATEWAY, "%s could not be saved: %s", POOL_FILE, file_error_text(err));
    p->changed = false;
    free(text);
}

static void on_save(struct timer *timer)
{
    save(container_of(timer, struct pool, save));
}

static void note_change(struct pool *p)
{
    if (p->changed)
        return;
    p->changed = true;
    timer_set(p->env, &p->save, env_now(p->env) + SAVE_AFTER);
}

/* ---- life ---- */

int pool_new(struct pool **out, struct env *env, struct registry *registry, const struct keys *keys,
             const struct addr_prefix *range)
{
    static const char label[] = "overlay addresses of peers";
    uint8_t secret[MAP_SECRET_LEN];
    struct pool *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->env = env;
    p->registry = registry;
    p->range = *range;
    p->hosts = (UINT32_C(1) << (32 - range->bits)) - RESERVED;
    hash_blake2b(secret, sizeof(secret), keys->seed, sizeof(keys->seed), label, sizeof(label));
    memcpy(p->secret, secret, sizeof(p->secret));
    env_random(env, secret, sizeof(secret));
    map_init(&p->by_peer, secret);
    map_init(&p->by_ip, secret);
    list_init(&p->kept);
    list_init(&p->strangers);
    p->save.fire = on_save;
    load(p);
    *out = p;
    return 0;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    timer_stop(p->env, &p->save);
    save(p);
    while (!list_is_empty(&p->kept))
        drop_first(p, &p->kept);
    while (!list_is_empty(&p->strangers))
        drop_first(p, &p->strangers);
    map_deinit(&p->by_peer);
    map_deinit(&p->by_ip);
    free(p);
}

/* ---- peers ---- */

/* A stranger's address is his for ever from now on, if there is room. */
static void keep(struct pool *p, struct entry *e)
{
    if (e->kept || !make_room(p))
        return;
    list_remove(&e->link);
    e->kept = true;
    p->stranger_count--;
    p->kept_count++;
    append(p, e);
    note_change(p);
}

/* An entry for a peer that has none. */
static struct entry *admit(struct pool *p, const struct peer_id *peer)
{
    struct pool_line line = {.peer = *peer};
    bool kept = is_contact(p, peer) && make_room(p);

    if (!kept && p->stranger_count >= strangers_max(p))
        drop_first(p, &p->strangers);
    if (!choose(p, peer, line.ip)) {
        if (list_is_empty(&p->strangers))
            return NULL;
        drop_first(p, &p->strangers);
        (void)choose(p, peer, line.ip);
    }
    struct entry *e = add(p, &line, kept);
    if (e && kept)
        note_change(p);
    return e;
}

bool pool_address(struct pool *p, const struct peer_id *peer, struct addr *out)
{
    if (!pool_is_active(p))
        return false;
    struct entry *e = find(p, peer);
    if (!e)
        e = admit(p, peer);
    if (!e)
        return false;
    if (!e->kept && is_contact(p, peer))
        keep(p, e);
    list_remove(&e->link);
    append(p, e);
    *out = addr_v4(e->line.ip, 0);
    return true;
}

bool pool_peer(const struct pool *p, const struct addr *at, struct peer_id *out)
{
    size_t len;
    const uint8_t *ip = addr_ip(at, &len);
    const struct entry *e =
        pool_is_active(p) && ip && len == 4 ? map_find(&p->by_ip, ip, len) : NULL;

    if (e)
        *out = e->line.peer;
    return e != NULL;
}

static bool same_services(const struct pool_line *line, const struct pool_service *list,
                          size_t count)
{
    bool same = line->count == count;
    for (size_t i = 0; same && i < count; i++)
        same = line->service[i].port == list[i].port && line->service[i].proto == list[i].proto;
    return same;
}

bool pool_met(struct pool *p, const struct peer_id *peer, const struct pool_service *list,
              size_t count)
{
    struct entry *e = find(p, peer);
    if (!e && pool_is_active(p) && is_contact(p, peer))
        e = admit(p, peer);
    if (!e)
        return false;
    keep(p, e);
    count = count < POOL_SERVICES_MAX ? count : POOL_SERVICES_MAX;
    if (!e->kept || same_services(&e->line, list, count))
        return false;
    memcpy(e->line.service, list, count * sizeof(*list));
    e->line.count = count;
    note_change(p);
    return true;
}

void pool_each(const struct pool *p, void (*each)(void *arg, const struct pool_line *line),
               void *arg)
{
    list_each(at, &p->kept) each(arg, &list_entry(at, const struct entry, link)->line);
}
