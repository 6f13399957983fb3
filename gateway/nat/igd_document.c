#include "gateway/nat/igd_document.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <miniupnpc/igd_desc_parse.h>
#include <miniupnpc/miniupnpc.h>

#define SERVICE "urn:schemas-upnp-org:service:"
#define IP_2    SERVICE "WANIPConnection:2"
/* The library's parser compares with "<![CDATA[" without asking how much of the text is left. */
#define READ_AHEAD 16

/* The type is written into requests, so nothing else than a type may be in it. */
static bool is_type(const char *type)
{
    const size_t skip = sizeof(SERVICE) - 1;

    if (strncmp(type, SERVICE, skip) != 0 || strlen(type) >= IGD_TYPE_MAX)
        return false;
    for (const char *c = type + skip; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != ':')
            return false;
    return strncmp(type + skip, "WANIPConnection:", 16) == 0 ||
           strncmp(type + skip, "WANPPPConnection:", 17) == 0;
}

static int read_services(struct igd_service *out, struct IGDdatas *data, const struct igd_url *from)
{
    char url[sizeof("http://") + ADDR_TEXT_MAX + IGD_PATH_MAX], at[ADDR_TEXT_MAX];
    struct UPNPUrls urls = {0};
    int err = -EBADMSG;

    if (!is_type(data->first.servicetype) || !data->first.controlurl[0])
        return -EBADMSG;
    (void)snprintf(url, sizeof(url), "http://%s%s", addr_print(&from->at, at), from->path);
    GetUPNPUrls(&urls, data, url, 0);
    if (urls.controlURL &&
        igd_url_parse(&out->control, urls.controlURL, strlen(urls.controlURL), &from->at) == 0)
        err = 0;
    FreeUPNPUrls(&urls);
    memcpy(out->type, data->first.servicetype, strlen(data->first.servicetype) + 1);
    out->any_port = strcmp(out->type, IP_2) == 0;
    return err;
}

int igd_document_read(struct igd_service *out, const uint8_t *xml, size_t len,
                      const struct igd_url *from)
{
    struct IGDdatas data = {.level = 0};

    *out = (struct igd_service){.any_port = false};
    if (len == 0 || len > INT_MAX - READ_AHEAD)
        return -EBADMSG;
    auto_free char *copy = calloc(1, len + READ_AHEAD);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, xml, len);
    parserootdesc(copy, (int)len, &data);
    /* Every text of it ends within its array. */
    return read_services(out, &data, from);
}
