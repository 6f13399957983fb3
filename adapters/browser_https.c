#include "adapters/browser_https.h"

#include <errno.h>
#include <stdlib.h>

#include "adapters/https_names.h"
#include "adapters/tls_env.h"
#include "gateway/base/log.h"

#define HANDSHAKE_WAIT SEC(10)

/* Of this user, but from any page of his: those in the handshake, and all of them. Each takes some
 * 160 KB. */
enum { GREETING_MAX = 64, HTTPS_CONNS_MAX = 512 };

struct https {
    struct proxy *plain;
    struct proxy secure; /* the same proxy, whose sockets are TLS's */
    https_serve *serve;
    struct tls_env tls;
    struct https_names names;
    struct list greeting; /* struct greeter */
    size_t greeting_count;
};

/* A connection in its handshake. */
struct greeter {
    struct list link;
    struct https *https;
    struct sock *sock; /* of the secure environment */
    struct timer timer;
    struct peer_id only; /* whose address was dialled; zero: nobody's */
    struct peer_id peer; /* whose certificate it gets */
    bool proxied;
};

static void leave(struct greeter *g)
{
    timer_stop(g->https->plain->env, &g->timer);
    list_remove(&g->link);
    g->https->greeting_count--;
    free(g);
}

static void on_greeted(void *arg, int err)
{
    struct greeter *g = arg;
    struct https *h = g->https;
    struct sock *sock = g->sock;
    const struct peer_id peer = g->peer;
    bool proxied = g->proxied;

    if (err < 0)
        log_debug(LOG_PROXY, "https: %s", tls_env_reason(sock));
    leave(g);
    if (err < 0)
        sock_close(&h->tls.env, sock);
    else
        h->serve(&h->secure, sock, &peer, proxied);
}

static void on_ready(void *arg)
{
    (void)arg; /* not before on_greeted(), which hands the socket on */
}

static const struct sock_handler greeter_events = {on_greeted, on_ready};

static void on_silence(struct timer *timer)
{
    struct greeter *g = container_of(timer, struct greeter, timer);
    sock_reset(&g->https->tls.env, g->sock);
    leave(g);
}

static struct tls_identity *find(void *arg, const char *name)
{
    struct greeter *g = arg;
    struct tls_identity *found = https_names_find(&g->https->names, name, &g->peer);
    bool other = !peer_id_is_zero(&g->only) && !peer_id_equal(&g->only, &g->peer);
    return other ? NULL : found;
}

static void start(struct https *h, struct sock *sock, const struct greeter *how,
                  const uint8_t *data, size_t len)
{
    bool full =
        h->greeting_count >= GREETING_MAX || h->greeting_count + h->secure.count >= HTTPS_CONNS_MAX;
    struct greeter *g = full ? NULL : calloc(1, sizeof(*g));

    if (!g) {
        sock_reset(h->plain->env, sock);
        return;
    }
    const struct tls_caller caller = {sock, data, len};
    const struct tls_names names = {find, g};
    *g = *how;
    g->https = h;
    g->timer.fire = on_silence;
    if (tls_env_accept(&h->tls, &g->sock, &caller, &names, &greeter_events, g) < 0) {
        free(g);
        return;
    }
    list_append(&h->greeting, &g->link);
    h->greeting_count++;
    timer_set(h->plain->env, &g->timer, env_now(h->plain->env) + HANDSHAKE_WAIT);
}

void https_start(struct https *h, struct sock *sock, const struct peer_id *only,
                 const uint8_t *data, size_t len)
{
    const struct greeter how = {.only = *only};
    start(h, sock, &how, data, len);
}

void https_start_proxied(struct https *h, struct sock *sock, const uint8_t *data, size_t len)
{
    const struct greeter how = {.proxied = true};
    start(h, sock, &how, data, len);
}

bool https_takes(struct https *h, const struct route *r, enum route_result result)
{
    struct peer_id peer;
    bool by_itself = result == ROUTE_READY && r->service_port == 443;
    return h && r->port == 443 && !by_itself && https_names_find(&h->names, r->host, &peer);
}

int https_new(struct https **out, struct proxy *proxy, const struct local_ca *ca,
              https_serve *serve)
{
    struct https *h = calloc(1, sizeof(*h));

    if (!h)
        return -ENOMEM;
    h->plain = proxy;
    h->serve = serve;
    tls_env_init(&h->tls, proxy->env, &proxy->farewells);
    https_names_init(&h->names, proxy->o.node, proxy->o.suffix, ca);
    list_init(&h->greeting);
    proxy_state_init(&h->secure, &proxy->o, &h->tls.env);
    *out = h;
    return 0;
}

void https_free(struct https *h)
{
    if (!h)
        return;
    for (struct list *at = list_first(&h->greeting); at; at = list_first(&h->greeting)) {
        struct greeter *g = list_entry(at, struct greeter, link);
        sock_reset(&h->tls.env, g->sock);
        leave(g);
    }
    proxy_state_deinit(&h->secure);
    https_names_deinit(&h->names);
    free(h);
}
