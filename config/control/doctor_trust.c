#include "config/control/doctor_trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/control/doctor.h"
#include "config/control/fields.h"
#include "gateway/crypto/local_ca.h"
#include "gateway/identity/authority.h"

/* ---- looking ---- */

static bool is_tool_missing(const struct setup_host *host)
{
    static const char *const argv[] = {"certutil", "-H", NULL};
    struct setup_ran ran = {0};
    int err = host->run(host->arg, argv, NULL, &ran);

    free(ran.out);
    free(ran.error);
    return err == -ENOENT;
}

void trust_facts_gather(struct trust_facts *out, const json_t *report,
                        const struct setup_host *host, const char *home, const char *user_home,
                        int64_t now)
{
    const json_t *trust = json_object_get(report, "trust");
    char name[STORE_PATH_MAX], key[2 * STORE_PATH_MAX];

    *out = (struct trust_facts){.now = now};
    (void)snprintf(key, sizeof(key), "%s/%s", home, AUTHORITY_KEY);
    out->has_key = host->exists(host->arg, key);
    if (!json_is_object(trust))
        return;
    (void)snprintf(name, sizeof(name), "overlay-%s", field_text(trust, "id"));
    const struct trust_certificate c = {.name = name};
    if (user_home)
        stores_find_browsers(&out->stores, host, user_home);
    out->no_tool = out->stores.count > 0 && is_tool_missing(host);
    (void)stores_find_system(&out->stores, host, name);
    for (size_t i = 0; i < out->stores.count; i++)
        out->believed[i] = store_has(&out->stores.at[i], host, &c);
}

/* ---- judging ---- */

static void judge_end(json_t *list, const struct trust_facts *f, const json_t *trust)
{
    const int64_t until = (int64_t)json_integer_value(json_object_get(trust, "until"));
    const int64_t days = (until - f->now) / LOCAL_CA_DAY;
    const char *suffix = field_text(trust, "suffix");

    if (f->now >= until) {
        doctor_add(list, "problem", "https", "the authority for https has expired");
        doctor_advise(list, "overlay trust");
    } else if (days < LOCAL_CA_RENEW) {
        doctor_add(list, "note", "https", "the authority for https ends in %lld days",
                   (long long)days);
        doctor_advise(list, "overlay trust renews it");
    } else {
        doctor_add(list, "ok", "https",
                   "https is spoken for names in .%s, by an authority that is good for %lld days",
                   suffix, (long long)days);
    }
}

static void judge_store(json_t *list, const struct trust_facts *f, size_t i)
{
    const struct trust_store *s = &f->stores.at[i];
    bool system = s->kind == STORE_SYSTEM;

    if (f->believed[i]) {
        doctor_add(list, "ok", "https", "%s believes the authority: %s", store_word(s->kind),
                   s->path);
        return;
    }
    if (!system && f->no_tool)
        return;
    doctor_add(list, "note", "https", "%s does not believe the authority", store_word(s->kind));
    doctor_why(list, "it is not in %s", s->path);
    doctor_advise(list, system ? "sudo overlay trust" : "overlay trust");
}

void doctor_trust(json_t *list, const struct trust_facts *f, const json_t *report)
{
    const json_t *trust = json_object_get(report, "trust");

    if (!json_is_object(trust) && f->has_key) {
        doctor_add(list, "problem", "https", "https is not spoken, although there is an authority");
        doctor_why(list, "its files cannot be used");
        doctor_advise(list, "overlay trust says what is wrong with them");
    }
    if (!json_is_object(trust))
        return;
    judge_end(list, f, trust);
    if (f->no_tool) {
        doctor_add(list, "note", "https", "what browsers believe cannot be seen");
        doctor_why(list, "certutil is missing");
        doctor_advise(list, "sudo apt install libnss3-tools");
    }
    for (size_t i = 0; i < f->stores.count; i++)
        judge_store(list, f, i);
}
