/* What the machine adds to the modules behind it: look-ups through struct env. */
#include "gateway/io/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct asked {
    struct lookup lookup;
    struct machine *machine;
    struct addr found;
    int err, count, calls;
};

static void on_done(struct lookup *l, int err, const struct addr *list, int count)
{
    struct asked *a = container_of(l, struct asked, lookup);
    a->err = err;
    a->count = count;
    a->calls++;
    if (count > 0)
        a->found = list[0];
    io_loop_stop(machine_loop(a->machine));
}

static void an_address_is_looked_up_from_the_loop(void **state)
{
    (void)state;
    char text[ADDR_TEXT_MAX];
    struct asked a = {.lookup.done = on_done};

    assert_int_equal(machine_new(&a.machine, NULL), 0);
    struct env *env = machine_env(a.machine);
    assert_int_equal(env_lookup(env, &a.lookup, "2001:db8::5", 3478), 0);
    assert_int_equal(a.calls, 0);
    io_loop_run(machine_loop(a.machine));
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.err, 0);
    assert_int_equal(a.count, 1);
    assert_string_equal(addr_print(&a.found, text), "[2001:db8::5]:3478");
    assert_int_equal(machine_free(a.machine), 0);
}

static void a_cancelled_lookup_is_never_answered(void **state)
{
    (void)state;
    struct asked kept = {.lookup.done = on_done}, dropped = {.lookup.done = on_done};

    assert_int_equal(machine_new(&kept.machine, NULL), 0);
    dropped.machine = kept.machine;
    struct env *env = machine_env(kept.machine);
    assert_int_equal(env_lookup(env, &dropped.lookup, "192.0.2.1", 1), 0);
    assert_int_equal(env_lookup(env, &kept.lookup, "192.0.2.2", 1), 0);
    env_lookup_cancel(env, &dropped.lookup);
    env_lookup_cancel(env, &dropped.lookup);
    io_loop_run(machine_loop(kept.machine));
    assert_int_equal(kept.calls, 1);
    assert_int_equal(dropped.calls, 0);
    assert_int_equal(machine_free(kept.machine), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_looked_up_from_the_loop),
        cmocka_unit_test(a_cancelled_lookup_is_never_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
