/**
 * Fields of an answer, as text for people; what is missing or null becomes "-", 0 or false.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/** Borrowed from `object`. */
const char *field_text(const json_t *object, const char *key);
double field_number(const json_t *object, const char *key);
bool field_flag(const json_t *object, const char *key);
/** "alice, bob", or `empty` for an empty list. The caller frees it; NULL: no memory. */
char *field_list(const json_t *object, const char *key, const char *empty);
