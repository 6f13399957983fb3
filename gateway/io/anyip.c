#include "gateway/io/anyip.h"

#include <string.h>
#include <unistd.h>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char LOOPBACK[] = "lo";

/* linux/netfilter_ipv4.h, which does not go together with netinet/in.h everywhere. */
enum { ORIGINAL_DST = 80 };

/* The kernel lets us bind to any address when net.ipv4.ip_nonlocal_bind is set, so that does not
 * tell. But whoever sends to an address of his own does so from that very address. */
bool anyip_is_local(const struct addr *at)
{
    struct addr to = *at, from = {0};
    socklen_t len = sizeof(from);
    int fd = socket(to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    addr_set_port(&to, 9);
    bool found = connect(fd, &to.sa, addr_len(&to)) == 0 && getsockname(fd, &from.sa, &len) == 0;
    (void)close(fd);
    return found && addr_same_ip(&from, &to);
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
