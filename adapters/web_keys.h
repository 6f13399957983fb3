/**
 * Who may do more on the status page than look: keys that `overlay status --web` hands out.
 *
 * A link carries a key that works once, within ten minutes, for the browser's history and whoever
 * looks over a shoulder keep it; the page changes it for one that lasts twelve hours, which it
 * keeps in its tab. The newest take the place of the oldest, and all of them end with the gateway.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"
#include "gateway/base/text.h"

#define WEB_KEYS_MAX   8
#define WEB_KEY_LEN    20
#define WEB_KEY_TEXT   (TEXT_BASE64_LEN(WEB_KEY_LEN) + 1) /* with its NUL */
#define WEB_LINK_LASTS SEC(10 * 60)
#define WEB_KEY_LASTS  SEC(12 * 60 * 60)

/** Zeroed there are none. */
struct web_keys {
    struct web_key {
        uint8_t secret[WEB_KEY_LEN];
        instant made, until; /* 0: none */
        bool link;           /* works once, to be changed for another */
    } key[WEB_KEYS_MAX];
};

/** Makes a key for a link. */
void web_keys_link(struct web_keys *k, struct env *env, char out[static WEB_KEY_TEXT]);
/** Changes a link's key for one that lasts. False: there is none such, or it was used. */
MUST_USE bool web_keys_change(struct web_keys *k, struct env *env, const char *text, size_t len,
                              char out[static WEB_KEY_TEXT]);
/** Is this one that lasts? Takes the same time whatever the text is. */
bool web_keys_know(const struct web_keys *k, instant now, const char *text, size_t len);
/** Wipes all. */
void web_keys_deinit(struct web_keys *k);
