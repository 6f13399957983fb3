#include "config/control/dht_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/fields.h"
#include "config/settings/option.h"
#include "gateway/base/text.h"
#include "gateway/crypto/secret.h"
#include "gateway/node/node_dht.h"

#define SEQ_MAX (INT64_C(1) << 53) /* what JSON carries */

/* ---- what is asked ---- */

static void set(json_t *request, const char *key, json_t *value)
{
    (void)json_object_set_new(request, key, value);
}

static bool refuse(int *code, int given)
{
    *code = given;
    return false;
}

static bool set_number(const struct front *f, json_t *request, const char *key, int *code)
{
    const char *text = args_value(&f->args, key);
    uint64_t n;

    if (!text)
        return true;
    if (number_parse(&n, text, 0, SEQ_MAX) < 0)
        return refuse(code,
                      front_fail(f, CLI_USAGE, NULL, "--%s: '%s' is not a number", key, text));
    set(request, key, json_integer((json_int_t)n));
    return true;
}

/** The file's key: a gateway's, or its seed in hexadecimal. */
static bool read_keys(const struct front *f, const char *path, struct keys *keys, int *code)
{
    static const char HEAD[] = "overlay-identity-1 ";
    uint8_t seed[KEYS_SEED_LEN];
    auto_free char *text = NULL;
    size_t len = 0;

    int err = f->host->read_text(f->host->arg, path, &text, &len);
    if (err < 0)
        return refuse(code, front_fail(f, CLI_FAILED, NULL, "%s: %s", path, strerror(-err)));
    const char *at = strncmp(text, HEAD, strlen(HEAD)) == 0 ? text + strlen(HEAD) : text;
    err = text_hex_decode(seed, sizeof(seed), at, strcspn(at, "\r\n"));
    secret_wipe(text, len);
    if (err < 0)
        return refuse(code,
                      front_fail(f, CLI_FAILED, NULL,
                                 "%s: neither an identity.key nor 64 hexadecimal digits", path));
    keys_from_seed(keys, seed);
    secret_wipe(seed, sizeof(seed));
    return true;
}

/** Signs here, so that the key stays where it is. */
static bool sign(const struct front *f, json_t *request, struct dht_item *item, int *code)
{
    json_int_t seq = json_integer_value(json_object_get(request, "seq"));
    struct keys keys;

    if (seq == 0)
        return refuse(code, front_fail(f, CLI_USAGE, NULL, "--key-file needs --seq N"));
    if (!read_keys(f, args_value(&f->args, "key-file"), &keys, code))
        return false;
    item->mutable = true;
    item->seq = seq;
    dht_item_sign(item, &keys);
    keys_wipe(&keys);
    set(request, "key", protocol_bytes(item->key, sizeof(item->key)));
    set(request, "sig", protocol_bytes(item->sig, sizeof(item->sig)));
    return true;
}

static bool set_value(const struct front *f, json_t *request, struct dht_item *item, int *code)
{
    const char *value = f->args.at[1];
    size_t len = strlen(value);
    auto_free char *input = NULL;

    if (strcmp(value, "-") == 0) {
        int err = f->host->read_text(f->host->arg, "-", &input, &len);
        if (err < 0)
            return refuse(code,
                          front_fail(f, CLI_FAILED, NULL, "standard input: %s", strerror(-err)));
        value = input;
    }
    if (dht_item_set_bytes(item, value, len) < 0)
        return refuse(code, front_fail(f, CLI_USAGE, NULL, "a value has at most 996 bytes"));
    set(request, "value", protocol_bytes((const uint8_t *)value, len));
    return true;
}

static bool put(const struct front *f, json_t *request, struct dht_item *item, int *code)
{
    bool immutable = args_has(&f->args, "immutable"), by_file = args_has(&f->args, "key-file");

    if (f->args.count < 2)
        return refuse(code, front_fail(f, CLI_USAGE, NULL, "put what?"));
    if (immutable && (by_file || args_has(&f->args, "salt") || args_has(&f->args, "seq") ||
                      args_has(&f->args, "cas")))
        return refuse(code, front_fail(f, CLI_USAGE, NULL,
                                       "an immutable value has neither key, salt, seq nor cas"));
    if (!set_value(f, request, item, code) || (by_file && !sign(f, request, item, code)))
        return false;
    if (immutable)
        set(request, "immutable", json_true());
    front_say(f, "This is public: anyone can read it, and it cannot be taken back.\n");
    return true;
}

bool dht_request_fill(const struct front *f, json_t *request, int *code)
{
    const char *verb = f->args.at[0], *salt = args_value(&f->args, "salt");
    struct dht_item item = {.mutable = false};

    set(request, "do", protocol_text(verb));
    if (!set_number(f, request, "seq", code) || !set_number(f, request, "cas", code) ||
        !set_number(f, request, "port", code))
        return false;
    if (salt && strlen(salt) > sizeof(item.salt))
        return refuse(code, front_fail(f, CLI_USAGE, NULL, "a salt has at most %zu bytes",
                                       sizeof(item.salt)));
    if (salt) {
        item.salt_len = strlen(salt);
        memcpy(item.salt, salt, item.salt_len);
        set(request, "salt", protocol_bytes(item.salt, item.salt_len));
    }
    if (strcmp(verb, "put") == 0)
        return put(f, request, &item, code);
    if (f->args.count > 1)
        set(request, "what", protocol_text(f->args.at[1]));
    return true;
}

/* ---- what is answered ---- */

/** Byte strings that are no text, and what is no byte string, in hexadecimal. */
static void print_value(const struct front *f, const json_t *value)
{
    const json_t *text = json_object_get(value, "text");
    bool is_text = json_is_string(text);

    front_data(f, "%s\n", is_text ? json_string_value(text) : field_text(value, "hex"));
    if (!is_text)
        front_say(f, field_flag(value, "bencoded") ? "(bencoded, in hexadecimal)\n"
                                                   : "(no text: in hexadecimal)\n");
    if (field_flag(value, "mutable"))
        front_say(f, "seq %.0f\n", field_number(value, "seq"));
}

void dht_words_event(const struct front *f, const json_t *event)
{
    if (f->json)
        return;
    if (strcmp(field_text(event, "event"), "dht_value") == 0)
        print_value(f, json_object_get(event, "value"));
    else if (strcmp(field_text(event, "event"), "dht_sample") == 0)
        front_data(f, "%s\n", field_text(event, "infohash"));
    else
        front_data(f, "%s\n", field_text(event, "address"));
}

static void say_counts(const struct front *f, const json_t *result)
{
    front_say(f, "%.0f of %.0f nodes answered", field_number(result, "answered"),
              field_number(result, "asked"));
    if (json_is_number(json_object_get(result, "first_ms")))
        front_say(f, ", the first that had it after %.0f ms", field_number(result, "first_ms"));
    front_say(f, ", all within %.0f ms\n", field_number(result, "took_ms"));
}

static void say_copies(const struct front *f, const json_t *result, const char *key,
                       const char *what)
{
    double n = field_number(result, key);

    front_say(f, "%.0f node%s %s; ", n, n == 1 ? "" : "s", what);
    say_counts(f, result);
}

void dht_words_result(const struct front *f, const json_t *result)
{
    const char *verb = f->args.at[0];

    if (strcmp(verb, "get") == 0) {
        say_copies(f, result, "copies", "gave the newest");
    } else if (strcmp(verb, "put") == 0) {
        front_data(f, "%s\n", field_text(result, "target"));
        say_copies(f, result, "stored", "took it");
    } else if (strcmp(verb, "announce") == 0) {
        say_copies(f, result, "stored", "took it");
    } else if (strcmp(verb, "peers") == 0) {
        say_counts(f, result);
    } else if (strcmp(verb, "sample") == 0) {
        say_copies(f, result, "sampled", "told of some");
    } else if (strcmp(verb, "ping") == 0) {
        front_data(f, "%s %s %.2f ms\n", field_text(result, "node"), field_text(result, "id"),
                   field_number(result, "rtt_ms"));
    } else {
        front_data(f, "%.0f\n", field_number(result, "size"));
        front_say(f, "nodes on the DHT, by estimate; %.0f known here\n",
                  field_number(result, "known"));
    }
}
