#include "config/control/invitation.h"

#include <errno.h>
#include <string.h>

#define PATIENCE SEC(30)

json_t *invitation_json(const struct node_invite *invite)
{
    return json_pack("{s:s, s:s, s:i, s:o, s:i, s:i, s:I}", "code", invite->code, "ticket",
                     invite->ticket, "number", (int)invite->number, "service",
                     protocol_text(invite->service[0] ? invite->service : NULL), "uses",
                     (int)invite->uses, "tries", (int)invite->tries, "expires_s",
                     (json_int_t)((invite->left + SEC(1) - 1) / SEC(1)));
}

/* ---- somebody else's ---- */

/** Spelled in any letter case, as QR codes are. */
static bool is_ticket(const char *text)
{
    const size_t n = sizeof(TICKET_SCHEME) - 1;

    for (size_t i = 0; i < n; i++)
        if ((text[i] | 0x20) != (TICKET_SCHEME[i] | 0x20))
            return false;
    return true;
}

static bool is_code(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 4 && text[digits] && strchr("- ", text[digits]) &&
           !strpbrk(text, ".:");
}

bool joining_reads(struct command_context *c, const char *text)
{
    struct peer_id id;

    if (is_ticket(text))
        return true;
    return is_code(text) && registry_find_peer(c->registry, text, &id) == -ENOENT;
}

static json_t *read_code(const char *text, struct invite_code *code)
{
    const char *word = text;
    size_t len = 0;
    int err = invite_code_parse(code, text, &word, &len);

    if (err == -ENOENT)
        return protocol_error(CLI_USAGE, "overlay open CODE, as whoever invited you reads it",
                              "'%.*s' is no word of a code", (int)len, word);
    if (err < 0)
        return protocol_error(CLI_USAGE, "overlay open CODE, as whoever invited you reads it",
                              "'%s' is not a whole code: a number and two words, 7-cobalt-lemon",
                              text);
    return NULL;
}

static json_t *read_ticket(const char *text, struct ticket *ticket)
{
    int err = ticket_parse(ticket, text, strlen(text));

    if (err == -ENOTSUP)
        return protocol_error(CLI_FAILED, "use a newer overlay",
                              "the ticket is of a later version");
    if (err < 0)
        return protocol_error(CLI_USAGE, "copy it once more, all of the line",
                              "the ticket is cut or mistyped");
    return NULL;
}

static json_t *explain(int err, const char *why)
{
    if (err == -ETIMEDOUT)
        return protocol_error(CLI_UNREACHABLE,
                              "is the number right, and the invite open? overlay ls, there", "%s",
                              why);
    if (err == -EACCES)
        return protocol_error(CLI_DENIED, "have the code read again; three wrong tries burn it",
                              "%s", why);
    if (err == -EKEYEXPIRED)
        return protocol_error(CLI_DENIED, "ask for a new one: overlay invite SERVICE", "%s", why);
    return protocol_error(CLI_FAILED, "overlay status", "%s", why);
}

static void on_joined(struct node_join *join, int err, const struct node_joined *joined,
                      const char *why)
{
    struct joining *j = container_of(join, struct joining, join);

    j->waits = false;
    j->done(j, err < 0 ? explain(err, why) : NULL, joined);
}

json_t *joining_start(struct joining *j, struct command_context *c, const char *text)
{
    bool by_ticket = is_ticket(text);
    struct invite_code code;
    struct ticket ticket;
    json_t *refusal = by_ticket ? read_ticket(text, &ticket) : read_code(text, &code);

    if (refusal)
        return refusal;
    j->context = c;
    j->join.done = on_joined;
    int err = node_join(c->node, by_ticket ? NULL : &code, by_ticket ? &ticket : NULL, PATIENCE,
                        &j->join);
    if (err == -EINVAL)
        return protocol_error(CLI_USAGE, "open it on the other machine",
                              "this invite is one of our own");
    if (err < 0)
        return protocol_error(CLI_FAILED, "try again in half a minute", "%s",
                              err == -EBUSY ? "too many invites are being opened" : strerror(-err));
    j->waits = true;
    return NULL;
}

void joining_stop(struct joining *j)
{
    if (j->waits)
        node_join_cancel(j->context->node, &j->join);
    j->waits = false;
}
