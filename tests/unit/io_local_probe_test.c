/* Questions to this machine, answered by this test. */
#include "gateway/io/local_probe.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "gateway/io/port_holders.h"

static int bound(int type, struct addr *at)
{
    socklen_t len = sizeof(at->v4);
    int fd = socket(AF_INET, type, 0);

    *at = addr_loopback(false, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &at->sa, addr_len(at)), 0);
    assert_int_equal(getsockname(fd, &at->sa, &len), 0);
    return fd;
}

static void a_name_of_this_machine_is_found_and_one_of_nobody_is_not(void **state)
{
    (void)state;
    struct addr at;

    assert_int_equal(local_probe_lookup("localhost", &at), 0);
    assert_true(addr_is_loopback(&at));
    assert_int_not_equal(local_probe_lookup("no-such-name.invalid", &at), 0);
}

static void a_datagram_is_answered_or_refused(void **state)
{
    (void)state;
    struct addr at, from = {0};
    uint8_t answer[16], query[] = {1, 2, 3};
    int fd = bound(SOCK_DGRAM, &at);
    pid_t child = fork();

    if (child == 0) {
        socklen_t len = sizeof(from.v4);
        uint8_t got[16];
        ssize_t n = recvfrom(fd, got, sizeof(got), 0, &from.sa, &len);
        _exit(n == 3 && sendto(fd, "answer", 6, 0, &from.sa, len) == 6 ? 0 : 1);
    }
    assert_int_equal(local_probe_ask(&at, query, sizeof(query), answer, sizeof(answer)), 6);
    assert_memory_equal(answer, "answer", 6);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(fd);
    assert_int_equal(local_probe_ask(&at, query, sizeof(query), answer, sizeof(answer)),
                     -ECONNREFUSED);
}

/** What comes back for an HTTP request, from a server that says this. */
static int get(const char *says)
{
    struct addr at;
    int fd = bound(SOCK_STREAM, &at);

    assert_int_equal(listen(fd, 1), 0);
    pid_t child = fork();
    if (child == 0) {
        char got[256] = "";
        int c = accept(fd, NULL, NULL);
        bool good = read(c, got, sizeof(got) - 1) > 0 &&
                    strncmp(got, "GET /proxy.pac HTTP/1.1\r\nHost: 127.0.0.1:", 41) == 0;
        _exit(good && write(c, says, strlen(says)) >= 0 ? 0 : 1);
    }
    int code = local_probe_http(&at, "/proxy.pac"), status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)close(fd);
    return code;
}

static void the_status_code_of_a_page_is_read(void **state)
{
    (void)state;
    struct addr at;

    assert_int_equal(get("HTTP/1.1 200 OK\r\n\r\n"), 200);
    assert_int_equal(get("HTTP/1.0 403 Forbidden\r\n\r\n"), 403);
    assert_int_equal(get("SSH-2.0-x\r\n"), -EPROTO);
    assert_int_equal(get(""), -EPROTO);
    (void)close(bound(SOCK_STREAM, &at));
    assert_int_equal(local_probe_http(&at, "/"), -ECONNREFUSED);
}

static void who_holds_a_port_is_named(void **state)
{
    (void)state;
    struct port_holder found[4];
    char name[17] = "";
    struct addr tcp, udp;
    int listener = bound(SOCK_STREAM, &tcp), datagrams = bound(SOCK_DGRAM, &udp);

    assert_int_equal(port_holders(addr_port(&tcp), false, found, 4), 0); /* bound, not listening */
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(port_holders(addr_port(&tcp), false, found, 4), 1);
    assert_true(addr_equal(&found[0].at, &tcp));
    assert_int_equal(found[0].pid, getpid());
    assert_int_equal(prctl(PR_GET_NAME, name), 0); /* not that of this file under valgrind */
    assert_string_equal(found[0].program, name);
    assert_int_equal(port_holders(addr_port(&udp), true, found, 4), 1);
    assert_int_equal(found[0].pid, getpid());
    assert_int_equal(port_holders(addr_port(&udp), true, found, 0), 0);
    (void)close(listener);
    (void)close(datagrams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_of_this_machine_is_found_and_one_of_nobody_is_not),
        cmocka_unit_test(a_datagram_is_answered_or_refused),
        cmocka_unit_test(the_status_code_of_a_page_is_read),
        cmocka_unit_test(who_holds_a_port_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
