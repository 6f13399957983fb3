#include "gateway/io/owner.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "gateway/base/log.h"

#define ANSWER_MAX 1024 /* bytes */
#define MAX_STALE  16   /* answers to older questions that are skipped */

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 req;
};

static int open_netlink(struct owner *o)
{
    if (o->fd > 0)
        return 0;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    /* The kernel answers within the send; this is against a kernel that does not. */
    const struct timeval wait = {.tv_usec = 100000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (fd == 0 || connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
        int err = -errno;
        (void)close(fd);
        return err;
    }
    o->fd = fd;
    return 0;
}

static void put_ip(__be32 out[static 4], const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    memcpy(out, ip, len);
}

static struct question ask_for(uint8_t protocol, const struct addr *source,
                               const struct addr *destination)
{
    bool v6 = addr_is_v6(source);
    struct question q = {
        .head = {.nlmsg_len = sizeof(q),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .req = {.sdiag_family = v6 ? AF_INET6 : AF_INET,
                .sdiag_protocol = protocol,
                .idiag_states = UINT32_MAX,
                .id = {.idiag_sport = htons(addr_port(source)),
                       .idiag_dport = htons(addr_port(destination)),
                       .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    put_ip(q.req.id.idiag_src, source);
    put_ip(q.req.id.idiag_dst, destination);
    if (v6 && source->v6.sin6_scope_id != 0)
        q.req.id.idiag_if = source->v6.sin6_scope_id;
    return q;
}

/* Reads one message. Returns 1 for the answer to `sequence`, 0 for another, or an errno. */
static int read_answer(struct owner *o, uint32_t sequence, struct inet_diag_msg *out)
{
    _Alignas(struct nlmsghdr) uint8_t buf[ANSWER_MAX];
    ssize_t n = recv(o->fd, buf, sizeof(buf), 0);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    struct nlmsghdr head;
    if ((size_t)n < sizeof(head))
        return -EBADMSG;
    memcpy(&head, buf, sizeof(head));
    if (head.nlmsg_seq != sequence)
        return 0;
    if (head.nlmsg_type == NLMSG_ERROR) {
        struct nlmsgerr error;
        if ((size_t)n < NLMSG_HDRLEN + sizeof(error))
            return -EBADMSG;
        memcpy(&error, buf + NLMSG_HDRLEN, sizeof(error));
        return error.error < 0 ? error.error : -EBADMSG;
    }
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || (size_t)n < NLMSG_HDRLEN + sizeof(*out))
        return -EBADMSG;
    memcpy(out, buf + NLMSG_HDRLEN, sizeof(*out));
    return 1;
}

static int ask(struct owner *o, struct question *q, struct inet_diag_msg *out)
{
    int err = open_netlink(o);
    q->head.nlmsg_seq = ++o->sequence;
    if (err == 0 && send(o->fd, q, sizeof(*q), MSG_NOSIGNAL) < 0)
        err = -errno;
    for (unsigned n = 0; err == 0; n++)
        err = n < MAX_STALE ? read_answer(o, q->head.nlmsg_seq, out) : -EBADMSG;
    if (err > 0)
        return 0;
    /* After anything strange, the next question gets a fresh socket without old answers. */
    if (err != -ENOENT) {
        log_warn(LOG_IO, "cannot ask whose socket a caller has (%s): it is refused",
                 strerror(-err));
        owner_deinit(o);
    }
    return -ENOENT;
}

static struct addr source_of(const struct inet_diag_msg *m)
{
    const uint8_t *ip = (const uint8_t *)m->id.idiag_src;
    uint16_t port = ntohs(m->id.idiag_sport);
    return addr_unmapped(m->idiag_family == AF_INET6 ? addr_v6(ip, port, 0) : addr_v4(ip, port));
}

static struct addr destination_of(const struct inet_diag_msg *m)
{
    const uint8_t *ip = (const uint8_t *)m->id.idiag_dst;
    uint16_t port = ntohs(m->id.idiag_dport);
    return addr_unmapped(m->idiag_family == AF_INET6 ? addr_v6(ip, port, 0) : addr_v4(ip, port));
}

/* Scopes aside: the kernel reports none. */
static bool same(const struct addr *a, const struct addr *b)
{
    size_t len_a, len_b;
    const uint8_t *ip_a = addr_ip(a, &len_a);
    const uint8_t *ip_b = addr_ip(b, &len_b);
    return len_a == len_b && addr_port(a) == addr_port(b) && memcmp(ip_a, ip_b, len_a) == 0;
}

/* Does a program still hold this connection? Its end of data may have been sent (`nc -N` does that
 * before anybody could ask), but once it is closed the inode is 0, and the uid with it. */
static bool is_held(const struct inet_diag_msg *m)
{
    switch (m->idiag_state) {
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
        return m->idiag_inode != 0;
    default:
        return false;
    }
}

int owner_of_tcp(struct owner *o, const struct addr *client, const struct addr *server,
                 uint32_t *uid)
{
    struct inet_diag_msg found = {0};
    /* A v6 socket that speaks to a v4 address is filed under v4. */
    const struct addr from = addr_unmapped(*client), to = addr_unmapped(*server);
    if (addr_is_none(&from) || from.sa.sa_family != to.sa.sa_family)
        return -ENOENT;
    struct question q = ask_for(IPPROTO_TCP, &from, &to);
    int err = ask(o, &q, &found);
    if (err < 0)
        return err;
    if (!is_held(&found))
        return -ENOENT;
    /* Without such a connection the kernel answers with the listener of that port, if any. */
    const struct addr source = source_of(&found), destination = destination_of(&found);
    if (!same(&source, &from) || !same(&destination, &to))
        return -ENOENT;
    *uid = found.idiag_uid;
    return 0;
}

/* Would this socket's datagrams to `to` come from `from`? It may be bound to no address, and
 * connected or not. */
static bool may_send(const struct inet_diag_msg *m, const struct addr *from, const struct addr *to)
{
    const struct addr source = source_of(m), destination = destination_of(m);
    if (m->idiag_inode == 0 || addr_port(&source) != addr_port(from))
        return false;
    if (!addr_is_unspecified(&source) && !same(&source, from))
        return false;
    return addr_port(&destination) == 0 || same(&destination, to);
}

int owner_of_udp(struct owner *o, const struct addr *client, const struct addr *server,
                 uint32_t *uid)
{
    struct inet_diag_msg found = {0};
    const struct addr from = addr_unmapped(*client), to = addr_unmapped(*server);
    if (addr_is_none(&from) || from.sa.sa_family != to.sa.sa_family)
        return -ENOENT;
    /* The kernel looks for the socket that would receive: so it is asked for the one that a
     * datagram from the server to the client would reach. */
    struct question q = ask_for(IPPROTO_UDP, &to, &from);
    int err = ask(o, &q, &found);
    if (err < 0)
        return err;
    if (!may_send(&found, &from, &to))
        return -ENOENT;
    *uid = found.idiag_uid;
    return 0;
}

void owner_deinit(struct owner *o)
{
    if (o->fd > 0)
        (void)close(o->fd);
    o->fd = 0;
}
