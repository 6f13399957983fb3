/**
 * Fields of an answer, as text for people; what is missing or null becomes "-", 0 or false.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#define SPAN_TEXT_MAX 48

/** Borrowed from `object`. */
const char *field_text(const json_t *object, const char *key);
double field_number(const json_t *object, const char *key);
bool field_flag(const json_t *object, const char *key);
/** "alice, bob", or `empty` for an empty list. The caller frees it; NULL: no memory. */
char *field_list(const json_t *object, const char *key, const char *empty);

/** Seconds in words, as "5 min 20 s". Returns `out`. */
const char *span_text(double seconds, char out[static SPAN_TEXT_MAX]);
