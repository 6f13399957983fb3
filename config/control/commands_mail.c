/* mail: messages that a person carries from one gateway to another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"

#define WITHIN SEC(60) /* to be connected after a message was read */
#define LOOK   MSEC(200)
/* A gateway that has just been started does not know yet how it is seen from outside. */
#define WARM SEC(3)

/** Either command. */
struct mailing {
    struct call *call;
    struct peer_id peer;
    char label[PEER_LABEL_MAX];
    instant until;
    struct timer timer;
    char *text;                  /* `read`: what was brought, until it is read */
    struct node_message message; /* and what it was */
};

static void mailing_free(struct mailing *m)
{
    timer_stop(m->call->context->env, &m->timer);
    m->call->state = NULL;
    free(m->text);
    free(m);
}

static void finish(struct mailing *m, json_t *answer)
{
    struct call *call = m->call;

    mailing_free(m);
    call->finish(call, answer);
}

static void cancel(struct call *call)
{
    mailing_free(call->state);
}

/** Lets the gateway find out how it is seen before `next` says so to others. */
static void begin(struct mailing *m, void (*next)(struct timer *timer))
{
    const struct command_context *c = m->call->context;

    m->call->state = m;
    m->call->cancel = cancel;
    m->timer.fire = next;
    timer_set(c->env, &m->timer, c->since + WARM);
}

static struct mailing *mailing_new(struct call *call)
{
    struct mailing *m = calloc(1, sizeof(*m));

    if (m)
        m->call = call;
    else
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
    return m;
}

static json_t *write_error(const struct mailing *m, int err)
{
    if (err == -ENOENT)
        return protocol_error(CLI_UNKNOWN, "overlay peer add PEER_ID --alias NAME",
                              "%s is no contact: both must know each other's id", m->label);
    return protocol_error(CLI_FAILED, NULL, "%s: %s", m->label, strerror(-err));
}

/* ---- send ---- */

static void on_send(struct timer *timer)
{
    struct mailing *m = container_of(timer, struct mailing, timer);
    char text[NODE_MESSAGE_MAX];
    int err = node_mail_write(m->call->context->node, &m->peer, NULL, text);

    if (err < 0)
        finish(m, write_error(m, err));
    else
        finish(m, protocol_ok(json_pack("{s:o, s:o, s:s}", "peer", protocol_text(m->label), "id",
                                        id_json(&m->peer), "text", text)));
}

void command_mail_send(struct call *call, const json_t *request)
{
    struct mailing *m = mailing_new(call);
    json_t *refusal =
        m ? lookup_peer(call->context, protocol_string(request, "peer"), &m->peer) : NULL;

    if (refusal) {
        finish(m, refusal);
    } else if (m) {
        (void)peer_label(call->context, &m->peer, m->label);
        begin(m, on_send);
    }
}

/* ---- read ---- */

static json_t *read_error(const struct mailing *m, int err)
{
    switch (err) {
    case -ENOMSG:
        return protocol_error(CLI_USAGE, "overlay mail send PEER, at the other gateway, prints one",
                              "there is no Overlay message in this text");
    case -EPERM:
        return protocol_error(CLI_DENIED, "overlay mail send PEER, with our id as PEER",
                              "this message is not for us");
    case -ENOENT:
        return protocol_error(CLI_DENIED, "overlay peer add PEER_ID --alias NAME",
                              "this message is not from a contact; it says that it is from %s",
                              m->label);
    case -EACCES:
        return protocol_error(CLI_DENIED, NULL, "this message is forged: %s did not write it",
                              m->label);
    case -ETIME:
        return protocol_error(CLI_FAILED, "overlay mail send PEER, once more",
                              "this message of %s is too old: they are good for ten minutes",
                              m->label);
    case -ERANGE:
        return protocol_error(CLI_FAILED, "set the clocks",
                              "this message of %s is of a time to come", m->label);
    case -EALREADY:
        return protocol_error(CLI_FAILED, "overlay mail send PEER, once more",
                              "this message of %s was read before", m->label);
    case -ENOTSUP:
        return protocol_error(CLI_FAILED, NULL, "this message of %s is of another version",
                              m->label);
    default:
        return protocol_error(CLI_FAILED, "copy it once more, with its first and last line",
                              "this message is damaged");
    }
}

static const char *path_of(struct mailing *m)
{
    struct peer_view view = {.state = PEER_IDLE};

    (void)node_peer(m->call->context->node, &m->peer, &view);
    return view.state == PEER_DIRECT ? "direct" : view.state == PEER_RELAYED ? "relay" : NULL;
}

static void on_look(struct timer *timer)
{
    struct mailing *m = container_of(timer, struct mailing, timer);
    struct env *env = m->call->context->env;
    const char *path = path_of(m);

    if (path)
        finish(m, protocol_ok(json_pack("{s:o, s:o, s:s}", "peer", protocol_text(m->label), "id",
                                        id_json(&m->peer), "path", path)));
    else if (env_now(env) >= m->until)
        finish(m, protocol_error(CLI_UNREACHABLE, "overlay ping PEER, in some minutes",
                                 "%s was not reached within a minute; ten minutes long it still "
                                 "may be",
                                 m->label));
    else
        timer_set(env, &m->timer, env_now(env) + LOOK);
}

static bool answer(struct mailing *m)
{
    char text[NODE_MESSAGE_MAX];
    int err = node_mail_write(m->call->context->node, &m->peer, m->message.id, text);

    if (err < 0) {
        finish(m, write_error(m, err));
        return false;
    }
    m->call->emit(m->call, json_pack("{s:s, s:o, s:s}", "event", "answer", "peer",
                                     protocol_text(m->label), "text", text));
    return true;
}

static void on_read(struct timer *timer)
{
    struct mailing *m = container_of(timer, struct mailing, timer);
    struct command_context *c = m->call->context;
    int err = node_mail_read(c->node, m->text, strlen(m->text), &m->message);

    m->peer = m->message.from;
    (void)peer_label(c, &m->peer, m->label);
    if (err < 0) {
        finish(m, read_error(m, err));
        return;
    }
    if (!m->message.answers && !path_of(m) && !answer(m))
        return;
    m->until = env_now(c->env) + WITHIN;
    m->timer.fire = on_look;
    timer_set(c->env, &m->timer, env_now(c->env));
}

static char *join(const json_t *lines)
{
    size_t size = 1, i;
    json_t *line;

    json_array_foreach(lines, i, line)
    {
        size += json_string_length(line) + 1;
    }
    char *text = malloc(size), *at = text;
    json_array_foreach(lines, i, line)
    {
        if (!text)
            break;
        memcpy(at, json_string_value(line), json_string_length(line));
        at += json_string_length(line);
        *at++ = '\n';
    }
    if (text)
        *at = '\0';
    return text;
}

void command_mail_read(struct call *call, const json_t *request)
{
    struct mailing *m = mailing_new(call);

    if (!m)
        return;
    m->text = join(json_object_get(request, "lines"));
    if (m->text)
        begin(m, on_read);
    else
        finish(m, protocol_error(CLI_FAILED, NULL, "out of memory"));
}
