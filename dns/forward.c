#include "dns/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/answer.h"
#include "dns/upstream.h"

#define ATTEMPTS 2 /* each FORWARD_WAIT / ATTEMPTS long */

enum { RCODE_SERVFAIL = 2 };

struct pending {
    struct list link;
    struct forward *forward;
    struct forward_asker asker;
    struct precheck pre;
    struct upstream upstream;
    unsigned attempt;
    instant due;
    uint8_t name[DNS_NAME_MAX]; /* as the asker spelt it */
    size_t len;
    uint8_t query[]; /* as it is sent */
};

static void set_timer(struct forward *f)
{
    instant due = INSTANT_NEVER;
    list_each(node, &f->pending)
    {
        const struct pending *p = list_entry(node, struct pending, link);
        due = p->due < due ? p->due : due;
    }
    timer_set(f->env, &f->timer, due);
}

static void drop(struct pending *p)
{
    upstream_close(&p->upstream);
    list_remove(&p->link);
    p->forward->count--;
    free(p);
}

static void give_up(struct pending *p)
{
    uint8_t out[DNS_HEADER_LEN + DNS_NAME_MAX + 4 + 64];
    struct forward *f = p->forward;
    struct forward_asker asker = p->asker;
    memcpy(p->query + DNS_HEADER_LEN, p->name, p->pre.name_len);
    size_t len = answer_write_plain(&p->pre, p->query, DNS_RA, RCODE_SERVFAIL, out, sizeof(out));
    drop(p);
    f->on_answer(f->arg, &asker, out, len);
}

/* ---- judging what came ---- */

static bool same_question(const struct pending *p, const uint8_t *message)
{
    const uint8_t *asked = p->query + DNS_HEADER_LEN;
    const uint8_t *said = message + DNS_HEADER_LEN;
    size_t name = p->pre.name_len;
    if (memcmp(asked + name, said + name, 4) != 0)
        return false;
    if (p->attempt == 1)
        return memcmp(asked, said, name) == 0;
    /* The second time the case was left alone, for a server that changes it. */
    for (size_t i = 0; i < name; i++)
        if (dns_lower(asked[i]) != dns_lower(said[i]))
            return false;
    return true;
}

static bool is_answer(const struct pending *p, const uint8_t *message, size_t len)
{
    return len >= DNS_HEADER_LEN + p->pre.question_len && len <= ANSWER_TCP_MAX &&
           memcmp(message, p->query, 2) == 0 && (message[2] & (DNS_QR >> 8)) != 0 &&
           (message[2] & (DNS_OPCODE >> 8)) == 0 && message[4] == 0 && message[5] == 1 &&
           same_question(p, message);
}

static void hand_back(struct pending *p, const uint8_t *message, size_t len)
{
    struct forward *f = p->forward;
    struct forward_asker asker = p->asker;
    uint8_t *answer = malloc(len);
    if (!answer) {
        give_up(p);
        return;
    }
    memcpy(answer, message, len);
    answer[0] = (uint8_t)(p->pre.id >> 8);
    answer[1] = (uint8_t)p->pre.id;
    memcpy(answer + DNS_HEADER_LEN, p->name, p->pre.name_len);
    size_t max = p->pre.udp_size < ANSWER_UDP_MAX ? p->pre.udp_size : ANSWER_UDP_MAX;
    if (asker.udp && len > max)
        len = answer_write_plain(&p->pre, answer, DNS_RA | DNS_TC, 0, answer, max);
    drop(p);
    f->on_answer(f->arg, &asker, answer, len);
    free(answer);
}

static bool on_message(struct upstream *u, const uint8_t *message, size_t len)
{
    struct pending *p = container_of(u, struct pending, upstream);
    struct forward *f = p->forward;
    if (!is_answer(p, message, len))
        return true;
    bool cut = (message[2] & (DNS_TC >> 8)) != 0;
    if (!cut || p->asker.udp || !u->udp)
        hand_back(p, message, len);
    else if (upstream_ask_tcp(u) < 0)
        give_up(p);
    set_timer(f);
    return false;
}

/* ---- asking ---- */

/* Mixes the letter case of the name by random bits (draft-vixie-dnsext-dns0x20). */
static void mix_case(struct pending *p)
{
    uint8_t coin[DNS_NAME_MAX];
    uint8_t *name = p->query + DNS_HEADER_LEN;
    env_random(p->forward->env, coin, p->pre.name_len);
    for (size_t label = 0; name[label] > 0; label += 1u + name[label])
        for (size_t i = label + 1; i <= label + name[label]; i++)
            if (dns_lower(name[i]) >= 'a' && dns_lower(name[i]) <= 'z' && coin[i] & 1)
                name[i] ^= 0x20;
}

static int ask(struct pending *p)
{
    struct forward *f = p->forward;
    unsigned other = p->attempt % FORWARD_UPSTREAMS_MAX;
    p->upstream.server = f->upstream[addr_is_none(&f->upstream[other]) ? 0 : other];
    p->attempt++;
    env_random(f->env, p->query, 2);
    memcpy(p->query + DNS_HEADER_LEN, p->name, p->pre.name_len);
    if (p->attempt == 1)
        mix_case(p);
    p->due = env_now(f->env) + FORWARD_WAIT / ATTEMPTS;
    return upstream_ask_udp(&p->upstream);
}

/* The next one that has waited its time, or NULL. */
static struct pending *find_due(struct forward *f, instant now)
{
    list_each(node, &f->pending)
    {
        struct pending *p = list_entry(node, struct pending, link);
        if (p->due <= now)
            return p;
    }
    return NULL;
}

static void on_timer(struct timer *timer)
{
    struct forward *f = container_of(timer, struct forward, timer);
    instant now = env_now(f->env);
    struct pending *p;
    while ((p = find_due(f, now)) != NULL)
        if (p->attempt == ATTEMPTS || ask(p) < 0)
            give_up(p);
    set_timer(f);
}

void forward_init(struct forward *f, struct env *env, const struct addr *upstream, size_t count)
{
    *f = (struct forward){.env = env, .timer.fire = on_timer};
    for (size_t i = 0; i < count && i < FORWARD_UPSTREAMS_MAX; i++)
        f->upstream[i] = upstream[i];
    list_init(&f->pending);
}

void forward_deinit(struct forward *f)
{
    while (!list_is_empty(&f->pending))
        drop(list_entry(list_first(&f->pending), struct pending, link));
    timer_stop(f->env, &f->timer);
}

/* The asker's limit, no more than what we hand on: the OPT stands right behind the question. */
static void limit_size(struct pending *p)
{
    uint8_t *size = p->query + DNS_HEADER_LEN + p->pre.question_len + 3;
    if (!p->pre.edns || p->pre.udp_size <= ANSWER_UDP_MAX)
        return;
    size[0] = ANSWER_UDP_MAX >> 8;
    size[1] = ANSWER_UDP_MAX & 0xff;
}

int forward_query(struct forward *f, const struct forward_asker *asker, const struct precheck *pre,
                  const uint8_t *query, size_t len)
{
    if (addr_is_none(&f->upstream[0]))
        return -ENODATA;
    if (f->count >= FORWARD_MAX)
        return -EBUSY;
    struct pending *p = calloc(1, sizeof(*p) + len);
    if (!p)
        return -ENOMEM;
    p->forward = f;
    p->asker = *asker;
    p->pre = *pre;
    p->len = len;
    memcpy(p->query, query, len);
    memcpy(p->name, query + DNS_HEADER_LEN, pre->name_len);
    limit_size(p);
    p->upstream =
        (struct upstream){.env = f->env, .query = p->query, .len = len, .on_message = on_message};
    int err = ask(p);
    if (err < 0) {
        free(p);
        return err;
    }
    list_append(&f->pending, &p->link);
    f->count++;
    set_timer(f);
    return 0;
}

void forward_forget(struct forward *f, const void *who)
{
    struct pending *p = NULL;
    do {
        if (p)
            drop(p);
        p = NULL;
        list_each(node, &f->pending) if (list_entry(node, struct pending, link)->asker.who == who)
            p = list_entry(node, struct pending, link);
    } while (p);
    set_timer(f);
}
