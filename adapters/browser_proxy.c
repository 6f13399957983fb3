#include "adapters/browser_proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/browser_http.h"
#include "adapters/browser_https.h"
#include "adapters/browser_socks5.h"
#include "adapters/pages.h"
#include "adapters/proxy_state.h"
#include "gateway/base/log.h"
#include "gateway/wire/socks5.h"

/* Browsers open connections ahead of need, and leave them silent for a while. */
#define FIRST_BYTE_WAIT SEC(75)
/* Another user's connection is kept only to be told why it is not served. */
#define STRANGER_WAIT SEC(5)

enum { PORTS_TRIED = 100, FIRST_READ = 4096, STRANGERS_MAX = 32 };

/* ---- a connection that has said nothing yet ---- */

struct newcomer {
    struct proxy_conn base;
    struct timer timer;
    bool stranger; /* another user's */
};

static void leave(struct newcomer *n)
{
    timer_stop(n->base.proxy->env, &n->timer);
    n->base.proxy->strangers -= n->stranger;
    proxy_remove(&n->base);
    free(n);
}

static void abort_newcomer(struct proxy_conn *c)
{
    sock_reset(c->proxy->env, c->sock);
    leave(container_of(c, struct newcomer, base));
}

static void on_silence(struct timer *timer)
{
    struct newcomer *n = container_of(timer, struct newcomer, timer);
    sock_close(n->base.proxy->env, n->base.sock);
    leave(n);
}

/* Not the gateway's user. A browser can show why; SOCKS and TLS have no words for it. */
static void turn_away(struct proxy *p, struct sock *sock, uint8_t first)
{
    char text[PAGE_MAX];
    struct page page = {
        .status = 403,
        .title = "This gateway is somebody else's",
        .text = "It serves the programs of the user who runs it, on this machine.",
        .advice = "The option users in [local] of overlay.conf lets others in.",
        .close = true,
    };
    log_info(LOG_PROXY, "a caller who is not the same user was turned away");
    /* Telling takes a descriptor for up to two seconds: strangers get no more of those either. */
    if (first == SOCKS5_VERSION || first == TLS_FIRST_BYTE || p->farewells.count >= STRANGERS_MAX)
        sock_reset(p->env, sock);
    else
        farewells_say(&p->farewells, sock, text, page_write(&page, text));
}

static void on_ready(void *arg)
{
    struct newcomer *n = arg;
    struct proxy *p = n->base.proxy;
    struct sock *sock = n->base.sock;
    struct peer_id only = n->base.only;
    bool stranger = n->stranger, bound = !peer_id_is_zero(&only);
    uint8_t data[FIRST_READ];
    struct iovec area = {data, sizeof(data)};
    ssize_t got = sock_readv(p->env, sock, &area, 1);
    if (got == -EAGAIN)
        return;
    leave(n);
    if (got <= 0)
        sock_close(p->env, sock);
    else if (stranger)
        turn_away(p, sock, data[0]);
    else if (data[0] == TLS_FIRST_BYTE && p->https)
        https_start(p->https, sock, &only, data, (size_t)got);
    else if (data[0] == TLS_FIRST_BYTE)
        sock_close(p->env, sock);
    else if (data[0] != SOCKS5_VERSION)
        browser_http_start(p, sock, &only, data, (size_t)got);
    else if (bound)
        sock_reset(p->env, sock);
    else
        browser_socks5_start(p, sock, data, (size_t)got);
}

static const struct sock_handler newcomer_events = {NULL, on_ready};

void proxy_take(struct proxy *p, struct sock *sock, const struct addr *from, const struct addr *at,
                const struct peer_id *only)
{
    bool stranger = !local_users_allow_tcp(p->o.users, p->env, from, at);
    bool full = (stranger && p->strangers >= STRANGERS_MAX) || !proxy_make_room(p);
    struct newcomer *n = full ? NULL : calloc(1, sizeof(*n));
    if (!n) {
        sock_reset(p->env, sock);
        return;
    }
    n->base = (struct proxy_conn){.sock = sock, .idle = true, .abort = abort_newcomer};
    if (only)
        n->base.only = *only;
    n->stranger = stranger;
    n->timer.fire = on_silence;
    p->strangers += stranger;
    proxy_add(p, &n->base);
    timer_set(p->env, &n->timer, env_now(p->env) + (stranger ? STRANGER_WAIT : FIRST_BYTE_WAIT));
    sock_attach(p->env, sock, &newcomer_events, n);
}

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct proxy *p = arg;
    struct addr local = sock_local(p->env, sock);
    proxy_take(p, sock, from, &local, NULL);
}

/* ---- listening ---- */

static const struct listen_handler listener_events = {on_accept};

static void stop_listening(struct proxy *p)
{
    while (p->listeners > 0)
        listener_close(p->env, p->listener[--p->listeners]);
}

/* Listens on all addresses, with `port` if it is not 0, or on none. A machine without IPv6 has no
 * ::1, which is no reason to have no proxy. */
static int listen_on(struct proxy *p, uint16_t port, struct addr *failed)
{
    for (size_t i = 0; i < PROXY_LISTEN_MAX && !addr_is_none(&p->o.listen[i]); i++) {
        struct addr at = p->o.listen[i];
        if (port != 0)
            addr_set_port(&at, port);
        int err = sock_listen(p->env, &p->listener[p->listeners], &at, &listener_events, p);
        bool absent = err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT;
        if (absent && addr_is_v6(&at) && !p->o.configured)
            continue;
        *failed = at;
        if (err < 0) {
            stop_listening(p);
            return err;
        }
        p->local[p->listeners] = listener_local(p->env, p->listener[p->listeners]);
        p->listeners++;
    }
    return 0;
}

static int listen_somewhere(struct proxy *p, char *why, size_t why_len)
{
    uint16_t first = addr_port(&p->o.listen[0]), port = first;
    struct addr failed = {0};
    char text[ADDR_TEXT_MAX];
    int err = listen_on(p, 0, &failed);
    while (err == -EADDRINUSE && !p->o.configured && port - first < PORTS_TRIED)
        err = listen_on(p, ++port, &failed);
    if (err < 0) {
        addr_print(&failed, text);
        snprintf(why, why_len, "proxy: %s: %s", text,
                 err == -EADDRINUSE ? "another program holds this port"
                 : err == -EACCES   ? "this port needs a privilege that the gateway does not have"
                                    : strerror(-err));
    } else if (port != first) {
        log_warn(LOG_PROXY, "port %u is held by another program: the proxy listens on %u", first,
                 port);
    }
    return err;
}

int proxy_new(struct proxy **out, const struct proxy_options *options, char *why, size_t why_len)
{
    struct proxy *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    proxy_state_init(p, options, node_env(options->node));
    int err = listen_somewhere(p, why, why_len);
    if (err < 0) {
        free(p);
        return err;
    }
    *out = p;
    return 0;
}

void proxy_free(struct proxy *p)
{
    if (!p)
        return;
    stop_listening(p);
    https_free(p->https);
    proxy_state_deinit(p);
    free(p);
}

int proxy_set_https(struct proxy *p, const struct local_ca *ca)
{
    https_free(p->https);
    p->https = NULL;
    return ca ? https_new(&p->https, p, ca, browser_http_start_secure) : 0;
}

bool proxy_has_https(const struct proxy *p)
{
    return p->https != NULL;
}

size_t proxy_listens(const struct proxy *p, struct addr *out, size_t max)
{
    size_t count = p->listeners < max ? p->listeners : max;
    for (size_t i = 0; i < count; i++)
        out[i] = p->local[i];
    return count;
}

uint16_t proxy_port(const struct proxy *p)
{
    return p->listeners > 0 ? addr_port(&p->local[0]) : 0;
}

void proxy_web_link(struct proxy *p, char out[static PROXY_LINK_MAX])
{
    const struct web_guard guard = proxy_web_guard(p);
    char origin[WEB_ORIGIN_MAX], key[WEB_KEY_TEXT];
    web_keys_link(&p->keys, p->env, key);
    snprintf(out, PROXY_LINK_MAX, "%s/#key=%s", web_origin(&guard, origin), key);
}
