#include "config/control/doctor_verb.h"

#include "config/control/ask.h"
#include "config/control/doctor.h"
#include "config/control/doctor_names.h"
#include "config/control/doctor_trust.h"
#include "config/control/name_facts.h"
#include "config/control/tell.h"

/** Names are a matter of the whole machine, and looking one up may take its time: the gateway,
 *  which asks nobody and waits for nobody, cannot do that. */
static void examine_names(const struct front *f, json_t *report)
{
    struct name_facts facts;
    json_t *findings = json_object_get(report, "findings");

    name_facts_gather(&facts, report, f->host->names, f->host->setup);
    doctor_names(findings, &facts, report);
    name_facts_deinit(&facts);
    (void)json_object_set_new(report, "worst", json_string(doctor_worst(findings)));
}

static void examine_trust(const struct front *f, json_t *report)
{
    struct trust_facts facts;
    json_t *findings = json_object_get(report, "findings");

    trust_facts_gather(&facts, report, f->host->setup, f->home,
                       f->host->getenv(f->host->arg, "HOME"), env_wall_us(f->env) / 1000000);
    doctor_trust(findings, &facts, report);
    (void)json_object_set_new(report, "worst", json_string(doctor_worst(findings)));
}

int doctor_verb(struct front *f, const json_t *request)
{
    int code = front_open_home(f, false);

    if (code != CLI_OK)
        return code == CLI_UNKNOWN ? tell_no_gateway(f) : code;
    struct asked asked = ask_at_once(f, request);
    if (asked_nobody(&asked))
        return tell_no_gateway(f);
    if (asked.err < 0)
        return tell_lost(f, asked.err);
    json_t *report = json_object_get(asked.answer, "result");
    if (report && f->host->names)
        examine_names(f, report);
    if (report && f->host->setup)
        examine_trust(f, report);
    return tell_answer(f, asked.answer);
}
