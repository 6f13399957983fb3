/* libnss_overlay as the C library calls it, with the test as the gateway behind its socket. */
static char test_socket[64], test_conf[64];

#define NSS_SOCKET test_socket
#define NSS_CONF   test_conf

#include "dns/nss/ask.c"
#include "dns/nss/overlay.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/wait.h>

#include <cmocka.h>

/* What the gateway does with the one question it is asked. */
static struct {
    uint8_t answer[NSS_ANSWER_MAX + 8];
    size_t len;
    bool silent, bytewise;
} gateway;

static char folder[32], buffer[1024];
static int listener, err, h_err;
static int32_t ttl;
static pid_t child;
static struct hostent host;

static void listen_there(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, test_socket, sizeof(test_socket));
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 8), 0);
}

static int build(void **state)
{
    (void)state;
    memset(&gateway, 0, sizeof(gateway));
    strcpy(folder, "/tmp/overlay-nss-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(test_socket, sizeof(test_socket), "%s/names.sock", folder);
    (void)snprintf(test_conf, sizeof(test_conf), "%s/conf", folder);
    child = 0;
    ttl = -1;
    err = h_err = -1;
    listen_there();
    return 0;
}

static void end_child(void)
{
    int status = 0;
    if (child > 0)
        assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    child = 0;
}

static int end(void **state)
{
    (void)state;
    end_child();
    (void)close(listener);
    (void)unlink(test_socket);
    (void)unlink(test_conf);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

/* The gateway: answers one question and ends. */
static void serve(void)
{
    uint8_t data[NSS_QUESTION_MAX];
    struct nss_question q;
    int fd = accept(listener, NULL, NULL);
    ssize_t got = recv(fd, data, sizeof(data), 0);
    if (got <= 0 || nss_question_read(&q, data, (size_t)got) != (int)got)
        _exit(3);
    for (size_t i = 0; i < gateway.len; i += gateway.bytewise ? 1 : gateway.len)
        (void)!send(fd, gateway.answer + i, gateway.bytewise ? 1 : gateway.len, MSG_NOSIGNAL);
    if (gateway.silent)
        (void)!recv(fd, data, sizeof(data), 0); /* until who asked gives up */
    _exit(0);
}

static void start(const struct nss_answer *a)
{
    if (a)
        gateway.len = nss_answer_write(a, gateway.answer);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve();
}

static const struct nss_answer ALICE = {.found = true,
                                        .ttl = 30,
                                        .address = {{4, {198, 19, 4, 5}}},
                                        .count = 1,
                                        .name = "alice.overlay"};
static const struct nss_answer TWO = {
    .found = true, .ttl = 30, .address = {{4, {127, 0, 0, 1}}, {16, {[15] = 1}}}, .count = 2};

static enum nss_status by_name(const char *name, int family, size_t len)
{
    char *exact = malloc(len + (len == 0)), *canonical = NULL;
    assert_non_null(exact);
    enum nss_status status = _nss_overlay_gethostbyname3_r(name, family, &host, exact, len, &err,
                                                           &h_err, &ttl, &canonical);
    if (status == NSS_STATUS_SUCCESS) {
        assert_ptr_equal(canonical, host.h_name);
        assert_string_equal(host.h_name, name);
        assert_null(host.h_aliases[0]);
        assert_null(host.h_addr_list[1]);
        memcpy(buffer, host.h_addr_list[0], (size_t)host.h_length);
        assert_int_equal((uintptr_t)host.h_addr_list % alignof(char *), 0);
    }
    free(exact);
    return status;
}

static void a_name_becomes_an_address(void **state)
{
    (void)state;
    start(&ALICE);
    assert_int_equal(by_name("web.alice.overlay", AF_INET, 1024), NSS_STATUS_SUCCESS);
    assert_int_equal(host.h_addrtype, AF_INET);
    assert_int_equal(host.h_length, 4);
    assert_memory_equal(buffer, "\306\023\4\5", 4);
    assert_int_equal(ttl, 30);
}

static void each_family_gets_its_own(void **state)
{
    (void)state;
    start(&TWO);
    assert_int_equal(by_name("alice.overlay", AF_INET6, 1024), NSS_STATUS_SUCCESS);
    assert_int_equal(host.h_length, 16);
    assert_int_equal(buffer[15], 1);
    end_child();
    start(&ALICE);
    assert_int_equal(by_name("alice.overlay", AF_INET6, 1024), NSS_STATUS_NOTFOUND);
    assert_int_equal(h_err, NO_DATA);
    end_child();
    assert_int_equal(by_name("alice.overlay", AF_UNIX, 1024), NSS_STATUS_UNAVAIL);
}

static void all_addresses_come_for_no_family(void **state)
{
    (void)state;
    struct gaih_addrtuple first, *list = &first;
    start(&TWO);
    assert_int_equal(_nss_overlay_gethostbyname4_r("a.overlay", &list, buffer, sizeof(buffer), &err,
                                                   &h_err, &ttl),
                     NSS_STATUS_SUCCESS);
    assert_ptr_equal(list, &first);
    assert_int_equal(list->family, AF_INET);
    assert_memory_equal(list->addr, "\177\0\0\1", 4);
    assert_string_equal(list->name, "a.overlay");
    assert_int_equal(list->next->family, AF_INET6);
    assert_null(list->next->next);
    end_child();

    list = NULL;
    start(&ALICE);
    assert_int_equal(_nss_overlay_gethostbyname4_r("a.overlay", &list, buffer, sizeof(buffer), &err,
                                                   &h_err, NULL),
                     NSS_STATUS_SUCCESS);
    assert_non_null(list);
    assert_null(list->next);
}

static void the_older_calls_do_the_same(void **state)
{
    (void)state;
    start(&ALICE);
    assert_int_equal(
        _nss_overlay_gethostbyname_r("a.overlay", &host, buffer, sizeof(buffer), &err, &h_err),
        NSS_STATUS_SUCCESS);
    end_child();
    start(&ALICE);
    assert_int_equal(_nss_overlay_gethostbyname2_r("a.overlay", AF_INET, &host, buffer,
                                                   sizeof(buffer), &err, &h_err),
                     NSS_STATUS_SUCCESS);
}

static void an_address_becomes_a_name(void **state)
{
    (void)state;
    static const uint8_t ip[] = {198, 19, 4, 5};
    struct nss_answer none = {.found = false};
    start(&ALICE);
    assert_int_equal(
        _nss_overlay_gethostbyaddr_r(ip, 4, AF_INET, &host, buffer, sizeof(buffer), &err, &h_err),
        NSS_STATUS_SUCCESS);
    assert_string_equal(host.h_name, "alice.overlay");
    assert_memory_equal(host.h_addr_list[0], ip, 4);
    end_child();
    start(&none);
    assert_int_equal(_nss_overlay_gethostbyaddr2_r(ip, 4, AF_INET, &host, buffer, sizeof(buffer),
                                                   &err, &h_err, &ttl),
                     NSS_STATUS_NOTFOUND);
    assert_int_equal(h_err, HOST_NOT_FOUND);
}

/* Nobody may be asked: there is no gateway, and to dial one would show as another error. */
static void what_is_not_ours_is_passed_on_unasked(void **state)
{
    (void)state;
    static const char *const names[] = {
        "localhost", "example.com",         "overlay",    ".overlay",    "overlay.",      "", ".",
        "xoverlay",  "a.overlay.localhost", "a.overlayx", "a.overlay..", "printer.local",
    };
    static const uint8_t other[] = {192, 0, 2, 1}, six[16] = {[15] = 1};
    char longest[600];
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_int_equal(by_name(names[i], AF_INET, 1024), NSS_STATUS_UNAVAIL);
        assert_int_equal(err, EINVAL);
        assert_int_equal(h_err, HOST_NOT_FOUND);
    }
    memset(longest, 'x', sizeof(longest));
    strcpy(longest + 500, ".overlay");
    assert_int_equal(by_name(longest, AF_INET, 1024), NSS_STATUS_UNAVAIL);
    assert_int_equal(err, EINVAL);
    assert_int_equal(_nss_overlay_gethostbyaddr_r(other, 4, AF_INET, &host, buffer, sizeof(buffer),
                                                  &err, &h_err),
                     NSS_STATUS_UNAVAIL);
    assert_int_equal(err, EINVAL);
    assert_int_equal(_nss_overlay_gethostbyaddr_r(six, 16, AF_INET6, &host, buffer, sizeof(buffer),
                                                  &err, &h_err),
                     NSS_STATUS_UNAVAIL);
    assert_int_equal(_nss_overlay_gethostbyaddr_r(other, 3, AF_INET, &host, buffer, sizeof(buffer),
                                                  &err, &h_err),
                     NSS_STATUS_UNAVAIL);
}

static void a_small_buffer_is_told_at_every_length(void **state)
{
    (void)state;
    size_t enough = 0;
    for (size_t len = 0; len < 120 && enough == 0; len += 3) {
        start(&ALICE);
        enum nss_status status = by_name("alice.overlay", AF_INET, len);
        end_child();
        if (status == NSS_STATUS_SUCCESS) {
            enough = len;
            continue;
        }
        assert_int_equal(status, NSS_STATUS_TRYAGAIN);
        assert_int_equal(err, ERANGE);
        assert_int_equal(h_err, NETDB_INTERNAL);
    }
    assert_in_range(enough, 32, 64);
    struct gaih_addrtuple *list = NULL;
    start(&TWO);
    assert_int_equal(
        _nss_overlay_gethostbyname4_r("a.overlay", &list, buffer, 60, &err, &h_err, &ttl),
        NSS_STATUS_TRYAGAIN);
    assert_int_equal(err, ERANGE);
    assert_null(list); /* or the next try would write into this buffer */
}

static void no_gateway_is_no_service(void **state)
{
    (void)state;
    (void)close(listener);
    listener = -1;
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_UNAVAIL);
    assert_int_equal(err, ECONNREFUSED);
    (void)unlink(test_socket);
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_UNAVAIL);
}

static void an_answer_may_come_in_pieces(void **state)
{
    (void)state;
    gateway.bytewise = true;
    start(&ALICE);
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_SUCCESS);
}

static void a_silent_gateway_is_given_up(void **state)
{
    (void)state;
    gateway.silent = true;
    start(NULL);
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_UNAVAIL);
    end_child();
    gateway.len = 4; /* half an answer */
    memcpy(gateway.answer, "y\36\1\4", 4);
    start(NULL);
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_UNAVAIL);
}

static void nonsense_is_no_answer(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "y\36\11", "y\36\1\5aaaaa", "n\1\1\4\1\1\1\1\1a!"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        gateway.len = strlen(bad[i]);
        memcpy(gateway.answer, bad[i], gateway.len);
        start(NULL);
        assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_UNAVAIL);
        end_child();
    }
}

static void write_conf(const char *text, mode_t mode)
{
    (void)unlink(test_conf);
    FILE *f = fopen(test_conf, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(test_conf, mode), 0);
}

static void a_file_of_roots_says_another_suffix_and_pool(void **state)
{
    (void)state;
    static const uint8_t ip[] = {10, 1, 2, 3};
    if (geteuid() != 0)
        skip();
    write_conf("home.arpa 10.1.0.0/16\n", 0644);
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_UNAVAIL);
    assert_int_equal(err, EINVAL);
    start(&ALICE);
    assert_int_equal(by_name("alice.Home.ARPA", AF_INET, 1024), NSS_STATUS_SUCCESS);
    end_child();
    start(&ALICE);
    assert_int_equal(
        _nss_overlay_gethostbyaddr_r(ip, 4, AF_INET, &host, buffer, sizeof(buffer), &err, &h_err),
        NSS_STATUS_SUCCESS);
}

static void any_other_file_does_not_count(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "\n",
                                      "com",
                                      "com 10.0.0.0",
                                      "com x/16",
                                      "com 10.0.0.0/",
                                      "com 10.0.0.0/25",
                                      "com 10.0.0.0/1x",
                                      " 10.0.0.0/16",
                                      "com 10.0.0.0/161"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        write_conf(bad[i], 0644);
        assert_int_equal(by_name("example.com", AF_INET, 1024), NSS_STATUS_UNAVAIL);
        assert_int_equal(err, EINVAL);
    }
    write_conf("com 10.0.0.0/16\n", 0666);
    assert_int_equal(by_name("example.com", AF_INET, 1024), NSS_STATUS_UNAVAIL);
    assert_int_equal(err, EINVAL);
    start(&ALICE);
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_SUCCESS);
    end_child();
    if (geteuid() != 0)
        return;
    write_conf("com 10.0.0.0/16\n", 0644);
    assert_int_equal(chown(test_conf, 61001, 61001), 0);
    assert_int_equal(by_name("example.com", AF_INET, 1024), NSS_STATUS_UNAVAIL);
    assert_int_equal(err, EINVAL);
}

static void no_descriptor_is_left(void **state)
{
    (void)state;
    int before = dup(listener);
    (void)close(before);
    start(&ALICE);
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_SUCCESS);
    end_child();
    gateway.silent = true;
    gateway.len = 0;
    start(NULL);
    assert_int_equal(by_name("alice.overlay", AF_INET, 1024), NSS_STATUS_UNAVAIL);
    int after = dup(listener);
    (void)close(after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_becomes_an_address, build, end),
        cmocka_unit_test_setup_teardown(each_family_gets_its_own, build, end),
        cmocka_unit_test_setup_teardown(all_addresses_come_for_no_family, build, end),
        cmocka_unit_test_setup_teardown(the_older_calls_do_the_same, build, end),
        cmocka_unit_test_setup_teardown(an_address_becomes_a_name, build, end),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_passed_on_unasked, build, end),
        cmocka_unit_test_setup_teardown(a_small_buffer_is_told_at_every_length, build, end),
        cmocka_unit_test_setup_teardown(no_gateway_is_no_service, build, end),
        cmocka_unit_test_setup_teardown(an_answer_may_come_in_pieces, build, end),
        cmocka_unit_test_setup_teardown(a_silent_gateway_is_given_up, build, end),
        cmocka_unit_test_setup_teardown(nonsense_is_no_answer, build, end),
        cmocka_unit_test_setup_teardown(a_file_of_roots_says_another_suffix_and_pool, build, end),
        cmocka_unit_test_setup_teardown(any_other_file_does_not_count, build, end),
        cmocka_unit_test_setup_teardown(no_descriptor_is_left, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
