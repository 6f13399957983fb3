#include "gateway/io/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "gateway/io/anyip.h"

#define READS_A_TURN 16
#define SINGLES      4         /* datagrams one by one, then many are read at once */
#define BULK_BUFFER  (4 << 20) /* bytes; 3 ms of 10 Gbit/s */
#define GSO_RETRY    SEC(10)   /* after a refusal that single datagrams did not meet */
#define TX_CONTROL   128       /* bytes: three control messages */
#define RX_CONTROL   256       /* bytes */
#define READ_EVENTS  EPOLLIN   /* EPOLLOUT only when wanted: it fires after every send */
#define WRITE_EVENTS (EPOLLIN | EPOLLOUT)

struct udp_socket {
    struct io_watch watch;
    struct io_loop *loop;
    const struct udp_handler *handler;
    void *arg;
    struct addr local;
    instant gso_from; /* UDP_SEGMENT is used from this time on */
    bool want_write;
    bool bulk;
};

/* ---- opening ---- */

static void set_option(int fd, int level, int name, int value)
{
    /* Each is an improvement that an old kernel may lack; the socket works without. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_buffers(int fd)
{
    const int size = BULK_BUFFER;
    /* FORCE passes the administrator's limit when we may; else as much as that allows. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        set_option(fd, SOL_SOCKET, SO_SNDBUF, size);
}

static void set_options(int fd, bool v6, unsigned flags)
{
    /* IP_RECVERR stays off: errors of one peer would be reported to the sends for another. Nothing
     * is fragmented (PROBE), and an ICMP "fragmentation needed" is not believed, as DO would: one
     * forged datagram then stops all of ours of usual size for ten minutes. */
    if (v6) {
        set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1);
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
        set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, (flags & UDP_PKTINFO) != 0);
    } else {
        set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
        set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, 1);
        set_option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
        set_option(fd, IPPROTO_IP, IP_PKTINFO, (flags & UDP_PKTINFO) != 0);
    }
    if (flags & UDP_BROADCAST)
        set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
    if (flags & UDP_BULK) {
        set_buffers(fd);
        set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
    }
}

static int open_bound(const struct addr *local, unsigned flags)
{
    const int on = 1;
    int fd = socket(local->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (io_fd_is_kept(fd)) {
        (void)close(fd);
        return -EMFILE;
    }
    int err = flags & UDP_LOOPBACK ? anyip_bind_lo(fd) : 0;
    if (err == 0 && addr_is_v6(local))
        err = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (err == 0 && flags & UDP_SHARED)
        err = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (err == 0)
        err = bind(fd, &local->sa, addr_len(local));
    if (err < 0) {
        err = -errno;
        (void)close(fd);
        return err;
    }
    return fd;
}

static void on_ready(struct io_watch *w, uint32_t events);

int io_udp_open(struct io_loop *l, struct udp_socket **out, const struct addr *local,
                unsigned flags, int fd, const struct udp_handler *handler, void *arg)
{
    if (fd < 0)
        fd = open_bound(local, flags);
    if (fd < 0)
        return fd;
    struct udp_socket *s = calloc(1, sizeof(*s));
    if (!s) {
        (void)close(fd);
        return -ENOMEM;
    }
    s->loop = l;
    s->handler = handler;
    s->arg = arg;
    s->bulk = (flags & UDP_BULK) != 0;
    s->watch.ready = on_ready;
    set_options(fd, addr_is_v6(local), flags);
    struct addr bound = {0};
    socklen_t len = sizeof(bound);
    if (getsockname(fd, &bound.sa, &len) == 0)
        s->local = addr_from_sockaddr(&bound.sa);
    int err = io_watch_start(l, &s->watch, fd, READ_EVENTS);
    if (err < 0) {
        (void)close(fd);
        free(s);
        return err;
    }
    *out = s;
    return 0;
}

/* ---- receiving ---- */

/* Control data is aligned for its header alone, so it is copied out. */
static void take_pktinfo(const struct udp_socket *s, const struct cmsghdr *c, struct udp_rx *rx)
{
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof(info));
    rx->to = addr_v4((const uint8_t *)&info.ipi_addr, addr_port(&s->local));
    rx->ifindex = (unsigned)info.ipi_ifindex;
}

static void take_pktinfo6(const struct udp_socket *s, const struct cmsghdr *c, struct udp_rx *rx)
{
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof(info));
    uint32_t scope = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
    rx->to = addr_v6((const uint8_t *)&info.ipi6_addr, addr_port(&s->local), scope);
    rx->ifindex = info.ipi6_ifindex;
}

static void take_segment(const struct cmsghdr *c, struct udp_rx *rx)
{
    int segment = 0;
    memcpy(&segment, CMSG_DATA(c), sizeof(segment));
    if (segment > 0)
        rx->segment = (size_t)segment;
}

static void read_control(const struct udp_socket *s, struct msghdr *msg, struct udp_rx *rx)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
            take_segment(c, rx);
        else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            take_pktinfo(s, c, rx);
        else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            take_pktinfo6(s, c, rx);
    }
}

/* Room for what one read brings. */
struct slot {
    _Alignas(struct cmsghdr) uint8_t control[RX_CONTROL];
    struct iovec area;
    struct udp_rx rx;
};

static struct msghdr describe_slot(struct slot *slot, uint8_t *data)
{
    slot->area = (struct iovec){data, IO_SCRATCH};
    slot->rx = (struct udp_rx){.data = data};
    return (struct msghdr){
        .msg_name = &slot->rx.from,
        .msg_namelen = sizeof(slot->rx.from),
        .msg_iov = &slot->area,
        .msg_iovlen = 1,
        .msg_control = slot->control,
        .msg_controllen = sizeof(slot->control),
    };
}

/* Returns false if it is to be skipped. */
static bool finish_slot(const struct udp_socket *s, struct slot *slot, struct msghdr *msg,
                        size_t len)
{
    if (msg->msg_flags & MSG_TRUNC)
        return false;
    slot->rx.len = len;
    slot->rx.segment = len > 0 ? len : 1;
    read_control(s, msg, &slot->rx);
    slot->rx.now = io_loop_now(s->loop);
    return true;
}

static bool is_single(const struct udp_rx *rx)
{
    return rx->len > 0 && rx->segment >= rx->len;
}

/* Appends a datagram to a batch of one way and length. A shorter one is the last. */
static bool coalesce(struct udp_rx *batch, const struct udp_rx *rx)
{
    if (!is_single(rx) || rx->len > batch->segment || batch->len % batch->segment != 0 ||
        batch->len + rx->len > IO_SCRATCH || rx->ifindex != batch->ifindex ||
        !addr_equal(&rx->from, &batch->from) || !addr_equal(&rx->to, &batch->to))
        return false;
    memcpy(batch->data + batch->len, rx->data, rx->len);
    batch->len += rx->len;
    return true;
}

/* Where the kernel coalesces nothing, that is done here: what follows costs by the batch. Returns
 * how many datagrams there were, or -EAGAIN; and -EBADF when the handler closed the socket. */
static int tell_many(struct udp_socket *s, uint8_t *data)
{
    const struct io_loop *l = s->loop;
    struct slot slot[IO_MANY];
    struct mmsghdr msg[IO_MANY];
    bool good[IO_MANY];
    for (unsigned i = 0; i < IO_MANY; i++)
        msg[i] = (struct mmsghdr){describe_slot(&slot[i], data + (size_t)i * IO_SCRATCH), 0};
    int count = recvmmsg(s->watch.fd, msg, IO_MANY, 0, NULL);
    if (count < 0)
        return errno == EAGAIN ? -EAGAIN : 0;
    for (int i = 0; i < count; i++)
        good[i] = finish_slot(s, &slot[i], &msg[i].msg_hdr, msg[i].msg_len);
    for (int i = 0, next; i < count; i = next) {
        next = i + 1;
        if (!good[i])
            continue;
        while (next < count && good[next] && coalesce(&slot[i].rx, &slot[next].rx))
            next++;
        s->handler->on_datagrams(s->arg, &slot[i].rx);
        if (!io_watch_survived(l))
            return -EBADF;
    }
    return count;
}

/* Returns 1 when a single datagram was told, 0 for anything else; errors as tell_many(). */
static int tell_one(struct udp_socket *s)
{
    const struct io_loop *l = s->loop;
    struct slot slot;
    struct msghdr msg = describe_slot(&slot, io_loop_scratch(s->loop));
    ssize_t len = recvmsg(s->watch.fd, &msg, 0);
    if (len < 0) /* an ICMP error ends nothing but this read */
        return errno == EAGAIN ? -EAGAIN : 0;
    if (!finish_slot(s, &slot, &msg, (size_t)len))
        return 0;
    bool single = is_single(&slot.rx);
    s->handler->on_datagrams(s->arg, &slot.rx);
    return io_watch_survived(l) ? single : -EBADF;
}

/* Returns false when the handler closed the socket, which is then gone. */
static bool tell_datagrams(struct udp_socket *s)
{
    unsigned singles = 0;

    for (unsigned n = 0; n < READS_A_TURN; n++) {
        uint8_t *many = s->bulk && singles >= SINGLES ? io_loop_scratch_many(s->loop) : NULL;
        int got = many ? tell_many(s, many) : tell_one(s);
        if (got < 0)
            return got != -EBADF;
        if (!many)
            singles = got > 0 ? singles + 1 : 0;
    }
    io_watch_again(s->loop, &s->watch); /* more may wait, and the edge is used up */
    return true;
}

static void on_ready(struct io_watch *w, uint32_t events)
{
    struct udp_socket *s = container_of(w, struct udp_socket, watch);
    if (!s->handler || (events != EPOLLOUT && !tell_datagrams(s)))
        return;
    if (events & EPOLLOUT && s->want_write) {
        s->want_write = false;
        io_watch_change(s->loop, &s->watch, READ_EVENTS);
        if (s->handler->on_writable)
            s->handler->on_writable(s->arg);
    }
}

/* ---- sending ---- */

static void put_control(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *c =
        (struct cmsghdr *)(void *)((uint8_t *)msg->msg_control + msg->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
    msg->msg_controllen += CMSG_SPACE(len);
}

static void put_source(struct msghdr *msg, const struct udp_tx *tx, bool v6)
{
    size_t len = 0;
    const uint8_t *ip = NULL;
    if (tx->from && addr_is_v6(tx->from) == v6 && !addr_is_multicast(tx->from))
        ip = addr_ip(tx->from, &len);
    if (v6) {
        struct in6_pktinfo info = {.ipi6_ifindex = tx->ifindex};
        if (ip)
            memcpy(&info.ipi6_addr, ip, sizeof(info.ipi6_addr));
        put_control(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    } else {
        struct in_pktinfo info = {.ipi_ifindex = (int)tx->ifindex};
        if (ip)
            memcpy(&info.ipi_spec_dst, ip, sizeof(info.ipi_spec_dst));
        put_control(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
}

/* `control` has TX_CONTROL bytes. */
static struct msghdr describe(const struct udp_tx *tx, uint8_t *control)
{
    bool v6 = addr_is_v6(tx->to);
    struct msghdr msg = {
        .msg_name = (void *)(uintptr_t)tx->to, /* sendmsg() does not write to it */
        .msg_namelen = addr_len(tx->to),
        .msg_control = control,
    };
    if (tx->ttl > 0)
        put_control(&msg, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HOPLIMIT : IP_TTL, &tx->ttl,
                    sizeof(tx->ttl));
    if (tx->from || tx->ifindex > 0)
        put_source(&msg, tx, v6);
    return msg;
}

static int want_write(struct udp_socket *s)
{
    if (!s->want_write)
        io_watch_change(s->loop, &s->watch, WRITE_EVENTS);
    s->want_write = true;
    return -EAGAIN;
}

/* One call for up to UDP_MAX_SEGMENTS datagrams of the same length. Returns 0 or an errno. */
static int send_segments(struct udp_socket *s, const struct msghdr *described, struct iovec area,
                         size_t segment)
{
    struct msghdr msg = *described;
    msg.msg_iov = &area;
    msg.msg_iovlen = 1;
    if (segment < area.iov_len) {
        uint16_t size = (uint16_t)segment;
        put_control(&msg, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
    }
    if (msg.msg_controllen == 0)
        msg.msg_control = NULL;
    return sendmsg(s->watch.fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The same, datagram by datagram. Returns how many went, or an errno when the first did not. */
static int send_singles(struct udp_socket *s, const struct msghdr *described, struct iovec area,
                        size_t segment)
{
    struct mmsghdr each[UDP_MAX_SEGMENTS];
    struct iovec part[UDP_MAX_SEGMENTS];
    unsigned count = 0;
    for (size_t at = 0; at < area.iov_len && count < UDP_MAX_SEGMENTS; at += segment) {
        size_t left = area.iov_len - at;
        part[count] =
            (struct iovec){(uint8_t *)area.iov_base + at, left < segment ? left : segment};
        each[count].msg_hdr = *described;
        each[count].msg_hdr.msg_iov = &part[count];
        each[count].msg_hdr.msg_iovlen = 1;
        count++;
    }
    int sent = sendmmsg(s->watch.fd, each, count, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

static int send_chunk(struct udp_socket *s, const struct msghdr *described, struct iovec area,
                      size_t segment)
{
    if (segment >= area.iov_len)
        return send_segments(s, described, area, segment);
    int err = 0;
    bool use_gso = s->gso_from == 0 || io_loop_now(s->loop) >= s->gso_from;
    if (use_gso)
        err = send_segments(s, described, area, segment);
    /* EIO: no checksum offload on this route. EINVAL: no such option, or too large a segment. */
    if (use_gso && err != -EIO && err != -EINVAL && err != -EMSGSIZE)
        return err;
    int sent = send_singles(s, described, area, segment);
    if (use_gso && sent > 0)
        s->gso_from = io_loop_now(s->loop) + GSO_RETRY; /* it was the batch that was refused */
    return sent < 0 ? sent : 0;
}

/* Bytes for one call: all of them, or as many whole segments as it may carry. */
static size_t chunk_len(const struct udp_tx *tx, size_t segment)
{
    size_t count = UDP_MAX_PAYLOAD / segment;
    size_t max = (count < UDP_MAX_SEGMENTS ? count : UDP_MAX_SEGMENTS) * segment;
    bool fits = tx->len <= UDP_MAX_PAYLOAD && tx->len <= UDP_MAX_SEGMENTS * segment;
    return fits || max == 0 ? tx->len : max;
}

int io_udp_send(struct udp_socket *s, const struct udp_tx *tx)
{
    _Alignas(struct cmsghdr) uint8_t control[TX_CONTROL] = {0}; /* padding goes out too */
    size_t segment = tx->segment == 0 || tx->segment > tx->len ? tx->len : tx->segment;
    size_t chunk = segment > 0 ? chunk_len(tx, segment) : 0;
    struct msghdr msg = describe(tx, control);
    size_t at = 0;
    do {
        size_t left = tx->len - at;
        struct iovec area = {(void *)(uintptr_t)(tx->data + at), left < chunk ? left : chunk};
        int err = send_chunk(s, &msg, area, segment);
        /* In the middle, what does not fit any more is lost, as in a full queue further on. */
        if (err == -EAGAIN)
            return at == 0 ? want_write(s) : 0;
        if (err == -EMSGSIZE)
            return err;
        at += chunk;
    } while (at < tx->len);
    return 0;
}

/* ---- the rest ---- */

int io_udp_way(const struct addr *to)
{
    int fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int err = fd < 0 || connect(fd, &to->sa, addr_len(to)) < 0 ? -errno : 0;

    if (fd >= 0)
        (void)close(fd);
    return err;
}

int io_udp_join(struct udp_socket *s, const struct addr *group, unsigned ifindex)
{
    int err;
    if (addr_is_v6(group)) {
        struct ipv6_mreq m = {.ipv6mr_multiaddr = group->v6.sin6_addr, .ipv6mr_interface = ifindex};
        err = setsockopt(s->watch.fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m, sizeof(m));
    } else {
        struct ip_mreqn m = {.imr_multiaddr = group->v4.sin_addr, .imr_ifindex = (int)ifindex};
        err = setsockopt(s->watch.fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m));
    }
    return err < 0 && errno != EADDRINUSE ? -errno : 0; /* in use: joined before */
}

struct addr io_udp_local(const struct udp_socket *s)
{
    return s->local;
}

void io_udp_close(struct udp_socket *s)
{
    if (!s)
        return;
    io_watch_close(s->loop, &s->watch);
    free(s);
}

void io_udp_detach(struct udp_socket *s)
{
    s->handler = NULL;
}

int io_udp_release(struct udp_socket *s)
{
    int fd = s->watch.fd, v6 = addr_is_v6(&s->local), level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;

    io_watch_stop(s->loop, &s->watch);
    /* IPv6 has the same values for it. */
    set_option(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
    set_option(fd, level, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 0);
    free(s);
    return fd;
}

void io_udp_no_segments(struct udp_socket *s)
{
    s->gso_from = INSTANT_NEVER;
}
