#include "adapters/browser_flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/list.h"
#include "gateway/base/log.h"
#include "gateway/base/map.h"

/* A sender's port can change hands, so that it is looked up again, but not for every datagram. */
#define CHECK_EVERY SEC(1)
/* A service that refused is not asked again for every datagram. */
#define ASK_AGAIN SEC(1)

struct flows {
    struct flows_options o;
    struct env *env;
    struct udp_socket *socket;
    struct addr local;
    struct map by_sender;
    struct list used; /* longest unused first */
};

struct sender {
    struct list link;
    struct flows *flows;
    struct flow *flow; /* NULL: waits for a session, or was refused */
    struct node_wait wait;
    bool waiting;
    bool refused;  /* by the far side's last answer */
    uint8_t *held; /* a datagram that waits for the session */
    size_t held_len;
    instant checked;  /* when the owner was last found to be allowed */
    instant ask_from; /* no new flow before */
    uint8_t key[24];  /* address and port */
    struct addr from;
};

static size_t write_key(uint8_t key[static 24], const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    memset(key, 0, 24);
    memcpy(key, ip, len);
    key[16] = (uint8_t)(addr_port(a) >> 8);
    key[17] = (uint8_t)addr_port(a);
    return 18;
}

static void forget(struct sender *s)
{
    uint8_t key[24];
    size_t len = write_key(key, &s->from);
    (void)map_remove(&s->flows->by_sender, key, len);
    list_remove(&s->link);
    if (s->waiting)
        node_connect_cancel(&s->wait);
    if (s->flow)
        node_flow_close(s->flow);
    free(s->held);
    free(s);
}

static void on_datagram(void *arg, const uint8_t *data, size_t len)
{
    struct sender *s = arg;
    struct udp_tx tx = {.to = &s->from, .data = data, .len = len};
    if (udp_send(s->flows->env, s->flows->socket, &tx) == 0) /* -EAGAIN: dropped */
        *s->flows->o.from_far += len;
}

static void on_answer(void *arg, const struct preamble_answer *answer)
{
    struct sender *s = arg;
    char id[9], reason[LOG_TEXT_MAX];
    s->refused = answer->status != PREAMBLE_OK;
    if (!s->refused)
        return;
    log_info(LOG_OPEN, "%s: %s (UDP): %s%s%s", peer_id_short(&s->flows->o.peer, id),
             s->flows->o.what.name, preamble_status_text(answer->status),
             answer->reason[0] ? ": " : "",
             log_text(reason, answer->reason, strlen(answer->reason)));
}

static void on_end(void *arg)
{
    struct sender *s = arg;
    s->flow = NULL;
    if (s->refused)
        s->ask_from = env_now(s->flows->env) + ASK_AGAIN;
    else
        forget(s);
}

static const struct flow_handler flow_events = {on_datagram, on_answer, on_end};

static int open_flow(struct sender *s)
{
    const struct flows_options *o = &s->flows->o;
    return node_open_flow(o->node, &o->peer, &o->what, &flow_events, s, &s->flow);
}

static void send_on(struct sender *s, const uint8_t *data, size_t len)
{
    *s->flows->o.to_far += len;
    node_flow_send(s->flow, data, len);
}

static void on_connected(struct node_wait *wait, int err, const char *why)
{
    struct sender *s = container_of(wait, struct sender, wait);
    (void)why;
    s->waiting = false;
    if (err == 0 && open_flow(s) == 0 && s->held)
        send_on(s, s->held, s->held_len);
    if (!s->flow)
        s->ask_from = env_now(s->flows->env) + ASK_AGAIN;
    free(s->held);
    s->held = NULL;
}

static void wait_for_session(struct sender *s, const uint8_t *data, size_t len)
{
    s->held = malloc(len ? len : 1);
    if (s->held) {
        memcpy(s->held, data, len);
        s->held_len = len;
    }
    s->waiting = true;
    s->wait = (struct node_wait){.done = on_connected};
    node_connect(s->flows->o.node, &s->flows->o.peer, &s->wait);
}

static void pass(struct sender *s, const uint8_t *data, size_t len, instant now)
{
    if (!s->flow && len > FLOW_DATAGRAM_MAX)
        return; /* a flow would drop and count it */
    if (!s->flow && (s->waiting || now < s->ask_from))
        return;
    if (!s->flow) {
        int err = open_flow(s);
        if (err == -ENOTCONN)
            wait_for_session(s, data, len);
        else if (err < 0)
            s->ask_from = now + ASK_AGAIN;
        if (err < 0)
            return;
    }
    send_on(s, data, len);
}

static struct sender *new_sender(struct flows *f, const struct addr *from)
{
    if (f->by_sender.count >= FLOWS_SENDERS_MAX)
        forget(list_entry(list_first(&f->used), struct sender, link));
    struct sender *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->flows = f;
    s->from = *from;
    size_t len = write_key(s->key, from);
    if (map_insert(&f->by_sender, s->key, len, s) < 0) {
        free(s);
        return NULL;
    }
    list_append(&f->used, &s->link);
    return s;
}

/* The sender's entry, if its owner may send; NULL: drop it. */
static struct sender *admit(struct flows *f, const struct addr *from, instant now)
{
    uint8_t key[24];
    size_t len = write_key(key, from);
    struct sender *s = map_find(&f->by_sender, key, len);
    if (s && now < s->checked + CHECK_EVERY) {
        list_remove(&s->link);
        list_append(&f->used, &s->link);
        return s;
    }
    if (!local_users_allow_udp(f->o.users, f->env, from, &f->local)) {
        if (s)
            forget(s);
        return NULL;
    }
    if (!s)
        s = new_sender(f, from);
    if (s)
        s->checked = now;
    return s;
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct flows *f = arg;
    struct sender *s = admit(f, &rx->from, rx->now);
    if (!s)
        return;
    size_t at = 0;
    do {
        size_t left = rx->len - at;
        size_t len = left < rx->segment ? left : rx->segment;
        pass(s, rx->data + at, len, rx->now);
        at += len;
    } while (at < rx->len);
}

static const struct udp_handler socket_events = {on_datagrams, NULL};

int flows_open(struct flows **out, const struct addr *local, const struct flows_options *options)
{
    struct flows *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    uint8_t secret[MAP_SECRET_LEN];
    f->o = *options;
    f->env = node_env(options->node);
    list_init(&f->used);
    env_random(f->env, secret, sizeof(secret));
    map_init(&f->by_sender, secret);
    unsigned flags = UDP_BULK | (options->loopback_only ? (unsigned)UDP_LOOPBACK : 0);
    int err = udp_open(f->env, &f->socket, local, flags, &socket_events, f);
    if (err < 0) {
        map_deinit(&f->by_sender);
        free(f);
        return err;
    }
    f->local = udp_local(f->env, f->socket);
    *out = f;
    return 0;
}

void flows_close(struct flows *f)
{
    if (!f)
        return;
    for (struct list *at = list_first(&f->used); at; at = list_first(&f->used))
        forget(list_entry(at, struct sender, link));
    udp_close(f->env, f->socket);
    map_deinit(&f->by_sender);
    free(f);
}
