#include "gateway/identity/authority.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file_error.h"
#include "gateway/crypto/secret.h"

static int64_t seconds(struct env *env)
{
    return env_wall_us(env) / 1000000;
}

static int explain(const char *file, int err, char *why, size_t why_len)
{
    if (err < 0)
        (void)snprintf(why, why_len, "%s: %s", file, file_error_text(err));
    return err;
}

static int read_both(struct local_ca **out, const char *key, const char *certificate,
                     const char *suffix, char *why, size_t why_len)
{
    char what[LOCAL_CA_WHY_MAX] = "";
    const char *bad = "";
    int err = local_ca_read(out, key, certificate, &bad, what);

    if (err == -EBADMSG)
        (void)snprintf(why, why_len, "%s: %s",
                       strcmp(bad, "key") == 0 ? AUTHORITY_KEY : AUTHORITY_CERTIFICATE, what);
    else if (err < 0)
        (void)snprintf(why, why_len, "%s: %s", AUTHORITY_KEY, strerror(-err));
    if (err < 0 || strcmp(local_ca_facts(*out)->suffix, suffix) == 0)
        return err;
    (void)snprintf(why, why_len, "%s: it is for names under .%s, and ours are under .%s",
                   AUTHORITY_CERTIFICATE, local_ca_facts(*out)->suffix, suffix);
    local_ca_free(*out);
    return -EBADMSG;
}

static int read_with_key(struct local_ca **out, struct env *env, const char *key,
                         const char *suffix, char *why, size_t why_len)
{
    auto_free uint8_t *certificate = NULL;
    size_t len = 0;
    int err = env_load(env, AUTHORITY_CERTIFICATE, &certificate, &len);

    /* -ENOENT is for the key alone: a key whose certificate is gone is an error. */
    if (err < 0) {
        (void)explain(AUTHORITY_CERTIFICATE, err, why, why_len);
        return err == -ENOENT ? -EBADMSG : err;
    }
    return read_both(out, key, (const char *)certificate, suffix, why, why_len);
}

int authority_load(struct local_ca **out, struct env *env, const char *suffix, char *why,
                   size_t why_len)
{
    uint8_t *key = NULL;
    size_t len = 0;
    int err = env_load(env, AUTHORITY_KEY, &key, &len);

    if (err < 0)
        return explain(AUTHORITY_KEY, err, why, why_len);
    err = read_with_key(out, env, (const char *)key, suffix, why, why_len);
    secret_wipe(key, len);
    free(key);
    return err;
}

static int save_certificate(const struct local_ca *ca, struct env *env, char *why, size_t why_len)
{
    const char *text = local_ca_certificate(ca);
    return explain(AUTHORITY_CERTIFICATE,
                   env_save(env, AUTHORITY_CERTIFICATE, (const uint8_t *)text, strlen(text)), why,
                   why_len);
}

/* The certificate first: as long as there is no key there is no authority. */
static int save_both(const struct local_ca *ca, struct env *env, char *why, size_t why_len)
{
    char *key = local_ca_key(ca);
    int err = key ? save_certificate(ca, env, why, why_len) : -ENOMEM;

    if (err == 0)
        err =
            explain(AUTHORITY_KEY, env_save(env, AUTHORITY_KEY, (const uint8_t *)key, strlen(key)),
                    why, why_len);
    if (key)
        secret_wipe(key, strlen(key));
    free(key);
    return err;
}

static int make(struct local_ca **out, struct env *env, const char *suffix, char *why,
                size_t why_len)
{
    int err = local_ca_new(out, suffix, seconds(env));

    if (err < 0)
        return explain(AUTHORITY_KEY, err, why, why_len);
    err = save_both(*out, env, why, why_len);
    if (err < 0)
        local_ca_free(*out);
    return err;
}

int authority_make(struct local_ca **out, struct env *env, const char *suffix, bool *fresh,
                   char *why, size_t why_len)
{
    int err = authority_load(out, env, suffix, why, why_len);

    *fresh = err == -ENOENT;
    if (err == -ENOENT)
        return make(out, env, suffix, why, why_len);
    if (err < 0 || !local_ca_is_old(*out, seconds(env)))
        return err;
    *fresh = true;
    err = explain(AUTHORITY_KEY, local_ca_renew(*out, seconds(env)), why, why_len);
    if (err == 0)
        err = save_certificate(*out, env, why, why_len);
    if (err < 0)
        local_ca_free(*out);
    return err;
}

int authority_forget(struct env *env, bool keep_certificate, char *why, size_t why_len)
{
    int err = explain(AUTHORITY_KEY, env_remove(env, AUTHORITY_KEY), why, why_len);

    if (err == 0 && !keep_certificate)
        err = explain(AUTHORITY_CERTIFICATE, env_remove(env, AUTHORITY_CERTIFICATE), why, why_len);
    return err;
}
