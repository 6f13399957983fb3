#include "adapters/web_keys.h"

#include "gateway/crypto/secret.h"

/* Looks at every key, so that time does not tell which of them it was, or how near. */
static const struct web_key *find(const struct web_keys *k, instant now, bool link,
                                  const char *text, size_t len)
{
    uint8_t secret[WEB_KEY_LEN];
    const struct web_key *found = NULL;
    if (text_base64_decode(secret, sizeof(secret), TEXT_BASE64_URL, text, len) != WEB_KEY_LEN)
        return NULL;
    for (size_t i = 0; i < WEB_KEYS_MAX; i++) {
        const struct web_key *one = &k->key[i];
        bool equal = secret_equal(one->secret, secret, sizeof(secret));
        if (equal && one->link == link && now < one->until)
            found = one;
    }
    secret_wipe(secret, sizeof(secret));
    return found;
}

static void make(struct web_key *one, struct env *env, bool link, char out[static WEB_KEY_TEXT])
{
    instant now = env_now(env);
    *one = (struct web_key){
        .made = now, .until = now + (link ? WEB_LINK_LASTS : WEB_KEY_LASTS), .link = link};
    env_random(env, one->secret, sizeof(one->secret));
    (void)text_base64(out, TEXT_BASE64_URL, one->secret, sizeof(one->secret));
}

void web_keys_link(struct web_keys *k, struct env *env, char out[static WEB_KEY_TEXT])
{
    instant now = env_now(env);
    struct web_key *oldest = &k->key[0];
    for (size_t i = 0; i < WEB_KEYS_MAX; i++) {
        struct web_key *one = &k->key[i];
        if (one->until <= now)
            one->made = one->until = 0;
        if (one->made < oldest->made)
            oldest = one;
    }
    make(oldest, env, true, out);
}

bool web_keys_change(struct web_keys *k, struct env *env, const char *text, size_t len,
                     char out[static WEB_KEY_TEXT])
{
    const struct web_key *found = find(k, env_now(env), true, text, len);
    if (!found)
        return false;
    make(&k->key[found - k->key], env, false, out);
    return true;
}

bool web_keys_know(const struct web_keys *k, instant now, const char *text, size_t len)
{
    return find(k, now, false, text, len) != NULL;
}

void web_keys_deinit(struct web_keys *k)
{
    secret_wipe(k, sizeof(*k));
}
