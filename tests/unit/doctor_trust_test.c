/* What doctor says of https, by who believes the authority. */
#include "config/control/doctor_trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1795000000)
#define DAY INT64_C(86400)

static struct trust_facts facts;

static void store(enum store_kind kind, bool believed)
{
    struct trust_store *s = &facts.stores.at[facts.stores.count];
    s->kind = kind;
    (void)snprintf(s->path, sizeof(s->path), "/of/%s", store_word(kind));
    facts.believed[facts.stores.count++] = believed;
}

/* The findings as lines "level: what -> advice". */
static const char *findings(int64_t until)
{
    static char text[2000];
    json_t *list = json_array(), *report, *finding;
    size_t i;

    report = until > 0 ? json_pack("{s:{s:s, s:s, s:I}}", "trust", "id", "1a2b3c4d", "suffix",
                                   "overlay", "until", (json_int_t)until)
                       : json_pack("{s:n}", "trust");
    text[0] = '\0';
    doctor_trust(list, &facts, report);
    json_array_foreach(list, i, finding)
    {
        const char *advice = json_string_value(json_object_get(finding, "advice"));
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s: %s%s%s\n",
                       json_string_value(json_object_get(finding, "level")),
                       json_string_value(json_object_get(finding, "what")), advice ? " -> " : "",
                       advice ? advice : "");
    }
    json_decref(list);
    json_decref(report);
    facts = (struct trust_facts){.now = NOW};
    return text;
}

static int set_up(void **state)
{
    (void)state;
    facts = (struct trust_facts){.now = NOW};
    return 0;
}

static void nothing_is_said_of_what_nobody_asked_for(void **state)
{
    (void)state;
    assert_string_equal(findings(0), "");
}

static void an_authority_that_is_not_used_is_a_problem(void **state)
{
    (void)state;
    facts.has_key = true;
    assert_string_equal(findings(0),
                        "problem: https is not spoken, although there is an authority -> overlay "
                        "trust says what is wrong with them\n");
}

static void each_store_is_told_of_with_what_to_do(void **state)
{
    (void)state;
    store(STORE_CHROMIUM, true);
    store(STORE_FIREFOX, false);
    store(STORE_SYSTEM, false);
    assert_string_equal(findings(NOW + 700 * DAY),
                        "ok: https is spoken for names in .overlay, by an authority that is good "
                        "for 700 days\n"
                        "ok: chromium believes the authority: /of/chromium\n"
                        "note: firefox does not believe the authority -> overlay trust\n"
                        "note: system does not believe the authority -> sudo overlay trust\n");
}

static void without_the_tool_browsers_are_not_judged(void **state)
{
    (void)state;
    facts.no_tool = true;
    store(STORE_FIREFOX, false);
    store(STORE_SYSTEM, true);
    const char *text = findings(NOW + 700 * DAY);
    assert_non_null(strstr(text, "note: what browsers believe cannot be seen -> sudo apt install "
                                 "libnss3-tools\n"));
    assert_null(strstr(text, "firefox"));
    assert_non_null(strstr(text, "ok: system believes"));
}

static void its_end_is_told_in_time(void **state)
{
    (void)state;
    assert_string_equal(
        findings(NOW + 89 * DAY),
        "note: the authority for https ends in 89 days -> overlay trust renews it\n");
    assert_string_equal(findings(NOW),
                        "problem: the authority for https has expired -> overlay trust\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_said_of_what_nobody_asked_for, set_up),
        cmocka_unit_test_setup(an_authority_that_is_not_used_is_a_problem, set_up),
        cmocka_unit_test_setup(each_store_is_told_of_with_what_to_do, set_up),
        cmocka_unit_test_setup(without_the_tool_browsers_are_not_judged, set_up),
        cmocka_unit_test_setup(its_end_is_told_in_time, set_up),
    };
    return cmocka_run_group_tests_name("doctor_trust", tests, NULL, NULL);
}
