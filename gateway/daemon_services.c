/* What control commands ask of the program: local ports, the configuration, its end. */
#include "gateway/daemon_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/serve_target.h"
#include "config/control/apply.h"
#include "config/settings/parse.h"
#include "gateway/base/log.h"
#include "gateway/crypto/secret.h"
#include "gateway/io/accounts.h"
#include "gateway/io/file.h"

/* ---- local ports ---- */

static void show_port(const struct ports_view *view, struct control_port *out)
{
    *out = (struct control_port){
        .peer = view->peer,
        .remote_port = view->remote_port,
        .proto = view->proto,
        .listening = view->listening,
    };
    memcpy(out->service, view->service, sizeof(out->service));
    memcpy(out->url, view->url, sizeof(out->url));
    out->listen[0] = view->listen;
}

static int open_port(void *arg, const struct control_open *what, struct control_port *out,
                     char *why, size_t why_len)
{
    struct daemon *d = arg;
    const struct ports_request request = {
        .peer = what->peer,
        .service = what->service,
        .remote_port = what->remote_port,
        .proto = what->proto,
        .raw = what->raw,
        .at = what->at,
    };
    struct ports_view view;
    int err = ports_open(d->ports, &request, &view, why, why_len);
    if (err < 0)
        return err;
    show_port(&view, out);
    node_registry_changed(d->node);
    return 0;
}

static int close_port(void *arg, const struct peer_id *peer, const char *service)
{
    struct daemon *d = arg;
    int err = ports_close(d->ports, peer, service);
    if (err == 0)
        node_registry_changed(d->node);
    return err;
}

static size_t list_ports(void *arg, struct control_port *out, size_t max)
{
    struct daemon *d = arg;
    struct ports_view *views = calloc(max + 1, sizeof(*views));
    if (!views)
        return 0;
    size_t count = ports_list(d->ports, views, max);
    for (size_t i = 0; i < count && i < max; i++)
        show_port(&views[i], &out[i]);
    free(views);
    return count;
}

static int join(void *arg, struct sock *sock, const uint8_t *early, size_t len, struct pipe *pipe,
                uint64_t id)
{
    struct daemon *d = arg;
    return joins_add(&d->joins, sock, early, len, pipe, id);
}

static bool join_broke_off(void *arg, uint64_t id)
{
    struct daemon *d = arg;
    return joins_broke_off(&d->joins, id);
}

/* ---- the configuration ---- */

static int parse_file(const char *path, bool optional, struct settings *s, char *why,
                      size_t why_len)
{
    auto_free uint8_t *text = NULL;
    size_t len = 0;
    int err = file_load(path, &text, &len);

    if (err < 0 && !(err == -ENOENT && optional)) {
        (void)snprintf(why, why_len, "%s: %s", path, strerror(-err));
        return err;
    }
    err = settings_init(s);
    if (err < 0)
        return err;
    return settings_parse(s, path, text ? (const char *)text : "", len, why, why_len);
}

/* Services, peers, lists of addresses and local users take effect at once; the rest at the next
 * start, which `why` says. */
static int apply(struct daemon *d, struct settings *fresh, char *why, size_t why_len)
{
    struct settings *current = d->options->settings;
    struct local_users users = d->users;
    int err = daemon_fill_users(d, fresh, why, why_len);

    if (err == 0)
        err = settings_apply(fresh, current, d->registry, d->options->config, why, why_len);
    if (err < 0) {
        d->users = users;
        return err;
    }
    (void)settings_later(d->reread ? &d->started : current, fresh, why, why_len);
    struct settings *old = d->reread ? fresh : &d->started;
    const struct settings next = *fresh;
    memset(fresh, 0, sizeof(*fresh));
    *old = *current;
    *current = next;
    d->reread = true;
    const struct access_lists access = settings_access(current);
    if (node_set_access(d->node, &access) < 0)
        log_error(LOG_CONFIG, "no memory for the lists of addresses: the old ones stay");
    node_registry_changed(d->node);
    pool_doors_look(d->pool_doors);
    return 0;
}

int daemon_reload(struct daemon *d, char *why, size_t why_len)
{
    const char *path = d->options->config;
    struct settings fresh = {0};

    if (strcmp(path, "-") == 0) {
        (void)snprintf(why, why_len, "the configuration came from standard input");
        return -ENOENT;
    }
    int err = parse_file(path, d->options->config_optional, &fresh, why, why_len);
    if (err == 0)
        err = apply(d, &fresh, why, why_len);
    settings_deinit(&fresh);
    return err;
}

static int reload(void *arg, char *why, size_t why_len)
{
    return daemon_reload(arg, why, why_len);
}

/* ---- the rest ---- */

static void stop(void *arg)
{
    daemon_stop(arg);
}

static bool is_own_door(void *arg, const struct service *s)
{
    struct daemon *d = arg;
    struct serve_target target;

    if (serve_target_read(&target, s) < 0)
        return false; /* never dialled either */
    if (target.kind == SERVE_UNIX)
        return d->own.is_path(d->own.arg, target.path);
    for (size_t i = 0; i < target.count; i++)
        if (d->own.is_address(d->own.arg, &target.address[i]))
            return true;
    return false;
}

static const char *port_name(void *arg, uint16_t port, bool udp)
{
    (void)arg;
    return accounts_port_name(port, udp);
}

static size_t dns_listens(void *arg, struct addr *out, size_t max)
{
    struct daemon *d = arg;
    return dns_server_addresses(d->dns, out, max);
}

static size_t proxy_bound(void *arg, struct addr *out, size_t max)
{
    struct daemon *d = arg;
    return proxy_listens(d->proxy, out, max);
}

static void page_link(void *arg, char *out, size_t max)
{
    struct daemon *d = arg;
    char link[PROXY_LINK_MAX];
    proxy_web_link(d->proxy, link);
    (void)snprintf(out, max, "%s", link);
    secret_wipe(link, sizeof(link));
}

/* ---- all of it ---- */

void daemon_fill_services(struct daemon *d)
{
    d->services = (struct control_services){
        .arg = d,
        .log = d->log,
        .open_port = open_port,
        .close_port = close_port,
        .list_ports = list_ports,
        .join = join,
        .join_broke_off = join_broke_off,
        .reload = reload,
        .stop = stop,
        .is_own_door = is_own_door,
        .port_name = port_name,
        .pool = daemon_show_pool,
        .pool_address = daemon_pool_address,
        .dns_listens = dns_listens,
        .proxy_listens = proxy_bound,
        .page_link = page_link,
    };
    daemon_fill_trust(d);
}
