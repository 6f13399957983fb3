#include "config/control/render.h"

#include <stdlib.h>
#include <string.h>

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "-";
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static bool flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static bool live(const struct front *f)
{
    return !f->quiet && !f->json && f->host->is_terminal(f->host->arg, 2);
}

/** "alice, bob", or what stands for an empty list. The caller frees it. */
static char *joined(const json_t *list, const char *empty)
{
    char *out = NULL;
    size_t len, i;
    json_t *word;
    FILE *stream = open_memstream(&out, &len);

    if (!stream)
        return NULL;
    json_array_foreach(list, i, word)
    {
        (void)fprintf(stream, "%s%s", i ? "," : "", json_string_value(word));
    }
    if (json_array_size(list) == 0)
        (void)fputs(empty, stream);
    return fclose(stream) == 0 ? out : NULL;
}

/* ---- share, open, ls ---- */

static void render_share(const struct front *f, const json_t *result)
{
    size_t allowed = json_array_size(json_object_get(result, "allow"));
    const char *name = text(result, "service");

    front_data(f, "%s\n", name);
    if (flag(result, "public"))
        front_say(f, "%s shares %s with everybody.\n", name, text(result, "target"));
    else if (allowed > 0)
        front_say(f, "%s shares %s with %zu peer%s.\n", name, text(result, "target"), allowed,
                  allowed == 1 ? "" : "s");
    else
        front_say(f, "%s shares %s with nobody yet.\n  next: overlay allow PEER %s\n", name,
                  text(result, "target"), name);
    front_say(f, "Peers open it by: overlay open %s.%s\n", name, text(result, "id"));
}

static void render_open(const struct front *f, const json_t *result)
{
    size_t i;
    json_t *port;

    json_array_foreach(result, i, port)
    {
        front_data(f, "%s\t%s\t%s\n", text(port, "url"), text(port, "listen"), text(port, "name"));
        if (!flag(port, "listening"))
            front_say(f, "%s: the port is taken by another program just now\n", text(port, "name"));
    }
    if (i > 0 && args_has(&f->args, "browse")) {
        const char *url = text(json_array_get(result, 0), "url");
        if (*url == '-' || f->host->browse(f->host->arg, url) < 0)
            front_say(f, "there is nothing that a browser could show\n");
    }
}

static void render_ls(const struct front *f, const json_t *result)
{
    size_t i, k;
    json_t *item;

    json_array_foreach(json_object_get(result, "services"), i, item)
    {
        auto_free char *allow = joined(json_object_get(item, "allow"), "nobody");
        front_data(f, "%-24s shared  %-4s  %5d -> %s  for %s\n", text(item, "id"),
                   text(item, "proto"), (int)number(item, "port"), text(item, "target"),
                   flag(item, "public") ? "everybody" : allow);
    }
    json_array_foreach(json_object_get(result, "open"), k, item)
    {
        front_data(f, "%-24s open    %-4s  %s  %s\n", text(item, "id"), text(item, "proto"),
                   text(item, "listen"), text(item, "url"));
    }
    if (i == 0 && k == 0)
        front_say(f, "Nothing is shared, and nothing is open.\n");
}

/* ---- ping, bench ---- */

static void render_ping(const struct front *f, const json_t *event)
{
    const json_t *rtt = json_object_get(event, "rtt_ms");

    if (f->json)
        return;
    if (json_is_null(rtt))
        front_data(f, "%s: no answer\n", text(event, "peer"));
    else
        front_data(f, "%s: %.2f ms, %s, %s\n", text(event, "peer"), json_number_value(rtt),
                   text(event, "path"), text(event, "remote"));
}

static void render_ping_sum(const struct front *f, const json_t *result)
{
    front_say(f, "%d sent, %d answered; least %.2f, average %.2f, most %.2f ms\n",
              (int)number(result, "sent"), (int)number(result, "received"),
              number(result, "min_ms"), number(result, "avg_ms"), number(result, "max_ms"));
}

static void render_bench(const struct front *f, const json_t *result)
{
    front_data(f, "from %s: %.1f Mbit/s\nto %s: %.1f Mbit/s\n", text(result, "peer"),
               number(result, "down_bps") / 1e6, text(result, "peer"),
               number(result, "up_bps") / 1e6);
    front_say(f, "%s, %.2f ms\n", text(result, "path"), number(result, "rtt_ms"));
}

/* ---- status ---- */

struct unit {
    const char *name;
    double factor;
};

static void print_bytes(FILE *out, double bytes)
{
    static const struct unit UNITS[] = {{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}};

    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++)
        if (bytes >= UNITS[i].factor) {
            (void)fprintf(out, "%.1f %s", bytes / UNITS[i].factor, UNITS[i].name);
            return;
        }
    (void)fprintf(out, "%.0f B", bytes);
}

static bool coloured(const struct front *f)
{
    const char *no = f->host->getenv(f->host->arg, "NO_COLOR");
    return f->host->is_terminal(f->host->arg, 1) && !(no && *no);
}

static const char *colour_of(const char *state)
{
    if (strcmp(state, "direct") == 0)
        return "\033[32m";
    if (strcmp(state, "relayed") == 0 || strcmp(state, "finding") == 0)
        return "\033[33m";
    if (strcmp(state, "unreachable") == 0 || strcmp(state, "blocked") == 0)
        return "\033[31m";
    return "";
}

static void print_peer_path(FILE *out, const json_t *peer)
{
    const json_t *path = json_object_get(peer, "path");

    if (json_is_object(path)) {
        (void)fprintf(out, "%s %s", text(path, "kind"), text(path, "remote"));
        if (json_is_number(json_object_get(path, "rtt_ms")))
            (void)fprintf(out, " %.1f ms", number(path, "rtt_ms"));
    } else {
        (void)fputs(text(peer, "why_not_direct"), out);
    }
}

static void print_peer(const struct front *f, FILE *out, const json_t *peer)
{
    const char *state = text(peer, "state"), *alias = text(peer, "alias");
    const char *colour = coloured(f) ? colour_of(state) : "";
    size_t i;
    json_t *port;

    (void)fprintf(out, "  %-16.52s %s%-11s%s ", *alias == '-' ? text(peer, "id") : alias, colour,
                  state, *colour ? "\033[0m" : "");
    print_peer_path(out, peer);
    (void)fputs("  in ", out);
    print_bytes(out, number(peer, "rx_bytes"));
    (void)fputs(" out ", out);
    print_bytes(out, number(peer, "tx_bytes"));
    (void)fputc('\n', out);
    json_array_foreach(json_object_get(peer, "ports"), i, port)
    {
        const json_t *listen = json_array_get(json_object_get(port, "listen"), 0);
        (void)fprintf(out, "    %-14s %s %s %s\n", text(port, "service"), text(port, "proto"),
                      listen ? json_string_value(listen) : "-", text(port, "url"));
    }
}

static void print_service(FILE *out, const json_t *service)
{
    size_t allowed = json_array_size(json_object_get(service, "allow"));

    (void)fprintf(out, "  %-16s %-4s %5d -> %s  for ", text(service, "name"),
                  text(service, "proto"), (int)number(service, "port"), text(service, "target"));
    if (flag(service, "public"))
        (void)fputs("everybody", out);
    else
        (void)fprintf(out, "%zu peer%s", allowed, allowed == 1 ? "" : "s");
    (void)fprintf(out, "  %d connections\n", (int)number(service, "connections"));
}

static void print_status(const struct front *f, FILE *out, const json_t *status)
{
    auto_free char *udp = joined(json_object_get(status, "udp"), "-");
    auto_free char *dns = joined(json_object_get(json_object_get(status, "dns"), "listen"), "-");
    auto_free char *proxy =
        joined(json_object_get(json_object_get(status, "proxy"), "listen"), "-");
    size_t i;
    json_t *item;

    (void)fprintf(out, "overlay %s, process %d, up %d s\n", text(status, "version"),
                  (int)number(status, "pid"), (int)number(status, "uptime_s"));
    (void)fprintf(out, "id     %s\nhome   %s\nudp    %s\ndns    %s for .%s\nproxy  %s\n",
                  text(status, "id"), text(status, "home"), udp, dns,
                  text(json_object_get(status, "dns"), "suffix"), proxy);
    (void)fputs("services\n", out);
    json_array_foreach(json_object_get(status, "services"), i, item)
    {
        print_service(out, item);
    }
    (void)fputs("peers\n", out);
    json_array_foreach(json_object_get(status, "peers"), i, item)
    {
        print_peer(f, out, item);
    }
}

void render_status(const struct front *f, const json_t *status)
{
    char *page = NULL;
    size_t len;
    FILE *out = open_memstream(&page, &len);

    if (!out)
        return;
    print_status(f, out, status);
    if (fclose(out) == 0)
        front_data(f, "%s", page);
    free(page);
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
    case VERB_NAME:
        front_say(f, "%s is %s.\n", text(result, "alias"), text(result, "id"));
        break;
    case VERB_UNNAME:
        front_say(f, "%s has no name any more.\n", text(result, "alias"));
        break;
    case VERB_ALLOW:
        front_say(f, "%s may use %s.\n", text(result, "peer"), text(result, "service"));
        break;
    case VERB_DENY:
        front_say(f, "%s may not use %s.\n", text(result, "peer"), text(result, "service"));
        break;
    case VERB_BLOCK:
        front_say(f, "%s is blocked.\n", text(result, "peer"));
        break;
    case VERB_UNBLOCK:
        front_say(f, "%s is not blocked.\n", text(result, "peer"));
        break;
    case VERB_CLOSE:
        front_say(f, "%s is closed.\n", text(result, "id"));
        break;
    case VERB_CONFIG:
        front_say(f, "The configuration was read again.\n");
        if (json_object_get(result, "note"))
            front_say(f, "%s\n", text(result, "note"));
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
    else if (verb == VERB_STATUS)
        render_status(f, result);
    else if (verb == VERB_PING)
        render_ping_sum(f, result);
    else if (verb == VERB_BENCH)
        render_bench(f, result);
    else if (verb == VERB_ID || verb == VERB_RESOLVE)
        front_data(f, "%s\n", text(result, "id"));
    else if (verb == VERB_COMPLETE)
        render_words(f, result);
    else
        say_done(f, result);
}

void render_event(const struct front *f, const json_t *event)
{
    const char *name = text(event, "event");

    if (strcmp(name, "ping") == 0) {
        render_ping(f, event);
    } else if (strcmp(name, "shared") == 0 || strcmp(name, "opened") == 0) {
        render_result(f, json_object_get(event, "result"));
    } else if (!live(f)) {
        return;
    } else if (strcmp(name, "finding") == 0) {
        front_say(f, "finding %s ...\n", text(event, "peer"));
    } else if (strcmp(name, "connected") == 0) {
        front_say(f, "%s", text(event, "path"));
        if (json_is_number(json_object_get(event, "rtt_ms")))
            front_say(f, " %.1f ms", number(event, "rtt_ms"));
        front_say(f, "\n");
    } else if (strcmp(name, "phase") == 0) {
        front_say(f, "measuring, %s ...\n",
                  strcmp(text(event, "way"), "down") == 0 ? "from there" : "to there");
    }
}
