/*
 * Many gateways in one process, all of which use one relay.
 *
 *   crowd HOME PEER_ID@HOST:PORT COUNT
 *
 * starts COUNT gateways with a common HOME, prints "REGISTERED n" once all are, or after a minute,
 * and holds them until there is something on standard input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <unistd.h>

#include "gateway/crypto/secret.h"
#include "gateway/io/machine.h"
#include "gateway/node/node.h"

#define COUNT_MAX 4096
#define A_SECOND  80 /* started; beyond 20 the relay's door has callers show where they receive */
#define PATIENCE  SEC(60)

struct member {
    struct keys keys;
    struct registry *registry;
    struct node *node;
};

static struct member members[COUNT_MAX];

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "crowd: %s: %s\n", what, why);
    exit(1);
}

static void start(struct member *m, struct env *env, size_t number, const char *relay)
{
    struct node_options options = {.version = "crowd", .lan = LAN_OFF, .max_peers = 8};
    uint8_t seed[KEYS_SEED_LEN] = {(uint8_t)number, (uint8_t)(number >> 8), 1};
    char why[256] = "";

    (void)snprintf(options.relay_use[0], sizeof(options.relay_use[0]), "%s", relay);
    if (addr_parse(&options.listen[0], "127.0.0.1:0") < 0)
        die("address", "cannot be");
    keys_from_seed(&m->keys, seed);
    if (registry_open(&m->registry, env, why, sizeof(why)) < 0)
        die("registry", why);
    if (node_new(&m->node, env, m->registry, &m->keys, &options) < 0)
        die("node", "no memory");
    if (node_start(m->node, why, sizeof(why)) < 0)
        die("start", why);
}

static size_t registered(size_t count)
{
    struct relay_view view;
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        node_relay(members[i].node, &view);
        n += view.home[0] != '\0';
    }
    return n;
}

static void turn_for(struct machine *m, instant span)
{
    instant end = env_now(machine_env(m)) + span;
    while (env_now(machine_env(m)) < end)
        io_loop_turn(machine_loop(m), end);
}

int main(int argc, char **argv)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct machine *m;

    if (argc != 4)
        return 2;
    size_t count = strtoul(argv[3], NULL, 10);
    if (count == 0 || count > COUNT_MAX)
        return 2;
    if (crypto_start() < 0 || machine_new(&m, argv[1]) < 0)
        die(argv[1], "no machine");
    for (size_t i = 0; i < count; i++) {
        start(&members[i], machine_env(m), i, argv[2]);
        turn_for(m, SEC(1) / A_SECOND);
    }
    instant end = env_now(machine_env(m)) + PATIENCE;
    while (registered(count) < count && env_now(machine_env(m)) < end)
        turn_for(m, MSEC(200));
    printf("REGISTERED %zu\n", registered(count));
    (void)fflush(stdout);
    while (poll(&input, 1, 0) == 0)
        turn_for(m, MSEC(200));
    return 0; /* the kernel takes everything back; nobody is told good-bye */
}
