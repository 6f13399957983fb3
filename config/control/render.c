#include "config/control/render.h"

#include <stdlib.h>
#include <string.h>

#include "config/control/dht_words.h"
#include "config/control/fields.h"
#include "config/control/names_words.h"
#include "config/control/render_doctor.h"
#include "config/control/render_invite.h"
#include "config/control/render_resolve.h"
#include "config/control/render_status.h"

/* ---- share, open, ls ---- */

static void render_share(const struct front *f, const json_t *result)
{
    size_t allowed = json_array_size(json_object_get(result, "allow"));
    const char *name = field_text(result, "service");
    const json_t *invite = json_object_get(result, "invite");

    front_data(f, "%s\n", name);
    if (json_is_object(invite)) {
        front_say(f, "%s shares %s.\n", name, field_text(result, "target"));
        render_share_invite(f, invite);
        return;
    }
    if (field_flag(result, "public"))
        front_say(f, "%s shares %s with everybody.\n", name, field_text(result, "target"));
    else if (allowed > 0)
        front_say(f, "%s shares %s with %zu peer%s.\n", name, field_text(result, "target"), allowed,
                  allowed == 1 ? "" : "s");
    else
        front_say(f, "%s shares %s with nobody yet.\n  next: overlay allow PEER %s\n", name,
                  field_text(result, "target"), name);
    front_say(f, "Peers open it by: overlay open %s.%s\n", name, field_text(result, "id"));
}

/** Shows the first service that has a page. */
static void render_browse(const struct front *f, const json_t *result)
{
    size_t i;
    json_t *port;

    json_array_foreach(result, i, port)
    {
        const char *url = field_text(port, "url");
        if (*url == '-')
            continue;
        if (f->host->browse(f->host->arg, url) < 0)
            front_say(f, "no browser could be started (xdg-open); the URL is above\n");
        return;
    }
    front_say(f, "there is nothing that a browser could show\n");
}

static void render_open(const struct front *f, const json_t *result)
{
    size_t i;
    json_t *port;

    json_array_foreach(result, i, port)
    {
        front_data(f, "%s\t%s\t%s\n", field_text(port, "url"), field_text(port, "listen"),
                   field_text(port, "name"));
        if (!field_flag(port, "listening"))
            front_say(f, "%s: the port is taken by another program just now\n",
                      field_text(port, "name"));
    }
    if (args_has(&f->args, "browse"))
        render_browse(f, result);
}

static void render_shared(const struct front *f, const json_t *service)
{
    auto_free char *allow = field_list(service, "allow", "nobody");
    auto_free char *deny = field_list(service, "deny", "");
    bool ends = json_is_number(json_object_get(service, "expires_s"));
    char left[SPAN_TEXT_MAX];

    front_data(f, "%-24s shared  %-4s  %5d -> %s  for %s%s%s%s%s\n", field_text(service, "id"),
               field_text(service, "proto"), (int)field_number(service, "port"),
               field_text(service, "target"), field_flag(service, "public") ? "everybody" : allow,
               deny && *deny ? ", never " : "", deny, ends ? "  ends in " : "",
               ends ? span_text(field_number(service, "expires_s"), left) : "");
}

static void render_ls(const struct front *f, const json_t *result)
{
    size_t i, k, n;
    json_t *item;

    json_array_foreach(json_object_get(result, "services"), i, item)
    {
        render_shared(f, item);
    }
    json_array_foreach(json_object_get(result, "open"), k, item)
    {
        front_data(f, "%-24s open    %-4s  %s  %s\n", field_text(item, "id"),
                   field_text(item, "proto"), field_text(item, "listen"), field_text(item, "url"));
    }
    json_array_foreach(json_object_get(result, "invites"), n, item)
    {
        render_open_invite(f, item);
    }
    if (i == 0 && k == 0 && n == 0)
        front_say(f, "Nothing is shared, and nothing is open.\n");
}

/* ---- ping, bench ---- */

static void render_ping(const struct front *f, const json_t *event)
{
    const json_t *rtt = json_object_get(event, "rtt_ms");
    const json_t *before = json_object_get(event, "before");

    if (f->json)
        return;
    if (before)
        front_say(f, "%s %.0f ms -> %s %.0f ms\n", field_text(before, "path"),
                  field_number(before, "rtt_ms"), field_text(event, "path"),
                  json_number_value(rtt));
    if (json_is_null(rtt))
        front_data(f, "%s: no answer\n", field_text(event, "peer"));
    else
        front_data(f, "%s: %.2f ms, %s, %s\n", field_text(event, "peer"), json_number_value(rtt),
                   field_text(event, "path"), field_text(event, "remote"));
    if (json_is_string(json_object_get(event, "why_not_direct")))
        front_say(f, "  not direct: %s\n", field_text(event, "why_not_direct"));
}

static void render_ping_sum(const struct front *f, const json_t *result)
{
    front_say(f, "%d sent, %d answered; least %.2f, average %.2f, most %.2f ms\n",
              (int)field_number(result, "sent"), (int)field_number(result, "received"),
              field_number(result, "min_ms"), field_number(result, "avg_ms"),
              field_number(result, "max_ms"));
}

static void render_bench(const struct front *f, const json_t *result)
{
    front_data(f, "from %s: %.1f Mbit/s\nto %s: %.1f Mbit/s\n", field_text(result, "peer"),
               field_number(result, "down_bps") / 1e6, field_text(result, "peer"),
               field_number(result, "up_bps") / 1e6);
    front_say(f, "%s, %.2f ms\n", field_text(result, "path"), field_number(result, "rtt_ms"));
}

/* ---- mail ---- */

static void render_answer(const struct front *f, const json_t *event)
{
    const char *peer = field_text(event, "peer");

    if (f->json)
        front_json(f, event);
    else
        front_data(f, "%s", field_text(event, "text"));
    front_say(f, "This is the answer: carry it back to %s, who reads it by `overlay mail read`.\n",
              peer);
    front_say(f, "Waiting for %s, up to a minute ...\n", peer);
}

static void render_mail(const struct front *f, const json_t *result)
{
    const char *peer = field_text(result, "peer");

    if (json_is_string(json_object_get(result, "path"))) {
        front_say(f, "%s is connected: %s.\n", peer, field_text(result, "path"));
        return;
    }
    front_data(f, "%s", field_text(result, "text"));
    front_say(f,
              "Carry this to %s, who reads it by `overlay mail read`, and the answer back here: "
              "`overlay mail read`. It is good for ten minutes.\n",
              peer);
}

/* ---- which is which ---- */

static void render_words(const struct front *f, const json_t *words)
{
    size_t i;
    json_t *word;

    json_array_foreach(words, i, word)
    {
        front_data(f, "%s\n", json_string_value(word));
    }
}

static void say_done(const struct front *f, const json_t *result)
{
    switch (f->args.verb->id) {
    case VERB_PEER:
        if (json_is_string(json_object_get(result, "alias")))
            front_say(f, "%s is %s.\n", field_text(result, "alias"), field_text(result, "id"));
        else
            front_say(f, "%s is known.\n", field_text(result, "id"));
        break;
    case VERB_UNNAME:
        front_say(f, "%s has no name any more.\n", field_text(result, "alias"));
        break;
    case VERB_ALLOW:
        front_say(f, "%s may use %s.\n", field_text(result, "peer"), field_text(result, "service"));
        break;
    case VERB_DENY:
        front_say(f, "%s may not use %s.\n", field_text(result, "peer"),
                  field_text(result, "service"));
        break;
    case VERB_BLOCK:
        front_say(f, "%s is blocked.\n", field_text(result, "peer"));
        break;
    case VERB_UNBLOCK:
        front_say(f, "%s is not blocked.\n", field_text(result, "peer"));
        break;
    case VERB_CLOSE:
        front_say(f, "%s is closed.\n", field_text(result, "id"));
        break;
    case VERB_CONFIG:
        front_say(f, "The configuration was read again.\n");
        if (json_is_string(json_object_get(result, "note")))
            front_say(f, "%s\n", field_text(result, "note"));
        break;
    default:
        break;
    }
}

void render_result(const struct front *f, const json_t *result)
{
    enum verb_id verb = f->args.verb->id;

    if (f->json)
        front_json(f, result);
    else if (verb == VERB_SHARE)
        render_share(f, result);
    else if (verb == VERB_OPEN)
        render_open(f, result);
    else if (verb == VERB_LS)
        render_ls(f, result);
    else if (verb == VERB_INVITE)
        render_invite(f, result);
    else if (verb == VERB_REVOKE)
        render_revoke(f, result);
    else if (verb == VERB_STATUS && args_has(&f->args, "web"))
        front_data(f, "%s\n", field_text(result, "url"));
    else if (verb == VERB_STATUS)
        render_status(f, result);
    else if (verb == VERB_DOCTOR)
        render_doctor(f, result);
    else if (verb == VERB_PING)
        render_ping_sum(f, result);
    else if (verb == VERB_BENCH)
        render_bench(f, result);
    else if (verb == VERB_DHT)
        dht_words_result(f, result);
    else if (verb == VERB_NAME)
        names_words_result(f, result);
    else if (verb == VERB_RESOLVE)
        render_resolve(f, result);
    else if (verb == VERB_ID)
        front_data(f, "%s\n", field_text(result, "id"));
    else if (verb == VERB_MAIL)
        render_mail(f, result);
    else if (verb == VERB_COMPLETE)
        render_words(f, result);
    else
        say_done(f, result);
}

/* ---- log ---- */

static void render_log(const struct front *f, const json_t *entry)
{
    char when[32];

    if (f->json) {
        front_json(f, entry);
        return;
    }
    (void)f->host->local_time(f->host->arg, (int64_t)(field_number(entry, "time") * 1e6), when,
                              sizeof(when));
    front_data(f, "%s %s %s: %s\n", when, field_text(entry, "level"), field_text(entry, "area"),
               field_text(entry, "text"));
}

/* A line that came too fast for this terminal is one as well. */
static void render_missed(const struct front *f, const json_t *event)
{
    if (f->json)
        front_json(f, event);
    else
        front_data(f, "... %.0f lines were too fast for this\n", field_number(event, "lines"));
}

void render_event(const struct front *f, const json_t *event)
{
    const char *name = field_text(event, "event");

    if (render_invite_event(f, name, event))
        return;
    if (strcmp(name, "log") == 0) {
        render_log(f, json_object_get(event, "entry"));
    } else if (strcmp(name, "missed") == 0) {
        render_missed(f, event);
    } else if (strcmp(name, "ping") == 0) {
        render_ping(f, event);
    } else if (strncmp(name, "dht_", 4) == 0) {
        dht_words_event(f, event);
    } else if (strcmp(name, "answer") == 0) {
        render_answer(f, event);
    } else if (strcmp(name, "shared") == 0 || strcmp(name, "opened") == 0) {
        render_result(f, json_object_get(event, "result"));
    } else if (!front_is_live(f)) {
        return;
    } else if (strcmp(name, "joining") == 0) {
        front_say(f, "looking for the invite ...\n");
    } else if (strcmp(name, "finding") == 0) {
        front_say(f, "finding %s ...\n", field_text(event, "peer"));
    } else if (strcmp(name, "punching") == 0) {
        front_say(f, "punching a hole to %s ...\n", field_text(event, "peer"));
    } else if (strcmp(name, "connected") == 0) {
        front_say(f, "%s", field_text(event, "path"));
        if (json_is_number(json_object_get(event, "rtt_ms")))
            front_say(f, " %.1f ms", field_number(event, "rtt_ms"));
        front_say(f, "\n");
    } else if (strcmp(name, "phase") == 0) {
        front_say(f, "measuring, %s ...\n",
                  strcmp(field_text(event, "way"), "down") == 0 ? "from there" : "to there");
    }
}
