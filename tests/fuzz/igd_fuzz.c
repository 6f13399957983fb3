/*
 * A UPnP router that says anything: SSDP answers, announcements, descriptions, SOAP answers,
 * chunks. Nobody but the router is ever talked to, and every request is one whole request.
 *
 * The input is cut at NUL bytes: the first piece is the SSDP answer, the others are bodies of HTTP
 * answers, each with one byte for the status in front.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/nat/igd_call.h"
#include "gateway/nat/map_igd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t ROUTER[4] = {192, 168, 7, 1}, US[4] = {192, 168, 7, 2};

static size_t piece(const uint8_t *data, size_t len)
{
    const uint8_t *end = len > 0 ? memchr(data, 0, len) : NULL;
    return end ? (size_t)(end - data) : len;
}

static void check_request(const struct addr *to, const char *request, size_t len)
{
    const struct addr router = addr_v4(ROUTER, 0);
    const char *end = memmem(request, len, "\r\n\r\n", 4);

    if (!addr_same_ip(to, &router) || len >= IGD_REQUEST_MAX || !end || memchr(request, 0, len))
        abort();
    /* One header a line, and none that we did not write. */
    for (const char *at = request; at < end; at = strchr(at, '\n') + 1) {
        static const char *const LINE[] = {
            "GET ",        "POST ", "Host: ", "Connection: ", "Content-Type: ", "Content-Length: ",
            "SOAPAction: "};
        bool ours = false;
        for (size_t i = 0; i < sizeof(LINE) / sizeof(LINE[0]); i++)
            ours = ours || strncmp(at, LINE[i], strlen(LINE[i])) == 0;
        if (!ours)
            abort();
    }
}

static void answer(struct map_igd *m, const uint8_t *data, size_t len)
{
    static const unsigned STATUS[] = {200, 500, 0, 302};
    unsigned status = len > 0 ? STATUS[data[0] % 4] : 0;

    map_igd_answer(m, 0, status, len > 0 ? data + 1 : NULL, len > 0 ? len - 1 : 0);
}

static void join(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    if (!copy)
        return;
    memcpy(copy, data, len);
    if (igd_call_join_chunks(copy, len) > len)
        abort();
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct addr router = addr_v4(ROUTER, 0), us = addr_v4(US, 4433);
    char request[IGD_REQUEST_MAX];
    struct map_igd m;
    struct addr to;
    size_t request_len;

    join(data, len);
    map_igd_init(&m, &router, &us, 1);
    map_igd_ask(&m, 0, MAPPING_LIFETIME_S);
    while (len > 0) {
        size_t size = piece(data, len);
        (void)ssdp_announced(&m.ssdp, data, size);
        if (m.step == MAP_IGD_SEARCH && ssdp_ops.input(&m.ssdp, 0, data, size) == 0)
            map_igd_found(&m);
        else if (map_igd_request(&m, &to, request, &request_len)) {
            check_request(&to, request, request_len);
            answer(&m, data, size);
        }
        if (m.mapping.state == MAPPING_GRANTED && !mapping_external_ok(&m.mapping.external))
            abort();
        if (m.mapping.state != MAPPING_ASKING)
            map_igd_ask(&m, 0, size % 3 == 0 ? 0 : MAPPING_LIFETIME_S);
        data += size < len ? size + 1 : size;
        len -= size < len ? size + 1 : size;
    }
    return 0;
}
