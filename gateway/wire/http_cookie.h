/**
 * What a Set-Cookie field says of the cookie's reach (RFC 6265 §4.1, §5.2).
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/attr.h"
#include "gateway/wire/http_head.h"

/**
 * Takes the next Domain attribute, without its leading dot, from a field's value: begin with all of
 * it in `rest`, and go on until it returns false. A browser goes by the last; an empty one is none.
 */
MUST_USE bool http_cookie_domain(struct http_text *rest, struct http_text *domain);
