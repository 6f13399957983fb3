/* Default routes, in a network namespace of the test's own with one TUN device. */
#include "gateway/io/routers.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cmocka.h>

static int tun = -1;

static struct sockaddr in(const char *ip)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    struct sockaddr sa;
    assert_int_equal(inet_pton(AF_INET, ip, &sin.sin_addr), 1);
    memcpy(&sa, &sin, sizeof(sa));
    return sa;
}

static void order(unsigned long what, void *arg)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(ioctl(fd, what, arg), 0);
    (void)close(fd);
}

static void set_address(const char *ip, const char *mask)
{
    struct ifreq r = {.ifr_name = "t0"};
    r.ifr_addr = in(ip);
    order(SIOCSIFADDR, &r);
    r.ifr_netmask = in(mask);
    order(SIOCSIFNETMASK, &r);
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    order(SIOCSIFFLAGS, &r);
}

static void route(unsigned long what, const char *to, const char *mask, const char *via, short cost)
{
    char device[] = "t0";
    struct rtentry r = {.rt_flags = RTF_UP, .rt_dev = device, .rt_metric = (short)(cost + 1)};
    r.rt_dst = in(to);
    r.rt_genmask = in(mask);
    if (via) {
        r.rt_gateway = in(via);
        r.rt_flags |= RTF_GATEWAY;
    }
    order(what, &r);
}

static int leave_the_network(void **state)
{
    struct ifreq r = {.ifr_name = "t0", .ifr_flags = IFF_TUN | IFF_NO_PI};
    (void)state;
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return 0;
    tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (tun < 0)
        return 0;
    if (ioctl(tun, TUNSETIFF, &r) < 0) {
        (void)close(tun);
        tun = -1;
        return 0;
    }
    set_address("192.168.7.2", "255.255.255.0");
    return 0;
}

static int come_back(void **state)
{
    (void)state;
    if (tun >= 0)
        (void)close(tun);
    return 0;
}

static void need_network(void)
{
    if (tun >= 0)
        return;
    print_message("no network namespace with a TUN device here\n");
    skip();
}

static void check_router(const char *ip, const char *local)
{
    struct router r[2];
    char text[ADDR_TEXT_MAX];

    assert_int_equal(routers_list(r, 2), 1);
    assert_string_equal(addr_print_ip(&r[0].addr, text), ip);
    assert_string_equal(addr_print_ip(&r[0].local, text), local);
    assert_int_equal(addr_port(&r[0].addr), 0);
    assert_int_equal(r[0].ifindex, if_nametoindex("t0"));
}

static void a_machine_without_a_default_route_has_none(void **state)
{
    struct router r[2];
    (void)state;
    need_network();
    assert_int_equal(routers_list(r, 2), 0);
    route(SIOCADDRT, "10.0.0.0", "255.0.0.0", "192.168.7.1", 0);
    assert_int_equal(routers_list(r, 2), 0);
    route(SIOCADDRT, "0.0.0.0", "0.0.0.0", NULL, 0); /* out, but by no router */
    assert_int_equal(routers_list(r, 2), 0);
    route(SIOCDELRT, "0.0.0.0", "0.0.0.0", NULL, 0);
}

static void the_router_of_the_best_default_route_is_told(void **state)
{
    (void)state;
    need_network();
    route(SIOCADDRT, "0.0.0.0", "0.0.0.0", "192.168.7.9", 600);
    check_router("192.168.7.9", "192.168.7.2");
    route(SIOCADDRT, "0.0.0.0", "0.0.0.0", "192.168.7.1", 100);
    check_router("192.168.7.1", "192.168.7.2");
    route(SIOCDELRT, "0.0.0.0", "0.0.0.0", "192.168.7.1", 100);
    check_router("192.168.7.9", "192.168.7.2");
}

static void no_more_are_told_than_there_is_room_for(void **state)
{
    struct router r[1];
    (void)state;
    need_network();
    assert_int_equal(routers_list(r, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_a_default_route_has_none),
        cmocka_unit_test(the_router_of_the_best_default_route_is_told),
        cmocka_unit_test(no_more_are_told_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, leave_the_network, come_back);
}
