#include "config/control/apply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/settings/stun_server.h"
#include "config/settings/target.h"

struct applying {
    const struct settings *settings;
    struct registry *registry;
    const char *file;
    char *why;
    size_t why_len;
};

static int complain(struct applying *a, int line, const char *format, ...) PRINTF_LIKE(3, 4);

static int complain(struct applying *a, int line, const char *format, ...)
{
    char what[300];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    (void)snprintf(a->why, a->why_len, "%s:%d: %s", a->file, line, what);
    return -EBADMSG;
}

static enum lan_mode lan_of(const struct settings *s)
{
    switch ((enum settings_lan)s->lan_mode) {
    case SETTINGS_LAN_PRIVATE:
        return LAN_PRIVATE;
    case SETTINGS_LAN_PUBLIC:
        return LAN_PUBLIC;
    case SETTINGS_LAN_OFF:
        return LAN_OFF;
    }
    return LAN_PRIVATE;
}

/* Who comes to an open relay is a stranger, and those get three quarters of the places. */
#define OPEN_RELAY_PEERS 4096

static void set_dht(const struct settings *s, struct node_options *out)
{
    static const enum node_dht MODE[] = {
        [SETTINGS_DHT_ADAPTIVE] = NODE_DHT_ADAPTIVE,
        [SETTINGS_DHT_CLIENT] = NODE_DHT_CLIENT,
        [SETTINGS_DHT_SERVER] = NODE_DHT_SERVER,
        [SETTINGS_DHT_OFF] = NODE_DHT_OFF,
    };
    struct stun_server host;

    out->dht = MODE[s->dht_mode];
    out->no_dht_mailbox = !s->dht_mailbox;
    out->publish_addresses = s->gateway_publish_addresses;
    out->peer_exchange = s->gateway_peer_exchange;
    for (size_t i = 0; i < s->dht_listen.count && i < NODE_DHT_LISTEN_MAX; i++)
        out->dht_listen[i] = s->dht_listen.at[i];
    for (size_t i = 0; i < s->dht_bootstrap.count && i < NODE_BOOTSTRAP_MAX; i++) {
        if (stun_server_parse(&host, s->dht_bootstrap.at[i]) < 0)
            continue; /* judged when it was read */
        memcpy(out->dht_bootstrap[i].host, host.host, sizeof(out->dht_bootstrap[i].host));
        out->dht_bootstrap[i].port = host.port;
    }
}

static void set_pkarr_relays(const struct settings *s, struct node_options *out)
{
    for (size_t i = 0; i < s->dht_relays.count && i < NODE_PKARR_MAX; i++)
        memcpy(out->pkarr_relay[i], s->dht_relays.at[i], sizeof(out->pkarr_relay[i]));
}

static enum relay_serve serve_of(const struct settings *s)
{
    switch (s->relay_serve) {
    case SETTINGS_RELAY_FRIENDS:
        return RELAY_SERVE_FRIENDS;
    case SETTINGS_RELAY_OPEN:
        return RELAY_SERVE_OPEN;
    default:
        return RELAY_SERVE_OFF;
    }
}

/* What a NAT does to UDP is asked by UDP, what it does to TCP by TCP; TLS is for `overlay
 * stun-test`.
 */
static void set_stun(const struct settings *s, struct node_options *out)
{
    struct stun_server server;
    size_t count = 0;

    for (size_t i = 0; i < s->stun_servers.count && count < NODE_STUN_MAX; i++) {
        if (stun_server_parse(&server, s->stun_servers.at[i]) < 0 ||
            server.transport == STUN_OVER_TLS)
            continue;
        out->stun[count].tcp = server.transport == STUN_OVER_TCP;
        (void)snprintf(out->stun[count].host, sizeof(out->stun[count].host), "%s", server.host);
        out->stun[count++].port = server.port;
    }
}

static void set_turn(const struct settings *s, struct node_options *out)
{
    static const enum node_transport TRANSPORT[] = {
        [STUN_OVER_UDP] = NODE_OVER_UDP,
        [STUN_OVER_TCP] = NODE_OVER_TCP,
        [STUN_OVER_TLS] = NODE_OVER_TLS,
    };
    struct stun_server server;
    size_t count = 0;

    for (size_t i = 0; i < s->turn_use.count && count < NODE_TURN_MAX; i++) {
        if (stun_server_parse(&server, s->turn_use.at[i]) < 0)
            continue; /* judged when it was read */
        struct node_turn *turn = &out->turn[count++];
        (void)snprintf(turn->host, sizeof(turn->host), "%s", server.host);
        turn->port = server.port;
        turn->transport = TRANSPORT[server.transport];
    }
    (void)snprintf(out->turn_user, sizeof(out->turn_user), "%s", s->turn_username);
    (void)snprintf(out->turn_password, sizeof(out->turn_password), "%s", s->turn_password);
    (void)snprintf(out->turn_ca, sizeof(out->turn_ca), "%s", s->turn_ca);
    (void)snprintf(out->turn_secret, sizeof(out->turn_secret), "%s", s->turn_secret);
}

static void set_mail(const struct settings *s, struct node_mail *out)
{
    const char *from = s->mail_from[0] ? s->mail_from : s->mail_user;

    (void)snprintf(out->smtp, sizeof(out->smtp), "%s", s->mail_smtp);
    (void)snprintf(out->imap, sizeof(out->imap), "%s", s->mail_imap);
    (void)snprintf(out->user, sizeof(out->user), "%s", s->mail_user);
    (void)snprintf(out->password_file, sizeof(out->password_file), "%s", s->mail_password_file);
    (void)snprintf(out->from, sizeof(out->from), "%s", from);
    (void)snprintf(out->ca, sizeof(out->ca), "%s", s->mail_ca);
    out->poll_s = (unsigned)s->mail_poll_s;
}

void settings_node_options(const struct settings *s, const char *version, struct node_options *out)
{
    const size_t max = sizeof(out->listen) / sizeof(out->listen[0]);

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < s->gateway_listen.count && i < max; i++)
        out->listen[i] = s->gateway_listen.at[i];
    for (size_t i = 0; i < s->relay_tls_listen.count && i < NODE_TLS_LISTEN_MAX; i++)
        out->tls_listen[i] = s->relay_tls_listen.at[i];
    out->tcp = s->gateway_tcp;
    out->port_kept = s->gateway_port == SETTINGS_PORT_KEPT;
    (void)snprintf(out->network, sizeof(out->network), "%s", s->gateway_network);
    (void)snprintf(out->nickname, sizeof(out->nickname), "%s", s->gateway_nickname);
    (void)snprintf(out->version, sizeof(out->version), "%s", version);
    out->lan = lan_of(s);
    out->streams_per_peer = s->limits_streams_per_peer;
    out->rate = s->limits_rate;
    out->uplink = s->limits_uplink;
    out->udp_idle_s = (unsigned)s->limits_udp_idle_s;
    out->max_peers = (unsigned)s->limits_max_peers;
    out->block_abusers = s->limits_block_abusers;
    for (size_t i = 0; i < s->gateway_external.count && i < NODE_EXTERNAL_MAX; i++)
        out->external[i] = s->gateway_external.at[i];
    out->no_punching = s->punch_mode == SETTINGS_PUNCH_OFF;
    out->no_birthday = !s->punch_birthday;
    out->opener_ttl = (uint8_t)s->punch_opener_ttl;
    out->pwnat = s->punch_pwnat;
    out->relay_serve = serve_of(s);
    if (out->relay_serve == RELAY_SERVE_OPEN && !settings_is_set(s, SET_limits_max_peers))
        out->max_peers = OPEN_RELAY_PEERS;
    out->relay_rate = s->relay_rate;
    out->relay_daily = s->relay_daily;
    out->no_portmap = s->portmap_mode == SETTINGS_PORTMAP_OFF;
    for (size_t i = 0; i < s->relay_use.count && i < RELAY_USE_MAX; i++)
        (void)snprintf(out->relay_use[i], sizeof(out->relay_use[i]), "%s", s->relay_use.at[i]);
    set_dht(s, out);
    set_pkarr_relays(s, out);
    set_stun(s, out);
    set_turn(s, out);
    set_mail(s, &out->mail);
}

struct access_lists settings_access(const struct settings *s)
{
    return (struct access_lists){
        .allow = s->gateway_allow_from.at,
        .allow_count = s->gateway_allow_from.count,
        .block = s->gateway_block_from.at,
        .block_count = s->gateway_block_from.count,
    };
}

/* ---- check ---- */

static int check_peer(struct applying *a, const struct peer_settings *p)
{
    struct peer_id id;

    if (peer_id_parse(&id, p->id, strlen(p->id)) < 0)
        return complain(a, p->line, "[peer %s]: '%s' is not a peer id", p->alias, p->id);
    if (!registry_alias_ok(p->alias))
        return complain(a, p->line, "'%s' cannot be an alias", p->alias);
    for (size_t i = 0; i < p->relay.count; i++)
        if (!registry_relay_ok(p->relay.at[i]))
            return complain(a, p->line, "[peer %s]: '%s' is not PEER_ID@HOST:PORT", p->alias,
                            p->relay.at[i]);
    if (p->mail[0] && !registry_mail_ok(p->mail))
        return complain(a, p->line, "[peer %s]: '%s' is not a mail address", p->alias, p->mail);
    /* An id has one spelling, but for the letter case; to read each of a thousand for each other
     * one would take a minute. */
    for (const struct peer_settings *q = a->settings->peers; q < p; q++)
        if (strcasecmp(q->id, p->id) == 0)
            return complain(a, p->line, "[peer %s] has the id of [peer %s] on line %d", p->alias,
                            q->alias, q->line);
    return 0;
}

/** A name of an allow list: a [peer] of the file, a peer of the registry, or an id. */
static int find_peer(struct applying *a, const char *name, struct peer_id *out)
{
    const struct settings *s = a->settings;

    if (peer_id_parse(out, name, strlen(name)) == 0)
        return 0;
    for (size_t i = 0; i < s->peer_count; i++)
        if (strcmp(s->peers[i].alias, name) == 0)
            return peer_id_parse(out, s->peers[i].id, strlen(s->peers[i].id));
    const struct known_peer *known = registry_peer_by_alias(a->registry, name);
    if (!known || known->from_config)
        return -ENOENT;
    *out = known->id;
    return 0;
}

static int check_service(struct applying *a, const struct service_settings *s)
{
    struct share_target target;
    struct peer_id id;

    if (share_target_parse(&target, s->target) < 0 ||
        !registry_target_ok(target.text, target.off_host))
        return complain(a, s->line, "[service %s]: %s must not be shared", s->name, s->target);
    if (target.off_host && !s->off_host)
        return complain(a, s->line, "[service %s]: %s is another host; off_host = yes allows that",
                        s->name, s->target);
    if (s->proto != SETTINGS_TCP && strncmp(target.text, "unix:", 5) == 0)
        return complain(a, s->line, "[service %s]: a unix socket can be shared for TCP only",
                        s->name);
    if (s->proto == SETTINGS_UDP && (s->raw || s->proxy_protocol || s->peer_header))
        return complain(a, s->line,
                        "[service %s]: raw, proxy_protocol and peer_header are about TCP", s->name);
    if (s->proxy_protocol && s->peer_header)
        return complain(a, s->line,
                        "[service %s]: proxy_protocol and peer_header exclude each other", s->name);
    for (size_t i = 0; i < s->allow.count; i++)
        if (strcmp(s->allow.at[i], "*") != 0 && find_peer(a, s->allow.at[i], &id) < 0)
            return complain(a, s->line, "[service %s]: '%s' in 'allow' is no peer we know", s->name,
                            s->allow.at[i]);
    return 0;
}

static bool has_scheme(const char *url, const char *scheme)
{
    const size_t len = strlen(scheme);
    return !url[0] || (strncmp(url, scheme, len) == 0 &&
                       strncmp(url + len + (url[len] == 's'), "://", 3) == 0);
}

/* It would be in the log and in `overlay status` with the URL; and what comes before the name of
 * another server could look like this machine, to which mail goes without TLS. */
static bool names_user(const char *url)
{
    const char *host = strstr(url, "://"), *at = host ? strchr(host, '@') : NULL;
    return at && at < host + 3 + strcspn(host + 3, "/?#");
}

static int check_mail(struct applying *a)
{
    const struct settings *s = a->settings;
    const char *from = s->mail_from[0] ? s->mail_from : s->mail_user;

    if (names_user(s->mail_smtp) || names_user(s->mail_imap))
        return complain(a, s->line[names_user(s->mail_smtp) ? SET_mail_smtp : SET_mail_imap],
                        "[mail]: no name or password in a URL: see `user` and `password_file`");
    if (!has_scheme(s->mail_smtp, "smtp"))
        return complain(a, s->line[SET_mail_smtp], "smtp: '%s' is not smtp://HOST or smtps://HOST",
                        s->mail_smtp);
    if (!has_scheme(s->mail_imap, "imap"))
        return complain(a, s->line[SET_mail_imap], "imap: '%s' is not imap://HOST or imaps://HOST",
                        s->mail_imap);
    if (s->mail_smtp[0] && !registry_mail_ok(from))
        return complain(a, s->line[SET_mail_smtp], "[mail]: `from` must be our mail address");
    if (s->mail_user[0] && !s->mail_password_file[0])
        return complain(a, s->line[SET_mail_user], "[mail]: `user` needs `password_file`");
    return 0;
}

static int check(struct applying *a)
{
    int err = check_mail(a);

    for (size_t i = 0; err == 0 && i < a->settings->peer_count; i++)
        err = check_peer(a, &a->settings->peers[i]);
    for (size_t i = 0; err == 0 && i < a->settings->service_count; i++)
        err = check_service(a, &a->settings->services[i]);
    return err;
}

/* ---- change ---- */

static int put_peer(struct applying *a, const struct peer_settings *p)
{
    struct known_peer peer = {.from_config = true};

    if (peer_id_parse(&peer.id, p->id, strlen(p->id)) < 0) /* checked before */
        return -EBADMSG;
    (void)snprintf(peer.alias, sizeof(peer.alias), "%s", p->alias);
    for (size_t i = 0; i < p->address.count && i < PEER_ADDRESSES_MAX; i++)
        peer.address[i] = p->address.at[i];
    for (size_t i = 0; i < p->relay.count && i < PEER_RELAYS_MAX; i++)
        memcpy(peer.relay[i], p->relay.at[i], sizeof(peer.relay[i]));
    if (p->mail[0]) /* checked before */
        memcpy(peer.mail, p->mail, strlen(p->mail) + 1);
    int err = registry_peer_put_config(a->registry, &peer);
    if (err == -EEXIST)
        return complain(a, p->line, "'%s' is the alias of another peer already", p->alias);
    if (err < 0)
        return complain(a, p->line, "[peer %s]: %s", p->alias, strerror(-err));
    return 0;
}

static enum service_proto proto_of(unsigned proto)
{
    switch ((enum settings_proto)proto) {
    case SETTINGS_TCP:
        return SERVICE_TCP;
    case SETTINGS_UDP:
        return SERVICE_UDP;
    case SETTINGS_BOTH:
        return SERVICE_BOTH;
    }
    return SERVICE_TCP;
}

static void fill_service(struct applying *a, const struct service_settings *s, struct service *out)
{
    struct share_target target;

    if (share_target_parse(&target, s->target) < 0) /* checked before */
        return;
    (void)snprintf(out->name, sizeof(out->name), "%s", s->name);
    (void)snprintf(out->target, sizeof(out->target), "%s", target.text);
    out->proto = proto_of(s->proto);
    out->port = (uint16_t)(s->port ? s->port : target.port);
    out->raw = s->raw;
    out->proxy_protocol = s->proxy_protocol;
    out->peer_header = s->peer_header;
    out->off_host = s->off_host;
    out->from_config = true;
    for (size_t i = 0; i < s->allow.count; i++) {
        if (strcmp(s->allow.at[i], "*") == 0)
            out->public = true;
        else if (find_peer(a, s->allow.at[i], &out->allow[out->allow_count]) == 0)
            out->allow_count++;
    }
}

static int put_service(struct applying *a, const struct service_settings *s)
{
    auto_free struct peer_id *allow = calloc(s->allow.count + 1, sizeof(*allow));
    struct service service = {.allow = allow};
    int err = -ENOMEM;

    if (allow) {
        fill_service(a, s, &service);
        for (int proto = SERVICE_TCP; proto <= SERVICE_UDP; proto++) {
            const struct service *other =
                registry_service_by_port(a->registry, service.port, (enum service_proto)proto);
            if (((int)service.proto & proto) && other && other->from_config)
                return complain(a, s->line, "[service %s] has the port of [service %s]", s->name,
                                other->name);
        }
        err = registry_service_put(a->registry, &service);
    }
    if (err < 0)
        return complain(a, s->line, "[service %s]: %s", s->name, strerror(-err));
    return 0;
}

static int put_all(struct applying *a)
{
    int err = 0;

    registry_drop_config(a->registry);
    for (size_t i = 0; err == 0 && i < a->settings->peer_count; i++)
        err = put_peer(a, &a->settings->peers[i]);
    for (size_t i = 0; err == 0 && i < a->settings->service_count; i++)
        err = put_service(a, &a->settings->services[i]);
    return err;
}

int settings_apply(const struct settings *s, const struct settings *before, struct registry *r,
                   const char *file, char *why, size_t why_len)
{
    char ignored[64];
    struct applying a = {s, r, file, why, why_len};
    struct applying back = {before, r, file, ignored, sizeof(ignored)};
    int err = check(&a);

    if (err < 0)
        return err;
    err = put_all(&a);
    if (err == 0)
        return 0;
    if (before)
        (void)put_all(&back);
    else
        registry_drop_config(r);
    return err;
}
