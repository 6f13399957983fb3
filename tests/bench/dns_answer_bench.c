/* How many answers a second one core makes, without the network: prints JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dns/answer.h"

static int find_host(void *arg, const char *host, struct answer_host *out)
{
    (void)arg;
    *out = (struct answer_host){.has_v4 = true, .v4 = {127, 0, 0, 1}};
    return strcmp(host, "web.alice.overlay") == 0 ? 0 : -1;
}

static void describe(void *arg, const char *host, struct answer_text *out)
{
    (void)arg;
    (void)host;
    (void)out;
}

static int find_port(void *arg, const char *host, const char *service, bool udp,
                     struct answer_port *out)
{
    (void)arg;
    (void)host;
    (void)service;
    (void)udp;
    *out = (struct answer_port){.port = 20080};
    return 0;
}

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rate_of(const struct answer_zone *zone, const char *query, size_t len)
{
    enum { ROUNDS = 200000 };
    uint8_t out[ANSWER_UDP_MAX];
    size_t out_len;
    double began = seconds();
    for (int i = 0; i < ROUNDS; i++)
        if (answer_query(zone, (const uint8_t *)query, len, false, out, sizeof(out), &out_len) !=
            ANSWER_READY)
            abort();
    return ROUNDS / (seconds() - began);
}

int main(void)
{
    static const struct answer_source source = {
        .find_host = find_host, .describe = describe, .find_port = find_port};
    static const char a[] = "\0\1\1\0\0\1\0\0\0\0\0\1\3web\5alice\7overlay\0\0\1\0\1"
                            "\0\0\51\4\320\0\0\0\0\0\0";
    static const char absent[] = "\0\1\1\0\0\1\0\0\0\0\0\0\3bob\7overlay\0\0\1\0\1";
    static const char srv[] =
        "\0\1\1\0\0\1\0\0\0\0\0\0\5_http\4_tcp\3web\5alice\7overlay\0\0\41\0\1";
    struct answer_zone zone;
    answer_zone_init(&zone, "overlay", &source, NULL);
    printf("{\"a\": %.0f, \"nxdomain\": %.0f, \"srv\": %.0f}\n", rate_of(&zone, a, sizeof(a) - 1),
           rate_of(&zone, absent, sizeof(absent) - 1), rate_of(&zone, srv, sizeof(srv) - 1));
    return 0;
}
