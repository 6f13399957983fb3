#include "gateway/io/http.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/list.h"
#include "gateway/io/curl.h"

#define CONNECT_WITHIN_S 5

/** One question, on a thread of the pool and then on the loop. */
struct http_work {
    uv_work_t request;
    struct io_http *http;
    const struct curl_api *curl;
    struct http_job *job; /* NULL: cancelled */
    atomic_bool stop;
    char url[HTTP_URL_MAX + 1];
    bool put;
    uint8_t body[HTTP_BODY_MAX];
    size_t len, sent;
    uint8_t answer[HTTP_BODY_MAX];
    size_t answer_len;
    long status;
    int err;
};

static size_t on_answer(char *data, size_t size, size_t count, void *arg)
{
    struct http_work *w = arg;
    size_t len = size * count;

    if (len > sizeof(w->answer) - w->answer_len)
        return 0; /* ends it */
    memcpy(w->answer + w->answer_len, data, len);
    w->answer_len += len;
    return len;
}

static size_t on_body(char *out, size_t size, size_t count, void *arg)
{
    struct http_work *w = arg;
    size_t len = size * count < w->len - w->sent ? size * count : w->len - w->sent;

    memcpy(out, w->body + w->sent, len);
    w->sent += len;
    return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct http_work *w = arg;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&w->stop);
}

static void set_up(CURL *easy, struct http_work *w)
{
    const struct curl_api *c = w->curl;

    (void)c->easy_setopt(easy, CURLOPT_URL, w->url);
    (void)c->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
    (void)c->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)c->easy_setopt(easy, CURLOPT_TIMEOUT, (long)HTTP_WITHIN_S);
    (void)c->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_WITHIN_S);
    (void)c->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    (void)c->easy_setopt(easy, CURLOPT_WRITEDATA, w);
    (void)c->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    (void)c->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)c->easy_setopt(easy, CURLOPT_XFERINFODATA, w);
    if (!w->put)
        return;
    (void)c->easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    (void)c->easy_setopt(easy, CURLOPT_READFUNCTION, on_body);
    (void)c->easy_setopt(easy, CURLOPT_READDATA, w);
    (void)c->easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)w->len);
}

static int error_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_WRITE_ERROR:
        return -EMSGSIZE;
    case CURLE_PEER_FAILED_VERIFICATION:
        return -EACCES;
    default:
        return -EHOSTUNREACH;
    }
}

/* Runs on a thread: nothing but this piece of work is touched. */
static void on_thread(uv_work_t *request)
{
    struct http_work *w = container_of(request, struct http_work, request);
    CURL *easy = w->curl->easy_init();

    if (!easy) {
        w->err = -ENOMEM;
        return;
    }
    set_up(easy, w);
    w->err = error_of(w->curl->easy_perform(easy));
    if (w->err == 0)
        (void)w->curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &w->status);
    w->curl->easy_cleanup(easy);
}

static void on_loop(uv_work_t *request, int status)
{
    struct http_work *w = container_of(request, struct http_work, request);
    struct http_job *job = w->job;

    w->http->working--;
    if (job) {
        job->work = NULL;
        job->done(job, status < 0 ? status : w->err, (unsigned)w->status, w->answer, w->answer_len);
    }
    free(w);
}

int io_http_ask(struct io_http *h, struct http_job *job, const struct http_question *q)
{
    if (strlen(q->url) > HTTP_URL_MAX || q->len > HTTP_BODY_MAX)
        return -EMSGSIZE;
    if (!h->curl)
        h->curl = curl_load();
    if (!h->curl)
        return -EOPNOTSUPP;
    struct http_work *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->http = h;
    w->curl = h->curl;
    w->job = job;
    memcpy(w->url, q->url, strlen(q->url));
    w->put = q->body != NULL;
    w->len = q->len;
    if (w->put)
        memcpy(w->body, q->body, q->len);
    int err = uv_queue_work(io_loop_uv(h->loop), &w->request, on_thread, on_loop);
    if (err < 0) {
        free(w);
        return err;
    }
    h->working++;
    job->work = w;
    return 0;
}

void io_http_cancel(struct http_job *job)
{
    struct http_work *w = job->work;

    if (!w)
        return;
    job->work = NULL;
    w->job = NULL;
    atomic_store(&w->stop, true);
    (void)uv_cancel((uv_req_t *)&w->request); /* or it ends by itself, soon */
}

void io_http_end(struct io_http *h)
{
    while (h->working > 0)
        (void)uv_run(io_loop_uv(h->loop), UV_RUN_ONCE);
    free(h->curl);
    h->curl = NULL;
}
