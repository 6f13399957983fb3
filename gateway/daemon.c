#include "gateway/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/apply.h"
#include "gateway/base/log.h"
#include "gateway/daemon_parts.h"
#include "gateway/io/accounts.h"
#include "gateway/io/links.h"
#include "gateway/io/process.h"

/* Services that were shared for a time are looked at when that is over, and at least this often:
 * the wall clock may be set. */
#define EXPIRE_EVERY SEC(30)

/* Edits of the registry take moments. */
#define EDIT_WAIT_MS 5000

/* ---- the parts, in the order in which they are built ---- */

static const char *config_name(const struct cli_daemon *o)
{
    return strcmp(o->config, "-") == 0 ? "standard input" : o->config;
}

int daemon_fill_users(struct daemon *d, const struct settings *s, char *why, size_t why_len)
{
    const struct name_list *names = &s->local_users;

    struct local_users users = {.count = 0};

    for (size_t i = 0; i < names->count; i++) {
        uint32_t uid = accounts_own_uid();
        if (strcmp(names->at[i], "*") == 0) {
            users.any = true;
            continue;
        }
        if (strcmp(names->at[i], "same") != 0 && accounts_uid(names->at[i], &uid) < 0) {
            (void)snprintf(why, why_len, "%s:%d: users: there is no user %s here",
                           config_name(d->options), s->line[SET_local_users], names->at[i]);
            return -ENOENT;
        }
        if (users.count == LOCAL_USERS_MAX) {
            (void)snprintf(why, why_len, "%s:%d: users: at most %d", config_name(d->options),
                           s->line[SET_local_users], LOCAL_USERS_MAX);
            return -ENOSPC;
        }
        users.uid[users.count++] = uid;
    }
    d->users = users;
    return 0;
}

static int read_home(struct daemon *d, char *why, size_t why_len)
{
    const struct cli_daemon *o = d->options;
    char what[256] = "";
    int err = keys_load_or_make(&d->keys, d->env, what, sizeof(what));
    if (err == 0)
        err = registry_open(&d->registry, d->env, what, sizeof(what));
    if (err < 0) {
        (void)snprintf(why, why_len, "%s/%s", o->home, what);
        return err;
    }
    return settings_apply(o->settings, NULL, d->registry, config_name(o), why, why_len);
}

/* A command line may be editing the registry, having found no gateway; what it writes counts. */
static int open_registry(struct daemon *d, char *why, size_t why_len)
{
    int edit = home_edit_begin(machine_home(d->machine), EDIT_WAIT_MS);

    if (edit < 0) {
        (void)snprintf(why, why_len, "%s: %s", d->options->home, strerror(-edit));
        return edit;
    }
    int err = read_home(d, why, why_len);
    home_edit_end(edit);
    return err;
}

/* Names of relays and of the DHT's first nodes are never asked of our own DNS server, which may be
 * the system's. */
static int set_name_servers(struct daemon *d, char *why, size_t why_len)
{
    const struct settings *s = d->options->settings;
    char servers[OPTION_ADDRS_MAX * ADDR_TEXT_MAX] = "", text[ADDR_TEXT_MAX];
    size_t len = 0;

    for (size_t i = 0; i < s->dns_upstream.count; i++)
        len += (size_t)snprintf(servers + len, sizeof(servers) - len, "%s%s", i > 0 ? "," : "",
                                addr_print(&s->dns_upstream.at[i], text));
    int err = machine_set_name_servers(d->machine, servers, s->dns_listen.at, s->dns_listen.count);
    if (err < 0)
        (void)snprintf(why, why_len, "%s", strerror(-err));
    return err;
}

static int start_node(struct daemon *d, char *why, size_t why_len)
{
    struct node_options options;

    settings_node_options(d->options->settings, OVERLAY_VERSION, &options);
    options.home = d->options->home;
    if (!accounts_own_name(options.invite_name, sizeof(options.invite_name)))
        options.invite_name[0] = '\0';
    int err = node_new(&d->node, d->env, d->registry, &d->keys, &options);
    if (err < 0) {
        (void)snprintf(why, why_len, "%s", strerror(-err));
        return err;
    }
    const struct access_lists access = settings_access(d->options->settings);
    err = node_set_access(d->node, &access);
    if (err < 0) {
        (void)snprintf(why, why_len, "%s", strerror(-err));
        return err;
    }
    return node_start(d->node, why, why_len);
}

static int start_server_adapter(struct daemon *d, char *why, size_t why_len)
{
    daemon_fill_doors(d);
    int err = server_adapter_new(&d->server, d->node, &d->lookup, &d->own);
    if (err < 0)
        (void)snprintf(why, why_len, "server adapter: %s", strerror(-err));
    else
        server_adapter_limit(d->server, process_descriptors());
    return err;
}

static int start_ports(struct daemon *d, char *why, size_t why_len)
{
    const struct ports_options options = {
        .node = d->node,
        .users = &d->users,
        .suffix = d->suffix,
    };
    int err = ports_new(&d->ports, &options);
    if (err < 0)
        (void)snprintf(why, why_len, "local ports: %s", strerror(-err));
    else
        ports_set_pool(d->ports, d->pool);
    joins_init(&d->joins, d->env);
    return err;
}

bool daemon_owns_port(void *arg, const struct addr *at, const struct peer_id *peer)
{
    struct daemon *d = arg;
    return ports_belongs_to(d->ports, at, peer);
}

static int start_proxy(struct daemon *d, char *why, size_t why_len)
{
    const struct settings *s = d->options->settings;
    struct proxy_options options = {
        .node = d->node,
        .users = &d->users,
        .suffix = d->suffix,
        .configured = settings_is_set(s, SET_proxy_listen),
        .owns_port = daemon_owns_port,
        .owns_arg = d,
        .pool = d->pool,
        .web = &d->web,
    };
    daemon_fill_web(d);
    for (size_t i = 0; i < s->proxy_listen.count && i < PROXY_LISTEN_MAX; i++)
        options.listen[i] = s->proxy_listen.at[i];
    int err = proxy_new(&d->proxy, &options, why, why_len);
    if (err < 0)
        return err;
    ports_set_proxy_port(d->ports, proxy_port(d->proxy));
    ports_set_https(d->ports, daemon_has_https, d);
    daemon_start_trust(d);
    return 0;
}

static int start_dns(struct daemon *d, char *why, size_t why_len)
{
    const struct settings *s = d->options->settings;
    struct dns_server_options options = {.listen_configured = settings_is_set(s, SET_dns_listen),
                                         .pool = d->pool,
                                         .https = daemon_has_https,
                                         .https_arg = d,
                                         .names_socket = s->setup_names_socket};

    (void)snprintf(options.suffix, sizeof(options.suffix), "%s", s->dns_suffix);
    for (size_t i = 0; i < s->dns_listen.count && i < DNS_LISTEN_MAX; i++)
        options.listen[i] = s->dns_listen.at[i];
    for (size_t i = 0; s->dns_forward && i < s->dns_upstream.count && i < DNS_UPSTREAM_MAX; i++)
        options.upstream[i] = s->dns_upstream.at[i];
    return dns_server_new(&d->dns, d->node, &options, why, why_len);
}

static int start_control(struct daemon *d, char *why, size_t why_len)
{
    const struct control_options options = {
        .home = d->options->home,
        .version = OVERLAY_VERSION,
        .suffix = d->suffix,
        .pid = process_id(),
    };
    daemon_fill_services(d);
    int err = control_server_new(&d->control, d->node, &d->services, &options);
    if (err < 0)
        (void)snprintf(why, why_len, "%s/%s: %s", d->options->home, CONTROL_SOCKET, strerror(-err));
    return err;
}

/* ---- what happens while it runs ---- */

static void on_stopped(void *arg)
{
    struct daemon *d = arg;
    io_loop_stop(machine_loop(d->machine));
}

void daemon_stop(struct daemon *d)
{
    if (d->stopping)
        return;
    d->stopping = true;
    process_notify("STOPPING=1");
    node_stop(d->node, on_stopped, d);
}

static void on_signal(void *arg, int number)
{
    struct daemon *d = arg;
    char why[512] = "";

    if (number != SIGHUP) {
        daemon_stop(d);
        return;
    }
    process_notify_reloading();
    if (daemon_reload(d, why, sizeof(why)) < 0)
        log_error(LOG_CONFIG, "nothing was changed: %s", why);
    else
        log_info(LOG_CONFIG, "the configuration was read again%s%s", *why ? "; " : "", why);
    process_notify("READY=1");
}

static void on_network(void *arg)
{
    struct daemon *d = arg;
    node_network_changed(d->node);
    pool_doors_look(d->pool_doors);
    dns_server_look(d->dns);
}

static void on_wake(void *arg, instant slept)
{
    struct daemon *d = arg;
    log_info(LOG_GATEWAY, "this machine slept for %llu s", (unsigned long long)(slept / SEC(1)));
    node_slept(d->node, slept);
}

static void on_expire(struct timer *timer)
{
    struct daemon *d = container_of(timer, struct daemon, expire);

    if (registry_expire(d->registry, env_wall_us(d->env))) {
        if (registry_save(d->registry) < 0)
            log_warn(LOG_CONFIG, "the registry could not be saved");
        node_registry_changed(d->node);
    }
    daemon_watch_expiry(d);
}

/* No timer runs while nothing was shared for a time. */
void daemon_watch_expiry(struct daemon *d)
{
    const int64_t wall_us = env_wall_us(d->env);
    instant wait = INSTANT_NEVER;
    size_t count = registry_service_count(d->registry);

    for (size_t i = 0; i < count; i++) {
        const int64_t expires_us = registry_service_at(d->registry, i)->expires_us;
        if (expires_us == 0)
            continue;
        int64_t left_ms = (expires_us - wall_us) / 1000;
        instant left = left_ms < 0 ? 0 : MSEC((instant)left_ms + 1);
        if (left_ms > (int64_t)(EXPIRE_EVERY / MSEC(1)))
            left = EXPIRE_EVERY;
        if (left < wait)
            wait = left;
    }
    timer_set(d->env, &d->expire, wait == INSTANT_NEVER ? wait : env_now(d->env) + wait);
}

static void on_node_changed(struct node_watch *watch, const struct peer_id *peer)
{
    struct daemon *d = container_of(watch, struct daemon, watch);

    if (peer)
        pool_doors_peer(d->pool_doors, peer);
    else
        daemon_watch_expiry(d);
}

/* ---- all of it ---- */

static int build(struct daemon *d, char *why, size_t why_len)
{
    int (*const parts[])(struct daemon *, char *, size_t) = {
        open_registry,     set_name_servers, start_node,        start_server_adapter,
        daemon_start_pool, start_ports,      start_proxy,       daemon_open_pool,
        start_dns,         start_control,    daemon_start_page, daemon_start_metrics,
    };
    int err = daemon_fill_users(d, d->options->settings, why, why_len);

    for (size_t i = 0; err == 0 && i < sizeof(parts) / sizeof(*parts); i++)
        err = parts[i](d, why, why_len);
    if (err < 0)
        return err;
    ports_restore(d->ports);
    node_registry_changed(d->node);
    d->watch.changed = on_node_changed;
    node_watch(d->node, &d->watch);
    d->expire.fire = on_expire;
    daemon_watch_expiry(d);
    return 0;
}

static void take_apart(struct daemon *d)
{
    metrics_free(d->metrics);
    page_desk_free(d->page);
    d->page = NULL;
    control_server_free(d->control);
    dns_server_free(d->dns);
    pool_doors_free(d->pool_doors);
    proxy_free(d->proxy);
    daemon_stop_trust(d);
    if (d->joins.env)
        joins_deinit(&d->joins);
    ports_free(d->ports);
    server_adapter_free(d->server);
    resolver_free(d->resolver);
    timer_stop(d->env, &d->expire);
    node_unwatch(&d->watch);
    node_free(d->node);
    pool_free(d->pool);
    registry_free(d->registry);
    keys_wipe(&d->keys);
    settings_deinit(&d->started);
    free(d->control_path);
}

static int watch_machine(struct daemon *d, char *why, size_t why_len)
{
    struct io_loop *loop = machine_loop(d->machine);
    int err = process_signals_start(&d->signals, loop, on_signal, d);

    if (err == 0)
        err = links_watch(&d->links, loop, on_network, d);
    if (err == 0)
        err = jump_watch(&d->jump, loop, on_wake, d);
    if (err == 0 && !d->options->foreground)
        err = watchdog_start(&d->watchdog, loop);
    if (err < 0)
        (void)snprintf(why, why_len, "signals, interfaces and clocks: %s", strerror(-err));
    return err;
}

static void unwatch_machine(struct daemon *d)
{
    watchdog_free(d->watchdog);
    jump_free(d->jump);
    links_free(d->links);
    process_signals_stop(d->signals);
}

static void tell_ready(struct daemon *d)
{
    char id[PEER_ID_TEXT_MAX], proxy[ADDR_TEXT_MAX] = "nowhere", dns[ADDR_TEXT_MAX] = "nowhere";
    struct addr at;

    if (proxy_listens(d->proxy, &at, 1) > 0)
        addr_print(&at, proxy);
    if (dns_server_addresses(d->dns, &at, 1) > 0)
        addr_print(&at, dns);
    log_info(LOG_GATEWAY, "ready: %s, proxy on %s, DNS on %s", peer_id_print(&d->keys.id, id),
             proxy, dns);
}

static int run(struct daemon *d, char *why, size_t why_len)
{
    int err = build(d, why, why_len);

    if (err == 0)
        err = watch_machine(d, why, why_len);
    if (err == 0) {
        tell_ready(d);
        process_notify("READY=1");
        if (d->options->ready)
            d->options->ready(d->options->ready_arg);
        io_loop_run(machine_loop(d->machine));
    }
    unwatch_machine(d);
    take_apart(d);
    return err;
}

int daemon_run(struct machine *machine, const struct cli_daemon *options, struct log_ring *log,
               char *why, size_t why_len)
{
    struct daemon d = {
        .machine = machine, .env = machine_env(machine), .options = options, .log = log};

    why[0] = '\0';
    (void)snprintf(d.suffix, sizeof(d.suffix), "%s", options->settings->dns_suffix);
    if (asprintf(&d.control_path, "%s/%s", options->home, CONTROL_SOCKET) < 0) {
        (void)snprintf(why, why_len, "%s", strerror(ENOMEM));
        return -ENOMEM;
    }
    return run(&d, why, why_len);
}
