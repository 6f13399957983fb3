/* Meetings: the addresses that a contact named, openers, and attempts to connect. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/node/mail_desk.h"
#include "gateway/punch/attempt.h"

/* An attempt of ours to reach it: a packet, two more after 1 s and after 3 s, and a good-bye. */
#define DIAL_WITHIN SEC(6)
#define DIAL_SENDS  6
/* And one of somebody else's, which lasts longer. */
#define ATTEMPT_SENDS 9

#define OPENER_LEN 8 /* bytes: nobody reads them */

/* ---- which of its addresses count ---- */

struct vetting {
    struct addr own[CANDIDATES_MAX];
    size_t owns;
    bool same_public; /* it is behind the same NAT as we */
    const struct mail_desk *desk;
};

static bool is_among(const struct addr *list, size_t count, const struct addr *a)
{
    for (size_t i = 0; i < count; i++)
        if (addr_same_ip(&list[i], a))
            return true;
    return false;
}

/* An address of a NAT, as opposed to one of a machine. */
static bool is_outer(const struct candidate *c)
{
    return c->type != CANDIDATE_HOST && c->type != CANDIDATE_TCP && c->type != CANDIDATE_RELAYED;
}

static void prepare(struct vetting *v, const struct mail_desk *d, const struct mailbox_message *m)
{
    struct candidate all[CANDIDATES_MAX];

    *v = (struct vetting){.desk = d, .owns = gather_list(d->options.gather, all)};
    for (size_t i = 0; i < v->owns; i++) {
        v->own[i] = all[i].addr;
        if (all[i].type == CANDIDATE_HOST)
            addr_set_port(&v->own[i], 0); /* whatever listens on this machine */
    }
    for (size_t i = 0; i < m->candidates; i++)
        if (is_outer(&m->candidate[i]) && is_among(v->own, v->owns, &m->candidate[i].addr))
            v->same_public = true;
}

static void add_place(const struct vetting *v, struct meeting *m, const struct addr *a)
{
    bool shares = v->same_public || gather_is_near(v->desk->options.gather, a);

    for (size_t i = 0; i < m->places; i++)
        if (addr_equal(&m->place[i], a))
            return;
    if (m->places < MEETING_PLACES_MAX && punch_may_probe(a, v->own, v->owns, shares) &&
        hub_socket_for(v->desk->node->hub, a))
        m->place[m->places++] = *a;
}

/* Best first: there may be more than are tried. A way through a TURN server needs a session first.
 */
static void add_places(const struct mail_desk *d, struct meeting *m,
                       const struct mailbox_message *said)
{
    static const enum candidate_type BY_TYPE[] = {CANDIDATE_CONFIGURED, CANDIDATE_MAPPED,
                                                  CANDIDATE_REFLEXIVE, CANDIDATE_PEER,
                                                  CANDIDATE_HOST};
    struct vetting v;

    prepare(&v, d, said);
    for (size_t t = 0; t < sizeof(BY_TYPE) / sizeof(BY_TYPE[0]); t++)
        for (size_t i = 0; i < said->candidates; i++)
            if (said->candidate[i].type == BY_TYPE[t])
                add_place(&v, m, &said->candidate[i].addr);
}

/* ---- which meetings there are ---- */

struct mail_meeting *mail_meeting_of(const struct mail_desk *d, const struct peer_id *id)
{
    list_each(node, &d->meetings)
    {
        struct mail_meeting *m = list_entry(node, struct mail_meeting, link);
        if (peer_id_equal(&m->id, id))
            return m;
    }
    return NULL;
}

void mail_meeting_end(struct mail_desk *d, struct mail_meeting *m)
{
    list_remove(&m->link);
    d->meeting_count--;
    free(m);
}

static struct mail_meeting *get_meeting(struct mail_desk *d, const struct peer_id *id)
{
    struct mail_meeting *m = mail_meeting_of(d, id);

    if (m || d->meeting_count == MAIL_MEETINGS_MAX || !(m = calloc(1, sizeof(*m))))
        return m;
    m->id = *id;
    list_append(&d->meetings, &m->link);
    d->meeting_count++;
    return m;
}

/* A moment that its sender named, by our clocks: not all too far off, whatever it says. */
static instant moment(uint64_t wall_ms, instant now, uint64_t meet_ms)
{
    uint64_t away = meet_ms > wall_ms ? meet_ms - wall_ms : 0;
    return now + MSEC(away < MAILBOX_HAND_AFTER_MS ? away : MAILBOX_HAND_AFTER_MS);
}

void mail_meet(struct mail_desk *d, const struct mailbox_heard *heard, unsigned after_ms)
{
    instant now = env_now(d->node->env);
    const struct mailbox_message *said = &heard->message;
    uint64_t wall_ms = (uint64_t)env_wall_us(d->node->env) / 1000;
    uint64_t end_ms = said->time_ms + UINT64_C(1000) * said->lasts_s;
    uint64_t left_ms = end_ms > wall_ms ? end_ms - wall_ms : 0;
    bool answers = said->flags & MAILBOX_ANSWER;
    struct mail_meeting *m = get_meeting(d, &heard->from);

    if (!m)
        return;
    if (left_ms > UINT64_C(1000) * MAILBOX_LASTS_S)
        left_ms = UINT64_C(1000) * MAILBOX_LASTS_S;
    m->core.places = 0;
    add_places(d, &m->core, said);
    instant meet = answers ? moment(wall_ms, now, said->meet_ms) : now + MSEC(after_ms);
    meeting_begin(&m->core, now, meet, now + MSEC(left_ms), answers);
}

void mail_meet_answered(struct mail_desk *d, const struct peer_id *id, instant now, instant meet)
{
    struct mail_meeting *m = mail_meeting_of(d, id);

    if (m)
        meeting_begin(&m->core, now, meet, now + SEC(MAILBOX_LASTS_S), false);
}

/* ---- what is done for them ---- */

void mail_send_opener(const struct mail_desk *d, const struct addr *to)
{
    const struct nat_facts facts = gather_facts(d->options.gather);
    const struct path path = {.kind = PATH_UDP, .remote = *to};
    uint8_t data[OPENER_LEN];

    env_random(d->node->env, data, sizeof(data));
    data[0] = 0x80; /* demux(): nobody's */
    hub_send_path(d->node->hub, &path, data, sizeof(data), punch_opener_ttl(&facts));
}

bool mail_may_dial(struct mail_desk *d, instant now, const struct addr *a)
{
    for (unsigned i = 0; i < (d->dials ? DIAL_SENDS : ATTEMPT_SENDS); i++)
        if (!punch_budget_take(&d->budget, d->options.common, now, a))
            return false;
    return true;
}

static bool is_tried(const struct peer *p, const struct path *path)
{
    for (size_t i = 0; i < p->tried_count; i++)
        if (path_equal(&p->tried[i], path))
            return true;
    return false;
}

/* An attempt that begins asks for the places by itself: mail_desk_find(). */
static void dial(struct mail_desk *d, const struct mail_meeting *m, instant now)
{
    struct peer *p = d->node->get(d->node->node, &m->id);

    if (!p || peer_session(p))
        return;
    if (!p->dialling) {
        d->dials = true;
        peer_connect_within(p, DIAL_WITHIN);
        d->dials = false;
        return;
    }
    for (size_t i = 0; i < m->core.places; i++) {
        const struct path path = {.kind = PATH_UDP, .remote = m->core.place[i]};
        if (!is_tried(p, &path) && mail_may_dial(d, now, &path.remote))
            peer_add_candidate(p, &path);
    }
}

static instant run(struct mail_desk *d, struct mail_meeting *m, instant now)
{
    for (;;)
        switch (meeting_next(&m->core, now)) {
        case MEETING_WAIT:
            return meeting_due(&m->core);
        case MEETING_OPEN:
            for (size_t i = 0; i < m->core.places; i++)
                mail_send_opener(d, &m->core.place[i]);
            break;
        case MEETING_DIAL:
            dial(d, m, now);
            break;
        case MEETING_OVER:
            mail_meeting_end(d, m);
            return INSTANT_NEVER;
        }
}

instant mail_meetings_run(struct mail_desk *d, instant now)
{
    instant next = INSTANT_NEVER;
    struct list all;

    list_take_all(&all, &d->meetings);
    for (struct list *node; (node = list_first(&all));) {
        list_remove(node);
        list_append(&d->meetings, node);
        instant due = run(d, list_entry(node, struct mail_meeting, link), now);
        next = due < next ? due : next;
    }
    return next;
}
