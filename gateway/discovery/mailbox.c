#include "gateway/discovery/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"

#define HOUR SEC(3600)

const struct mailbox_pace MAILBOX_BY_MAIL = {
    .label = "mail-message-1  ",
    .patience = MAILBOX_PATIENCE,
    .every = MAILBOX_CONTACT_EVERY,
    .answers = MAILBOX_CONTACT_EVERY,
    .per_hour = MAILBOX_PER_HOUR,
    .doublings = 6, /* a minute becomes an hour */
    .meet_after_ms = MAILBOX_MEET_AFTER_MS,
};

static struct pair_key_use use_of(const struct mailbox *m)
{
    return (struct pair_key_use){.label = m->options.pace->label, .network = m->options.network};
}

/* ---- contacts ---- */

static void wipe(struct mailbox_contact *list, size_t count)
{
    if (list)
        secret_wipe(list, count * sizeof(*list));
    free(list);
}

void mailbox_init(struct mailbox *m, const struct mailbox_options *options, instant now)
{
    *m = (struct mailbox){.options = *options, .fetch = options->fetches ? now : INSTANT_NEVER};
    if (m->options.poll == 0)
        m->options.poll = MAILBOX_POLL_SLOW;
    if (!m->options.pace)
        m->options.pace = &MAILBOX_BY_MAIL;
    const struct pair_key_use use = use_of(m);
    pair_key_of_id(&options->keys->id, &use, m->outer);
}

void mailbox_deinit(struct mailbox *m)
{
    wipe(m->contact, m->contacts);
    *m = (struct mailbox){0};
}

static int compare(const void *a, const void *b)
{
    const struct mailbox_contact *x = a, *y = b;
    return memcmp(x->id.key, y->id.key, sizeof(x->id.key));
}

static struct mailbox_contact *find(const struct mailbox *m, const struct peer_id *id)
{
    const struct mailbox_contact key = {.id = *id};
    return m->contacts > 0 ? bsearch(&key, m->contact, m->contacts, sizeof(key), compare) : NULL;
}

int mailbox_set_contacts(struct mailbox *m, const struct mailbox_known *list, size_t count)
{
    struct mailbox_contact *fresh = calloc(count + 1, sizeof(*fresh));

    if (!fresh)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct mailbox_contact *old = find(m, &list[i].id);
        fresh[i] = old ? *old : (struct mailbox_contact){.id = list[i].id, .want = INSTANT_NEVER};
        fresh[i].has_address = list[i].has_address;
    }
    qsort(fresh, count, sizeof(*fresh), compare);
    wipe(m->contact, m->contacts);
    m->contact = fresh;
    m->contacts = count;
    return 0;
}

static bool has_keys(const struct mailbox *m, struct mailbox_contact *c)
{
    const struct pair_key_use use = use_of(m);

    if (c->state == MAILBOX_KEYLESS)
        c->state = pair_keys(m->options.keys, &c->id, &use, c->in, c->out) == 0 ? MAILBOX_KEYED
                                                                                : MAILBOX_UNUSABLE;
    return c->state == MAILBOX_KEYED;
}

/* ---- what is to be done ---- */

void mailbox_await(struct mailbox *m, instant now)
{
    m->eager_until = now + SEC(MAILBOX_LASTS_S);
    if (m->options.fetches && m->fetch > now + MAILBOX_POLL_FAST)
        m->fetch = now + MAILBOX_POLL_FAST;
}

bool mailbox_want(struct mailbox *m, instant now, const struct peer_id *id)
{
    struct mailbox_contact *c = find(m, id);

    if (!c || !c->has_address || !m->options.sends)
        return false;
    if (c->want == INSTANT_NEVER)
        c->want = now + m->options.pace->patience;
    c->until = now + SEC(MAILBOX_LASTS_S);
    mailbox_await(m, now);
    return true;
}

void mailbox_reached(struct mailbox *m, const struct peer_id *id)
{
    struct mailbox_contact *c = find(m, id);

    if (!c)
        return;
    c->want = INSTANT_NEVER;
    c->owed = false;
    c->unheard = 0;
}

/* When the hour has room for one more; and for this contact, who got hardly more of it than is left
 * for others. */
static instant has_room(const struct mailbox *m, instant now, const struct mailbox_contact *c)
{
    const unsigned all = m->options.pace->per_hour;
    unsigned used = 0, its = 0;
    instant first = 0;

    for (size_t i = 0; i < all; i++) {
        const struct mailbox_left *l = &m->left[(m->left_at + i) % all];
        if (l->at == 0 || now >= l->at + HOUR)
            continue;
        used++;
        if (peer_id_equal(&l->to, &c->id) && its++ == 0)
            first = l->at;
    }
    if (its + used > all && its > 0)
        return first + HOUR;
    return used == all ? m->left[m->left_at].at + HOUR : 0;
}

/* When it may get a mail; INSTANT_NEVER: there is none for it. */
static instant ready(const struct mailbox *m, instant now, const struct mailbox_contact *c)
{
    const struct mailbox_pace *pace = m->options.pace;
    instant due = c->owed ? 0 : c->want, pause = c->owed ? pace->answers : pace->every;

    if (due == INSTANT_NEVER || !c->has_address || !m->options.sends)
        return INSTANT_NEVER;
    if (!c->owed && c->unheard > 0)
        pause <<= c->unheard - 1 < pace->doublings ? c->unheard - 1 : pace->doublings;
    if (c->sent > 0 && c->sent + pause > due)
        due = c->sent + pause;
    instant room = has_room(m, now, c);
    return room > due ? room : due;
}

static struct mailbox_contact *next_contact(const struct mailbox *m, instant now, instant *due)
{
    struct mailbox_contact *first = NULL;

    *due = INSTANT_NEVER;
    for (size_t i = 0; i < m->contacts; i++) {
        instant at = ready(m, now, &m->contact[i]);
        if (at >= *due)
            continue;
        *due = at;
        first = &m->contact[i];
    }
    return first;
}

static void take_down(struct mailbox *m, instant now, struct mailbox_contact *c,
                      struct mailbox_draft *out)
{
    *out = (struct mailbox_draft){.to = c->id, .answers = c->owed};
    if (c->owed)
        memcpy(out->re, c->re, sizeof(out->re));
    else
        c->unheard++;
    c->owed = false;
    c->want = INSTANT_NEVER;
    c->sent = now;
    m->left[m->left_at] = (struct mailbox_left){now, c->id};
    m->left_at = (m->left_at + 1) % m->options.pace->per_hour;
    m->sending = true;
    m->draft = *out;
    mailbox_await(m, now);
}

enum mailbox_step mailbox_next(struct mailbox *m, instant now, struct mailbox_draft *out)
{
    instant due;
    struct mailbox_contact *c = m->sending ? NULL : next_contact(m, now, &due);

    if (c && now >= due) {
        take_down(m, now, c, out);
        return MAILBOX_SEND;
    }
    if (!m->fetching && now >= m->fetch) {
        m->fetching = true;
        return MAILBOX_FETCH;
    }
    return MAILBOX_WAIT;
}

instant mailbox_due(const struct mailbox *m, instant now)
{
    instant due = INSTANT_NEVER;

    if (!m->sending)
        (void)next_contact(m, now, &due);
    if (!m->fetching && m->fetch < due)
        due = m->fetch;
    return due > now ? due : now;
}

void mailbox_sent(struct mailbox *m, instant now, bool ok)
{
    struct mailbox_contact *c = find(m, &m->draft.to);

    m->sending = false;
    m->sent += ok;
    if (ok || !c || now >= c->until)
        return;
    if (m->draft.answers) {
        c->owed = true; /* after the pause of answers */
        return;
    }
    c->want = now + m->options.pace->answers;
    c->sent = 0; /* it had none */
    c->unheard -= c->unheard > 0;
}

void mailbox_fetched(struct mailbox *m, instant now)
{
    m->fetching = false;
    m->fetch = now + (now < m->eager_until ? MAILBOX_POLL_FAST : m->options.poll);
}

/* ---- writing ---- */

static void fill_in(const struct mailbox *m, struct mailbox_message *message,
                    const struct mailbox_draft *draft, uint64_t wall_ms)
{
    const unsigned after_ms =
        draft->by_hand ? MAILBOX_HAND_AFTER_MS : m->options.pace->meet_after_ms;

    message->flags =
        (uint8_t)((draft->answers ? MAILBOX_ANSWER : 0) | (draft->by_hand ? MAILBOX_BY_HAND : 0));
    message->time_ms = wall_ms;
    message->lasts_s = MAILBOX_LASTS_S;
    message->meet_ms = draft->answers ? wall_ms + after_ms : 0;
    memcpy(message->re, draft->re, sizeof(message->re));
}

/* Returns the contact with its keys, or NULL and the error. */
static struct mailbox_contact *receiver(struct mailbox *m, const struct peer_id *id, int *err)
{
    struct mailbox_contact *c = find(m, id);

    *err = c ? -EINVAL : -ENOENT;
    return c && has_keys(m, c) ? c : NULL;
}

int mailbox_write(struct mailbox *m, const struct mailbox_draft *draft, uint64_t wall_ms,
                  struct mailbox_message *message, void (*fill)(void *arg, void *out, size_t len),
                  void *arg, char out[static MAILBOX_TEXT_MAX])
{
    int err;
    struct mailbox_contact *c = receiver(m, &draft->to, &err);
    const struct pair_key_use use = use_of(m);
    uint8_t outer[PAIR_KEY_LEN];

    if (!c)
        return err;
    pair_key_of_id(&c->id, &use, outer);
    struct mailbox_seal seal = {.outer = outer, .inner = c->out, .self = m->options.keys->id.key};
    fill(arg, seal.nonce, sizeof(seal.nonce));
    fill(arg, message->id, sizeof(message->id));
    fill_in(m, message, draft, wall_ms);
    return (int)mailbox_message_write(out, message, &seal);
}

int mailbox_seal(struct mailbox *m, const struct mailbox_draft *draft, uint64_t wall_ms,
                 struct mailbox_message *message, void (*fill)(void *arg, void *out, size_t len),
                 void *arg, uint8_t out[static MAILBOX_INNER_MAX])
{
    int err;
    const struct mailbox_contact *c = receiver(m, &draft->to, &err);
    uint8_t nonce[SEAL_NONCE_LEN];

    if (!c)
        return err;
    fill(arg, nonce, sizeof(nonce));
    fill(arg, message->id, sizeof(message->id));
    fill_in(m, message, draft, wall_ms);
    return (int)mailbox_content_seal(out, message, c->out, nonce);
}

/* ---- reading ---- */

static bool was_seen(const struct mailbox *m, const uint8_t id[static MAILBOX_ID_LEN])
{
    for (size_t i = 0; i < MAILBOX_SEEN_MAX; i++)
        if (memcmp(m->seen[i], id, MAILBOX_ID_LEN) == 0)
            return true;
    return false;
}

static int judge(const struct mailbox *m, uint64_t wall_ms, const struct mailbox_message *message)
{
    uint64_t time = message->time_ms;

    if (time > wall_ms && time - wall_ms > MAILBOX_EARLY_MS)
        return -ERANGE;
    if (time < wall_ms && wall_ms - time > UINT64_C(1000) * MAILBOX_LASTS_S)
        return -ETIME;
    return was_seen(m, message->id) ? -EALREADY : 0;
}

static int open_letter(struct mailbox *m, const struct mailbox_letter *letter,
                       struct mailbox_heard *out)
{
    struct mailbox_contact *c = find(m, &out->from);

    if (!c)
        return -ENOENT;
    return has_keys(m, c) ? mailbox_message_read(&out->message, letter, c->in) : -EACCES;
}

static void take_up(struct mailbox *m, instant now, const struct mailbox_heard *heard)
{
    const struct mailbox_message *message = &heard->message;
    struct mailbox_contact *c = find(m, &heard->from);

    m->heard++;
    memcpy(m->seen[m->seen_at], message->id, MAILBOX_ID_LEN);
    m->seen_at = (m->seen_at + 1) % MAILBOX_SEEN_MAX;
    c->unheard = 0;
    c->want = INSTANT_NEVER;
    if (message->flags & (MAILBOX_ANSWER | MAILBOX_BY_HAND))
        return;
    c->owed = true;
    c->until = now + SEC(MAILBOX_LASTS_S);
    memcpy(c->re, message->id, sizeof(c->re));
    mailbox_await(m, now);
}

/* `err` is what came of opening it. */
static int settle(struct mailbox *m, instant now, uint64_t wall_ms, int err,
                  const struct mailbox_heard *heard)
{
    if (err == 0)
        err = judge(m, wall_ms, &heard->message);
    if (err == 0)
        take_up(m, now, heard);
    else
        m->dropped++;
    return err;
}

int mailbox_read(struct mailbox *m, instant now, uint64_t wall_ms, const char *text, size_t len,
                 struct mailbox_heard *out)
{
    struct mailbox_letter letter;

    memset(out, 0, sizeof(*out));
    int err = mailbox_letter_read(&letter, text, len, m->outer);
    if (err == 0) {
        memcpy(out->from.key, letter.sender, sizeof(out->from.key));
        err = open_letter(m, &letter, out);
    }
    return settle(m, now, wall_ms, err, out);
}

int mailbox_open(struct mailbox *m, instant now, uint64_t wall_ms, const struct peer_id *from,
                 const uint8_t *data, size_t len, struct mailbox_heard *out)
{
    struct mailbox_contact *c = find(m, from);
    int err = -ENOENT;

    memset(out, 0, sizeof(*out));
    out->from = *from;
    if (c)
        err = has_keys(m, c) ? mailbox_content_open(&out->message, data, len, c->in) : -EACCES;
    return settle(m, now, wall_ms, err, out);
}
