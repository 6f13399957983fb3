#include "gateway/nat/igd_soap.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

#define BODY_MAX    1024
#define DESCRIPTION "overlay" /* as a person sees it in the router's list */

size_t igd_soap_get(char out[static IGD_REQUEST_MAX], const struct igd_url *description)
{
    char at[ADDR_TEXT_MAX];
    return (size_t)snprintf(out, IGD_REQUEST_MAX,
                            "GET %s HTTP/1.1\r\n"
                            "Host: %s\r\n"
                            "Connection: close\r\n\r\n",
                            description->path, addr_print(&description->at, at));
}

/* One piece: some routers do not read on when the body comes in a segment of its own. */
static size_t write_call(char *out, const struct igd_service *s, const char *action,
                         const char *arguments)
{
    char body[BODY_MAX], at[ADDR_TEXT_MAX];
    int body_len = snprintf(body, sizeof(body),
                            "<?xml version=\"1.0\"?>\r\n"
                            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
                            "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">"
                            "<s:Body><u:%s xmlns:u=\"%s\">%s</u:%s></s:Body></s:Envelope>\r\n",
                            action, s->type, arguments, action);

    return (size_t)snprintf(out, IGD_REQUEST_MAX,
                            "POST %s HTTP/1.1\r\n"
                            "Host: %s\r\n"
                            "Content-Type: text/xml; charset=\"utf-8\"\r\n"
                            "Content-Length: %d\r\n"
                            "SOAPAction: \"%s#%s\"\r\n"
                            "Connection: close\r\n\r\n%s",
                            s->control.path, addr_print(&s->control.at, at), body_len, s->type,
                            action, body);
}

size_t igd_soap_external_address(char out[static IGD_REQUEST_MAX], const struct igd_service *s)
{
    return write_call(out, s, "GetExternalIPAddress", "");
}

size_t igd_soap_add(char out[static IGD_REQUEST_MAX], const struct igd_service *s,
                    const struct igd_mapping *m, bool any)
{
    char arguments[512], client[ADDR_TEXT_MAX];

    (void)snprintf(arguments, sizeof(arguments),
                   "<NewRemoteHost></NewRemoteHost>"
                   "<NewExternalPort>%u</NewExternalPort>"
                   "<NewProtocol>UDP</NewProtocol>"
                   "<NewInternalPort>%u</NewInternalPort>"
                   "<NewInternalClient>%s</NewInternalClient>"
                   "<NewEnabled>1</NewEnabled>"
                   "<NewPortMappingDescription>" DESCRIPTION "</NewPortMappingDescription>"
                   "<NewLeaseDuration>%u</NewLeaseDuration>",
                   m->external_port, m->internal_port, addr_print_ip(m->client, client),
                   m->lease_s);
    return write_call(out, s, any ? "AddAnyPortMapping" : "AddPortMapping", arguments);
}

size_t igd_soap_delete(char out[static IGD_REQUEST_MAX], const struct igd_service *s,
                       uint16_t external_port)
{
    char arguments[256];

    (void)snprintf(arguments, sizeof(arguments),
                   "<NewRemoteHost></NewRemoteHost>"
                   "<NewExternalPort>%u</NewExternalPort>"
                   "<NewProtocol>UDP</NewProtocol>",
                   external_port);
    return write_call(out, s, "DeletePortMapping", arguments);
}

/* ---- answers ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The opening tag at `at`, just behind its '<': is it of this name? */
static bool is_named(const char *at, size_t len, const char *name)
{
    const char *end = at, *colon = at;

    while ((size_t)(end - at) < len && *end != '>' && *end != '/' && !is_space(*end)) {
        if (*end == ':')
            colon = end + 1;
        end++;
    }
    return (size_t)(end - colon) == strlen(name) && memcmp(colon, name, strlen(name)) == 0;
}

static bool take_text(const char *at, const char *end, char *out, size_t room)
{
    while (at < end && is_space(*at))
        at++;
    while (at < end && is_space(end[-1]))
        end--;
    if ((size_t)(end - at) >= room)
        return false;
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return true;
}

bool igd_soap_value(const uint8_t *xml, size_t len, const char *name, char *out, size_t room)
{
    const char *at = (const char *)xml, *end = at + len;

    while (at < end && (at = memchr(at, '<', (size_t)(end - at)))) {
        at++;
        if (!is_named(at, (size_t)(end - at), name))
            continue;
        const char *text = memchr(at, '>', (size_t)(end - at));
        if (!text || text[-1] == '/')
            return false;
        text++;
        const char *close = memchr(text, '<', (size_t)(end - text));
        return close && close + 1 < end && close[1] == '/' && take_text(text, close, out, room);
    }
    return false;
}

unsigned igd_soap_error(const uint8_t *xml, size_t len)
{
    char text[8];
    uint16_t code;

    if (!igd_soap_value(xml, len, "errorCode", text, sizeof(text)) ||
        text_parse_u16(&code, text, strlen(text)) < 0)
        return 0;
    return code;
}
