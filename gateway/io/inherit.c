#include "gateway/io/inherit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#define FIRST_FD 3 /* sd_listen_fds(3) */

static unsigned long number_from(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : 0;
}

void inherit_init(struct inherit *in)
{
    *in = (struct inherit){0};
    unsigned long count = number_from("LISTEN_FDS");
    bool ours = number_from("LISTEN_PID") == (unsigned long)getpid();
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    if (!ours)
        return;
    for (unsigned long i = 0; i < count && i < INHERIT_MAX; i++) {
        int fd = FIRST_FD + (int)i;
        /* An ordinary descriptor of ours from here on: nonblocking, and not for our children. */
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            continue;
        in->fd[in->count++] = fd;
    }
}

void inherit_deinit(struct inherit *in)
{
    for (size_t i = 0; i < in->count; i++)
        (void)close(in->fd[i]);
    in->count = 0;
}

static int option(int fd, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

static int take(struct inherit *in, size_t i)
{
    int fd = in->fd[i];
    in->fd[i] = in->fd[--in->count];
    return fd;
}

static bool fits(int fd, int type)
{
    return option(fd, SO_TYPE) == type && (type == SOCK_DGRAM || option(fd, SO_ACCEPTCONN) == 1);
}

int inherit_take(struct inherit *in, const struct addr *local, int type)
{
    for (size_t i = 0; i < in->count; i++) {
        union {
            struct sockaddr sa;
            struct sockaddr_storage room;
        } name;
        socklen_t len = sizeof(name);
        if (!fits(in->fd[i], type) || getsockname(in->fd[i], &name.sa, &len) < 0)
            continue;
        struct addr bound = addr_from_sockaddr(&name.sa);
        if (!addr_is_none(&bound) && addr_equal(&bound, local))
            return take(in, i);
    }
    return -1;
}

int inherit_take_unix(struct inherit *in, const char *path)
{
    for (size_t i = 0; i < in->count; i++) {
        struct sockaddr_un name = {0};
        socklen_t len = sizeof(name);
        if (!fits(in->fd[i], SOCK_STREAM) ||
            getsockname(in->fd[i], (struct sockaddr *)&name, &len) < 0)
            continue;
        if (name.sun_family == AF_UNIX && len <= sizeof(name) &&
            strncmp(name.sun_path, path, sizeof(name.sun_path)) == 0)
            return take(in, i);
    }
    return -1;
}
