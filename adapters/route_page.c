#include "adapters/route_page.h"

#include <stdio.h>
#include <string.h>

#include "adapters/near_name.h"

#define ASK_THEM                                                                                   \
    "Ask the person there for an invite, or have the service opened for you: overlay allow, with " \
    "your id, which this prints:"

static const char *label_of(const struct route *r, char out[static PEER_ID_TEXT_MAX])
{
    const struct known_peer *known = registry_peer(node_registry(r->proxy->o.node), &r->peer);
    if (known && known->alias[0])
        snprintf(out, PEER_ID_TEXT_MAX, "%s", known->alias);
    else
        (void)peer_id_short(&r->peer, out);
    return out;
}

/* Which service was asked for, in words. */
static const char *service_of(const struct route *r, char out[static 64])
{
    if (r->what.name[0] || r->name.service[0])
        snprintf(out, 64, "%.32s", r->what.name[0] ? r->what.name : r->name.service);
    else if (r->port)
        snprintf(out, 64, "port %u", r->port);
    else
        snprintf(out, 64, "its service");
    return out;
}

static bool is_below_localhost(const char *name)
{
    size_t len = strlen(name), tail = sizeof(".localhost") - 1;
    return len > tail && strcmp(name + len - tail, ".localhost") == 0;
}

/* Returns the length, as snprintf() would. */
static size_t write_link(const struct route *r, const char *name, char *out, size_t room)
{
    uint16_t port = addr_port(&r->proxy->local[0]);
    int len = is_below_localhost(name) && port != 80 ? snprintf(out, room, "//%s:%u/", name, port)
                                                     : snprintf(out, room, "//%s/", name);
    return len > 0 ? (size_t)len : 0;
}

static void suggest(const struct route *r, const char *name, struct page *page,
                    struct route_words *w)
{
    if (!*name)
        return;
    (void)write_link(r, name, w->link, sizeof(w->link));
    page->link = w->link;
}

/* All that the peer shares, under the names by which it was asked for. */
static void offer_all(const struct route *r, struct page *page, struct route_words *w)
{
    const struct proxy_options *o = &r->proxy->o;
    struct peer_view view = {.service_count = 0};
    char name[NAMES_HOST_MAX + 1], link[sizeof(w->link)];
    size_t at = 0;
    if (!node_peer(o->node, &r->peer, &view) || !view.services_known)
        return;
    for (size_t i = 0; i < view.service_count; i++) {
        size_t len =
            names_write(o->node, o->suffix, &r->peer, view.services[i].name, name, sizeof(name));
        if (!(view.services[i].proto & SERVICE_TCP) || len + sizeof(".localhost") > sizeof(name))
            continue;
        if (is_below_localhost(r->host))
            snprintf(name + len, sizeof(name) - len, ".localhost");
        len = write_link(r, name, link, sizeof(link));
        if (len + 1 >= sizeof(w->choices) - at)
            break;
        at +=
            (size_t)snprintf(w->choices + at, sizeof(w->choices) - at, "%s%s", at ? " " : "", link);
    }
    if (at > 0)
        page->choices = w->choices;
}

static struct page which(const struct route *r, struct route_words *w)
{
    struct page page = {.status = 404, .title = "Which service?", .text = r->why};
    offer_all(r, &page, w);
    return page;
}

static struct page unknown(const struct route *r, struct route_words *w)
{
    const struct proxy_options *o = &r->proxy->o;
    char peer[PEER_ID_TEXT_MAX], service[64];
    struct near_name near;
    near_name_find(&near, o->node, o->suffix, r->host);
    bool found = !peer_id_is_zero(&r->peer);
    snprintf(w->title, sizeof(w->title), "There is no %.120s", r->host);
    snprintf(w->text, sizeof(w->text), "%s", r->why);
    if (found || near.peer_known) {
        snprintf(w->title, sizeof(w->title), "%s does not offer %s to us",
                 found ? label_of(r, peer) : near.peer,
                 found ? service_of(r, service) : near.service);
        snprintf(w->text, sizeof(w->text), "There is no such service, or it is not open to us.");
    } else if (near.peer[0])
        snprintf(w->text, sizeof(w->text), "No peer is called %s here.", near.peer);
    struct page page = {
        .status = 404,
        .title = w->title,
        .text = w->text,
        .advice = found || near.peer_known
                      ? "Ask the person there for an invite. This lists what every peer offers:"
                      : "Names are given on this machine. This lists the peers you know:",
        .command = "overlay status",
    };
    suggest(r, near.name, &page, w);
    return page;
}

static struct page unreachable(const struct route *r, struct route_words *w)
{
    char peer[PEER_ID_TEXT_MAX];
    (void)label_of(r, peer);
    snprintf(w->title, sizeof(w->title), "%s cannot be reached", peer);
    snprintf(w->text, sizeof(w->text),
             "No path to %s works now. Its gateway may be off, or one of the two networks lets "
             "nothing through.",
             peer);
    return (struct page){
        .status = 504,
        .title = w->title,
        .text = w->text,
        .tried = r->why[0] ? r->why : NULL,
        .advice = "Load the page again in a moment. If it stays so, this tells more:",
        .command = "overlay doctor",
    };
}

static struct page denied(const struct route *r, struct route_words *w, const char *why)
{
    char peer[PEER_ID_TEXT_MAX];
    struct peer_view view;
    (void)label_of(r, peer);
    if (node_peer(r->proxy->o.node, &r->peer, &view) && view.state == PEER_BLOCKED) {
        snprintf(w->title, sizeof(w->title), "%s is blocked here", peer);
        snprintf(w->command, sizeof(w->command), "overlay unblock %s", peer);
        return (struct page){
            .status = 403,
            .title = w->title,
            .text = view.blocked_why ? view.blocked_why
                                     : "This gateway has nothing to do with it, as it was told.",
            .advice = "If you trust it again:",
            .command = w->command,
        };
    }
    snprintf(w->title, sizeof(w->title), "%s does not let you in", peer);
    return (struct page){
        .status = 403,
        .title = w->title,
        .text = why[0] ? why : "You are not on the list of those who may use this service.",
        .advice = ASK_THEM,
        .command = "overlay id",
    };
}

static struct page outside(const struct route *r)
{
    return (struct page){
        .status = 403,
        .title = "Not a name of this network",
        .text = r->why,
        .advice = "Other sites need no proxy. /proxy.pac, here, is a configuration that sends only "
                  "the gateway's own names this way:",
        .command = "overlay proxy --print-pac",
    };
}

struct page route_page(const struct route *r, enum route_result result, struct route_words *words)
{
    *words = (struct route_words){.title = ""};
    switch (result) {
    case ROUTE_OUTSIDE:
        return outside(r);
    case ROUTE_UNKNOWN:
        return unknown(r, words);
    case ROUTE_NO_DEFAULT:
        return which(r, words);
    case ROUTE_WRONG_PROTO:
        return (struct page){.status = 502, .title = "This is no web service", .text = r->why};
    case ROUTE_DENIED:
        return denied(r, words, r->why);
    case ROUTE_UNREACHABLE:
        return unreachable(r, words);
    case ROUTE_BUSY:
        return (struct page){.status = 503,
                             .title = "Too many connections",
                             .text = r->why,
                             .advice = "Load the page again when some of them have ended."};
    case ROUTE_READY:
    case ROUTE_WAITING:
        break;
    }
    return (struct page){.status = 500, .text = "This should not be."};
}

/* The gateway there is well, but not what it shares. */
static struct page down(const struct route *r, struct route_words *w, unsigned status,
                        const char *what, const char *reason)
{
    char peer[PEER_ID_TEXT_MAX], service[64];
    (void)label_of(r, peer);
    (void)service_of(r, service);
    snprintf(w->title, sizeof(w->title), "%s is down", service);
    if (reason[0])
        snprintf(w->text, sizeof(w->text), "%s is connected, and says of %s: %s.", peer, service,
                 reason);
    else
        snprintf(w->text, sizeof(w->text), "%s is connected, but %s there %s.", peer, service,
                 what);
    return (struct page){
        .status = status,
        .title = w->title,
        .text = w->text,
        .advice = "Whoever runs it has to start it again. Then load this page once more.",
    };
}

struct page route_answer_page(const struct route *r, const struct preamble_answer *answer,
                              struct route_words *words)
{
    *words = (struct route_words){.title = ""};
    switch (answer->status) {
    case PREAMBLE_DENIED:
        if (answer->reason[0])
            snprintf(words->text, sizeof(words->text), "The other gateway says: %s.",
                     answer->reason);
        return denied(r, words, words->text);
    case PREAMBLE_REFUSED:
        return down(r, words, 502, "takes no connections", answer->reason);
    case PREAMBLE_TIMED_OUT:
        return down(r, words, 504, "does not answer", answer->reason);
    case PREAMBLE_OK:
    case PREAMBLE_NO_SERVICE:
    case PREAMBLE_BUSY:
    case PREAMBLE_MALFORMED:
    case PREAMBLE_WRONG_PROTO:
        break;
    }
    snprintf(words->text, sizeof(words->text), "The other gateway says: %s.",
             answer->reason[0] ? answer->reason : preamble_status_text(answer->status));
    return (struct page){
        .status = answer->status == PREAMBLE_NO_SERVICE ? 404
                  : answer->status == PREAMBLE_BUSY     ? 503
                                                        : 502,
        .title = answer->status == PREAMBLE_NO_SERVICE ? "There is no such service any more"
                                                       : "The other gateway refused",
        .text = words->text,
        .advice = "This lists what every peer offers:",
        .command = "overlay status",
    };
}
