/* Mail through servers that a thread of the test plays: what is said to them, and what becomes of
 * what they say. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "gateway/base/mailing.h"
#include "gateway/io/machine.h"

#define SAID_MAX 65536

/** A server: for each line that begins with `command` it answers; %s is the line's tag. */
struct part {
    const char *command, *answer;
};

static struct server {
    int fd;
    uint16_t port;
    const char *greeting;
    const struct part *parts;
    bool keeps_quiet; /* until the caller goes */
    char said[SAID_MAX];
    size_t said_len;
    pthread_t thread;
    atomic_uint callers;
} server;

static void answer(FILE *peer, const char *line)
{
    char tag[16] = "";
    const char *rest = line;

    if (line[0] == 'A' && strchr(line, ' ') && line[1] >= '0' && line[1] <= '9') {
        (void)snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(line, " "), line);
        rest = strchr(line, ' ') + 1;
    }
    for (const struct part *p = server.parts; p->command; p++) {
        if (strncmp(rest, p->command, strlen(p->command)) != 0)
            continue;
        for (const char *at = p->answer; *at; at++) {
            if (*at == '@')
                (void)fputs(tag, peer);
            else
                (void)fputc(*at, peer);
        }
        break;
    }
    (void)fflush(peer);
}

static void serve(FILE *peer)
{
    char line[4096];

    if (server.keeps_quiet) {
        while (fgets(line, sizeof(line), peer)) /* which comes to an end with the caller */
            continue;
        return;
    }
    (void)fputs(server.greeting, peer);
    (void)fflush(peer);
    if (!server.parts)
        return;
    while (fgets(line, sizeof(line), peer)) {
        size_t len = strlen(line);
        if (server.said_len + len < SAID_MAX) {
            memcpy(server.said + server.said_len, line, len + 1);
            server.said_len += len;
        }
        answer(peer, line);
    }
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

static void start_server(const char *greeting, const struct part *parts)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    server = (struct server){.greeting = greeting, .parts = parts, .keeps_quiet = !greeting};
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(listen(server.fd, 4), 0);
    server.port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&server.thread, NULL, run, NULL), 0);
}

static void stop_server(void)
{
    (void)shutdown(server.fd, SHUT_RDWR);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    (void)close(server.fd);
}

static bool was_said(const char *what)
{
    return strstr(server.said, what) != NULL;
}

/* ---- a caller ---- */

struct caller {
    struct mail_job job;
    struct machine *machine;
    char home[64], url[64];
    int err;
    char why[256];
    unsigned done, mails;
    uint32_t uid[32];
    char text[65536];
    size_t len;
    uint32_t takes; /* the uid that is deleted; 0: none */
};

static bool on_mail(struct mail_job *job, uint32_t uid, const char *text, size_t len)
{
    struct caller *c = container_of(job, struct caller, job);

    c->uid[c->mails++] = uid;
    memcpy(c->text, text, len);
    c->len = len;
    return uid == c->takes;
}

static void on_done(struct mail_job *job, int err, const char *why)
{
    struct caller *c = container_of(job, struct caller, job);

    c->done++;
    c->err = err;
    (void)snprintf(c->why, sizeof(c->why), "%s", why);
    io_loop_stop(machine_loop(c->machine));
}

static void begin(struct caller *c, const char *scheme)
{
    memset(c, 0, sizeof(*c));
    c->job.take = on_mail;
    c->job.done = on_done;
    strcpy(c->home, "/tmp/io_mail_test.XXXXXX");
    assert_non_null(mkdtemp(c->home));
    assert_int_equal(machine_new(&c->machine, c->home), 0);
    (void)snprintf(c->url, sizeof(c->url), "%s://127.0.0.1:%u", scheme, server.port);
}

static void write_password(const struct caller *c, mode_t mode)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/pw", c->home);
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write(fd, "s3cret\nnot this\n", 16), 16);
    (void)close(fd);
}

static void end(struct caller *c)
{
    char path[128];

    assert_int_equal(machine_free(c->machine), 0);
    (void)snprintf(path, sizeof(path), "%s/pw", c->home);
    (void)unlink(path);
    (void)rmdir(c->home);
}

static struct mail_account account_of(const struct caller *c, const char *user)
{
    return (struct mail_account){.url = c->url, .user = user, .password_file = "pw", .ca = ""};
}

static int send_letter(struct caller *c, const char *user, const char *to)
{
    const struct mail_account account = account_of(c, user);
    const struct mail_letter letter = {.from = "a@example.org",
                                       .to = to,
                                       .subject = "Overlay message",
                                       .text = "one\n.two\nthree\n"};
    int err = mail_send(machine_env(c->machine), &c->job, &account, &letter);

    assert_int_equal(c->done, 0);
    if (err == 0)
        io_loop_run(machine_loop(c->machine));
    return err < 0 ? err : c->err;
}

static int fetch(struct caller *c, uint32_t after)
{
    const struct mail_account account = account_of(c, "bob");
    const struct mail_search search = {.subject = "Overlay message", .after = after};

    write_password(c, 0600);
    assert_int_equal(mail_fetch(machine_env(c->machine), &c->job, &account, &search), 0);
    io_loop_run(machine_loop(c->machine));
    assert_int_equal(c->done, 1);
    return c->err;
}

/* ---- sending ---- */

static const struct part SMTP[] = {
    {"EHLO", "250-hello\r\n250 AUTH PLAIN\r\n"},
    {"AUTH PLAIN", "334 \r\n"},
    {"AGJvYgBz", "235 yes\r\n"},
    {"MAIL", "250 yes\r\n"},
    {"RCPT TO:<nobody", "550 no such\r\n"},
    {"RCPT", "250 yes\r\n"},
    {"DATA", "354 go on\r\n"},
    {".\r", "250 taken\r\n"},
    {"QUIT", "221 bye\r\n"},
    {NULL, NULL},
};

static void a_letter_is_handed_over(void **state)
{
    struct caller c;
    (void)state;

    start_server("220 hello\r\n", SMTP);
    begin(&c, "smtp");
    assert_int_equal(send_letter(&c, "", "b@example.org"), 0);
    end(&c);
    stop_server();
    assert_true(was_said("EHLO localhost\r\n")); /* not the machine's name */
    assert_true(was_said("MAIL FROM:<a@example.org>"));
    assert_true(was_said("RCPT TO:<b@example.org>"));
    assert_true(was_said("Subject: Overlay message\r\n"));
    assert_true(was_said("Auto-Submitted: auto-generated\r\n"));
    assert_true(was_said("\r\n\r\none\r\n..two\r\nthree\r\n.\r\n"));
    assert_false(was_said("AUTH"));
}

static void a_user_logs_in_with_the_first_line_of_the_file(void **state)
{
    struct caller c;
    (void)state;

    start_server("220 hello\r\n", SMTP);
    begin(&c, "smtp");
    write_password(&c, 0600);
    assert_int_equal(send_letter(&c, "bob", "b@example.org"), 0);
    end(&c);
    stop_server();
    assert_true(was_said("AGJvYgBzM2NyZXQ=")); /* \0bob\0s3cret */
}

static void a_password_that_others_may_read_is_not_used(void **state)
{
    struct caller c;
    (void)state;

    start_server("220 hello\r\n", SMTP);
    begin(&c, "smtp");
    write_password(&c, 0640);
    assert_int_equal(send_letter(&c, "bob", "b@example.org"), -EPERM);
    assert_non_null(strstr(c.why, "chmod 600"));
    end(&c);
    begin(&c, "smtp");
    assert_int_equal(send_letter(&c, "bob", "b@example.org"), -ENOENT);
    assert_non_null(strstr(c.why, "/pw"));
    end(&c);
    stop_server();
    assert_int_equal(server.said_len, 0);
}

static void what_the_server_refuses_is_an_error(void **state)
{
    struct caller c;
    (void)state;

    start_server("220 hello\r\n", SMTP);
    begin(&c, "smtp");
    assert_true(send_letter(&c, "", "nobody@example.org") < 0);
    assert_non_null(strstr(c.why, "550"));
    end(&c);
    stop_server();
}

static void nobody_can_slip_in_a_header(void **state)
{
    struct caller c;
    (void)state;

    start_server("220 hello\r\n", SMTP);
    begin(&c, "smtp");
    assert_int_equal(send_letter(&c, "", "b@example.org\r\nBcc: x@example.org"), -EINVAL);
    end(&c);
    stop_server();
}

static void only_mail_is_spoken(void **state)
{
    static const char *const SCHEME[] = {"http", "file", "ftp", "imap"};
    struct caller c;
    (void)state;

    start_server("220 hello\r\n", SMTP);
    for (size_t i = 0; i < sizeof(SCHEME) / sizeof(SCHEME[0]); i++) {
        begin(&c, SCHEME[i]);
        assert_true(send_letter(&c, "", "b@example.org") < 0);
        end(&c);
    }
    stop_server();
    assert_int_equal(server.said_len, 0);
}

/* ---- fetching ---- */

#define IMAP_BEFORE                                                                                \
    {"CAPABILITY", "* CAPABILITY IMAP4rev1\r\n@ OK\r\n"}, {"LOGIN", "@ OK\r\n"},                   \
    {                                                                                              \
        "SELECT", "* 2 EXISTS\r\n* OK [UIDVALIDITY 1] fine\r\n@ OK [READ-WRITE] yes\r\n"           \
    }
#define IMAP_AFTER                                                                                 \
    {"UID STORE", "@ OK\r\n"}, {"UID EXPUNGE", "@ OK\r\n"}, {"LOGOUT", "* BYE\r\n@ OK\r\n"},       \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

static const struct part IMAP[] = {
    IMAP_BEFORE,
    {"UID SEARCH", "* 3 EXISTS\r\n* SEARCH 3 5\r\n@ OK\r\n"},
    {"UID FETCH 3", "* 1 FETCH (UID 3 BODY[]<0> {5}\r\nfirst)\r\n@ OK\r\n"},
    {"UID FETCH 5", "* 2 FETCH (UID 5 BODY[]<0> {6}\r\nsecond)\r\n@ OK\r\n"},
    IMAP_AFTER,
};

static void what_is_found_is_fetched_and_what_was_taken_deleted(void **state)
{
    struct caller c;
    (void)state;

    start_server("* OK ready\r\n", IMAP);
    begin(&c, "imap");
    c.takes = 5;
    assert_int_equal(fetch(&c, 0), 0);
    end(&c);
    stop_server();
    assert_int_equal(c.mails, 2);
    assert_int_equal(c.uid[0], 3);
    assert_int_equal(c.uid[1], 5);
    assert_memory_equal(c.text, "second", 6);
    assert_int_equal(c.len, 6);
    assert_true(was_said("SELECT INBOX\r\n"));
    assert_true(was_said("UID SEARCH UID 1:* UNDELETED SINCE "));
    assert_true(was_said("SUBJECT \"Overlay message\"\r\n"));
    assert_true(was_said("UID STORE 5 +FLAGS.SILENT (\\Deleted)\r\n"));
    assert_true(was_said("UID EXPUNGE 5\r\n"));
}

static void what_nobody_takes_stays(void **state)
{
    struct caller c;
    (void)state;

    start_server("* OK ready\r\n", IMAP);
    begin(&c, "imap");
    assert_int_equal(fetch(&c, 0), 0);
    end(&c);
    stop_server();
    assert_int_equal(c.mails, 2);
    assert_false(was_said("STORE"));
}

static void what_was_seen_before_is_not_fetched(void **state)
{
    struct caller c;
    (void)state;

    start_server("* OK ready\r\n", IMAP);
    begin(&c, "imap");
    assert_int_equal(fetch(&c, 5), 0); /* "6:*" finds the last one all the same */
    end(&c);
    stop_server();
    assert_int_equal(c.mails, 0);
    assert_true(was_said("UID SEARCH UID 6:* "));
}

static void of_many_the_newest_are_fetched(void **state)
{
    static const struct part MANY[] = {
        IMAP_BEFORE,
        {"UID SEARCH", "* SEARCH 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20\r\n@ OK\r\n"},
        {"UID FETCH", "* 1 FETCH (UID 1 BODY[]<0> {1}\r\nx)\r\n@ OK\r\n"},
        IMAP_AFTER,
    };
    struct caller c;
    (void)state;

    start_server("* OK ready\r\n", MANY);
    begin(&c, "imap");
    assert_int_equal(fetch(&c, 0), 0);
    end(&c);
    stop_server();
    assert_int_equal(c.mails, MAIL_FETCHED_MAX);
    assert_int_equal(c.uid[0], 5);
    assert_int_equal(c.uid[MAIL_FETCHED_MAX - 1], 20);
}

static void a_hostile_server_gets_an_error(void **state)
{
    static char endless[200000];
    static const struct part LIAR[] = {
        IMAP_BEFORE, {"UID SEARCH", "* SEARCH\r\n* SEARCH -1 0 2\r\n@ NO\r\n"}, IMAP_AFTER};
    static const struct part TALKER[] = {IMAP_BEFORE, {"UID SEARCH", endless}, IMAP_AFTER};
    static const struct part *const WAYS[] = {LIAR, TALKER};
    struct caller c;
    (void)state;

    for (size_t i = 0; i + 30 < sizeof(endless); i += strlen(endless + i))
        (void)snprintf(endless + i, 30, "* SEARCH 1 2 3 4 5\r\n");
    for (size_t i = 0; i < 2; i++) {
        start_server("* OK ready\r\n", WAYS[i]);
        begin(&c, "imap");
        assert_true(fetch(&c, 0) < 0);
        assert_int_equal(c.mails, 0);
        end(&c);
        stop_server();
    }
    start_server("HTTP/1.0 400 no\r\n", NULL);
    begin(&c, "imap");
    assert_true(fetch(&c, 0) < 0);
    end(&c);
    stop_server();
}

/* ---- the end of it ---- */

static void a_job_that_is_cancelled_is_never_done(void **state)
{
    const struct mail_search search = {.subject = "Overlay message"};
    struct caller c;
    (void)state;

    start_server(NULL, IMAP);
    begin(&c, "imap");
    write_password(&c, 0600);
    const struct mail_account account = account_of(&c, "bob");
    assert_int_equal(mail_fetch(machine_env(c.machine), &c.job, &account, &search), 0);
    while (atomic_load(&server.callers) == 0)
        io_loop_turn(machine_loop(c.machine), 0);
    mail_cancel(machine_env(c.machine), &c.job);
    mail_cancel(machine_env(c.machine), &c.job);
    end(&c); /* waits for the thread */
    stop_server();
    assert_int_equal(c.done, 0);
}

static void a_server_that_is_not_there_is_named(void **state)
{
    struct caller c;
    (void)state;

    start_server("220 hello\r\n", SMTP);
    stop_server();
    begin(&c, "smtp");
    assert_true(send_letter(&c, "", "b@example.org") < 0);
    assert_non_null(strstr(c.why, c.url));
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_is_handed_over),
        cmocka_unit_test(a_user_logs_in_with_the_first_line_of_the_file),
        cmocka_unit_test(a_password_that_others_may_read_is_not_used),
        cmocka_unit_test(what_the_server_refuses_is_an_error),
        cmocka_unit_test(nobody_can_slip_in_a_header),
        cmocka_unit_test(only_mail_is_spoken),
        cmocka_unit_test(what_is_found_is_fetched_and_what_was_taken_deleted),
        cmocka_unit_test(what_nobody_takes_stays),
        cmocka_unit_test(what_was_seen_before_is_not_fetched),
        cmocka_unit_test(of_many_the_newest_are_fetched),
        cmocka_unit_test(a_hostile_server_gets_an_error),
        cmocka_unit_test(a_job_that_is_cancelled_is_never_done),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as process_prepare() has it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
