/* A simulated Mainline: how fast a value is found, how many nodes keep one, and what nodes that lie
 * can do about it.
 *
 * usage: dht [NODES [SEED]]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/identity/keys.h"
#include "tests/sim/dht_world.h"

enum { TARGETS = 50, READERS = 4 };

struct figures {
    double put_ms[TARGETS], first_ms[TARGETS * READERS], done_ms[TARGETS * READERS];
    unsigned puts, gets, stored_20, right, older, nothing, first_older;
    unsigned stored_sum, copies_sum, placed_sum;
};

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double quantile(double *v, unsigned count, double q)
{
    if (count == 0)
        return 0;
    qsort(v, count, sizeof(*v), by_value);
    return v[(unsigned)(q * (count - 1) + 0.5)];
}

static struct dht_item make_item(unsigned number, int64_t seq)
{
    uint8_t seed[32] = {(uint8_t)number, (uint8_t)(number >> 8), 1};
    struct dht_item item = {.seq = seq};
    struct keys keys;
    char text[64];

    keys_from_seed(&keys, seed);
    int len = snprintf(text, sizeof(text), "item %u, version %lld", number, (long long)seq);
    if (dht_item_set_bytes(&item, text, (size_t)len) < 0)
        abort();
    dht_item_sign(&item, &keys);
    return item;
}

static struct dht_event put(struct dht_world *w, unsigned node, const struct dht_item *item)
{
    struct dht_request *r = dht_put(dht_world_node(w, node), dht_world_now(w), item, NULL, NULL);
    if (!r)
        abort();
    return dht_world_finish(w, node, r, NULL, NULL);
}

static void get(struct dht_world *w, unsigned node, const struct dht_item *want, struct figures *f)
{
    struct dht_item found = {0}, first = {0};
    struct dht_request *r = dht_get_mutable(dht_world_node(w, node), dht_world_now(w), want->key,
                                            (struct krpc_bytes){0}, 0, NULL);
    if (!r)
        abort();
    const struct dht_event e = dht_world_finish(w, node, r, &found, &first);
    f->done_ms[f->gets++] = (double)e.took / 1e6;
    if (!e.item) {
        f->nothing++;
        return;
    }
    f->first_ms[f->right + f->older] = (double)e.first / 1e6;
    f->first_older += first.seq < want->seq;
    if (found.seq < want->seq)
        f->older++;
    else
        f->right++;
}

/* Old and new version by one node each, then readers that come from elsewhere. */
static void play(struct dht_world *w, const unsigned *node, unsigned nodes, struct figures *f)
{
    for (unsigned i = 0; i < TARGETS; i++) {
        const struct dht_item old = make_item(i, 1000), now = make_item(i, 2000);
        const struct dht_id target = dht_item_target(&now);
        (void)put(w, node[i % nodes], &old);
        dht_world_leak(w, &old);
        const struct dht_event e = put(w, node[(i + 1) % nodes], &now);
        f->put_ms[f->puts++] = (double)e.took / 1e6;
        f->stored_20 += e.stored >= 20;
        f->stored_sum += e.stored;
        f->copies_sum += dht_world_copies(w, &target, 2000);
        f->placed_sum += dht_world_placed(w, &target, 2000, 20);
        for (unsigned k = 0; k < READERS; k++)
            get(w, node[(i + 2 + k) % nodes], &now, f);
    }
}

static const char *verdict(bool good)
{
    return good ? "yes" : "NO";
}

static void print(const char *what, struct figures *f)
{
    unsigned found = f->right + f->older;
    double right = 100.0 * f->right / f->gets;
    double first = quantile(f->first_ms, found, 0.5), slow = quantile(f->first_ms, found, 0.95);
    double put_took = quantile(f->put_ms, f->puts, 0.5);

    printf("%s\n", what);
    printf("  first verified value: median %.0f ms (<= 200: %s), 95th %.0f ms (<= 1000: %s), 99th "
           "%.0f ms; whole look-up: median %.0f ms\n",
           first, verdict(first <= 200), slow, verdict(slow <= 1000),
           quantile(f->first_ms, found, 0.99), quantile(f->done_ms, f->gets, 0.5));
    printf("  put: median %.0f ms (<= 2000: %s), 95th %.0f ms; kept by 20 or more: %.1f %%, on "
           "average %.1f (%.1f honest; of the 20 closest honest %.1f)\n",
           put_took, verdict(put_took <= 2000), quantile(f->put_ms, f->puts, 0.95),
           100.0 * f->stored_20 / f->puts, (double)f->stored_sum / f->puts,
           (double)f->copies_sum / f->puts, (double)f->placed_sum / f->puts);
    printf("  right: %.2f %% (>= 99: %s), older: %u (0: %s), nothing: %u, of %u; an older one "
           "first: %u\n",
           right, verdict(right >= 99), f->older, verdict(f->older == 0), f->nothing, f->gets,
           f->first_older);
}

static void print_world(struct dht_world *w, unsigned node)
{
    const struct dht_world_most most = dht_world_most(w);
    const struct dht_world_counts *counts = dht_world_counts(w);

    printf("  round trip between two nodes: median %.0f ms, 95th %.0f ms; %llu packets, %u nodes "
           "left\n",
           dht_world_rtt_ms(w, 0.5), dht_world_rtt_ms(w, 0.95), (unsigned long long)counts->packets,
           counts->left);
    printf("  network size as estimated: %llu; worst rate to one address: %u/s (<= 5: %s)\n",
           (unsigned long long)dht_network_size(dht_world_node(w, node)), counts->worst_rate,
           verdict(counts->worst_rate <= 5));
    printf("  the most of one node: %u nodes known, %u items in %zu bytes, %u queries under way\n",
           most.nodes, most.items, most.bytes, most.queries);
}

static void run(const char *what, const struct dht_world_options *options)
{
    enum { NODES = 24 };
    struct figures *f = calloc(1, sizeof(*f));
    struct dht_world *w = dht_world_new(options);
    unsigned node[NODES];

    if (!f)
        abort();
    dht_world_run(w, SEC(30));
    for (unsigned i = 0; i < NODES; i++)
        node[i] = dht_world_join(w, DHT_CLIENT);
    dht_world_run(w, SEC(90));
    play(w, node, NODES, f);
    print(what, f);
    print_world(w, node[0]);
    fflush(stdout);
    dht_world_free(w);
    free(f);
}

int main(int argc, char **argv)
{
    unsigned nodes = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    struct dht_world_options options = {.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1,
                                        .nodes = nodes,
                                        .natted_percent = 30,
                                        .loss_permille = 10,
                                        .rtt_ms = 100,
                                        .stays = SEC(3600)};

    if (crypto_start() < 0)
        return 1;
    printf("%u nodes, seed %llu, loss 1 %%, nodes stay an hour on average\n", nodes,
           (unsigned long long)options.seed);
    run("30 % answer no stranger", &options);
    options.hostile_percent = 30;
    run("and 30 % lie", &options);
    return 0;
}
