#include "gateway/io/anyip.h"

#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ANSWER_MAX 4096 /* bytes of one route */

static const char LOOPBACK[] = "lo";

/* linux/netfilter_ipv4.h, which does not go together with netinet/in.h everywhere. */
enum { ORIGINAL_DST = 80 };

/* A question to the kernel about the way to one address. */
struct question {
    struct nlmsghdr head;
    struct rtmsg route;
    struct rtattr attr;
    uint8_t ip[4];
};

static bool ask(int fd, const struct addr *at)
{
    size_t len;
    struct question q = {
        .head = {.nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = AF_INET, .rtm_dst_len = 32},
        .attr = {.rta_len = RTA_LENGTH(sizeof(q.ip)), .rta_type = RTA_DST},
    };
    memcpy(q.ip, addr_ip(at, &len), sizeof(q.ip));
    return send(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q);
}

static bool hear_local(int fd)
{
    _Alignas(struct nlmsghdr) uint8_t data[ANSWER_MAX];
    ssize_t len = recv(fd, data, sizeof(data), MSG_DONTWAIT); /* it has answered within send() */
    const struct nlmsghdr *m = (const void *)data;
    struct rtmsg route;

    if (len < (ssize_t)NLMSG_LENGTH(sizeof(route)) || m->nlmsg_type != RTM_NEWROUTE)
        return false;
    memcpy(&route, NLMSG_DATA(m), sizeof(route));
    return route.rtm_type == RTN_LOCAL;
}

/* To bind to it would prove nothing: where net.ipv4.ip_nonlocal_bind is set any address will do. */
bool anyip_is_local(const struct addr *at)
{
    if (addr_is_none(at) || addr_is_v6(at))
        return false;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return false;
    bool found = ask(fd, at) && hear_local(fd);
    (void)close(fd);
    return found;
}

int anyip_bind_lo(int fd)
{
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, LOOPBACK, sizeof(LOOPBACK));
}

bool anyip_is_on_lo(int fd)
{
    char name[IF_NAMESIZE] = "";
    socklen_t len = sizeof(name);

    return getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len) == 0 &&
           strncmp(name, LOOPBACK, sizeof(name)) == 0;
}

struct addr anyip_dialled(int fd)
{
    struct addr at = {0};
    socklen_t len = sizeof(at.v4);

    if (getsockopt(fd, IPPROTO_IP, ORIGINAL_DST, &at.v4, &len) < 0)
        return (struct addr){0};
    return addr_from_sockaddr(&at.sa);
}
