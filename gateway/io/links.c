#include "gateway/io/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#define QUIET        MSEC(300) /* a new network comes as a burst of messages */
#define PATIENCE     SEC(2)    /* with a burst that does not end */
#define ADDRESSES    256       /* that are compared; more are not seen to change */
#define NEWS_MAX     8192      /* bytes of one message */
#define READS_A_TURN 64

/* ---- what there is ---- */

static unsigned count_bits(const struct sockaddr *mask)
{
    struct addr a = addr_from_sockaddr(mask);
    size_t len;
    unsigned bits = 0;
    const uint8_t *ip = addr_ip(&a, &len);
    for (size_t i = 0; i < len; i++)
        bits += (unsigned)__builtin_popcount(ip[i]);
    return bits;
}

static bool describe(const struct ifaddrs *i, struct interface *out)
{
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || !(i->ifa_flags & IFF_RUNNING))
        return false;
    *out = (struct interface){
        .addr = addr_from_sockaddr(i->ifa_addr),
        .multicast = (i->ifa_flags & IFF_MULTICAST) != 0,
        .loopback = (i->ifa_flags & IFF_LOOPBACK) != 0,
    };
    if (addr_is_none(&out->addr))
        return false;
    addr_set_port(&out->addr, 0);
    (void)snprintf(out->name, sizeof(out->name), "%s", i->ifa_name);
    out->index = if_nametoindex(i->ifa_name);
    if (i->ifa_netmask) {
        /* Some systems leave the family of a netmask unset. */
        struct sockaddr_storage mask;
        memcpy(&mask, i->ifa_netmask, addr_len(&out->addr));
        mask.ss_family = out->addr.sa.sa_family;
        out->prefix_bits = count_bits((struct sockaddr *)&mask);
    }
    if (i->ifa_flags & IFF_BROADCAST && i->ifa_broadaddr && !addr_is_v6(&out->addr))
        out->broadcast = addr_from_sockaddr(i->ifa_broadaddr);
    return out->index > 0;
}

int links_list(struct interface *out, int max)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0)
        return -errno;
    int count = 0;
    for (const struct ifaddrs *i = all; i && count < max; i = i->ifa_next)
        if (describe(i, &out[count]))
            count++;
    freeifaddrs(all);
    return count;
}

/* ---- what changes ---- */

struct links {
    struct io_watch watch;
    struct io_loop *loop;
    void (*on_change)(void *arg);
    void *arg;
    struct timer quiet;
    instant first;    /* of the burst; 0: none */
    bool route_moved; /* in this burst */
    int count;
    struct interface seen[ADDRESSES];
};

static bool same_address(const struct interface *a, const struct interface *b)
{
    return a->index == b->index && a->prefix_bits == b->prefix_bits &&
           addr_equal(&a->addr, &b->addr);
}

static bool contains(const struct interface *list, int count, const struct interface *one)
{
    for (int i = 0; i < count; i++)
        if (same_address(&list[i], one))
            return true;
    return false;
}

/* Takes over the present state. Returns true if it is another one. The order may differ. */
static bool refresh(struct links *l)
{
    struct interface *now = calloc(ADDRESSES, sizeof(*now));
    if (!now)
        return true; /* not known: better once too often */
    int count = links_list(now, ADDRESSES);
    bool changed = count != l->count;
    for (int i = 0; i < count && !changed; i++)
        changed = !contains(l->seen, l->count, &now[i]);
    if (count >= 0) {
        memcpy(l->seen, now, (size_t)count * sizeof(*now));
        l->count = count;
    }
    free(now);
    return changed;
}

static void on_quiet(struct timer *t)
{
    struct links *l = container_of(t, struct links, quiet);
    bool moved = l->route_moved;
    l->first = 0;
    l->route_moved = false;
    /* Addresses are announced again each time their lifetime is renewed: that is no news. */
    if (refresh(l) || moved)
        l->on_change(l->arg);
}

static void heard(struct links *l)
{
    instant now = io_loop_now(l->loop);
    if (l->first == 0)
        l->first = now;
    instant due = now + QUIET, last = l->first + PATIENCE;
    io_loop_timer_set(l->loop, &l->quiet, due < last ? due : last);
}

/* Routers hear of thousands of routes; only the default ones say that the way out moved, and only
 * ranges that become our own that there may be a pool (gateway/io/anyip.h). */
static bool is_news(const struct nlmsghdr *m)
{
    struct rtmsg route;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof(route)))
        return false;
    memcpy(&route, NLMSG_DATA(m), sizeof(route));
    if (route.rtm_type == RTN_LOCAL)
        return route.rtm_family == AF_INET && route.rtm_dst_len < 32;
    return route.rtm_dst_len == 0 && route.rtm_table == RT_TABLE_MAIN;
}

static void take(struct links *l, const struct nlmsghdr *m)
{
    switch (m->nlmsg_type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        if (!is_news(m))
            return;
        l->route_moved = true;
        heard(l);
        return;
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_NEWADDR:
    case RTM_DELADDR:
        heard(l);
        return;
    }
}

static void on_news(struct io_watch *w, uint32_t events)
{
    struct links *l = container_of(w, struct links, watch);
    _Alignas(struct nlmsghdr) uint8_t buf[NEWS_MAX];
    (void)events;
    for (unsigned n = 0; n < READS_A_TURN; n++) {
        ssize_t got = recv(w->fd, buf, sizeof(buf), 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0) { /* ENOBUFS: there was more than fits, so something has changed */
            heard(l);
            continue;
        }
        size_t left = (size_t)got;
        for (struct nlmsghdr *m = (void *)buf; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
            take(l, m);
    }
    io_watch_again(l->loop, w);
}

static int open_news(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    struct sockaddr_nl groups = {
        .nl_family = AF_NETLINK,
        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                     RTMGRP_IPV6_ROUTE,
    };
    if (bind(fd, (struct sockaddr *)&groups, sizeof(groups)) < 0) {
        int err = -errno;
        (void)close(fd);
        return err;
    }
    return fd;
}

int links_watch(struct links **out, struct io_loop *loop, void (*on_change)(void *arg), void *arg)
{
    int fd = open_news();
    if (fd < 0)
        return fd;
    struct links *l = calloc(1, sizeof(*l));
    int err = l ? 0 : -ENOMEM;
    if (l) {
        l->loop = loop;
        l->on_change = on_change;
        l->arg = arg;
        l->quiet.fire = on_quiet;
        l->watch.ready = on_news;
        err = io_watch_start(loop, &l->watch, fd, EPOLLIN);
    }
    if (err < 0) {
        (void)close(fd);
        free(l);
        return err;
    }
    (void)refresh(l);
    *out = l;
    return 0;
}

void links_free(struct links *l)
{
    if (!l)
        return;
    io_loop_timer_stop(l->loop, &l->quiet);
    io_watch_close(l->loop, &l->watch);
    free(l);
}
