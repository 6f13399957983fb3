/* Questions to an HTTP server that a thread of the test plays: what it is asked, and what becomes
 * of what it answers. */
#include "gateway/io/http.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "gateway/io/machine.h"

#define ANSWER_MAX 8192

/** Each caller gets the same answer, or none until it goes. */
static struct server {
    int fd;
    uint16_t port;
    char answer[ANSWER_MAX]; /* empty: it keeps quiet */
    size_t len;
    bool hasty;      /* it answers before it was asked */
    char head[4096]; /* what the last caller said first */
    uint8_t body[HTTP_BODY_MAX + 1];
    size_t body_len;
    pthread_t thread;
    atomic_uint callers;
} server;

static void serve(FILE *peer)
{
    char line[1024];
    size_t want = 0;

    server.head[0] = '\0';
    if (server.hasty) {
        (void)fwrite(server.answer, 1, server.len, peer);
        return;
    }
    while (fgets(line, sizeof(line), peer) && strcmp(line, "\r\n") != 0) {
        if (strlen(server.head) + strlen(line) < sizeof(server.head))
            strcat(server.head, line);
        (void)sscanf(line, "Content-Length: %zu", &want);
    }
    assert_true(want < sizeof(server.body));
    server.body_len = fread(server.body, 1, want, peer);
    if (server.len == 0)
        while (fgets(line, sizeof(line), peer)) /* which comes to an end with the caller */
            continue;
    (void)fwrite(server.answer, 1, server.len, peer);
}

/* Until the listening socket is shut down. */
static void *run(void *arg)
{
    int fd;
    (void)arg;

    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        FILE *peer = fdopen(fd, "r+");
        atomic_fetch_add(&server.callers, 1);
        serve(peer);
        (void)fclose(peer);
    }
    return NULL;
}

static void start(bool hasty, const char *answer, size_t len)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);

    memset(&server, 0, sizeof(server));
    assert_true(len <= sizeof(server.answer));
    memcpy(server.answer, answer, len);
    server.len = len;
    server.hasty = hasty;
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(listen(server.fd, 4), 0);
    server.port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&server.thread, NULL, run, NULL), 0);
}

static void start_server(const char *answer, size_t len)
{
    start(false, answer, len);
}

static void stop_server(void)
{
    (void)shutdown(server.fd, SHUT_RDWR);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    (void)close(server.fd);
}

/* ---- a caller ---- */

struct caller {
    struct http_job job;
    struct machine *machine;
    char home[64];
    unsigned done, status;
    int err;
    uint8_t body[HTTP_BODY_MAX];
    size_t len;
};

static void on_done(struct http_job *job, int err, unsigned status, const uint8_t *body, size_t len)
{
    struct caller *c = container_of(job, struct caller, job);

    assert_null(job->work);
    c->done++;
    c->err = err;
    c->status = status;
    assert_true(len <= sizeof(c->body));
    memcpy(c->body, body, len);
    c->len = len;
    io_loop_stop(machine_loop(c->machine));
}

static void begin(struct caller *c)
{
    memset(c, 0, sizeof(*c));
    c->job.done = on_done;
    strcpy(c->home, "/tmp/io_http_test.XXXXXX");
    assert_non_null(mkdtemp(c->home));
    assert_int_equal(machine_new(&c->machine, c->home), 0);
}

static void end(struct caller *c)
{
    assert_int_equal(machine_free(c->machine), 0);
    (void)rmdir(c->home);
}

static int ask_url(struct caller *c, const char *url, const uint8_t *body, size_t len)
{
    const struct http_question question = {.url = url, .body = body, .len = len};
    int err = http_ask(machine_env(c->machine), &c->job, &question);

    assert_int_equal(c->done, 0); /* not from inside the call */
    if (err < 0)
        return err;
    io_loop_run(machine_loop(c->machine));
    assert_int_equal(c->done, 1);
    return c->err;
}

/* One question, of a caller that comes and goes, to a server that answers so. */
static int ask(struct caller *c, const char *answer, size_t answer_len, const uint8_t *body,
               size_t len)
{
    char url[64];

    start_server(answer, answer_len);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/yg4gxe7z", server.port);
    begin(c);
    int err = ask_url(c, url, body, len);
    end(c);
    stop_server();
    return err;
}

static int get(struct caller *c, const char *answer)
{
    return ask(c, answer, strlen(answer), NULL, 0);
}

/* ---- asking ---- */

static void a_body_is_got_as_it_is(void **state)
{
    static const char ANSWER[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\na\0b\r\n";
    struct caller c;
    (void)state;

    assert_int_equal(ask(&c, ANSWER, sizeof(ANSWER) - 1, NULL, 0), 0);
    assert_int_equal(c.status, 200);
    assert_int_equal(c.len, 5);
    assert_memory_equal(c.body, "a\0b\r\n", 5);
    assert_ptr_equal(strstr(server.head, "GET /yg4gxe7z HTTP/1.1\r\n"), server.head);
    assert_int_equal(server.body_len, 0);
}

static void a_body_is_put_as_it_is(void **state)
{
    uint8_t body[HTTP_BODY_MAX];
    struct caller c;
    (void)state;

    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (uint8_t)i;
    assert_int_equal(ask(&c, "HTTP/1.1 204 No Content\r\n\r\n", 27, body, sizeof(body)), 0);
    assert_int_equal(c.status, 204);
    assert_int_equal(c.len, 0);
    assert_ptr_equal(strstr(server.head, "PUT /yg4gxe7z HTTP/1.1\r\n"), server.head);
    assert_int_equal(server.body_len, sizeof(body));
    assert_memory_equal(server.body, body, sizeof(body));
}

static void nothing_may_be_put(void **state)
{
    static const uint8_t EMPTY[1];
    struct caller c;
    (void)state;

    assert_int_equal(ask(&c, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", 39, EMPTY, 0), 0);
    assert_int_equal(c.status, 400);
    assert_non_null(strstr(server.head, "Content-Length: 0\r\n"));
}

static void what_a_server_refuses_has_its_status(void **state)
{
    struct caller c;
    (void)state;

    assert_int_equal(get(&c, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"), 0);
    assert_int_equal(c.status, 404);
    assert_memory_equal(c.body, "none", 4);
}

/* ---- what comes back ---- */

static void the_longest_answer_is_taken_and_one_byte_more_is_not(void **state)
{
    static char answer[ANSWER_MAX];
    struct caller c;
    (void)state;

    for (size_t more = 0; more < 2; more++) {
        int head = snprintf(answer, sizeof(answer),
                            "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", HTTP_BODY_MAX + more);
        memset(answer + head, 'x', HTTP_BODY_MAX + more);
        int err = ask(&c, answer, (size_t)head + HTTP_BODY_MAX + more, NULL, 0);
        assert_int_equal(err, more ? -EMSGSIZE : 0);
        assert_true(more || c.len == HTTP_BODY_MAX);
    }
}

static void an_endless_answer_ends(void **state)
{
    static char answer[ANSWER_MAX] = "HTTP/1.1 200 OK\r\n\r\n";
    struct caller c;
    (void)state;

    size_t head = strlen(answer);
    memset(answer + head, 'x', sizeof(answer) - head);
    assert_int_equal(ask(&c, answer, sizeof(answer), NULL, 0), -EMSGSIZE);
}

static void half_an_answer_is_none(void **state)
{
    static const char WHOLE[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour";
    struct caller c;
    (void)state;

    /* Before the head's end there may be an empty body; an announced length has to come. */
    for (size_t len = 39; len < sizeof(WHOLE) - 1; len++)
        assert_true(ask(&c, WHOLE, len, NULL, 0) < 0);
    assert_int_equal(get(&c, WHOLE), 0);
    assert_true(get(&c, "\r\n\r\nnot HTTP at all") < 0);
}

static void nobody_sends_us_elsewhere(void **state)
{
    struct caller c;
    (void)state;

    assert_int_equal(get(&c, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n"
                             "Content-Length: 0\r\nConnection: close\r\n\r\n"),
                     0);
    assert_int_equal(c.status, 302);
    assert_int_equal(atomic_load(&server.callers), 1);
}

/* ---- what is not asked ---- */

static void only_http_is_spoken(void **state)
{
    static const char *const OTHERS[] = {"file:///etc/hostname", "ftp://127.0.0.1/", "nonsense://x",
                                         ""};
    struct caller c;
    (void)state;

    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(*OTHERS); i++) {
        begin(&c);
        assert_int_equal(ask_url(&c, OTHERS[i], NULL, 0), -EHOSTUNREACH);
        assert_int_equal(c.len, 0);
        end(&c);
    }
}

static void what_is_too_long_is_not_sent(void **state)
{
    static const uint8_t BODY[HTTP_BODY_MAX + 1];
    char url[HTTP_URL_MAX + 2] = "http://127.0.0.1/";
    struct caller c;
    (void)state;

    begin(&c);
    assert_int_equal(ask_url(&c, url, BODY, sizeof(BODY)), -EMSGSIZE);
    memset(url + strlen(url), 'x', sizeof(url) - 1 - strlen(url));
    url[HTTP_URL_MAX + 1] = '\0';
    assert_int_equal(ask_url(&c, url, NULL, 0), -EMSGSIZE);
    assert_null(c.job.work);
    end(&c);
}

static void a_server_that_is_not_there_is_unreachable(void **state)
{
    char url[64];
    struct caller c;
    (void)state;

    start_server("", 0);
    stop_server();
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server.port);
    begin(&c);
    assert_int_equal(ask_url(&c, url, NULL, 0), -EHOSTUNREACH);
    end(&c);
}

static void one_that_speaks_no_tls_is_not_believed(void **state)
{
    char url[64];
    struct caller c;
    (void)state;

    start(true, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 39);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
    begin(&c);
    assert_int_equal(ask_url(&c, url, NULL, 0), -EHOSTUNREACH);
    end(&c);
    stop_server();
}

/* ---- the end of it ---- */

static void a_job_that_is_cancelled_is_never_done(void **state)
{
    char url[64];
    struct caller c;
    (void)state;

    start_server("", 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server.port);
    begin(&c);
    const struct http_question question = {.url = url};
    assert_int_equal(http_ask(machine_env(c.machine), &c.job, &question), 0);
    while (atomic_load(&server.callers) == 0)
        io_loop_turn(machine_loop(c.machine), 0);
    http_cancel(machine_env(c.machine), &c.job);
    assert_null(c.job.work);
    http_cancel(machine_env(c.machine), &c.job);
    end(&c); /* waits for the thread */
    stop_server();
    assert_int_equal(c.done, 0);
}

static void a_job_may_be_used_again(void **state)
{
    char url[64];
    struct caller c;
    (void)state;

    start_server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", 60);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", server.port);
    begin(&c);
    for (unsigned i = 0; i < 3; i++) {
        c.done = 0;
        assert_int_equal(ask_url(&c, url, NULL, 0), 0);
        assert_int_equal(c.len, 2);
    }
    end(&c);
    stop_server();
    assert_int_equal(atomic_load(&server.callers), 3);
}

int main(void)
{
    static const char *const PROXIES[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_got_as_it_is),
        cmocka_unit_test(a_body_is_put_as_it_is),
        cmocka_unit_test(nothing_may_be_put),
        cmocka_unit_test(what_a_server_refuses_has_its_status),
        cmocka_unit_test(the_longest_answer_is_taken_and_one_byte_more_is_not),
        cmocka_unit_test(an_endless_answer_ends),
        cmocka_unit_test(half_an_answer_is_none),
        cmocka_unit_test(nobody_sends_us_elsewhere),
        cmocka_unit_test(only_http_is_spoken),
        cmocka_unit_test(what_is_too_long_is_not_sent),
        cmocka_unit_test(a_server_that_is_not_there_is_unreachable),
        cmocka_unit_test(one_that_speaks_no_tls_is_not_believed),
        cmocka_unit_test(a_job_that_is_cancelled_is_never_done),
        cmocka_unit_test(a_job_may_be_used_again),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as process_prepare() has it */
    for (size_t i = 0; i < sizeof(PROXIES) / sizeof(*PROXIES); i++)
        (void)unsetenv(PROXIES[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
