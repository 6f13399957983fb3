#include "config/control/render_invite.h"

#include <string.h>

#include "config/control/fields.h"
#include "config/control/qr.h"

#define QUIET_ZONE 2 /* modules around it; four are asked for, two do for every reader we know */

/* ---- QR codes ---- */

/** Two modules a character, light ones drawn: on a dark terminal that is as printed on paper. */
static const char *block_of(bool upper_dark, bool lower_dark)
{
    if (upper_dark)
        return lower_dark ? " " : "\u2584";
    return lower_dark ? "\u2580" : "\u2588";
}

static void draw(const struct front *f, const struct qr *code)
{
    char line[1024];

    for (int y = -QUIET_ZONE; y < code->width + QUIET_ZONE; y += 2) {
        size_t len = 0;
        for (int x = -QUIET_ZONE; x < code->width + QUIET_ZONE && len + 8 < sizeof(line); x++) {
            const char *block = block_of(qr_is_dark(code, x, y), qr_is_dark(code, x, y + 1));
            memcpy(line + len, block, strlen(block));
            len += strlen(block);
        }
        line[len] = '\0';
        front_say(f, "%s\n", line);
    }
}

static void render_qr(const struct front *f, const char *ticket)
{
    struct qr code;
    if (qr_draw(&code, ticket) == 0)
        draw(f, &code);
    else
        front_say(f, "the QR code could not be made\n");
    qr_deinit(&code);
}

/* ---- invite, share, ls ---- */

static void say_how(const struct front *f, const json_t *invite)
{
    char left[SPAN_TEXT_MAX];
    int uses = (int)field_number(invite, "uses");
    bool service = json_is_string(json_object_get(invite, "service"));

    front_say(f, "%d guest%s may %s%s within %s, by\n  overlay open %s\nor\n  overlay open %s\n",
              uses, uses == 1 ? "" : "s", service ? "use " : "become a peer",
              service ? field_text(invite, "service") : "",
              span_text(field_number(invite, "expires_s"), left), field_text(invite, "code"),
              field_text(invite, "ticket"));
}

void render_invite(const struct front *f, const json_t *result)
{
    if (field_flag(result, "ended")) {
        front_say(f, "The invite has ended.\n");
        return;
    }
    front_data(f, "%s\n", field_text(result, args_has(&f->args, "print") ? "ticket" : "code"));
    say_how(f, result);
    if (args_has(&f->args, "qr"))
        render_qr(f, field_text(result, "ticket"));
}

void render_share_invite(const struct front *f, const json_t *result)
{
    front_data(f, "%s\n", field_text(result, "code"));
    say_how(f, result);
}

void render_open_invite(const struct front *f, const json_t *invite)
{
    char left[SPAN_TEXT_MAX];
    int uses = (int)field_number(invite, "uses"), tries = (int)field_number(invite, "tries");
    bool service = json_is_string(json_object_get(invite, "service"));

    front_data(f, "%-24s invite  %s%s, %d use%s, %s, ends in %s\n", field_text(invite, "code"),
               service ? "to " : "no service", service ? field_text(invite, "service") : "", uses,
               uses == 1 ? "" : "s",
               tries == 3   ? "never tried wrongly"
               : tries == 0 ? "code burnt, ticket good"
               : tries == 1 ? "1 try left"
                            : "2 tries left",
               span_text(field_number(invite, "expires_s"), left));
}

/* ---- what happens ---- */

bool render_invite_event(const struct front *f, const char *name, const json_t *event)
{
    int tries = (int)field_number(event, "tries");

    if (strcmp(name, "invited") == 0) {
        render_invite(f, json_object_get(event, "result"));
        front_say(f, "Waiting; Ctrl-C leaves the invite open.\n");
    } else if (strcmp(name, "guest") == 0) {
        front_say(f, "%s joined: %s\n", field_text(event, "peer"),
                  field_text(event, "fingerprint"));
    } else if (strcmp(name, "wrong_words") == 0) {
        front_say(f, "somebody had other words; %d %s left\n", tries,
                  tries == 1 ? "try is" : "tries are");
    } else if (strcmp(name, "joined") == 0 && !f->json) {
        front_say(f, "joined %s: %s\n", field_text(event, "peer"),
                  field_text(event, "fingerprint"));
    } else {
        return strcmp(name, "joined") == 0;
    }
    return true;
}

void render_revoke(const struct front *f, const json_t *result)
{
    if (json_object_get(result, "number"))
        front_say(f, "Invite %d is over.\n", (int)field_number(result, "number"));
    else
        front_say(f, "%s may no longer use what it was invited to.\n", field_text(result, "peer"));
}
