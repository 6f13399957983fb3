#include "tests/sim/sim_mail.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ANSWERS_AFTER MSEC(300)
#define GIVES_UP      SEC(10)

struct mail_work {
    struct timer timer;
    struct env *env;
    struct mail_job *job;
    char user[MAIL_NAME_MAX + 1];
    char subject[64], to[MAIL_ADDRESS_MAX + 1];
    char *text; /* of a letter, NULL: it is a search */
    uint32_t after;
};

static struct sim_mail *server(const struct sim_world *w)
{
    if (!w->mail) {
        struct sim_world *world = (struct sim_world *)w;
        world->mail = calloc(1, sizeof(*world->mail));
        assert_non_null(world->mail);
    }
    return w->mail;
}

static void put(struct sim_world *w, const char *to, const char *subject, const char *text,
                instant at)
{
    struct sim_mail *m = server(w);
    assert_true(m->count < SIM_MAIL_LETTERS);
    struct sim_letter *l = &m->letter[m->count++];

    (void)snprintf(l->to, sizeof(l->to), "%s", to);
    (void)snprintf(l->subject, sizeof(l->subject), "%s", subject);
    l->text = strdup(text);
    l->uid = (uint32_t)m->count;
    l->at = at;
}

void sim_mail_put(struct sim_world *w, const char *to, const char *text)
{
    put(w, to, "Overlay message", text, w->now);
}

const struct sim_letter *sim_mail_last(const struct sim_world *w, const char *to)
{
    const struct sim_mail *m = server(w);

    for (size_t i = m->count; i > 0; i--)
        if (strcmp(m->letter[i - 1].to, to) == 0)
            return &m->letter[i - 1];
    return NULL;
}

static size_t count(const struct sim_world *w, const char *to, bool all)
{
    const struct sim_mail *m = server(w);
    size_t found = 0;

    for (size_t i = 0; i < m->count; i++)
        found += strcmp(m->letter[i].to, to) == 0 && (all || !m->letter[i].deleted);
    return found;
}

size_t sim_mail_count(const struct sim_world *w, const char *to)
{
    return count(w, to, false);
}

size_t sim_mail_sent(const struct sim_world *w, const char *to)
{
    return count(w, to, true);
}

static void free_work(struct mail_work *k)
{
    timer_stop(k->env, &k->timer);
    free(k->text);
    free(k);
}

static void hand_out(struct mail_work *k)
{
    struct sim_world *w = sim_host_of(k->env)->world;
    struct sim_mail *m = server(w);

    for (size_t i = 0; i < m->count; i++) {
        struct sim_letter *l = &m->letter[i];
        if (l->deleted || l->at > w->now || l->uid <= k->after || strcmp(l->to, k->user) != 0 ||
            strcmp(l->subject, k->subject) != 0)
            continue;
        l->deleted = k->job->take(k->job, l->uid, l->text, strlen(l->text));
    }
}

static void on_time(struct timer *timer)
{
    struct mail_work *k = container_of(timer, struct mail_work, timer);
    struct sim_world *w = sim_host_of(k->env)->world;
    struct mail_job *job = k->job;
    bool down = server(w)->down;

    if (!down && k->text)
        put(w, k->to, k->subject, k->text, w->now + SIM_MAIL_DELAY);
    else if (!down)
        hand_out(k);
    job->work = NULL;
    free_work(k);
    job->done(job, down ? -ETIMEDOUT : 0, down ? "mail.example: no answer" : "");
}

static int begin(struct env *env, struct mail_job *job, struct mail_work *k)
{
    k->env = env;
    k->job = job;
    k->timer.fire = on_time;
    job->work = k;
    timer_set(env, &k->timer,
              env_now(env) + (server(sim_host_of(env)->world)->down ? GIVES_UP : ANSWERS_AFTER));
    return 0;
}

static int send_mail(struct env *env, struct mail_job *job, const struct mail_account *account,
                     const struct mail_letter *letter)
{
    struct mail_work *k = calloc(1, sizeof(*k));
    (void)account;

    assert_non_null(k);
    (void)snprintf(k->to, sizeof(k->to), "%s", letter->to);
    (void)snprintf(k->subject, sizeof(k->subject), "%s", letter->subject);
    k->text = strdup(letter->text);
    return begin(env, job, k);
}

static int fetch_mail(struct env *env, struct mail_job *job, const struct mail_account *account,
                      const struct mail_search *search)
{
    struct mail_work *k = calloc(1, sizeof(*k));

    assert_non_null(k);
    server(sim_host_of(env)->world)->fetches++;
    (void)snprintf(k->user, sizeof(k->user), "%s", account->user);
    (void)snprintf(k->subject, sizeof(k->subject), "%s", search->subject);
    k->after = search->after;
    return begin(env, job, k);
}

static void cancel_mail(struct env *env, struct mail_job *job)
{
    (void)env;
    if (job->work)
        free_work(job->work);
    job->work = NULL;
}

void sim_mail_ops(struct env_ops *ops)
{
    ops->mail_send = send_mail;
    ops->mail_fetch = fetch_mail;
    ops->mail_cancel = cancel_mail;
}

void sim_mail_free(struct sim_world *w)
{
    for (size_t i = 0; w->mail && i < w->mail->count; i++)
        free(w->mail->letter[i].text);
    free(w->mail);
    w->mail = NULL;
}
