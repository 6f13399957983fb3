/* `overlay punch` with sockets that the test hands over, and programs that it lets end. */
#include "config/control/handoff.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE                                                                                       \
    "{\"peer\":\"p\",\"name\":\"alice\",\"host\":\"h\",\"asked\":true,\"proto\":\"udp\","          \
    "\"inner\":\"10.0.0.2:4001\",\"outer\":\"203.0.113.1:40001\",\"remote\":\"192.0.2.9:9\","      \
    "\"secret\":\"5ec2e7\"}\n"

enum { EVENTS_MAX = 16, WORDS_MAX = 16 };

static struct stage {
    struct cli_host host;
    struct front front;
    struct cli_handed event[EVENTS_MAX];
    size_t events, told;
    unsigned started, dropped, begun, ended, enough;
    int start_error, killed[4], killed_by[4];
    unsigned kills;
    char argv[256], environment[1024], log[2048], err[2048];
    bool released, connected;
    char words[256];
    char *line[WORDS_MAX];
} s;

static int host_write(void *arg, int fd, const char *text, size_t len)
{
    (void)arg;
    assert_int_equal(fd, 2);
    assert_true(strlen(s.err) + len < sizeof(s.err));
    strncat(s.err, text, len);
    return 0;
}

static const char *host_getenv(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static bool host_is_terminal(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    return false;
}

static int hand_begin(void *arg, struct sock *sock)
{
    (void)arg;
    (void)sock;
    s.begun++;
    return 0;
}

static int hand_wait(void *arg, struct cli_handed *out)
{
    (void)arg;
    assert_true(s.told < s.events);
    *out = s.event[s.told++];
    return 0;
}

static void hand_enough(void *arg)
{
    (void)arg;
    s.enough++;
}

static void hand_end(void *arg)
{
    (void)arg;
    s.ended++;
}

static void join(char *out, size_t size, char *const *list)
{
    out[0] = '\0';
    for (; *list; list++)
        (void)snprintf(out + strlen(out), size - strlen(out), "%s|", *list);
}

static int hand_start(void *arg, const struct cli_program *program)
{
    (void)arg;
    if (s.start_error < 0)
        return s.start_error;
    join(s.argv, sizeof(s.argv), program->argv);
    join(s.environment, sizeof(s.environment), program->environment);
    s.released = program->release;
    s.connected = program->peer != NULL;
    return 100 + (int)++s.started;
}

static void hand_kill(void *arg, int pid, int number)
{
    (void)arg;
    s.killed[s.kills] = pid;
    s.killed_by[s.kills++] = number;
}

static void hand_drop(void *arg, int fd)
{
    (void)arg;
    assert_int_equal(fd, 9);
    s.dropped++;
}

static int append(void *arg, const char *path, const char *line)
{
    (void)arg;
    assert_string_equal(path, "f");
    (void)snprintf(s.log + strlen(s.log), sizeof(s.log) - strlen(s.log), "%s\n", line);
    return 0;
}

static void begin(const char *line)
{
    char why[128] = "";
    int count = 0;

    memset(&s, 0, sizeof(s));
    s.host = (struct cli_host){.getenv = host_getenv,
                               .write = host_write,
                               .is_terminal = host_is_terminal,
                               .hand_begin = hand_begin,
                               .hand_wait = hand_wait,
                               .hand_enough = hand_enough,
                               .hand_end = hand_end,
                               .hand_start = hand_start,
                               .hand_kill = hand_kill,
                               .hand_drop = hand_drop,
                               .append = append};
    (void)snprintf(s.words, sizeof(s.words), "overlay punch %s", line);
    for (char *word = strtok(s.words, " "); word; word = strtok(NULL, " "))
        s.line[count++] = word;
    s.front.host = &s.host;
    assert_int_equal(args_parse(&s.front.args, count, s.line, why, sizeof(why)), 0);
}

static struct cli_handed *next(void)
{
    assert_true(s.events < EVENTS_MAX);
    return &s.event[s.events++];
}

static void socket_comes(const char *line)
{
    struct cli_handed *e = next();
    e->what = CLI_HANDED_SOCKET;
    e->fd = 9;
    (void)snprintf(e->text, sizeof(e->text), "%s", line);
}

static void program_ends(int pid, int status)
{
    struct cli_handed *e = next();
    e->what = CLI_HANDED_PROGRAM;
    e->pid = pid;
    e->status = status;
}

static void signal_comes(int number, bool typed)
{
    struct cli_handed *e = next();
    e->what = CLI_HANDED_SIGNAL;
    e->number = number;
    e->typed = typed;
}

static void gateway_ends(void)
{
    next()->what = CLI_HANDED_OVER;
}

static int run(void)
{
    static uint8_t somewhere; /* stands for a socket that nobody looks into */
    struct asked asked = {.sock = (struct sock *)(void *)&somewhere,
                          .answer = json_pack("{s:b}", "ok", 1)};

    int code = handoff_run(&s.front, &asked);
    assert_int_equal(s.begun, 1);
    assert_int_equal(s.ended, 1);
    assert_int_equal(s.told, s.events);
    return code;
}

static void the_programs_exit_status_is_ours(void **state)
{
    (void)state;
    begin("alice --exec cmd --log f a %peer%");
    socket_comes(LINE);
    program_ends(55, 3); /* nobody's */
    program_ends(101, 42);
    assert_int_equal(run(), 42);
    assert_string_equal(s.argv, "cmd|a|192.0.2.9:9|");
    assert_non_null(strstr(s.environment, "OVERLAY_SECRET=5ec2e7|"));
    assert_non_null(strstr(s.environment, "OVERLAY_FD=3|"));
    assert_true(s.connected);
    assert_false(s.released);
    assert_int_equal(s.enough, 1);
    assert_non_null(strstr(s.log, "alice: UDP hole from 10.0.0.2:4001, outside 203.0.113.1:40001, "
                                  "to 192.0.2.9:9: process 101 runs cmd"));
    assert_non_null(strstr(s.log, "alice: process 101 has ended, exit status 42"));
    assert_null(strstr(s.log, "5ec2e7"));
    assert_null(strstr(s.err, "5ec2e7"));
}

static void a_released_socket_is_in_no_environment(void **state)
{
    (void)state;
    begin("alice --release --exec cmd");
    socket_comes(LINE);
    program_ends(101, 0);
    assert_int_equal(run(), 0);
    assert_true(s.released);
    assert_null(strstr(s.environment, "OVERLAY_FD"));
    assert_string_equal(s.argv, "cmd|10.0.0.2|4001|203.0.113.1|40001|192.0.2.9|9|");
    begin("alice --unconnected --exec cmd");
    socket_comes(LINE);
    program_ends(101, 0);
    assert_int_equal(run(), 0);
    assert_false(s.connected);
}

static void a_program_that_cannot_be_run_is_126_or_127(void **state)
{
    (void)state;
    begin("alice --exec cmd");
    s.start_error = -ENOENT;
    socket_comes(LINE);
    assert_int_equal(run(), 127);
    begin("alice --exec cmd");
    s.start_error = -EACCES;
    socket_comes(LINE);
    assert_int_equal(run(), 126);
}

static void each_peer_gets_a_program_of_its_own_until_a_signal_comes(void **state)
{
    (void)state;
    begin("--accept --exec cmd");
    socket_comes(LINE);
    socket_comes(LINE);
    program_ends(101, 1);
    socket_comes(LINE);
    signal_comes(SIGTERM, false);
    program_ends(102, 143);
    program_ends(103, 143);
    assert_int_equal(run(), 128 + SIGTERM);
    assert_int_equal(s.started, 3);
    assert_int_equal(s.kills, 2);
    assert_int_equal(s.killed[0] + s.killed[1], 102 + 103);
    assert_int_equal(s.killed_by[0], SIGTERM);
}

static void what_is_typed_the_program_hears_by_itself(void **state)
{
    (void)state;
    begin("alice --exec cmd");
    socket_comes(LINE);
    signal_comes(SIGINT, true);
    program_ends(101, 5);
    assert_int_equal(run(), 5);
    assert_int_equal(s.kills, 0);
}

static void the_gateways_end_and_nonsense_are_failures(void **state)
{
    (void)state;
    begin("--accept --exec cmd");
    socket_comes(LINE);
    gateway_ends();
    program_ends(101, 0);
    assert_int_equal(run(), 1);
    begin("alice --exec cmd");
    socket_comes("{}");
    assert_int_equal(run(), 1);
    assert_int_equal(s.dropped, 1);
}

static void a_refusal_is_told_and_logged(void **state)
{
    struct asked asked = {.err = 0};
    (void)state;

    begin("alice --log f --exec cmd");
    asked.answer = json_pack("{s:s, s:i, s:n}", "error", "alice: nobody", "code", 3, "hint");
    assert_int_equal(handoff_run(&s.front, &asked), 3);
    assert_non_null(strstr(s.err, "alice: nobody"));
    assert_non_null(strstr(s.log, "alice: nobody"));
    assert_int_equal(s.begun, 0);
}

static void command_lines_without_sense_are_refused(void **state)
{
    static const char *const BAD[] = {"alice", "--exec cmd", "alice bob --exec cmd",
                                      "alice --tcp --release --exec cmd"};
    static const char *const GOOD[] = {"alice --exec cmd", "--accept --exec cmd",
                                       "--accept alice bob --exec cmd"};
    (void)state;

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        begin(BAD[i]);
        assert_int_equal(handoff_check(&s.front), CLI_USAGE);
    }
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
        begin(GOOD[i]);
        assert_int_equal(handoff_check(&s.front), CLI_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_programs_exit_status_is_ours),
        cmocka_unit_test(a_released_socket_is_in_no_environment),
        cmocka_unit_test(a_program_that_cannot_be_run_is_126_or_127),
        cmocka_unit_test(each_peer_gets_a_program_of_its_own_until_a_signal_comes),
        cmocka_unit_test(what_is_typed_the_program_hears_by_itself),
        cmocka_unit_test(the_gateways_end_and_nonsense_are_failures),
        cmocka_unit_test(a_refusal_is_told_and_logged),
        cmocka_unit_test(command_lines_without_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
