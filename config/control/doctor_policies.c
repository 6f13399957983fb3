/* What the policies of browsers mean for names: who asks a resolver of its own over HTTPS does not
 * ask this machine. */
#include <string.h>

#include "config/control/doctor_names.h"

#include "config/control/doctor.h"
#include "config/control/fields.h"

static bool is(const json_t *object, const char *key, const char *text)
{
    return strcmp(field_text(object, key), text) == 0;
}

/** "automatic" asks the system's first, and works. */
static void chromium(json_t *list, const struct name_policy *p, const json_t *policies,
                     const char *suffix)
{
    if (!is(policies, "DnsOverHttpsMode", "secure"))
        return;
    doctor_add(list, "note", "browser",
               "Chromium asks a resolver of its own, which does not know .%s", suffix);
    doctor_why(list, "%s has DnsOverHttpsMode \"secure\"", p->path);
    doctor_advise(list, "write \"automatic\" there, or have it use the proxy: overlay proxy "
                        "--print-pac");
}

static bool is_excluded(const json_t *doh, const char *suffix)
{
    size_t i;
    json_t *domain;

    json_array_foreach(json_object_get(doh, "ExcludedDomains"), i, domain)
    {
        if (json_is_string(domain) && strcmp(json_string_value(domain), suffix) == 0)
            return true;
    }
    return false;
}

/** Without a fallback it is mode 3 of its resolver: nobody else is asked. */
static void firefox(json_t *list, const struct name_policy *p, const json_t *policies,
                    const char *suffix)
{
    const json_t *doh = json_object_get(json_object_get(policies, "policies"), "DNSOverHTTPS");

    if (!json_is_true(json_object_get(doh, "Enabled")) ||
        !json_is_false(json_object_get(doh, "Fallback")) || is_excluded(doh, suffix))
        return;
    doctor_add(list, "note", "browser",
               "Firefox asks a resolver of its own and nobody else, which does not know .%s",
               suffix);
    doctor_why(list, "%s has DNSOverHTTPS without a Fallback", p->path);
    doctor_advise(list, "add \"ExcludedDomains\": [\"%s\"] to DNSOverHTTPS there", suffix);
}

void doctor_policy(json_t *list, const struct name_policy *policy, const char *suffix)
{
    json_t *policies = json_loads(policy->text, 0, NULL);

    if (!json_is_object(policies)) {
        doctor_add(list, "note", "browser", "%s is not JSON: the browser does not read it",
                   policy->path);
    } else if (policy->firefox) {
        firefox(list, policy, policies, suffix);
    } else {
        chromium(list, policy, policies, suffix);
    }
    json_decref(policies);
}
