#include "config/control/request.h"

#include <stdlib.h>
#include <string.h>

#include "config/control/dht_words.h"
#include "config/control/names_words.h"
#include "config/settings/option.h"

static void set_text(json_t *request, const char *key, const char *text)
{
    if (text)
        (void)json_object_set_new(request, key, protocol_text(text));
}

static void set_flag(const struct front *f, json_t *request, const char *key, const char *option)
{
    if (args_has(&f->args, option))
        (void)json_object_set_new(request, key, json_true());
}

/** Every value of an option that may come several times, each maybe a list with commas. */
static json_t *words_of(const struct front *f, const char *option)
{
    json_t *list = json_array();
    const char *value;

    for (size_t i = 0; (value = args_nth(&f->args, option, i)); i++) {
        for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
            size_t len = strcspn(at, ",");
            if (len > 0)
                (void)json_array_append_new(list, json_stringn(at, len));
        }
    }
    return list;
}

static void set_words(const struct front *f, json_t *request, const char *key, const char *option)
{
    if (args_has(&f->args, option))
        (void)json_object_set_new(request, key, words_of(f, option));
}

/** False: not a number, which was said. */
static bool set_number(const struct front *f, json_t *request, const char *key, const char *option,
                       int *code)
{
    const char *text = args_value(&f->args, option);
    uint64_t n;

    if (!text)
        return true;
    if (number_parse(&n, text, 0, INT32_MAX) < 0) {
        *code = front_fail(f, CLI_USAGE, NULL, "--%s: '%s' is not a number", option, text);
        return false;
    }
    (void)json_object_set_new(request, key, json_integer((json_int_t)n));
    return true;
}

/** The gateway has another working directory: paths of unix sockets become absolute. */
/** False: JSON cannot carry it, which was said. */
static bool set_target(const struct front *f, json_t *request, const char *target, int *code)
{
    static const char UNIX[] = "unix:";
    const size_t n = sizeof(UNIX) - 1;

    json_t *exact = json_string(target);
    json_decref(exact);
    if (!exact) {
        *code = front_fail(f, CLI_USAGE, NULL, "the target is not valid UTF-8");
        return false;
    }
    if (strncmp(target, UNIX, n) != 0 || target[n] == '/' || !target[n]) {
        set_text(request, "target", target);
        return true;
    }
    auto_free char *path = f->host->absolute(f->host->arg, target + n);
    auto_free char *full = NULL;
    if (path && asprintf(&full, "%s%s", UNIX, path) < 0)
        full = NULL;
    set_text(request, "target", full ? full : target);
    return true;
}

static bool share(const struct front *f, json_t *request, int *code)
{
    if (!set_target(f, request, f->args.at[0], code))
        return false;
    set_text(request, "as", args_value(&f->args, "as"));
    set_text(request, "for", args_value(&f->args, "for"));
    set_words(f, request, "to", "to");
    set_flag(f, request, "public", "public");
    set_flag(f, request, "udp", "udp");
    set_flag(f, request, "both", "both");
    set_flag(f, request, "raw", "raw");
    set_flag(f, request, "proxy_protocol", "proxy-protocol");
    set_flag(f, request, "peer_header", "peer-header");
    set_flag(f, request, "off_host", "off-host");
    set_flag(f, request, "hold", "foreground");
    if (!args_has(&f->args, "public") && !args_has(&f->args, "to") && !f->quiet)
        (void)json_object_set_new(request, "invite", json_true());
    return set_number(f, request, "port", "port", code);
}

/** On a terminal somebody looks who comes. */
static bool invite(const struct front *f, json_t *request, int *code)
{
    bool live = !f->json && !f->quiet && !args_has(&f->args, "print") &&
                f->host->is_terminal(f->host->arg, 2);

    set_text(request, "service", f->args.count > 0 ? f->args.at[0] : NULL);
    set_text(request, "for", args_value(&f->args, "for"));
    if (live)
        (void)json_object_set_new(request, "wait", json_true());
    return set_number(f, request, "uses", "uses", code);
}

static bool open_(const struct front *f, json_t *request, int *code)
{
    (void)code;
    set_text(request, "place", f->args.at[0]);
    set_text(request, "at", args_value(&f->args, "at"));
    set_flag(f, request, "udp", "udp");
    set_flag(f, request, "hold", "foreground");
    return true;
}

static bool log_(const struct front *f, json_t *request, int *code)
{
    set_flag(f, request, "follow", "follow");
    return set_number(f, request, "lines", "lines", code);
}

static bool ping(const struct front *f, json_t *request, int *code)
{
    set_text(request, "peer", f->args.at[0]);
    set_flag(f, request, "until_direct", "until-direct");
    return set_number(f, request, "count", "count", code);
}

static bool punch(const struct front *f, json_t *request, int *code)
{
    bool accept = args_has(&f->args, "accept");
    json_t *peers = json_array();

    (void)code;
    for (size_t i = 0; i < f->args.count; i++)
        (void)json_array_append_new(peers, protocol_text(f->args.at[i]));
    set_text(request, "cmd", accept ? "punch_accept" : "punch");
    if (!accept)
        set_text(request, "peer", f->args.at[0]);
    else if (f->args.count > 0)
        (void)json_object_set(request, "peers", peers);
    json_decref(peers);
    set_flag(f, request, "tcp", "tcp");
    return true;
}

static bool peer(const struct front *f, json_t *request, int *code)
{
    (void)code;
    set_text(request, "id", f->args.at[1]);
    set_text(request, "alias", args_value(&f->args, "alias"));
    set_words(f, request, "addresses", "address");
    set_words(f, request, "relays", "relay");
    set_text(request, "mail", args_value(&f->args, "mail"));
    return true;
}

/** What a text has between the first and the last line of a message, line by line; what cannot be
 *  part of one is cut. */
static json_t *lines_of(const char *text)
{
    json_t *lines = json_array();
    const char *at = strstr(text, "BEGIN OVERLAY MESSAGE");

    while (at && at > text && at[-1] != '\n')
        at--;
    for (; at && *at && json_array_size(lines) < PROTOCOL_LIST_MAX; at += *at == '\n') {
        size_t len = strcspn(at, "\r\n"),
               used = len < PROTOCOL_STRING_MAX ? len : PROTOCOL_STRING_MAX;
        json_t *line = used > 0 ? json_stringn(at, used) : NULL;
        if (line)
            (void)json_array_append_new(lines, line);
        if (memmem(at, len, "END OVERLAY MESSAGE", strlen("END OVERLAY MESSAGE")))
            break;
        at += len + (at[len] == '\r');
    }
    return lines;
}

static bool mail_read(const struct front *f, json_t *request, int *code)
{
    auto_free char *text = NULL;
    size_t len;
    int err = f->host->read_text(f->host->arg, "-", &text, &len);

    if (err < 0) {
        *code = front_fail(f, CLI_FAILED, NULL, "standard input: %s", strerror(-err));
        return false;
    }
    json_t *lines = lines_of(text);
    if (json_array_size(lines) == 0)
        *code = front_fail(f, CLI_USAGE, "overlay mail send PEER, at the other gateway, prints one",
                           "there is no Overlay message in this text");
    set_text(request, "cmd", "mail_read");
    (void)json_object_set(request, "lines", lines);
    bool any = json_array_size(lines) > 0;
    json_decref(lines);
    return any;
}

static bool mail(const struct front *f, json_t *request, int *code)
{
    bool sends = strcmp(f->args.at[0], "send") == 0;

    if (f->args.count != (sends ? 2 : 1)) {
        *code =
            front_fail(f, CLI_USAGE, "overlay help mail", sends ? "to whom?" : "too many words");
        return false;
    }
    if (!sends)
        return mail_read(f, request, code);
    set_text(request, "cmd", "mail_send");
    set_text(request, "peer", f->args.at[1]);
    return true;
}

/** Verbs that are nothing but their arguments. */
static const struct plain {
    enum verb_id verb;
    const char *cmd, *first, *second;
} PLAIN[] = {
    {VERB_STOP, "stop", NULL, NULL},
    {VERB_LS, "ls", NULL, NULL},
    {VERB_STATUS, "status", NULL, NULL},
    {VERB_DOCTOR, "doctor", NULL, NULL},
    {VERB_ID, "id", NULL, NULL},
    {VERB_CONFIG, "reload", NULL, NULL},
    {VERB_CLOSE, "close", "id", NULL},
    {VERB_UNNAME, "unname", "alias", NULL},
    {VERB_ALLOW, "allow", "peer", "service"},
    {VERB_DENY, "deny", "peer", "service"},
    {VERB_BLOCK, "block", "peer", NULL},
    {VERB_UNBLOCK, "unblock", "peer", NULL},
    {VERB_REVOKE, "revoke", "what", NULL},
    {VERB_BENCH, "bench", "peer", NULL},
    {VERB_PIPE, "pipe", "place", NULL},
    {VERB_RESOLVE, "resolve", "name", NULL},
    {VERB_COMPLETE, "complete", "what", NULL},
};

static bool plain(const struct front *f, json_t *request)
{
    for (size_t i = 0; i < sizeof(PLAIN) / sizeof(PLAIN[0]); i++) {
        if (PLAIN[i].verb != f->args.verb->id)
            continue;
        set_text(request, "cmd", PLAIN[i].cmd);
        if (PLAIN[i].first)
            set_text(request, PLAIN[i].first, f->args.at[0]);
        if (PLAIN[i].second)
            set_text(request, PLAIN[i].second, f->args.at[1]);
        return true;
    }
    return false;
}

json_t *request_from_args(const struct front *f, int *code)
{
    enum verb_id verb = f->args.verb->id;
    json_t *request = json_object();
    bool ok = true;

    if (verb == VERB_STATUS && args_has(&f->args, "web")) {
        set_text(request, "cmd", "page");
    } else if (!plain(f, request)) {
        set_text(request, "cmd", f->args.verb->name);
        if (verb == VERB_SHARE)
            ok = share(f, request, code);
        else if (verb == VERB_INVITE)
            ok = invite(f, request, code);
        else if (verb == VERB_OPEN)
            ok = open_(f, request, code);
        else if (verb == VERB_LOG)
            ok = log_(f, request, code);
        else if (verb == VERB_PING)
            ok = ping(f, request, code);
        else if (verb == VERB_NAME)
            ok = names_request_fill(f, request, code);
        else if (verb == VERB_DHT)
            ok = dht_request_fill(f, request, code);
        else if (verb == VERB_PUNCH)
            ok = punch(f, request, code);
        else if (verb == VERB_PEER)
            ok = peer(f, request, code);
        else if (verb == VERB_MAIL)
            ok = mail(f, request, code);
    }
    if (ok)
        return request;
    json_decref(request);
    return NULL;
}
