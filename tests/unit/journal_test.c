/* Entries for the journal, with the test as the journal. */
#include "gateway/io/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

static char folder[] = "/tmp/journal-test.XXXXXX", path[64];
static int ear = -1;
static struct journal journal;

static const struct log_entry entry = {
    .level = LOG_LEVEL_WARN,
    .topic = LOG_PEER,
    .about = {.event = "connected", .peer = "ybndr", .address = "192.0.2.1:7"},
    .line = "alice: connected",
};

static void lead_to_journal(void)
{
    char stream[64];
    struct stat st;
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
}

static int set_up(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)state;
    strcpy(folder + sizeof(folder) - 7, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    memcpy(at.sun_path, path, strlen(path) + 1);
    ear = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    lead_to_journal();
    journal.fd = -1;
    return bind(ear, (const struct sockaddr *)&at, sizeof(at));
}

static int tear_down(void **state)
{
    (void)state;
    journal_close(&journal);
    if (ear >= 0)
        (void)close(ear);
    (void)unlink(path);
    (void)rmdir(folder);
    return 0;
}

static const char *heard(void)
{
    static char text[4096];
    ssize_t len = recv(ear, text, sizeof(text) - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void an_entry_has_fields(void **state)
{
    (void)state;
    journal_open(&journal, path);
    assert_true(journal_write(&journal, &entry));
    assert_string_equal(heard(), "MESSAGE=alice: connected\n"
                                 "PRIORITY=4\n"
                                 "SYSLOG_IDENTIFIER=overlay\n"
                                 "OVERLAY_AREA=peer\n"
                                 "OVERLAY_EVENT=connected\n"
                                 "OVERLAY_PEER=ybndr\n"
                                 "OVERLAY_ADDRESS=192.0.2.1:7\n");
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    const struct log_entry plain = {.level = LOG_LEVEL_ERROR, .topic = LOG_IO, .line = "x"};
    journal_open(&journal, path);
    assert_true(journal_write(&journal, &plain));
    assert_string_equal(heard(),
                        "MESSAGE=x\nPRIORITY=3\nSYSLOG_IDENTIFIER=overlay\nOVERLAY_AREA=io\n");
}

static void nothing_can_add_a_field_of_its_own(void **state)
{
    (void)state;
    struct log_entry e = entry;
    char line[LOG_LINE_MAX], peer[2000];
    e.line = "x\nPRIORITY=0";
    journal_open(&journal, path);
    assert_true(journal_write(&journal, &e));
    assert_memory_equal(heard(), "MESSAGE=x PRIORITY=0\nPRIORITY=4\n", 32);
    memset(line, 'y', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    memset(peer, 'z', sizeof(peer) - 1);
    peer[sizeof(peer) - 1] = '\0';
    e.line = line;
    e.about.peer = peer; /* too long for any entry: left out whole */
    assert_true(journal_write(&journal, &e));
    const char *text = heard();
    assert_null(strchr(text, 'z'));
    assert_non_null(strstr(text, "\nOVERLAY_ADDRESS=192.0.2.1:7\n"));
}

static void elsewhere_nothing_is_opened(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "1:1", 1);
    journal_open(&journal, path);
    assert_false(journal_write(&journal, &entry));
    unsetenv("JOURNAL_STREAM");
    journal_open(&journal, path);
    assert_false(journal_write(&journal, &entry));
    lead_to_journal();
    journal_open(&journal, "/nonexistent/socket");
    assert_int_equal(journal.fd, -1);
    assert_string_equal(heard(), "");
}

static void a_journal_that_takes_nothing_is_not_waited_for(void **state)
{
    (void)state;
    int taken = 0;
    journal_open(&journal, path);
    while (taken < 100000 && journal_write(&journal, &entry))
        taken++;
    assert_true(taken > 0 && taken < 100000);
    (void)heard();
    assert_true(journal_write(&journal, &entry));
    (void)close(ear); /* it ended */
    ear = -1;
    assert_false(journal_write(&journal, &entry));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_entry_has_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_can_add_a_field_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(elsewhere_nothing_is_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_journal_that_takes_nothing_is_not_waited_for, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
