#include "adapters/serve_parts.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/log.h"

void serve_use_init(struct serve_use *use, struct serve_parts *parts, const struct peer_id *peer,
                    const struct service *service)
{
    use->parts = parts;
    use->peer = *peer;
    memcpy(use->service, service->name, sizeof(use->service));
    struct service *counted = serve_use_service(parts, use);
    if (counted)
        counted->connections++;
}

struct service *serve_use_service(struct serve_parts *parts, const struct serve_use *use)
{
    return registry_service(node_registry(parts->node), use->service);
}

void serve_use_count(const struct serve_use *use, size_t rx, size_t tx)
{
    struct service *s = serve_use_service(use->parts, use);
    if (!s)
        return;
    s->rx_bytes += rx;
    s->tx_bytes += tx;
}

struct serve_use *serve_find_doomed(struct serve_parts *parts, struct list *uses,
                                    serve_doomed doomed)
{
    list_each(node, uses)
    {
        struct serve_use *use = list_entry(node, struct serve_use, link);
        if (doomed(parts, use))
            return use;
    }
    return NULL;
}

enum preamble_status serve_status(int err, const char **reason)
{
    switch (-err) {
    case ETIMEDOUT:
        *reason = "the service's program did not answer in time";
        return PREAMBLE_TIMED_OUT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL: /* no local port is left */
    case EBUSY:
        *reason = "the gateway has too many connections";
        return PREAMBLE_BUSY;
    case EPERM:
    case EINVAL:
        *reason = "the service points where it may not";
        return PREAMBLE_REFUSED;
    case ECONNREFUSED:
    case ENOENT:
        *reason = "the service's program is not running: connection refused";
        return PREAMBLE_REFUSED;
    default:
        *reason = "the service's program cannot be reached";
        return PREAMBLE_REFUSED;
    }
}

void serve_log(const struct serve_use *use, const char *reason)
{
    char id[9];
    log_info(LOG_SERVE, "%s: %s: %s", peer_id_short(&use->peer, id), use->service, reason);
}
