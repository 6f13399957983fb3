#include "gateway/nat/ssdp.h"

#include <errno.h>
#include <stdio.h>

#include "gateway/wire/http_head.h"

/* Routers answer to the exact version alone, or to the older one alone, or to the root device. */
static const char *const TARGET[] = {
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
    "upnp:rootdevice",
};

#define TARGETS     (sizeof(TARGET) / sizeof(TARGET[0]))
#define ROUNDS      3 /* of all of them: multicast is lost easily over radio */
#define ROUND_AFTER SEC(2)
#define LAST_WAIT   SEC(4)
#define ANSWER_MAX  1500
#define MX_S        1 /* a router may wait that long before it answers */

void ssdp_init(struct ssdp *s, const struct addr *router)
{
    *s = (struct ssdp){.router = *router, .due = INSTANT_NEVER};
}

void ssdp_ask(struct ssdp *s, instant now)
{
    s->state = SSDP_ASKING;
    s->sent = 0;
    s->due = now;
}

static void settle(struct ssdp *s, enum ssdp_state state)
{
    s->state = state;
    s->due = INSTANT_NEVER;
}

static size_t output(void *self, instant now, uint8_t out[static EXCHANGE_MAX_DATAGRAM])
{
    struct ssdp *s = self;

    if (s->state != SSDP_ASKING || now < s->due)
        return 0;
    if (s->sent == TARGETS * ROUNDS) {
        settle(s, SSDP_SILENT);
        return 0;
    }
    const char *target = TARGET[s->sent++ % TARGETS];
    if (s->sent == TARGETS * ROUNDS)
        s->due = now + LAST_WAIT;
    else if (s->sent % TARGETS == 0)
        s->due = now + ROUND_AFTER;
    return (size_t)snprintf((char *)out, EXCHANGE_MAX_DATAGRAM,
                            "M-SEARCH * HTTP/1.1\r\n"
                            "HOST: 239.255.255.250:1900\r\n"
                            "ST: %s\r\n"
                            "MAN: \"ssdp:discover\"\r\n"
                            "MX: %d\r\n\r\n",
                            target, MX_S);
}

static bool is_gateway(const struct http_head *h, const char *field)
{
    const struct http_field *kind = http_find(h, field, NULL);

    for (size_t i = 0; kind && i < TARGETS; i++)
        if (http_text_is(kind->value, TARGET[i]))
            return true;
    return false;
}

/* UPnP Device Architecture 1.1 §1.2.2: another number each time that the device starts. 0: none is
 * told, as by those of version 1.0. */
static uint32_t boot_of(const struct http_head *h)
{
    const struct http_field *f = http_find(h, "BOOTID.UPNP.ORG", NULL);
    uint64_t n = 0;

    for (size_t i = 0; f && i < f->value.len; i++) {
        unsigned digit = (unsigned)((unsigned char)f->value.at[i] - '0');
        if (digit > 9 || i >= 10)
            return 0;
        n = n * 10 + digit;
    }
    return n <= UINT32_MAX ? (uint32_t)n : 0;
}

static int input(void *self, instant now, const uint8_t *pkt, size_t len)
{
    struct ssdp *s = self;
    struct http_head h;
    struct igd_url url;
    (void)now;

    if (s->state != SSDP_ASKING || len > ANSWER_MAX ||
        http_read_response(&h, pkt, len, len + 1) != HTTP_OK || h.status != 200 ||
        !is_gateway(&h, "ST"))
        return -EBADMSG;
    const struct http_field *location = http_find(&h, "LOCATION", NULL);
    if (!location || igd_url_parse(&url, location->value.at, location->value.len, &s->router) < 0)
        return -EBADMSG;
    s->description = url;
    s->boot = boot_of(&h);
    s->gone = false;
    settle(s, SSDP_FOUND);
    return 0;
}

bool ssdp_announced(struct ssdp *s, const uint8_t *pkt, size_t len)
{
    struct http_head h;

    if (len > ANSWER_MAX || http_read_request(&h, pkt, len, len + 1) != HTTP_OK ||
        !http_text_is(h.method, "NOTIFY") || !is_gateway(&h, "NT"))
        return false;
    const struct http_field *what = http_find(&h, "NTS", NULL);
    if (what && http_text_is(what->value, "ssdp:byebye")) {
        s->gone = true;
        return false;
    }
    if (!what || !http_text_is(what->value, "ssdp:alive"))
        return false;
    uint32_t boot = boot_of(&h), before = s->boot;
    bool back = s->gone;
    s->boot = boot != 0 ? boot : before;
    s->gone = false;
    return back || (boot != 0 && before != 0 && boot != before);
}

static instant deadline(const void *self)
{
    const struct ssdp *s = self;
    return s->due;
}

const struct exchange_ops ssdp_ops = {output, input, deadline};
