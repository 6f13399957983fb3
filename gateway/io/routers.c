#include "gateway/io/routers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "gateway/io/links.h"

#define ANSWER_MAX     32768 /* bytes of one message of a dump */
#define INTERFACES_MAX 256
#define WAIT_S         1 /* the kernel answers at once; a broken one must not hang us */

/* The best default route of one family, as far as it was read. */
struct best {
    struct router router;
    uint32_t metric;
    bool found;
};

static struct addr addr_of(int family, const struct rtattr *a, uint32_t scope)
{
    uint8_t ip[16] = {0};
    size_t len = RTA_PAYLOAD(a) < sizeof(ip) ? RTA_PAYLOAD(a) : sizeof(ip);

    memcpy(ip, RTA_DATA(a), len);
    struct addr found = family == AF_INET ? addr_v4(ip, 0) : addr_v6(ip, 0, 0);
    if (addr_is_v6(&found) && addr_is_link_local(&found))
        found.v6.sin6_scope_id = scope;
    return found;
}

static uint32_t number_of(const struct rtattr *a)
{
    uint32_t n = 0;
    if (RTA_PAYLOAD(a) >= sizeof(n))
        memcpy(&n, RTA_DATA(a), sizeof(n));
    return n;
}

static void take_route(struct best *best, const struct nlmsghdr *m)
{
    struct rtmsg route;
    const struct rtattr *gateway = NULL, *source = NULL;
    uint32_t metric = 0, ifindex = 0;

    memcpy(&route, NLMSG_DATA(m), sizeof(route));
    if (route.rtm_dst_len != 0 || route.rtm_table != RT_TABLE_MAIN || route.rtm_type != RTN_UNICAST)
        return;
    size_t left = m->nlmsg_len - NLMSG_LENGTH(sizeof(route));
    const struct rtattr *a =
        (const void *)((const uint8_t *)NLMSG_DATA(m) + NLMSG_ALIGN(sizeof(route)));
    for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == RTA_GATEWAY)
            gateway = a;
        else if (a->rta_type == RTA_PREFSRC)
            source = a;
        else if (a->rta_type == RTA_OIF)
            ifindex = number_of(a);
        else if (a->rta_type == RTA_PRIORITY)
            metric = number_of(a);
    }
    if (!gateway || ifindex == 0 || (best->found && best->metric <= metric))
        return;
    best->found = true;
    best->metric = metric;
    best->router =
        (struct router){.ifindex = ifindex, .addr = addr_of(route.rtm_family, gateway, ifindex)};
    if (source)
        best->router.local = addr_of(route.rtm_family, source, ifindex);
}

/* Returns 1 when the dump is through, 0 when more follows, or an errno. */
static int take_answer(struct best *best, const uint8_t *data, size_t len)
{
    const struct nlmsghdr *m = (const void *)data;

    for (; NLMSG_OK(m, len); m = NLMSG_NEXT(m, len)) {
        if (m->nlmsg_type == NLMSG_DONE)
            return 1;
        if (m->nlmsg_type == NLMSG_ERROR)
            return -EIO;
        if (m->nlmsg_type == RTM_NEWROUTE && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg)))
            take_route(best, m);
    }
    return 0;
}

static int ask(int fd, unsigned char family)
{
    struct {
        struct nlmsghdr head;
        struct rtmsg route;
    } request = {
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                 .nlmsg_type = RTM_GETROUTE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .route = {.rtm_family = family, .rtm_table = RT_TABLE_MAIN},
    };
    return send(fd, &request, request.head.nlmsg_len, 0) < 0 ? -errno : 0;
}

static int read_best(int fd, unsigned char family, struct best *best)
{
    _Alignas(struct nlmsghdr) uint8_t buf[ANSWER_MAX];
    int err = ask(fd, family);

    while (err == 0) {
        ssize_t got = recv(fd, buf, sizeof(buf), 0);
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        err = take_answer(best, buf, (size_t)got);
    }
    return err < 0 ? err : 0;
}

/* ---- which of our addresses goes there ---- */

static int fitness(const struct router *r, const struct interface *i)
{
    const struct addr_prefix net = {.addr = i->addr, .bits = i->prefix_bits};

    if (i->index != r->ifindex || addr_is_v6(&i->addr) != addr_is_v6(&r->addr))
        return 0;
    /* A router's link-local address is on every interface's link: what counts there is an address
     * that others can reach. */
    if (addr_is_v6(&i->addr))
        return addr_is_link_local(&i->addr) ? 0 : addr_is_private(&i->addr) ? 1 : 2;
    return addr_prefix_contains(&net, &r->addr) ? 2 : 1;
}

static void choose_local(struct router *r, const struct interface *list, int count)
{
    int best = 0;

    for (int i = 0; i < count; i++) {
        int fit = fitness(r, &list[i]);
        if (fit > best) {
            best = fit;
            r->local = list[i].addr;
        }
    }
}

static int open_netlink(void)
{
    const struct timeval wait = {.tv_sec = WAIT_S};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    return fd;
}

int routers_list(struct router *out, int max)
{
    static const unsigned char FAMILY[] = {AF_INET, AF_INET6};
    struct interface interfaces[INTERFACES_MAX];
    int fd = open_netlink(), count = 0;

    if (fd < 0)
        return fd;
    int known = links_list(interfaces, INTERFACES_MAX);
    for (size_t i = 0; i < sizeof(FAMILY) && count < max; i++) {
        struct best best = {.found = false};
        if (read_best(fd, FAMILY[i], &best) < 0 || !best.found)
            continue;
        if (addr_is_none(&best.router.local))
            choose_local(&best.router, interfaces, known);
        if (!addr_is_none(&best.router.local))
            out[count++] = best.router;
    }
    (void)close(fd);
    return count;
}
