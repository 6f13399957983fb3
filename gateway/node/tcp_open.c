/* Two gateways behind NATs that let no UDP through connect to one another at the same moment. Each
 * uses the local port of its connection to a relay: where the relay sees that port, an endpoint-
 * independent NAT shows it to everybody. A connection attempt that a NAT turns down is repeated at
 * once; where it is only dropped, the kernel repeats it. */
#include "gateway/node/tcp_parts.h"

#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/punch/attempt.h"
#include "gateway/transport/path_table.h"
#include "gateway/wire/tcp_open_message.h"

#define LASTS      SEC(8)    /* an effort, of which */
#define LEARN_STEP MSEC(250) /* between looks for our address */
#define AGAIN      MSEC(50)  /* after an attempt that was turned down, and up to as long again */
#define REST       SEC(60)   /* between two efforts for one peer */

enum { OPENS_MAX = 16, TRIES_MAX = 20 };

/** One effort. It stays for a while after its end, so that none follows too soon. */
struct tcp_open {
    struct list link;
    struct peer_id id;
    struct addr theirs; /* none until the peer has told */
    bool told;          /* ours */
    unsigned tries;
    instant since;
    instant due; /* the next step; INSTANT_NEVER: it waits for something else */
};

static struct tcp_open *open_of(const struct tcp_roads *r, const struct peer_id *id)
{
    list_each(node, &r->opens)
    {
        struct tcp_open *o = list_entry(node, struct tcp_open, link);
        if (peer_id_equal(&o->id, id))
            return o;
    }
    return NULL;
}

static void drop(struct tcp_roads *r, struct tcp_open *o)
{
    list_remove(&o->link);
    r->open_count--;
    free(o);
}

/* Returns one that is under way, or NULL: too many, or too soon. */
static struct tcp_open *get_open(struct tcp_roads *r, const struct peer_id *id)
{
    instant now = env_now(r->node->env);
    struct tcp_open *o = open_of(r, id);

    if (o)
        return now < o->since + LASTS ? o : NULL;
    o = r->open_count < OPENS_MAX ? calloc(1, sizeof(*o)) : NULL;
    if (!o)
        return NULL;
    o->id = *id;
    o->since = o->due = now;
    list_append(&r->opens, &o->link);
    r->open_count++;
    return o;
}

/* Two that wait equally long would miss one another by as much each time. */
static instant chance(const struct tcp_roads *r, instant limit)
{
    uint32_t number;
    env_random(r->node->env, &number, sizeof(number));
    return limit * (number % 1024) / 1024;
}

/* ---- our own address ---- */

/* How the relay at the other end of a connection sees us, or none. */
static struct addr seen_over(const struct tcp_roads *r, const struct road *road)
{
    const struct peer *p = r->node->find(r->node->node, &road->id);
    struct path_info info[PATH_SET_MAX];
    size_t count = 0;

    if (p && peer_conn(p))
        count = quic_conn_paths(peer_conn(p), info, PATH_SET_MAX);
    for (size_t i = 0; i < count && i < PATH_SET_MAX; i++)
        if (path_equal(&info[i].path, &road->path))
            return info[i].seen;
    return (struct addr){0};
}

static bool find_ours(const struct tcp_roads *r, struct addr *out)
{
    list_each(node, &r->roads)
    {
        const struct road *road = list_entry(node, struct road, link);
        if (!road->bound || !road->tcp.up || road->opening)
            continue;
        *out = seen_over(r, road);
        if (!addr_is_none(out))
            return true;
    }
    return false;
}

/* Who can reach its relays over UDP has no connection to learn from. */
static void dial_relay(void *arg, struct peer *p)
{
    struct tcp_roads *r = arg;
    struct tcp_place place;

    if (peer_conn(p) && r->places(r->node->node, &p->id, &place, 1) == 1 && place.tls)
        tcp_dial(r, p, &place, 0);
}

/* ---- the effort ---- */

static void tell(struct tcp_roads *r, struct tcp_open *o, struct peer *p)
{
    uint8_t body[TCP_OPEN_MESSAGE_MAX];
    struct addr ours;

    if (!find_ours(r, &ours)) {
        if (o->tries++ == 0)
            r->node->each(r->node->node, dial_relay, r);
        o->due = env_now(r->node->env) + LEARN_STEP;
        return;
    }
    const struct message_part part = tcp_open_message_write(&ours, body);
    peer_tell_part(peer_conn(p), &part);
    o->told = true;
    o->tries = 0;
}

static void attempt(struct tcp_roads *r, struct tcp_open *o)
{
    const struct tcp_place place = {.to = o->theirs};
    char id[9], text[ADDR_TEXT_MAX];

    o->due = INSTANT_NEVER;
    if (o->tries++ == 0)
        log_debug(LOG_PUNCH, "%s: opening TCP with %s", peer_id_short(&o->id, id),
                  addr_print(&o->theirs, text));
    if (o->tries > TRIES_MAX || tcp_roads_open(r, &o->id, &place) < 0)
        o->since = env_now(r->node->env) - LASTS;
}

static void go_on(struct tcp_roads *r, struct tcp_open *o, instant now)
{
    struct peer *p = r->node->find(r->node->node, &o->id);

    o->due = INSTANT_NEVER;
    if (now >= o->since + LASTS || !p || !peer_conn(p))
        return;
    if (!o->told)
        tell(r, o, p);
    if (o->told && !addr_is_none(&o->theirs))
        attempt(r, o);
}

void tcp_open_begin(struct tcp_roads *r, const struct peer_id *id)
{
    if (r->node->options->no_punching || open_of(r, id) || !get_open(r, id))
        return;
    tcp_roads_set_timer(r);
}

/* Others have no reason to ask, and would only make us knock somewhere. */
static bool is_relayed(const struct peer *p)
{
    struct quic_conn_info info;

    if (!peer_conn(p))
        return false;
    quic_conn_info(peer_conn(p), &info);
    return info.path.kind == PATH_RELAY || info.path.kind == PATH_TURN;
}

void tcp_roads_on_part(struct tcp_roads *r, const struct peer *p, const struct message_part *part)
{
    struct addr theirs;

    if (r->node->options->no_punching || !tcp_open_message_is(part) ||
        tcp_open_message_read(&theirs, part) < 0 || !punch_may_probe(&theirs, NULL, 0, false) ||
        !is_relayed(p) ||
        !registry_may_connect(r->node->registry, &p->id, env_wall_us(r->node->env)))
        return;
    struct tcp_open *o = get_open(r, &p->id);
    if (!o || !addr_is_none(&o->theirs))
        return;
    o->theirs = theirs;
    o->due = env_now(r->node->env);
    tcp_roads_set_timer(r);
}

void tcp_open_again(struct tcp_roads *r, const struct road *lost)
{
    struct tcp_open *o = open_of(r, &lost->id);
    if (o)
        o->due = env_now(r->node->env) + AGAIN + chance(r, AGAIN);
}

/* ---- time ---- */

void tcp_open_due(struct tcp_roads *r, instant now)
{
    struct list *next;

    for (struct list *node = r->opens.next; node != &r->opens; node = next) {
        struct tcp_open *o = list_entry(node, struct tcp_open, link);
        next = node->next;
        if (now >= o->since + REST)
            drop(r, o);
        else if (now >= o->due)
            go_on(r, o, now);
    }
}

instant tcp_open_deadline(const struct tcp_roads *r)
{
    instant due = INSTANT_NEVER;

    list_each(node, &r->opens)
    {
        const struct tcp_open *o = list_entry(node, struct tcp_open, link);
        instant next = o->due < o->since + REST ? o->due : o->since + REST;
        due = next < due ? next : due;
    }
    return due;
}

void tcp_open_end(struct tcp_roads *r)
{
    for (struct list *node; (node = list_first(&r->opens));)
        drop(r, list_entry(node, struct tcp_open, link));
}
