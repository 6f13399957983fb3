/* Whose turn it is to search for ports: one search runs at a time, with a pause after each. Who had
 * to do without one waits for its turn, and when there may be a search again, whoever has waited
 * longest is called: it asks its peer for a round at once, and until the answer has come nobody
 * else may begin a search. A peer that does not answer loses its turn. */
#include "gateway/node/punch_effort.h"

#define SEARCH_PAUSE SEC(20)  /* between two searches, */
#define SEARCH_AGAIN SEC(300) /* and between two with one peer */
#define CALLED_FOR   SEC(12)  /* a look at our NAT and the peer's answer take less */

static instant now_of(const struct effort *e)
{
    return env_now(e->means->node->env);
}

static bool is_ready(const struct effort *e, instant now)
{
    return e->searched == 0 || now >= e->searched + SEARCH_AGAIN;
}

/* A search is a thousand packets: home routers have small tables, and whoever lies about where it
 * is has us send them to somebody else. */
bool effort_may_search(const struct effort *e)
{
    const struct punch_means *m = e->means;
    instant now = now_of(e);

    return !m->node->options->no_birthday && (!m->searching || m->searching == e) &&
           (!m->called || m->called == e || now >= m->called_until) &&
           (m->searched == 0 || now >= m->searched + SEARCH_PAUSE) && is_ready(e, now);
}

void effort_turn_begin(struct effort *e, bool search)
{
    struct punch_means *m = e->means;

    effort_turn_end(e);
    if (search) {
        m->searching = e;
        e->waits = 0;
    }
}

void effort_turn_end(struct effort *e)
{
    if (e->means->called == e)
        e->means->called = NULL;
}

void effort_turn_want(struct effort *e, instant now)
{
    if (e->waits == 0 && !e->means->node->options->no_birthday && is_ready(e, now))
        e->waits = now;
}

static struct effort *next_of(const struct list *efforts)
{
    struct effort *next = NULL;

    list_each(node, efforts)
    {
        struct effort *e = list_entry(node, struct effort, link);
        if (e->waits > 0 && e->stage == EFFORT_WAITING && (!next || e->waits < next->waits))
            next = e;
    }
    return next;
}

instant efforts_call(struct punch_means *m, const struct list *efforts, instant now)
{
    struct effort *e = m->searching ? NULL : next_of(efforts);
    instant free = m->searched > 0 ? m->searched + SEARCH_PAUSE : now;

    if (!e)
        return INSTANT_NEVER; /* or when the search that runs has ended */
    if (m->called && m->called_until > free)
        free = m->called_until;
    if (now < free)
        return free;
    m->called = e;
    m->called_until = now + CALLED_FOR;
    e->waits = 0;
    e->due = now;
    return now;
}
