#include "adapters/serve_target.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/text.h"

/* Where clouds tell a machine its secrets, IPv4 and IPv6. */
static const uint8_t METADATA_V4[4] = {169, 254, 169, 254};
static const uint8_t METADATA_V6[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};

static bool is_ip(const struct addr *a, const uint8_t *ip, size_t ip_len)
{
    size_t len;
    const uint8_t *mine = addr_ip(a, &len);
    return len == ip_len && memcmp(mine, ip, len) == 0;
}

bool serve_target_allows(const struct addr *address, bool off_host)
{
    struct addr a = addr_unmapped(*address);
    if (addr_is_none(&a) || addr_port(&a) == 0)
        return false;
    if (addr_is_unspecified(&a) || addr_is_multicast(&a))
        return false;
    if (is_ip(&a, METADATA_V4, sizeof(METADATA_V4)) || is_ip(&a, METADATA_V6, sizeof(METADATA_V6)))
        return false;
    return off_host || addr_is_loopback(&a);
}

static void add(struct serve_target *out, const struct addr *a)
{
    out->address[out->count++] = *a;
}

static void add_both_loopbacks(struct serve_target *out, uint16_t port)
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct addr a = addr_loopback(v6, port);
        add(out, &a);
    }
}

static int read_address(struct serve_target *out, const struct addr *a, bool off_host)
{
    struct addr v4 = addr_loopback(false, addr_port(a));
    if (!serve_target_allows(a, off_host))
        return -EPERM;
    if (addr_equal(a, &v4))
        add_both_loopbacks(out, addr_port(a));
    else
        add(out, a);
    return 0;
}

static bool is_host_name(const char *host, size_t len)
{
    if (len == 0 || len > SERVE_HOST_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = host[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_';
        if (!ok)
            return false;
    }
    return true;
}

static int read_name(struct serve_target *out, const char *text, bool off_host)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!colon || text_parse_u16(&out->port, colon + 1, strlen(colon + 1)) < 0 || out->port == 0)
        return -EINVAL;
    if (!is_host_name(text, len))
        return -EINVAL;
    if (len == strlen("localhost") && memcmp(text, "localhost", len) == 0) {
        add_both_loopbacks(out, out->port);
        return 0;
    }
    if (!off_host)
        return -EPERM;
    out->kind = SERVE_NAME;
    memcpy(out->host, text, len);
    return 0;
}

int serve_target_read(struct serve_target *out, const struct service *service)
{
    struct addr a;
    *out = (struct serve_target){.kind = SERVE_ADDRESSES};
    if (strncmp(service->target, "unix:", 5) == 0) {
        out->kind = SERVE_UNIX;
        out->path = service->target + 5;
        return out->path[0] == '/' && out->path[1] != '\0' ? 0 : -EINVAL;
    }
    if (addr_parse(&a, service->target) == 0)
        return read_address(out, &a, service->off_host);
    return read_name(out, service->target, service->off_host);
}
