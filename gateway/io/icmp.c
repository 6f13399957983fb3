#include "gateway/io/icmp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/icmp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "gateway/base/log.h"

#define READS_A_TURN 16
#define PACKET_MAX   1500 /* bytes; what is longer is none that we wait for */
#define IP_HEADER    20   /* bytes, without options */
#define BUFFER       (64 << 10)

struct icmp_socket {
    struct io_watch watch;
    struct io_loop *loop;
    const struct icmp_handler *handler;
    void *arg;
};

/* A raw socket gets a copy of all ICMP of this machine, so the kernel is to pick. */
static int set_filter(int fd)
{
    const struct icmp_filter filter = {.data = ~(1u << ICMP_TIME_EXCEEDED)};
    const int size = BUFFER;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
}

/* Returns the length of the IP header in front, or 0: there is no message. */
static size_t header_len(const uint8_t *packet, size_t len)
{
    size_t header = len > 0 ? 4 * (size_t)(packet[0] & 0x0f) : 0;
    return header >= IP_HEADER && header < len ? header : 0;
}

/* Returns false when nothing is left to be read, or the handler closed the socket. */
static bool tell_one(struct icmp_socket *s)
{
    const struct io_loop *l = s->loop;
    uint8_t packet[PACKET_MAX];
    struct sockaddr_in from = {0};
    socklen_t from_len = sizeof(from);
    ssize_t len = recvfrom(s->watch.fd, packet, sizeof(packet), MSG_TRUNC, (struct sockaddr *)&from,
                           &from_len);

    if (len < 0)
        return errno != EAGAIN;
    size_t header = (size_t)len > sizeof(packet) ? 0 : header_len(packet, (size_t)len);
    if (header == 0 || from.sin_family != AF_INET)
        return true;
    const struct addr sender = addr_v4((const uint8_t *)&from.sin_addr, 0);
    s->handler->on_exceeded(s->arg, io_loop_now(s->loop), &sender, packet + header,
                            (size_t)len - header);
    return io_watch_survived(l);
}

static void on_ready(struct io_watch *w, uint32_t events)
{
    struct icmp_socket *s = container_of(w, struct icmp_socket, watch);
    (void)events;
    for (unsigned n = 0; n < READS_A_TURN; n++)
        if (!tell_one(s))
            return;
    io_watch_again(s->loop, &s->watch); /* more may wait, and the edge is used up */
}

int io_icmp_open(struct io_loop *l, struct icmp_socket **out, const struct icmp_handler *handler,
                 void *arg)
{
    int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd < 0)
        return errno == EACCES ? -EPERM : -errno;
    struct icmp_socket *s = calloc(1, sizeof(*s));
    int err = s ? set_filter(fd) : -ENOMEM;
    if (err == 0) {
        *s = (struct icmp_socket){.loop = l, .handler = handler, .arg = arg};
        s->watch.ready = on_ready;
        err = io_watch_start(l, &s->watch, fd, EPOLLIN);
    }
    if (err < 0) {
        (void)close(fd);
        free(s);
        return err;
    }
    *out = s;
    return 0;
}

void io_icmp_send(struct icmp_socket *s, const struct addr *to, const uint8_t *data, size_t len)
{
    struct addr a = *to;
    addr_set_port(&a, 0);
    if (sendto(s->watch.fd, data, len, MSG_NOSIGNAL, &a.sa, addr_len(&a)) < 0)
        log_debug(LOG_IO, "an ICMP message was not sent");
}

void io_icmp_close(struct icmp_socket *s)
{
    if (!s)
        return;
    io_watch_close(s->loop, &s->watch);
    free(s);
}
