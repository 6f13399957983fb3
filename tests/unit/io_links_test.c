/* News of interfaces, in a network namespace of the test's own; news of suspend, with two clocks.
 */
#include "gateway/io/links.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "gateway/io/jump.h"
#include "tests/support/spin.h"

struct world {
    struct io_loop *loop;
    struct links *links;
    struct jump *jump;
    unsigned changes, wakes;
    instant slept;
};

static bool own_network; /* this process has a namespace to play with */

static int leave_the_network(void **state)
{
    (void)state;
    own_network = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    return 0;
}

static void on_change(void *arg)
{
    ((struct world *)arg)->changes++;
}

static void on_wake(void *arg, instant slept)
{
    struct world *w = arg;
    w->wakes++;
    w->slept = slept;
}

static int build(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof(world));
    assert_int_equal(io_loop_new(&world.loop), 0);
    *state = &world;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    links_free(w->links);
    jump_free(w->jump);
    return io_loop_free(w->loop);
}

static void set_loopback(bool up)
{
    struct ifreq r = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &r), 0);
    r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
    (void)close(fd);
}

static void set_alias(const char *ip)
{
    struct ifreq r = {.ifr_name = "lo:1"};
    struct sockaddr_in *sin = (struct sockaddr_in *)&r.ifr_addr;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sin->sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, ip, &sin->sin_addr), 1);
    assert_int_equal(ioctl(fd, SIOCSIFADDR, &r), 0);
    (void)close(fd);
}

static void route(unsigned long request, const char *to, const char *mask)
{
    struct rtentry r = {.rt_flags = RTF_UP};
    char device[] = "lo";
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    r.rt_dst.sa_family = r.rt_genmask.sa_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, to, &((struct sockaddr_in *)&r.rt_dst)->sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET, mask, &((struct sockaddr_in *)&r.rt_genmask)->sin_addr), 1);
    r.rt_dev = device;
    assert_int_equal(ioctl(fd, request, &r), 0);
    (void)close(fd);
}

static void need_network(struct world *w, bool loopback)
{
    if (!own_network) {
        print_message("no network namespace of our own here\n");
        skip();
    }
    set_loopback(loopback);
    assert_int_equal(links_watch(&w->links, w->loop, on_change, w), 0);
}

static int find(const char *ip, struct interface *out)
{
    struct interface list[16];
    struct addr a;
    int count = links_list(list, 16);
    assert_int_equal(addr_parse_ip(&a, ip, 0), 0);
    for (int i = 0; i < count; i++)
        if (addr_equal(&list[i].addr, &a)) {
            *out = list[i];
            return 0;
        }
    return -ENOENT;
}

static void lists_what_is_up(void **state)
{
    struct world *w = *state;
    struct interface i = {0};
    need_network(w, true);
    assert_int_equal(find("127.0.0.1", &i), 0);
    assert_true(i.loopback);
    assert_int_equal(i.index, 1);
    assert_int_equal(i.prefix_bits, 8);
    assert_string_equal(i.name, "lo");
    assert_int_equal(find("::1", &i), 0);
    assert_int_equal(i.prefix_bits, 128);
    assert_int_equal(links_list(&i, 1), 1);
    set_loopback(false);
    assert_int_equal(links_list(&i, 1), 0);
}

static void tells_once_of_an_interface_that_came_up(void **state)
{
    struct world *w = *state;
    need_network(w, false);
    instant start = io_loop_now(w->loop);
    set_loopback(true);
    assert_true(spin_until(w->loop, &w->changes, 1));
    assert_true(io_loop_now(w->loop) >= start + MSEC(300));
    spin_for(w->loop, MSEC(400));
    assert_int_equal(w->changes, 1);
    set_loopback(false);
    assert_true(spin_until(w->loop, &w->changes, 2));
}

static void tells_of_an_address(void **state)
{
    struct world *w = *state;
    need_network(w, true);
    set_alias("10.9.8.7");
    assert_true(spin_until(w->loop, &w->changes, 1));
}

static void says_nothing_when_all_is_as_before(void **state)
{
    struct world *w = *state;
    need_network(w, true);
    set_loopback(false);
    set_loopback(true);
    spin_for(w->loop, MSEC(500));
    assert_int_equal(w->changes, 0);
}

static void tells_of_a_default_route_and_of_no_other(void **state)
{
    struct world *w = *state;
    need_network(w, true);
    route(SIOCADDRT, "10.77.0.0", "255.255.0.0");
    spin_for(w->loop, MSEC(400));
    assert_int_equal(w->changes, 0);
    route(SIOCADDRT, "0.0.0.0", "0.0.0.0");
    assert_true(spin_until(w->loop, &w->changes, 1));
    route(SIOCDELRT, "0.0.0.0", "0.0.0.0");
    assert_true(spin_until(w->loop, &w->changes, 2));
}

static void tells_how_long_the_machine_slept(void **state)
{
    struct world *w = *state;
    assert_int_equal(jump_watch(&w->jump, w->loop, on_wake, w), 0);
    instant base = UINT64_C(1) << 50; /* far beyond what this machine may have slept before */
    jump_check(w->jump, base + SEC(100), SEC(100));
    assert_int_equal(w->wakes, 1);
    jump_check(w->jump, base + SEC(200), SEC(200)); /* awake all the time */
    assert_int_equal(w->wakes, 1);
    jump_check(w->jump, base + SEC(201), SEC(200) + MSEC(1)); /* not worth telling */
    assert_int_equal(w->wakes, 1);
    jump_check(w->jump, base + SEC(3801), SEC(200) + MSEC(1));
    assert_int_equal(w->wakes, 2);
    assert_int_equal(w->slept, SEC(3600));
    spin_for(w->loop, MSEC(2));
    assert_int_equal(w->wakes, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(lists_what_is_up),
        TEST(tells_once_of_an_interface_that_came_up),
        TEST(tells_of_an_address),
        TEST(says_nothing_when_all_is_as_before),
        TEST(tells_of_a_default_route_and_of_no_other),
        TEST(tells_how_long_the_machine_slept),
    };
    return cmocka_run_group_tests(tests, leave_the_network, NULL);
}
