#include "gateway/io/give.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "gateway/io/tcp.h"
#include "gateway/io/udp.h"

/* Room for one descriptor. */
union rights {
    struct cmsghdr header;
    uint8_t room[CMSG_SPACE(sizeof(int))];
};

/* All at once or not at all: a part of it would take the descriptor along. */
static int send_with(int to, int fd, const void *text, size_t len)
{
    union rights rights = {.room = {0}};
    struct iovec area = {(void *)(uintptr_t)text, len};
    struct msghdr msg = {.msg_iov = &area,
                         .msg_iovlen = 1,
                         .msg_control = &rights,
                         .msg_controllen = sizeof(rights.room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    ssize_t n = sendmsg(to, &msg, MSG_NOSIGNAL);
    if (n < 0)
        return -errno;
    return (size_t)n == len ? 0 : -EMSGSIZE;
}

/* Whether calls block is one of the things that both processes would share. */
static int give(struct sock *to, int fd, const void *text, size_t len)
{
    int flags = fcntl(fd, F_GETFL);
    int err = len <= GIVE_TEXT_MAX ? 0 : -EMSGSIZE;

    if (err == 0 && (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0))
        err = -errno;
    if (err == 0)
        err = send_with(io_sock_descriptor(to), fd, text, len);
    (void)close(fd);
    return err;
}

int io_udp_give(struct sock *to, struct udp_socket *s, const void *text, size_t len)
{
    return give(to, io_udp_release(s), text, len);
}

int io_sock_give(struct sock *to, struct sock *s, const void *text, size_t len)
{
    return give(to, io_sock_release(s), text, len);
}

static int take_rights(struct msghdr *msg)
{
    int fd = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof(fd)))
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

int give_receive(int from, char *text, size_t size, size_t *len, int *fd)
{
    union rights rights;
    struct iovec area = {text, size};
    struct msghdr msg = {.msg_iov = &area,
                         .msg_iovlen = 1,
                         .msg_control = &rights,
                         .msg_controllen = sizeof(rights.room)};
    ssize_t n;

    do
        n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -ECONNRESET;
    *len = (size_t)n;
    *fd = take_rights(&msg);
    return *fd < 0 ? -EBADMSG : 0;
}
