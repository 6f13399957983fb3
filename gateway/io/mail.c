#include "gateway/io/mail.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/io/curl.h"
#include "gateway/io/mail_steps.h"

/** One job, in turns on a thread of the pool and on the loop. */
struct mail_work {
    uv_work_t request;
    struct io_mail *mail;
    struct mail_job *job; /* NULL: cancelled */
    struct mail_steps steps;
    bool deletes; /* what was taken, now */
};

static void free_work(struct mail_work *w)
{
    mail_steps_deinit(&w->steps);
    free(w);
}

static void finish(struct mail_work *w)
{
    struct mail_job *job = w->job;

    if (job) {
        job->work = NULL;
        job->done(job, w->steps.err, w->steps.why);
    }
    free_work(w);
}

/* Runs on a thread: nothing but the steps is touched. */
static void on_thread(uv_work_t *request)
{
    struct mail_work *w = container_of(request, struct mail_work, request);

    if (w->deletes)
        mail_steps_delete(&w->steps);
    else
        mail_steps_run(&w->steps);
}

static void on_loop(uv_work_t *request, int status);

static int start(struct mail_work *w)
{
    int err = uv_queue_work(io_loop_uv(w->mail->loop), &w->request, on_thread, on_loop);

    w->mail->working += err == 0;
    return err;
}

/* Returns whether any of them is to be deleted. */
static bool hand_out(struct mail_work *w)
{
    bool any = false;

    for (size_t i = 0; i < w->steps.count && w->job; i++) {
        struct mail_fetched *f = &w->steps.fetched[i];
        f->taken = w->job->take(w->job, f->uid, f->text, f->len);
        any = any || f->taken;
    }
    return any;
}

static void on_loop(uv_work_t *request, int status)
{
    struct mail_work *w = container_of(request, struct mail_work, request);

    w->mail->working--;
    if (status == 0 && !w->deletes && w->job && hand_out(w)) {
        w->deletes = true;
        if (start(w) == 0)
            return;
    }
    finish(w);
}

static int begin(struct io_mail *m, struct mail_job *job, struct mail_work *w)
{
    if (!m->curl)
        m->curl = curl_load();
    w->mail = m;
    w->job = job;
    w->steps.curl = m->curl;
    int err = start(w);
    if (err < 0)
        free_work(w);
    else
        job->work = w;
    return err;
}

int io_mail_send(struct io_mail *m, struct mail_job *job, const struct mail_account *account,
                 const struct mail_letter *letter)
{
    struct mail_work *w = calloc(1, sizeof(*w));
    int err = w ? mail_steps_init(&w->steps, account, m->home) : -ENOMEM;

    if (err == 0)
        err = mail_steps_letter(&w->steps, letter, io_wall_us());
    if (err < 0) {
        if (w)
            free_work(w);
        return err;
    }
    return begin(m, job, w);
}

int io_mail_fetch(struct io_mail *m, struct mail_job *job, const struct mail_account *account,
                  const struct mail_search *search)
{
    struct mail_work *w = calloc(1, sizeof(*w));
    int err = w ? mail_steps_init(&w->steps, account, m->home) : -ENOMEM;

    if (err == 0)
        err = mail_steps_search(&w->steps, search, io_wall_us());
    if (err < 0) {
        if (w)
            free_work(w);
        return err;
    }
    return begin(m, job, w);
}

void io_mail_cancel(struct mail_job *job)
{
    struct mail_work *w = job->work;

    if (!w)
        return;
    job->work = NULL;
    w->job = NULL;
    atomic_store(&w->steps.stop, true);
    (void)uv_cancel((uv_req_t *)&w->request); /* or it ends by itself, soon */
}

void io_mail_end(struct io_mail *m)
{
    while (m->working > 0)
        (void)uv_run(io_loop_uv(m->loop), UV_RUN_ONCE);
    free(m->curl);
    m->curl = NULL;
}
