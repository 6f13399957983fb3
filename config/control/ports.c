#include "config/control/ports.h"

#include <stdlib.h>

#include "config/control/lookup.h"
#include "gateway/node/names.h"

struct port_list ports_of(struct command_context *c, const struct peer_id *peer)
{
    struct port_list list = {NULL, 0};
    size_t count = c->services->list_ports(c->services->arg, NULL, 0), kept = 0;

    if (count == 0)
        return list;
    list.at = calloc(count, sizeof(*list.at));
    if (!list.at)
        return list;
    size_t filled = c->services->list_ports(c->services->arg, list.at, count);
    list.count = filled < count ? filled : count;
    for (size_t i = 0; i < list.count; i++)
        if (!peer || peer_id_equal(&list.at[i].peer, peer))
            list.at[kept++] = list.at[i];
    list.count = kept;
    return list;
}

static json_t *url_json(const struct control_port *p)
{
    return protocol_text(*p->url ? p->url : NULL);
}

static json_t *first_listen(const struct control_port *p)
{
    return addr_json(&p->listen[0]);
}

json_t *port_json(struct command_context *c, const struct control_port *p)
{
    char id[PEER_LABEL_MAX + PREAMBLE_NAME_MAX + 1], name[NAMES_HOST_MAX + 1] = "";
    char label[PEER_LABEL_MAX];

    if (c->node)
        (void)names_write(c->node, c->suffix, &p->peer, p->service, name, sizeof(name));
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "service",
                     protocol_text(p->service), "proto", proto_name(p->proto), "listen",
                     first_listen(p), "url", url_json(p), "id",
                     protocol_text(place_id(c, &p->peer, p->service, id)), "name",
                     protocol_text(name), "peer", protocol_text(peer_label(c, &p->peer, label)),
                     "peer_id", id_json(&p->peer), "listening", p->listening);
}

json_t *port_status_json(const struct control_port *p)
{
    json_t *listen = json_array();

    for (size_t i = 0; i < sizeof(p->listen) / sizeof(p->listen[0]); i++)
        if (!addr_is_none(&p->listen[i]))
            (void)json_array_append_new(listen, addr_json(&p->listen[i]));
    return json_pack("{s:o, s:s, s:o, s:o}", "service", protocol_text(p->service), "proto",
                     proto_name(p->proto), "listen", listen, "url", url_json(p));
}
