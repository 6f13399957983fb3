/**
 * A control server on a fake node, and callers that speak to it: for tests of the control socket.
 *
 * Include it in one file of the test, as tests/support/control_node.h, which it brings along.
 */
#pragma once

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/control/server.h"
#include "gateway/node/names.h"
#include "tests/support/control_node.h"
#include "tests/support/fake_env.h"

#define STAGE_HOME   "/home/x"
#define STAGE_SOCKET STAGE_HOME "/" CONTROL_SOCKET

#define STAGE_PORTS_MAX 64

struct stage {
    struct fake_env env;
    struct registry *registry;
    struct node node;
    struct control_services services;
    struct control_server *server;
    struct peer_id alice, bob;
    char alice_text[PEER_ID_TEXT_MAX], bob_text[PEER_ID_TEXT_MAX];
    char answer[1 << 16];

    /* the services */
    struct control_port ports[STAGE_PORTS_MAX];
    size_t port_count;
    int open_error; /* of the next open_port() */
    size_t open_error_after;
    int reload_error;
    bool stopped;
    struct sock *joined;
    struct pipe *joined_pipe;
    char joined_early[64];
    uint64_t joined_id;
    bool join_breaks;
};

/* ---- struct control_services ---- */

static inline int stage_open_port(void *arg, const struct control_open *what,
                                  struct control_port *out, char *why, size_t why_len)
{
    struct stage *s = arg;

    if (s->open_error < 0 && s->open_error_after-- == 0) {
        (void)snprintf(why, why_len, "the test says no");
        return s->open_error;
    }
    for (size_t i = 0; i < s->port_count; i++)
        if (strcmp(s->ports[i].service, what->service) == 0) {
            *out = s->ports[i];
            return 0;
        }
    struct control_port *p = &s->ports[s->port_count++];
    *p = (struct control_port){.peer = what->peer,
                               .remote_port = what->remote_port,
                               .proto = what->proto,
                               .listening = true};
    (void)snprintf(p->service, sizeof(p->service), "%s", what->service);
    p->listen[0] = what->at ? *what->at : addr_loopback(false, (uint16_t)(20000 + s->port_count));
    if (what->proto & SERVICE_TCP)
        (void)snprintf(p->url, sizeof(p->url), "http://%s.alice.overlay.localhost:7777/",
                       what->service);
    *out = *p;
    return 0;
}

static inline int stage_close_port(void *arg, const struct peer_id *peer, const char *service)
{
    struct stage *s = arg;

    for (size_t i = 0; i < s->port_count; i++)
        if (strcmp(s->ports[i].service, service) == 0 && peer_id_equal(&s->ports[i].peer, peer)) {
            s->ports[i] = s->ports[--s->port_count];
            return 0;
        }
    return -ENOENT;
}

static inline size_t stage_list_ports(void *arg, struct control_port *out, size_t max)
{
    struct stage *s = arg;

    for (size_t i = 0; i < s->port_count && i < max; i++)
        out[i] = s->ports[i];
    return s->port_count;
}

static inline int stage_join(void *arg, struct sock *sock, const uint8_t *early, size_t len,
                             struct pipe *pipe, uint64_t id)
{
    struct stage *s = arg;

    s->joined = sock;
    s->joined_id = id;
    s->joined_pipe = pipe;
    assert_true(len < sizeof(s->joined_early));
    if (len > 0)
        memcpy(s->joined_early, early, len);
    s->joined_early[len] = '\0';
    return 0;
}

static inline bool stage_join_broke_off(void *arg, uint64_t id)
{
    struct stage *s = arg;
    return s->join_breaks && id == s->joined_id;
}

static inline int stage_reload(void *arg, char *why, size_t why_len)
{
    struct stage *s = arg;

    if (s->reload_error < 0)
        (void)snprintf(why, why_len, "overlay.conf:3: the test says no");
    return s->reload_error;
}

static inline void stage_stop(void *arg)
{
    ((struct stage *)arg)->stopped = true;
}

static inline const char *stage_port_name(void *arg, uint16_t port, bool udp)
{
    (void)arg;
    if (port == 22 && !udp)
        return "ssh";
    return port == 7 ? "not_a-name" : NULL;
}

static inline size_t stage_listens(void *arg, struct addr *out, size_t max)
{
    (void)arg;
    if (max > 0)
        out[0] = addr_loopback(false, 7777);
    return 1;
}

/* ---- the stage ---- */

static inline void stage_identity(struct peer_id *id, char text[static PEER_ID_TEXT_MAX],
                                  uint8_t seed)
{
    uint8_t secret[KEYS_SEED_LEN];
    struct keys keys;

    memset(secret, seed, sizeof(secret));
    keys_from_seed(&keys, secret);
    *id = keys.id;
    (void)peer_id_print(id, text);
    keys_wipe(&keys);
}

static inline void stage_serve(struct stage *s)
{
    const struct control_options options = {
        .home = STAGE_HOME, .version = "1.2.3", .suffix = "overlay", .pid = 77};

    assert_int_equal(control_server_new(&s->server, &s->node, &s->services, &options), 0);
}

static inline void stage_init(struct stage *s)
{
    char own[PEER_ID_TEXT_MAX], why[200];

    memset(s, 0, sizeof(*s));
    fake_env_init(&s->env);
    assert_int_equal(registry_open(&s->registry, &s->env.env, why, sizeof(why)), 0);
    stage_identity(&s->node.id, own, 1);
    stage_identity(&s->alice, s->alice_text, 2);
    stage_identity(&s->bob, s->bob_text, 3);
    s->node.env = &s->env.env;
    s->node.registry = s->registry;
    s->services = (struct control_services){.arg = s,
                                            .open_port = stage_open_port,
                                            .close_port = stage_close_port,
                                            .list_ports = stage_list_ports,
                                            .join = stage_join,
                                            .join_broke_off = stage_join_broke_off,
                                            .reload = stage_reload,
                                            .stop = stage_stop,
                                            .port_name = stage_port_name,
                                            .dns_listens = stage_listens,
                                            .proxy_listens = stage_listens};
}

static inline void stage_deinit(struct stage *s)
{
    control_server_free(s->server);
    registry_free(s->registry);
    fake_env_deinit(&s->env);
}

/** Alice is a peer that is known, connected and offers these. */
static inline void stage_alice_offers(struct stage *s, const struct remote_service *services,
                                      size_t count)
{
    assert_int_equal(registry_set_alias(s->registry, &s->alice, "alice"), 0);
    s->node.view = (struct peer_view){.id = s->alice,
                                      .alias = "alice",
                                      .known = true,
                                      .state = PEER_DIRECT,
                                      .path = {.present = true,
                                               .kind = "udp",
                                               .remote = addr_loopback(false, 4433),
                                               .rtt = MSEC(23),
                                               .mtu = 1200},
                                      .services_known = true,
                                      .services = services,
                                      .service_count = count};
}

/** A caller of the control socket. */
static inline struct sock *stage_call(struct stage *s)
{
    struct sock_listener *l = fake_listener_on_path(&s->env, STAGE_SOCKET);

    assert_non_null(l);
    return fake_accept(&s->env, l, NULL);
}

static inline void stage_say(struct sock *caller, const char *line)
{
    fake_sock_says(caller, line, strlen(line));
    fake_sock_says(caller, "\n", 1);
}

/** What the caller was told since it last looked. */
static inline const char *stage_heard(struct stage *s, struct sock *caller)
{
    size_t len = fake_sock_heard(caller, s->answer, sizeof(s->answer) - 1);

    s->answer[len] = '\0';
    return s->answer;
}

/** The caller leaves. */
static inline void stage_leave(struct sock *caller)
{
    if (!fake_sock_closed(caller))
        fake_sock_ends(caller);
}

/** One request by a caller of its own; what it was told. */
static inline const char *stage_ask(struct stage *s, const char *line)
{
    struct sock *caller = stage_call(s);

    stage_say(caller, line);
    (void)stage_heard(s, caller);
    stage_leave(caller);
    return s->answer;
}
