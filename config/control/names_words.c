#include "config/control/names_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/fields.h"

static void set(json_t *request, const char *key, const char *text)
{
    (void)json_object_set_new(request, key, protocol_text(text));
}

static bool import(const struct front *f, json_t *request, int *code)
{
    const char *path = args_value(&f->args, "import");
    auto_free char *text = NULL;
    json_t *lines = json_array();
    char *save = NULL;
    size_t len = 0;

    int err = f->host->read_text(f->host->arg, path, &text, &len);
    (void)json_object_set_new(request, "lines", lines);
    if (err < 0) {
        *code = front_fail(f, CLI_FAILED, NULL, "%s: %s", path, strerror(-err));
        return false;
    }
    for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
        if (strlen(line) > PROTOCOL_STRING_MAX || json_array_size(lines) == PROTOCOL_LIST_MAX) {
            *code = front_fail(f, CLI_FAILED, NULL,
                               "%s: more than %d lines, or one of more than %d characters", path,
                               PROTOCOL_LIST_MAX, PROTOCOL_STRING_MAX);
            return false;
        }
        (void)json_array_append_new(lines, protocol_text(line));
    }
    return true;
}

bool names_request_fill(const struct front *f, json_t *request, int *code)
{
    bool accept = args_has(&f->args, "accept"), export = args_has(&f->args, "export");
    bool take = args_has(&f->args, "import");

    if (accept + export + take > 1 || f->args.count != (accept || export || take ? 0 : 2)) {
        *code = front_fail(f, CLI_USAGE, NULL,
                           "ALIAS PEER_ID, --accept PEER, --export or --import FILE?");
        return false;
    }
    set(request, "cmd", accept ? "accept" : export ? "book" : take ? "import" : "name");
    if (take)
        return import(f, request, code);
    if (accept)
        set(request, "peer", args_value(&f->args, "accept"));
    if (f->args.count == 2) {
        set(request, "alias", f->args.at[0]);
        set(request, "id", f->args.at[1]);
    }
    return true;
}

static void tell_import(const struct front *f, const json_t *result)
{
    size_t i, added = json_array_size(json_object_get(result, "added"));
    json_t *c;

    json_array_foreach(json_object_get(result, "conflicts"), i, c)
    {
        front_data(f, "%s %s: %s\n", field_text(c, "alias"), field_text(c, "id"),
                   field_text(c, "why"));
    }
    front_say(f, "%zu added, %.0f known already, %zu in conflict\n", added,
              field_number(result, "same"), i);
}

void names_words_result(const struct front *f, const json_t *result)
{
    size_t i;
    json_t *line;

    if (args_has(&f->args, "import")) {
        tell_import(f, result);
        return;
    }
    json_array_foreach(result, i, line) /* the book; anything else is no array */
    {
        front_data(f, "%s\n", json_string_value(line));
    }
    if (!json_is_array(result))
        front_say(f, "%s is %s.\n", field_text(result, "alias"), field_text(result, "id"));
    if (args_has(&f->args, "accept"))
        front_say(f, "Compare these words with the peer, or do not rely on the name: %s\n",
                  field_text(result, "fingerprint"));
}
