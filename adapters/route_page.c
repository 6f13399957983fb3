#include "adapters/route_page.h"

#include <stdio.h>
#include <string.h>

#include "adapters/near_name.h"

#define ASK_THEM                                                                                   \
    "Ask the person there for an invite, or have the service opened for you: overlay allow, with " \
    "your id, which this prints:"

static const char *label_of(const struct route *r, char out[static PEER_ID_TEXT_MAX])
{
    struct peer_view view;
    if (node_peer(r->proxy->o.node, &r->peer, &view) && view.alias[0])
        snprintf(out, PEER_ID_TEXT_MAX, "%s", view.alias);
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

static void suggest(const struct route *r, const char *name, struct page *page,
                    struct route_words *w)
{
    size_t len = strlen(name), tail = sizeof(".localhost") - 1;
    bool local = len > tail && strcmp(name + len - tail, ".localhost") == 0;
    uint16_t port = addr_port(&r->proxy->local[0]);
    if (len == 0)
        return;
    if (local && port != 80)
        snprintf(w->link, sizeof(w->link), "//%s:%u/", name, port);
    else
        snprintf(w->link, sizeof(w->link), "//%s/", name);
    page->link = w->link;
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
        return (struct page){.status = 404,
                             .title = "Which service?",
                             .text = r->why,
                             .advice = "This lists them:",
                             .command = "overlay status"};
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
