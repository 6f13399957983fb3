/* The raw socket and its life; and being called. */
#include "gateway/node/pwnat_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/node/punch_round.h"
#include "gateway/punch/attempt.h"

/* An attempt to reach a caller, and what it may send to one address: at 0, 1 and 3 s, and a
 * good-bye.
 */
#define DIAL_WITHIN SEC(6)
#define DIAL_SENDS  5

#define OPENER_LEN 8 /* bytes: nobody reads them */

/** A contact that calls. It stays for a while after that: whom we dial then is not called back. */
struct pwnat_caller {
    struct list link;
    struct pwnat_call call;
    struct peer_id id;
};

/* ---- being called ---- */

static struct pwnat_caller *caller_of(const struct pwnat_desk *d, const struct peer_id *id)
{
    list_each(node, &d->calls)
    {
        struct pwnat_caller *c = list_entry(node, struct pwnat_caller, link);
        if (peer_id_equal(&c->id, id))
            return c;
    }
    return NULL;
}

static void drop_caller(struct pwnat_desk *d, struct pwnat_caller *c)
{
    list_remove(&c->link);
    d->call_count--;
    free(c);
}

static struct peer *peer_of(const struct pwnat_desk *d, const struct peer_id *id)
{
    return d->node->get(d->node->node, id);
}

/* Goes no further than our own NATs, if we know how far that is. */
static void send_openers(const struct pwnat_desk *d, const struct pwnat_call *call)
{
    const struct nat_facts facts = gather_facts(d->options.gather);
    uint8_t data[OPENER_LEN];

    env_random(d->node->env, data, sizeof(data));
    data[0] = 0x80; /* demux(): nobody's */
    for (size_t i = 0; i < call->places; i++) {
        const struct path path = {.kind = PATH_UDP, .remote = call->place[i]};
        hub_send_path(d->node->hub, &path, data, sizeof(data), punch_opener_ttl(&facts));
    }
}

static bool is_tried(const struct peer *p, const struct path *path)
{
    for (size_t i = 0; p->dialling && i < p->tried_count; i++)
        if (path_equal(&p->tried[i], path))
            return true;
    return false;
}

static bool may_dial(struct pwnat_desk *d, instant now, const struct addr *a)
{
    for (unsigned i = 0; i < DIAL_SENDS; i++)
        if (!punch_budget_take(&d->budget, d->options.common, now, a))
            return false;
    return true;
}

static void dial(struct pwnat_desk *d, const struct pwnat_caller *c, instant now)
{
    struct peer *p = peer_of(d, &c->id);

    if (!p || peer_session(p))
        return;
    for (size_t i = 0; i < c->call.places; i++) {
        const struct path path = {.kind = PATH_UDP, .remote = c->call.place[i]};
        if (is_tried(p, &path) || !may_dial(d, now, &path.remote))
            continue;
        peer_connect_within(p, DIAL_WITHIN);
        peer_add_candidate(p, &path);
    }
}

static instant run_call(struct pwnat_desk *d, struct pwnat_caller *c, instant now)
{
    for (;;)
        switch (pwnat_call_next(&c->call, now)) {
        case PWNAT_WAIT:
            return pwnat_call_due(&c->call);
        case PWNAT_OPEN:
            send_openers(d, &c->call);
            break;
        case PWNAT_DIAL:
            dial(d, c, now);
            break;
        case PWNAT_OVER:
            drop_caller(d, c);
            return INSTANT_NEVER;
        }
}

/* Known addresses are dialled at once, as whenever somebody wants the peer. */
static void take_call(struct pwnat_desk *d, const struct pwnat_call *call)
{
    struct addr known[PWNAT_KNOWN_MAX];
    struct peer_id id;
    memcpy(id.key, call->id, sizeof(id.key));
    struct pwnat_caller *c = caller_of(d, &id);

    if (!c && d->call_count < PWNAT_CALLS_MAX && (c = calloc(1, sizeof(*c)))) {
        list_append(&d->calls, &c->link);
        d->call_count++;
    }
    if (!c)
        return;
    c->id = id;
    c->call = *call;
    struct peer *p = peer_of(d, &id);
    if (p && pwnat_known(d, &id, known) > 0)
        peer_connect_within(p, DIAL_WITHIN);
}

/* ---- by the clock ---- */

static void send_echo(struct pwnat_desk *d, instant now)
{
    uint8_t out[ICMP_MESSAGE_MAX];
    const struct addr nowhere = pwnat_nowhere();

    icmp_send(d->node->env, d->socket, &nowhere, out, pwnat_echo(out, d->ear.id));
    d->echo_due = now + PWNAT_ECHO_EVERY;
}

static void run_at(struct pwnat_desk *d, instant due)
{
    if (due >= d->next)
        return;
    d->next = due;
    timer_set(d->node->env, &d->timer, due);
}

static void run(struct pwnat_desk *d, instant now)
{
    struct list all;

    if (!d->socket)
        return;
    d->next = INSTANT_NEVER;
    if (now >= d->echo_due)
        send_echo(d, now);
    instant next = d->echo_due, due;
    list_take_all(&all, &d->calls);
    for (struct list *node; (node = list_first(&all));) {
        list_remove(node);
        list_append(&d->calls, node);
        due = run_call(d, list_entry(node, struct pwnat_caller, link), now);
        next = due < next ? due : next;
    }
    kept_sockets_review(&d->kept, NULL);
    due = pwnat_rings_run(d, now);
    run_at(d, due < next ? due : next);
}

static void on_timer(struct timer *timer)
{
    struct pwnat_desk *d = container_of(timer, struct pwnat_desk, timer);
    run(d, env_now(d->node->env));
}

/* ---- the raw socket ---- */

static void on_exceeded(void *arg, instant now, const struct addr *from, const uint8_t *data,
                        size_t len)
{
    struct pwnat_desk *d = arg;
    struct addr own[CANDIDATES_MAX], known[PWNAT_KNOWN_MAX];
    const struct pwnat_heard heard = {
        .now = now,
        .wall_ms = (uint64_t)env_wall_us(d->node->env) / 1000,
        .from = *from,
        .data = data,
        .len = len,
        .own = own,
        .own_count = pwnat_own(d, own),
    };
    struct pwnat_call call;
    struct peer_id id;
    char name[9], text[ADDR_TEXT_MAX];

    int err = pwnat_ear_hear(&d->ear, &heard, &call);
    if (err < 0) {
        if (err != -EBADMSG)
            log_debug(LOG_PUNCH, "a call by ICMP from %s is ignored: %s", addr_print_ip(from, text),
                      strerror(-err));
        return;
    }
    memcpy(id.key, call.id, sizeof(id.key));
    size_t count = pwnat_known(d, &id, known);
    for (size_t i = 0; i < count; i++)
        pwnat_call_add(&call, &heard, &known[i]);
    log_info(LOG_PUNCH, "%s: calls by ICMP, from %s", peer_id_short(&id, name),
             addr_print_ip(from, text));
    take_call(d, &call);
    run(d, now);
}

static const struct icmp_handler HANDLER = {on_exceeded};

static int make_key(void *arg, const uint8_t id[PWNAT_ID_LEN], uint8_t key[ICMP_NOTICE_KEY_LEN])
{
    const struct pwnat_desk *d = arg;
    const struct pair_key_use use = pwnat_notice_use(d);
    struct peer_id contact;
    uint8_t unused[PAIR_KEY_LEN];

    memcpy(contact.key, id, sizeof(contact.key));
    return pair_keys(d->options.keys, &contact, &use, key, unused);
}

/* ---- life ---- */

static void open_socket(struct pwnat_desk *d)
{
    int err = icmp_open(d->node->env, &d->socket, &HANDLER, d);

    if (err == 0) {
        (void)snprintf(d->state, sizeof(d->state), "on");
        return;
    }
    d->socket = NULL;
    (void)snprintf(d->state, sizeof(d->state), "no raw socket: %s",
                   err == -EPERM ? "the privilege CAP_NET_RAW is missing" : strerror(-err));
    log_warn(LOG_PUNCH,
             "[punch] pwnat = on does not work: %s. Give the program CAP_NET_RAW (a systemd unit: "
             "AmbientCapabilities=CAP_NET_RAW), or switch the option off",
             d->state);
}

void pwnat_desk_start(struct pwnat_desk *d, const struct desk *node,
                      const struct pwnat_desk_options *options)
{
    *d = (struct pwnat_desk){.node = node, .options = *options, .timer.fire = on_timer};
    list_init(&d->calls);
    list_init(&d->rings);
    list_init(&d->kept);
    if (!node->options->pwnat)
        return;
    d->ear.id = pwnat_echo_id(d, node->self);
    d->ear.key = make_key;
    d->ear.arg = d;
    open_socket(d);
    run(d, env_now(node->env));
}

void pwnat_desk_stop(struct pwnat_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    pwnat_rings_end(d);
    for (struct list *node; (node = list_first(&d->calls));)
        drop_caller(d, list_entry(node, struct pwnat_caller, link));
    kept_sockets_close(&d->kept);
    if (d->socket)
        icmp_close(d->node->env, d->socket);
    pwnat_ear_deinit(&d->ear);
    *d = (struct pwnat_desk){0};
}

void pwnat_desk_contacts(struct pwnat_desk *d)
{
    if (!d->node || !d->socket)
        return;
    size_t count = registry_peer_count(d->node->registry), used = 0;
    uint8_t(*ids)[PWNAT_ID_LEN] = calloc(count + 1, PWNAT_ID_LEN);
    for (size_t i = 0; ids && i < count; i++) {
        const struct known_peer *known = registry_peer_at(d->node->registry, i);
        if (!known->blocked)
            memcpy(ids[used++], known->id.key, PWNAT_ID_LEN);
    }
    if (!ids || pwnat_ear_set(&d->ear, (const uint8_t(*)[PWNAT_ID_LEN])ids, used) < 0)
        log_warn(LOG_PUNCH, "no memory for contacts: new ones cannot call by ICMP");
    free(ids);
}

void pwnat_desk_network_changed(struct pwnat_desk *d)
{
    if (!d->node || !d->socket)
        return;
    d->echo_due = 0;
    run(d, env_now(d->node->env));
}

/* ---- from the peers' events, often while a socket is read: what closes sockets waits ---- */

void pwnat_desk_find(struct pwnat_desk *d, const struct peer *p)
{
    if (d->node && d->socket && !caller_of(d, &p->id))
        run_at(d, pwnat_rings_begin(d, &p->id, env_now(d->node->env)));
}

void pwnat_desk_on_settled(struct pwnat_desk *d, const struct peer *p)
{
    if (!d->node || d->ring_count == 0)
        return;
    pwnat_rings_settled(d, &p->id);
    run_at(d, env_now(d->node->env));
}

void pwnat_desk_on_conn(struct pwnat_desk *d, struct quic_conn *conn, bool ended)
{
    struct quic_conn_info info;

    if (!d->node || !d->socket)
        return;
    quic_conn_info(conn, &info);
    if (!ended && info.path.kind == PATH_UDP)
        punch_budget_answered(&d->budget, d->options.common, &info.path.remote);
    if (list_is_empty(&d->kept))
        return;
    list_each(node, &d->kept)
    {
        struct kept_socket *k = list_entry(node, struct kept_socket, link);
        if (ended && k->conn == conn)
            k->conn = NULL;
    }
    run_at(d, env_now(d->node->env));
}

const char *pwnat_desk_state(const struct pwnat_desk *d)
{
    return d->state[0] ? d->state : "off";
}
