/* trust, untrust: the local authority's files; what installs its certificate is in trust.c. */
#include <errno.h>
#include <string.h>

#include "config/control/commands.h"
#include "gateway/identity/authority.h"

#define REPAIR "overlay untrust, then overlay trust makes a new one"

static json_t *facts_json(const struct local_ca_facts *facts)
{
    return json_pack("{s:s, s:o, s:I, s:I}", "id", facts->id, "suffix",
                     protocol_text(facts->suffix), "since", (json_int_t)facts->since, "until",
                     (json_int_t)facts->until);
}

static json_t *refusal(struct command_context *c, const char *why)
{
    return protocol_error(CLI_FAILED, REPAIR, "%s/%s", c->home, why);
}

/* The running gateway uses the files as they are now. */
static json_t *tell_gateway(struct command_context *c)
{
    char why[512] = "";

    if (!c->services || !c->services->trust_changed)
        return NULL;
    return c->services->trust_changed(c->services->arg, why, sizeof(why)) < 0 ? refusal(c, why)
                                                                              : NULL;
}

static json_t *answer(const struct local_ca *ca, bool fresh)
{
    json_t *out = facts_json(local_ca_facts(ca));

    (void)json_object_set_new(out, "fresh", json_boolean(fresh));
    (void)json_object_set_new(out, "certificate", protocol_text(local_ca_certificate(ca)));
    return out;
}

json_t *command_trust(struct command_context *c, const json_t *request)
{
    char why[512] = "";
    struct local_ca *ca = NULL;
    bool fresh = false;
    int err = protocol_bool(request, "look")
                  ? authority_load(&ca, c->env, c->suffix, why, sizeof(why))
                  : authority_make(&ca, c->env, c->suffix, &fresh, why, sizeof(why));

    if (err == -ENOENT)
        return protocol_ok(NULL);
    if (err < 0)
        return refusal(c, why);
    json_t *out = answer(ca, fresh);
    local_ca_free(ca);
    json_t *failed = protocol_bool(request, "look") ? NULL : tell_gateway(c);
    if (!failed)
        return protocol_ok(out);
    json_decref(out);
    return failed;
}

json_t *command_untrust(struct command_context *c, const json_t *request)
{
    char why[512] = "";

    if (authority_forget(c->env, protocol_bool(request, "keep"), why, sizeof(why)) < 0)
        return refusal(c, why);
    json_t *failed = tell_gateway(c);
    return failed ? failed : protocol_ok(NULL);
}

json_t *status_trust(struct command_context *c)
{
    struct local_ca_facts facts;

    if (!c->services->trust || !c->services->trust(c->services->arg, &facts))
        return json_null();
    return facts_json(&facts);
}
