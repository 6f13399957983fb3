/* The raw socket for ICMP, over loopback; without the privilege only that it says so. */
#include "gateway/io/icmp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/io/machine.h"
#include "gateway/wire/icmp.h"
#include "tests/support/spin.h"

struct world {
    struct machine *machine;
    struct env *env;
    struct icmp_socket *socket;
    unsigned heard;
    struct icmp_exceeded last;
    struct addr from;
    bool closes; /* when it hears */
};

static void on_exceeded(void *arg, instant now, const struct addr *from, const uint8_t *data,
                        size_t len)
{
    struct world *w = arg;
    (void)now;
    /* Others on this machine may be using ICMP, too. */
    if (icmp_exceeded_read(&w->last, data, len) < 0 || w->last.echo.id != 0xabcd)
        return;
    w->heard++;
    w->from = *from;
    if (w->closes) {
        icmp_close(w->env, w->socket);
        w->socket = NULL;
    }
}

static const struct icmp_handler HANDLER = {on_exceeded};

static int build(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof(world));
    assert_int_equal(machine_new(&world.machine, NULL), 0);
    world.env = machine_env(world.machine);
    *state = &world;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    io_icmp_close(w->socket);
    return machine_free(w->machine);
}

static bool may_open(struct world *w)
{
    int err = icmp_open(w->env, &w->socket, &HANDLER, w);
    if (err == -EPERM)
        print_message("not privileged\n");
    else
        assert_int_equal(err, 0);
    return err == 0;
}

static void send_both(struct world *w)
{
    uint8_t out[ICMP_MESSAGE_MAX];
    const struct addr here = addr_loopback(false, 7);
    const struct icmp_echo echo = {.id = 0xabcd};
    const struct icmp_exceeded e = {.from = here, .to = here, .echo = echo};

    icmp_send(w->env, w->socket, &here, out, icmp_echo_write(out, &echo));
    icmp_send(w->env, w->socket, &here, out, icmp_exceeded_write(out, &e));
}

static void a_time_exceeded_is_heard_and_an_echo_is_not(void **state)
{
    struct world *w = *state;
    const struct addr here = addr_loopback(false, 0);

    if (!may_open(w))
        return;
    send_both(w);
    assert_true(spin_until(machine_loop(w->machine), &w->heard, 1));
    assert_int_equal(w->heard, 1);
    assert_true(addr_same_ip(&w->from, &here));
}

static void a_handler_may_close_it(void **state)
{
    struct world *w = *state;

    if (!may_open(w))
        return;
    w->closes = true;
    send_both(w);
    send_both(w);
    assert_true(spin_until(machine_loop(w->machine), &w->heard, 1));
    assert_int_equal(w->heard, 1);
    assert_null(w->socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_time_exceeded_is_heard_and_an_echo_is_not, build, end),
        cmocka_unit_test_setup_teardown(a_handler_may_close_it, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
