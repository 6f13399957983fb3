/* Any query, over UDP or TCP, gets an answer that fits, echoes its question and can be read. */
#include <errno.h>
#include <stdbool.h> /* before ldns, which else makes bool a signed char */
#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "dns/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int find_host(void *arg, const char *host, struct answer_host *out)
{
    size_t len = strlen(host);
    (void)arg;
    if (len > ANSWER_HOST_MAX || (len > 0 && host[0] == 'x'))
        return -ENOENT;
    *out = (struct answer_host){.has_v4 = len % 3 != 0, .has_v6 = len % 2 != 0};
    return 0;
}

static void describe(void *arg, const char *host, struct answer_text *out)
{
    (void)arg;
    memset(out->string[0], 't', strlen(host) % sizeof(out->string[0]));
}

static int find_port(void *arg, const char *host, const char *service, bool udp,
                     struct answer_port *out)
{
    (void)arg;
    (void)host;
    if (udp)
        return -ENOENT;
    out->port = 20000;
    memcpy(out->label, service, strlen(service) + 1);
    return 0;
}

static bool named_range(void *arg, struct addr_prefix *out)
{
    (void)arg;
    return addr_prefix_parse(out, "198.19.0.0/16") == 0;
}

static int find_name(void *arg, const uint8_t ip[static 4], char name[static ANSWER_HOST_MAX + 1])
{
    (void)arg;
    if (ip[3] & 1)
        return -ENOENT;
    memcpy(name, "alice.overlay", sizeof("alice.overlay"));
    return 0;
}

static void check_answer(const uint8_t *data, size_t len, const uint8_t *out, size_t out_len)
{
    struct precheck p;
    (void)!precheck_query(&p, data, len);
    if (out_len < DNS_HEADER_LEN || memcmp(out, data, 2) != 0 || !(out[2] & 0x80))
        abort();
    if (out[5] != 0 && memcmp(out + DNS_HEADER_LEN, data + DNS_HEADER_LEN, p.question_len) != 0)
        abort();
    ldns_pkt *pkt = NULL;
    if (ldns_wire2pkt(&pkt, out, out_len) != LDNS_STATUS_OK)
        abort();
    ldns_pkt_free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct answer_source source = {find_host, describe, find_port, named_range,
                                                find_name};
    static uint8_t out[ANSWER_TCP_MAX];
    struct answer_zone zone;
    size_t out_len = 0;
    if (len < 1)
        return 0;
    bool tcp = data[0] & 1;
    size_t max = tcp ? ANSWER_TCP_MAX : ANSWER_UDP_MAX;
    answer_zone_init(&zone, data[0] & 2 ? "overlay" : "a.b", &source, NULL);
    zone.recursion = data[0] & 4;

    if (answer_query(&zone, data + 1, len - 1, tcp, out, max, &out_len) == ANSWER_SILENCE)
        return 0;
    if (out_len > max)
        abort();
    check_answer(data + 1, len - 1, out, out_len);
    return 0;
}
