#include "config/settings/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/addr.h"
#include "gateway/base/text.h"

/** A port of this machine by number: whichever of 127.0.0.1 and ::1 answers. */
static int local_port(struct share_target *out, const char *text)
{
    if (text_parse_u16(&out->port, text, strlen(text)) < 0 || out->port == 0)
        return -EINVAL;
    (void)snprintf(out->text, sizeof(out->text), "localhost:%u", out->port);
    return 0;
}

/** Another host by its name, which whoever dials it resolves. */
static int named_host(struct share_target *out, const char *text)
{
    static const char HOST[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t len = strspn(text, HOST);
    const char *port = text + len + 1;

    if (len < 1 || text[len] != ':' || text[0] == '-' || text[0] == '.')
        return -EINVAL;
    if (strspn(text, "0123456789.") == len) /* an address that is none */
        return -EINVAL;
    if (text_parse_u16(&out->port, port, strlen(port)) < 0 || out->port == 0)
        return -EINVAL;
    out->off_host = true;
    memcpy(out->text, text, strlen(text) + 1);
    return 0;
}

int share_target_parse(struct share_target *out, const char *text)
{
    struct addr addr;
    char print[ADDR_TEXT_MAX];

    memset(out, 0, sizeof(*out));
    if (strlen(text) > SHARE_TARGET_MAX)
        return -EINVAL;
    if (strncmp(text, "unix:", 5) == 0) {
        if (text[5] != '/' || !text[6])
            return -EINVAL;
        memcpy(out->text, text, strlen(text) + 1);
        return 0;
    }
    if (strncmp(text, "localhost:", 10) == 0)
        return local_port(out, text + 10);
    if (!strchr(text, ':'))
        return local_port(out, text);
    if (addr_parse(&addr, text) < 0)
        return named_host(out, text);
    if (addr_port(&addr) == 0)
        return -EINVAL;
    out->port = addr_port(&addr);
    out->off_host = !addr_is_loopback(&addr);
    (void)snprintf(out->text, sizeof(out->text), "%s", addr_print(&addr, print));
    return 0;
}
