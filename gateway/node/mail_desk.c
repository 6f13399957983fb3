/* The mail itself: sending, fetching, and by hand. */
#include "gateway/node/mail_desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/mailing.h"

#define ANEW_EVERY  SEC(3600) /* a server may have begun to count anew */
#define KEEP_EVERY  SEC(10)
#define TROUBLE_MAX 256

static uint64_t wall_ms(const struct mail_desk *d)
{
    return (uint64_t)env_wall_us(d->node->env) / 1000;
}

static void run(struct mail_desk *d);

/* ---- trouble with servers ---- */

/* Said when it begins and when it is over: it may last for days. */
enum { SENDING, FETCHING };

static void note(char trouble[static TROUBLE_MAX], int err, const char *why)
{
    if (err == -ECANCELED)
        return;
    if (err < 0 && strncmp(trouble, why, TROUBLE_MAX - 1) != 0)
        log_warn(LOG_PEER, "mail: %s", why);
    if (err == 0 && trouble[0])
        log_info(LOG_PEER, "mail: it works again");
    (void)snprintf(trouble, TROUBLE_MAX, "%s", err < 0 ? why : "");
}

static struct mail_account account_of(const struct mail_desk *d, const char *url)
{
    const struct node_mail *o = &d->node->options->mail;
    return (struct mail_account){
        .url = url, .user = o->user, .password_file = o->password_file, .ca = o->ca};
}

/* ---- sending ---- */

static void fill_random(void *arg, void *out, size_t len)
{
    const struct mail_desk *d = arg;
    env_random(d->node->env, out, len);
}

/* Through which we are reached, if there are any: PEER_ID@HOST:PORT. */
static void add_relays(const struct node_options *o, struct hints *hints)
{
    for (size_t i = 0; i < RELAY_USE_MAX && hints->relays < HINTS_RELAYS_MAX; i++) {
        struct hints_relay *relay = &hints->relay[hints->relays];
        const char *at = strchr(o->relay_use[i], '@');
        struct peer_id id;
        if (!at || strlen(at + 1) > HINTS_HOST_MAX ||
            peer_id_parse(&id, o->relay_use[i], (size_t)(at - o->relay_use[i])) < 0)
            continue;
        memcpy(relay->id, id.key, sizeof(relay->id));
        memcpy(relay->host, at + 1, strlen(at + 1) + 1);
        hints->relays++;
    }
}

static void add_candidates(struct mailbox_message *m, const struct candidate *all, size_t count,
                           bool host, size_t max)
{
    for (size_t i = 0; i < count && m->candidates < max; i++)
        if (all[i].type != CANDIDATE_RELAYED && all[i].type != CANDIDATE_TCP &&
            (all[i].type == CANDIDATE_HOST) == host)
            m->candidate[m->candidates++] = all[i];
}

void mail_say_where(const struct mail_desk *d, struct mailbox_message *m, size_t max)
{
    struct candidate all[CANDIDATES_MAX];
    size_t count = gather_list(d->options.gather, all);

    *m = (struct mailbox_message){.facts = gather_facts(d->options.gather)};
    add_candidates(m, all, count, false, max);
    add_candidates(m, all, count, true, max);
    add_relays(d->node->options, &m->hints);
}

/* What there is to say about ourselves, sealed. */
static int write_draft(struct mail_desk *d, const struct mailbox_draft *draft,
                       char out[static MAILBOX_TEXT_MAX])
{
    struct mailbox_message m;

    mail_say_where(d, &m, CANDIDATES_MAX);
    int len = mailbox_write(&d->box, draft, wall_ms(d), &m, fill_random, d, out);
    if (len < 0)
        return len;
    instant now = env_now(d->node->env);
    if (draft->answers)
        mail_meet_answered(d, &draft->to, now, now + MSEC(m.meet_ms - m.time_ms));
    return len;
}

static void on_sent(struct mail_job *job, int err, const char *why)
{
    struct mail_desk *d = container_of(job, struct mail_desk, send);
    char id[9];

    note(d->trouble[SENDING], err, why);
    if (err == 0)
        log_info(LOG_PEER, "%s: a message went to it by mail", peer_id_short(&d->sent_to, id));
    mailbox_sent(&d->box, env_now(d->node->env), err == 0);
    run(d);
}

static int send_to(struct mail_desk *d, const struct mailbox_draft *draft)
{
    const struct node_mail *o = &d->node->options->mail;
    const struct known_peer *known = registry_peer(d->node->registry, &draft->to);
    const struct mail_account account = account_of(d, o->smtp);
    char text[MAILBOX_TEXT_MAX];

    if (!known || !known->mail[0])
        return -ENOENT;
    int err = write_draft(d, draft, text);
    if (err < 0)
        return err;
    const struct mail_letter letter = {
        .from = o->from, .to = known->mail, .subject = MAILBOX_SUBJECT, .text = text};
    d->sent_to = draft->to;
    d->send.done = on_sent;
    return mail_send(d->node->env, &d->send, &account, &letter);
}

/* ---- fetching ---- */

static const char *reason(int err)
{
    switch (err) {
    case -ENOENT:
        return "not from a contact";
    case -ETIME:
        return "too old";
    case -ERANGE:
        return "of a time to come";
    case -EALREADY:
        return "read before";
    case -ENOTSUP:
        return "of another version";
    default:
        return "forged or damaged";
    }
}

/* What was not sealed for us may be another gateway's that shares the mailbox. */
static bool on_mail(struct mail_job *job, uint32_t uid, const char *text, size_t len)
{
    struct mail_desk *d = container_of(job, struct mail_desk, fetch);
    struct mailbox_heard heard;

    if (uid > d->newest)
        d->newest = uid;
    int err = mail_desk_read(d, text, len, &heard);
    if (err == -ENOMSG || err == -EBADMSG || err == -EPERM)
        return false;
    if (err < 0)
        log_debug(LOG_PEER, "a message in the mail is ignored: %s", reason(err));
    return true;
}

static void on_fetched(struct mail_job *job, int err, const char *why)
{
    struct mail_desk *d = container_of(job, struct mail_desk, fetch);

    note(d->trouble[FETCHING], err, why);
    mailbox_fetched(&d->box, env_now(d->node->env));
    run(d);
}

static int fetch(struct mail_desk *d, instant now)
{
    const struct mail_account account = account_of(d, d->node->options->mail.imap);

    if (now >= d->anew) {
        d->newest = 0;
        d->anew = now + ANEW_EVERY;
    }
    const struct mail_search search = {.subject = MAILBOX_SUBJECT, .after = d->newest};
    d->fetch.take = on_mail;
    d->fetch.done = on_fetched;
    return mail_fetch(d->node->env, &d->fetch, &account, &search);
}

/* ---- by the clock ---- */

/* Who was told where we are shall find us there: while we wait, our NAT keeps the mapping. */
static instant keep_mapping(struct mail_desk *d, instant now)
{
    if (now >= d->box.eager_until && now >= d->keep_until)
        return INSTANT_NEVER;
    if (now < d->keep)
        return d->keep;
    for (int f = 0; f < STUN_FAMILIES; f++) {
        const struct stun_result *r = stun_desk_result(d->options.stun, (enum stun_family)f);
        if (r->server_count > 0 && !addr_is_none(&r->server[0]))
            mail_send_opener(d, &r->server[0]);
    }
    d->keep = now + KEEP_EVERY;
    return d->keep;
}

static void do_mail(struct mail_desk *d, instant now)
{
    struct mailbox_draft draft;

    for (;;)
        switch (mailbox_next(&d->box, now, &draft)) {
        case MAILBOX_WAIT:
            return;
        case MAILBOX_SEND:
            if (send_to(d, &draft) < 0)
                mailbox_sent(&d->box, now, false);
            break;
        case MAILBOX_FETCH:
            if (fetch(d, now) < 0)
                mailbox_fetched(&d->box, now);
            break;
        }
}

static void run(struct mail_desk *d)
{
    instant now = env_now(d->node->env);

    do_mail(d, now);
    instant next = mail_meetings_run(d, now), due = keep_mapping(d, now);
    next = due < next ? due : next;
    due = mailbox_due(&d->box, now);
    timer_set(d->node->env, &d->timer, due < next ? due : next);
}

static void on_timer(struct timer *timer)
{
    run(container_of(timer, struct mail_desk, timer));
}

/* Soon, for callers that are in the midst of something. */
static void run_soon(struct mail_desk *d)
{
    timer_set(d->node->env, &d->timer, env_now(d->node->env));
}

/* ---- life ---- */

void mail_desk_start(struct mail_desk *d, const struct desk *node,
                     const struct mail_desk_options *options)
{
    const struct node_mail *o = &node->options->mail;
    const struct mailbox_options box = {
        .keys = options->keys,
        .network = options->network,
        .sends = o->smtp[0],
        .fetches = o->imap[0],
        .poll = SEC(o->poll_s),
    };

    *d = (struct mail_desk){.node = node, .options = *options, .timer.fire = on_timer};
    list_init(&d->meetings);
    mailbox_init(&d->box, &box, env_now(node->env));
    run_soon(d);
}

void mail_desk_stop(struct mail_desk *d)
{
    if (!d->node)
        return;
    mail_cancel(d->node->env, &d->send);
    mail_cancel(d->node->env, &d->fetch);
    timer_stop(d->node->env, &d->timer);
    for (struct list *node; (node = list_first(&d->meetings));)
        mail_meeting_end(d, list_entry(node, struct mail_meeting, link));
    mailbox_deinit(&d->box);
    *d = (struct mail_desk){0};
}

void mail_desk_contacts(struct mail_desk *d)
{
    if (!d->node)
        return;
    size_t count = registry_peer_count(d->node->registry), used = 0;
    struct mailbox_known *list = calloc(count + 1, sizeof(*list));
    for (size_t i = 0; list && i < count; i++) {
        const struct known_peer *known = registry_peer_at(d->node->registry, i);
        if (!known->blocked)
            list[used++] = (struct mailbox_known){.id = known->id, .has_address = known->mail[0]};
    }
    if (!list || mailbox_set_contacts(&d->box, list, used) < 0)
        log_warn(LOG_PEER, "no memory for contacts: new ones cannot be met by mail");
    free(list);
    run_soon(d);
}

/* ---- from the peers' events ---- */

size_t mail_desk_find(struct mail_desk *d, struct peer *p, struct addr *out, size_t max)
{
    struct mail_meeting *m = d->node ? mail_meeting_of(d, &p->id) : NULL;
    instant now = env_now(p->host->env);
    size_t count = 0;

    for (size_t i = 0; m && i < m->core.places && count < max; i++)
        if (mail_may_dial(d, now, &m->core.place[i]))
            out[count++] = m->core.place[i];
    if (!d->node || m || !mailbox_want(&d->box, now, &p->id))
        return count;
    run_soon(d);
    peer_note(p, "it is asked by mail, too: try again in a minute");
    return count;
}

void mail_desk_on_ready(struct mail_desk *d, const struct peer *p)
{
    struct mail_meeting *m = d->node ? mail_meeting_of(d, &p->id) : NULL;

    if (!d->node)
        return;
    mailbox_reached(&d->box, &p->id);
    if (m)
        mail_meeting_end(d, m);
}

void mail_desk_on_conn(struct mail_desk *d, struct quic_conn *conn, bool ended)
{
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    if (d->node && !ended && info.path.kind == PATH_UDP)
        punch_budget_answered(&d->budget, d->options.common, &info.path.remote);
}

/* ---- by hand, and for people ---- */

int mail_desk_write(struct mail_desk *d, const struct peer_id *to, const uint8_t *re,
                    char out[static MAILBOX_TEXT_MAX])
{
    struct mailbox_draft draft = {.to = *to, .by_hand = true, .answers = re};

    if (re)
        memcpy(draft.re, re, sizeof(draft.re));
    int len = write_draft(d, &draft, out);
    if (len > 0)
        mailbox_await(&d->box, env_now(d->node->env));
    run_soon(d);
    return len < 0 ? len : 0;
}

static void remember_relays(struct mail_desk *d, const struct mailbox_heard *heard)
{
    const struct hints *hints = &heard->message.hints;
    char relay[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1] = {""}, text[PEER_ID_TEXT_MAX];
    size_t count = 0;

    for (size_t i = 0; i < hints->relays && count < PEER_RELAYS_MAX; i++) {
        struct peer_id id;
        memcpy(id.key, hints->relay[i].id, sizeof(id.key));
        (void)snprintf(relay[count], sizeof(relay[count]), "%s@%s", peer_id_print(&id, text),
                       hints->relay[i].host);
        count += registry_relay_ok(relay[count]);
    }
    for (size_t i = count; i < PEER_RELAYS_MAX; i++)
        relay[i][0] = '\0';
    if (count > 0 && registry_peer_relays(d->node->registry, &heard->from, relay, count))
        d->node->save(d->node->node);
}

bool mail_desk_heard(struct mail_desk *d, const struct mailbox_heard *heard, unsigned after_ms)
{
    char id[9];

    log_info(LOG_PEER, "%s: says in a message where it is (%zu addresses)",
             peer_id_short(&heard->from, id), heard->message.candidates);
    remember_relays(d, heard);
    const struct peer *p = d->node->find(d->node->node, &heard->from);
    bool reached = p && peer_session(p);
    if (!reached)
        mail_meet(d, heard, after_ms);
    run_soon(d);
    return !reached;
}

void mail_desk_keep(struct mail_desk *d, instant until)
{
    if (until <= d->keep_until)
        return;
    d->keep_until = until;
    run_soon(d);
}

int mail_desk_read(struct mail_desk *d, const char *text, size_t len, struct mailbox_heard *out)
{
    int err = mailbox_read(&d->box, env_now(d->node->env), wall_ms(d), text, len, out);

    if (err < 0)
        return err;
    if (!mail_desk_heard(d, out, MAILBOX_MEET_AFTER_MS))
        mailbox_reached(&d->box, &out->from);
    return 0;
}

void mail_desk_view(const struct mail_desk *d, struct node_mail_view *out)
{
    const char *state = d->box.options.sends || d->box.options.fetches ? "on" : "off";

    for (int i = FETCHING; i >= SENDING; i--)
        if (d->trouble[i][0])
            state = d->trouble[i];
    *out = (struct node_mail_view){
        .state = state,
        .sent = d->box.sent,
        .heard = d->box.heard,
        .dropped = d->box.dropped,
    };
}
