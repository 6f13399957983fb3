#include "gateway/names_host.h"

#include <stdio.h>
#include <string.h>

#include "gateway/io/local_probe.h"
#include "gateway/io/port_holders.h"
#include "gateway/io/system_folder.h"

static int lookup(void *arg, const char *name, struct addr *out)
{
    (void)arg;
    return local_probe_lookup(name, out);
}

static int ask(void *arg, const struct addr *server, const uint8_t *query, size_t len,
               uint8_t *answer, size_t max)
{
    (void)arg;
    return local_probe_ask(server, query, len, answer, max);
}

static int http_get(void *arg, const struct addr *server, const char *path)
{
    (void)arg;
    return local_probe_http(server, path);
}

static size_t holders(void *arg, uint16_t port, bool udp, struct names_holder *out, size_t max)
{
    struct port_holder found[NAMES_HOLDERS_MAX];
    (void)arg;

    size_t count =
        port_holders(port, udp, found, max < NAMES_HOLDERS_MAX ? max : NAMES_HOLDERS_MAX);
    for (size_t i = 0; i < count; i++) {
        out[i].at = found[i].at;
        out[i].pid = found[i].pid;
        (void)snprintf(out[i].program, sizeof(out[i].program), "%s", found[i].program);
    }
    return count;
}

static char *list(void *arg, const char *folder)
{
    (void)arg;
    return system_list_folder(folder);
}

struct names_host names_host_machine(void)
{
    return (struct names_host){
        .lookup = lookup, .ask = ask, .http_get = http_get, .holders = holders, .list = list};
}
