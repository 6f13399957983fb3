#include "gateway/io/accounts.h"

#include <errno.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint32_t accounts_own_uid(void)
{
    return (uint32_t)getuid();
}

bool accounts_own_name(char *out, size_t len)
{
    const struct passwd *entry = getuid() != 0 ? getpwuid(getuid()) : NULL;

    out[0] = '\0';
    return entry && snprintf(out, len, "%s", entry->pw_name) < (int)len && out[0] != '\0';
}

int accounts_uid(const char *name, uint32_t *uid)
{
    const struct passwd *entry = getpwnam(name);
    if (!entry)
        return -ENOENT;
    *uid = entry->pw_uid;
    return 0;
}

char *accounts_home(const char *name)
{
    const struct passwd *entry = getpwnam(name);
    return entry ? strdup(entry->pw_dir) : NULL;
}

const char *accounts_port_name(uint16_t port, bool udp)
{
    const struct servent *entry = getservbyport(htons(port), udp ? "udp" : "tcp");
    return entry ? entry->s_name : NULL;
}
