/**
 * The pages for requests that reach no service: what happened, what was tried, what can be done.
 */
#pragma once

#include "adapters/pages.h"
#include "adapters/proxy_route.h"
#include "gateway/wire/preamble.h"

#define ROUTE_TITLE_MAX 160

/** What the words of a page are kept in. */
struct route_words {
    char title[ROUTE_TITLE_MAX], text[ROUTE_WHY_MAX + 160], command[160];
    char link[NAMES_HOST_MAX + 16];
    char choices[1024];
};

/** For a way that was not found. Valid as long as `words` and the route are. */
struct page route_page(const struct route *r, enum route_result result, struct route_words *words);
/** For the far side's answer, other than PREAMBLE_OK. */
struct page route_answer_page(const struct route *r, const struct preamble_answer *answer,
                              struct route_words *words);
