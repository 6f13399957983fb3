#include "gateway/node/kept_port.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"

void kept_port_begin(struct kept_port *k, struct env *env, const char *file, bool on)
{
    uint8_t *data = NULL;
    size_t len = 0;

    *k = (struct kept_port){.env = env, .file = file, .on = on};
    if (!on)
        return;
    if (env_load(env, file, &data, &len) == 0 && len > 0 && data[len - 1] == '\n')
        len--;
    /* The port of the last run is a convenience: anything unreadable means any port. */
    if (data && text_parse_u16(&k->last, (const char *)data, len) < 0)
        k->last = 0;
    free(data);
}

struct addr kept_port_wish(const struct kept_port *k, const struct addr *wanted)
{
    struct addr at = *wanted;

    if (addr_port(wanted) == 0)
        addr_set_port(&at, k->port != 0 ? k->port : k->last);
    return at;
}

void kept_port_took(struct kept_port *k, const struct addr *wanted, const struct addr *local)
{
    if (addr_port(wanted) == 0 && k->port == 0)
        k->port = addr_port(local);
}

void kept_port_end(const struct kept_port *k)
{
    char text[8];

    if (!k->on || k->port == 0 || k->port == k->last)
        return;
    int len = snprintf(text, sizeof(text), "%u\n", k->port);
    if (env_save(k->env, k->file, (const uint8_t *)text, (size_t)len) < 0)
        log_warn(LOG_GATEWAY, "%s could not be saved: the UDP port may change at the next start",
                 k->file);
}
