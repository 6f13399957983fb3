/* Where guests of invites find their hosts: who has which, and notes from one to the other. */
#include <stdlib.h>
#include <string.h>

#include "gateway/relay/server_parts.h"
#include "gateway/wire/invite_message.h"

#define HOSTS_MAX   3    /* of one handle: numbers of codes are few, and two may have the same */
#define TALKS_MAX   1024 /* in all */
#define TALKS_GUEST 12   /* four codes, three hosts each */
#define TALKS_HOST  32
#define TALK_IDLE   SEC(60)
#define NOTES_RATE  16 /* a second, of one client and to one */
#define NOTES_BURST 64

_Static_assert(RELAY_MESSAGE_HANDLE == INVITE_HANDLE_LEN, "a handle is a handle");
_Static_assert(INVITE_MESSAGE_MAX <= RELAY_MESSAGE_EARLY, "a note fits");

/* ---- who has which ---- */

static struct relay_handle *find_handle(const struct relay_server *s, const uint8_t *handle)
{
    return map_find(&s->by_handle, handle, RELAY_MESSAGE_HANDLE);
}

static struct relay_handle *make_handle(struct relay_server *s, const uint8_t *handle)
{
    struct relay_handle *h = find_handle(s, handle);

    if (h)
        return h;
    h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    memcpy(h->handle, handle, sizeof(h->handle));
    list_init(&h->hosts);
    if (map_insert(&s->by_handle, h->handle, sizeof(h->handle), h) < 0) {
        free(h);
        return NULL;
    }
    return h;
}

static void drop_handle_if_unused(struct relay_server *s, struct relay_handle *h)
{
    if (h->count > 0)
        return;
    (void)map_remove(&s->by_handle, h->handle, sizeof(h->handle));
    free(h);
}

static struct relay_invite *find_invite(const struct relay_handle *h, const struct peer_id *id)
{
    list_each(node, &h->hosts)
    {
        struct relay_invite *i = list_entry(node, struct relay_invite, same);
        if (peer_id_equal(&i->client->id, id))
            return i;
    }
    return NULL;
}

/* A newer session of the same peer takes over. */
static void give_to(struct relay_invite *i, struct relay_client *c)
{
    list_remove(&i->link);
    list_append(&c->invites, &i->link);
    i->client = c;
}

/* Whoever came first stays: who hears of a handle later cannot push its host out. */
static void add_invite(struct relay_server *s, struct relay_client *c, const uint8_t *handle)
{
    struct relay_handle *h = make_handle(s, handle);
    struct relay_invite *i = h ? find_invite(h, &c->id) : NULL;

    if (i) {
        give_to(i, c);
        return;
    }
    if (h && h->count < HOSTS_MAX)
        i = calloc(1, sizeof(*i));
    if (!i) {
        if (h)
            drop_handle_if_unused(s, h);
        return;
    }
    i->handle = h;
    i->client = c;
    list_append(&h->hosts, &i->same);
    list_append(&c->invites, &i->link);
    h->count++;
    s->counters.invites++;
}

static void drop_invite(struct relay_server *s, struct relay_invite *i)
{
    list_remove(&i->same);
    list_remove(&i->link);
    i->handle->count--;
    s->counters.invites--;
    drop_handle_if_unused(s, i->handle);
    free(i);
}

static bool is_named(const struct relay_message *m, const uint8_t *handle)
{
    for (size_t i = 0; i < m->handle_count; i++)
        if (memcmp(m->handles + i * RELAY_MESSAGE_HANDLE, handle, RELAY_MESSAGE_HANDLE) == 0)
            return true;
    return false;
}

/* The list is that of all that are open; those that stay keep their place. */
static void on_invites(struct relay_server *s, struct relay_client *c,
                       const struct relay_message *m)
{
    struct list *next;

    if (m->handle_count > 0 && !s->options.events->may_register(s->options.arg, &c->id))
        return;
    for (struct list *node = c->invites.next; node != &c->invites; node = next) {
        struct relay_invite *i = list_entry(node, struct relay_invite, link);
        next = node->next;
        if (!is_named(m, i->handle->handle))
            drop_invite(s, i);
    }
    for (size_t i = 0; i < m->handle_count; i++)
        add_invite(s, c, m->handles + i * RELAY_MESSAGE_HANDLE);
}

/* ---- who talks to whom ---- */

static void free_talk(struct relay_server *s, struct relay_talk *t)
{
    (void)map_remove(&s->by_token, &t->token, sizeof(t->token));
    list_remove(&t->link);
    t->guest->asked--;
    t->host->answered--;
    s->counters.talks--;
    free(t);
}

/* The one longest unused, of a guest or of a host if one is given. */
static struct relay_talk *oldest_talk(const struct relay_server *s,
                                      const struct relay_client *guest,
                                      const struct relay_client *host)
{
    list_each(node, &s->talks)
    {
        struct relay_talk *t = list_entry(node, struct relay_talk, link);
        if ((!guest || t->guest == guest) && (!host || t->host == host))
            return t;
    }
    return NULL;
}

static struct relay_talk *find_talk(const struct relay_server *s, const struct relay_client *guest,
                                    const struct relay_client *host, const uint8_t *handle)
{
    if (guest->asked == 0 || host->answered == 0)
        return NULL;
    list_each(node, &s->talks)
    {
        struct relay_talk *t = list_entry(node, struct relay_talk, link);
        if (t->guest == guest && t->host == host &&
            memcmp(t->handle, handle, sizeof(t->handle)) == 0)
            return t;
    }
    return NULL;
}

static void make_room(struct relay_server *s, const struct relay_client *guest,
                      const struct relay_client *host)
{
    if (guest->asked >= TALKS_GUEST)
        free_talk(s, oldest_talk(s, guest, NULL));
    if (host->answered >= TALKS_HOST)
        free_talk(s, oldest_talk(s, NULL, host));
    if (s->counters.talks >= TALKS_MAX)
        free_talk(s, oldest_talk(s, NULL, NULL));
}

static struct relay_talk *add_talk(struct relay_server *s, struct relay_client *guest,
                                   struct relay_client *host, const uint8_t *handle)
{
    struct relay_talk *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    make_room(s, guest, host);
    s->options.events->random(s->options.arg, &t->token, sizeof(t->token));
    /* 0 stands for the relay itself. Another has that token: asked again, it gets a new one. */
    if (t->token == 0 || map_insert(&s->by_token, &t->token, sizeof(t->token), t) < 0) {
        free(t);
        return NULL;
    }
    t->guest = guest;
    t->host = host;
    memcpy(t->handle, handle, sizeof(t->handle));
    list_append(&s->talks, &t->link);
    guest->asked++;
    host->answered++;
    s->counters.talks++;
    return t;
}

static void pass_on(struct relay_server *s, instant now, struct relay_talk *t,
                    struct relay_client *to, const struct relay_message *m)
{
    const struct relay_message said = {
        .type = RELAY_SAID, .token = t->token, .early = m->early, .early_len = m->early_len};

    t->used = now;
    list_remove(&t->link);
    list_append(&s->talks, &t->link);
    if (bucket_take(&to->heard, now, 1))
        s->options.events->tell(s->options.arg, to->conn, &said);
    else
        s->counters.hasty++;
}

static void on_seek(struct relay_server *s, instant now, struct relay_client *guest,
                    const struct relay_message *m)
{
    struct invite_message note;

    if (invite_message_read(&note, m->early, m->early_len) < 0 || note.type != INVITE_ASK)
        return;
    struct relay_handle *h = find_handle(s, note.handle);
    if (!h)
        return;
    list_each(node, &h->hosts)
    {
        struct relay_client *host = list_entry(node, struct relay_invite, same)->client;
        struct relay_talk *t = find_talk(s, guest, host, note.handle);
        if (host == guest)
            continue;
        if (!t)
            t = add_talk(s, guest, host, note.handle);
        if (t)
            pass_on(s, now, t, host, m);
    }
}

static void on_say(struct relay_server *s, instant now, struct relay_client *c,
                   const struct relay_message *m)
{
    struct invite_message note;
    struct relay_talk *t = map_find(&s->by_token, &m->token, sizeof(m->token));

    if (!t || (c != t->guest && c != t->host) ||
        invite_message_read(&note, m->early, m->early_len) < 0 ||
        memcmp(note.handle, t->handle, sizeof(t->handle)) != 0)
        return;
    pass_on(s, now, t, c == t->guest ? t->host : t->guest, m);
}

void relay_invites_message(struct relay_server *s, instant now, struct relay_client *c,
                           const struct relay_message *m)
{
    if (!bucket_take(&c->notes, now, 1))
        s->counters.hasty++;
    else if (m->type == RELAY_INVITES)
        on_invites(s, c, m);
    else if (m->type == RELAY_SEEK)
        on_seek(s, now, c, m);
    else if (m->type == RELAY_SAY)
        on_say(s, now, c, m);
}

/* ---- life ---- */

void relay_invites_add_client(struct relay_client *c)
{
    list_init(&c->invites);
    c->notes = bucket_of(NOTES_RATE, NOTES_BURST);
    c->heard = bucket_of(NOTES_RATE, NOTES_BURST);
}

void relay_invites_drop_client(struct relay_server *s, struct relay_client *c)
{
    for (struct list *node; (node = list_first(&c->invites));)
        drop_invite(s, list_entry(node, struct relay_invite, link));
    while (c->asked > 0)
        free_talk(s, oldest_talk(s, c, NULL));
    while (c->answered > 0)
        free_talk(s, oldest_talk(s, NULL, c));
}

void relay_invites_tick(struct relay_server *s, instant now)
{
    for (struct list *node; (node = list_first(&s->talks));) {
        struct relay_talk *t = list_entry(node, struct relay_talk, link);
        if (now < t->used + TALK_IDLE)
            return;
        free_talk(s, t);
    }
}

instant relay_invites_deadline(const struct relay_server *s)
{
    if (list_is_empty(&s->talks))
        return INSTANT_NEVER;
    return list_entry(s->talks.next, struct relay_talk, link)->used + TALK_IDLE;
}

void relay_invites_init(struct relay_server *s)
{
    uint8_t secret[2][MAP_SECRET_LEN];

    s->options.events->random(s->options.arg, secret, sizeof(secret));
    map_init(&s->by_handle, secret[0]);
    map_init(&s->by_token, secret[1]);
    list_init(&s->talks);
}

void relay_invites_end(struct relay_server *s)
{
    map_deinit(&s->by_handle);
    map_deinit(&s->by_token);
}
