/**
 * Where in a JSON text an element stands, for error messages: the parser keeps no positions.
 */
#pragma once

#include <stddef.h>

/**
 * The line, from 1, on which element `index` of the array under `key` of the outermost object
 * begins. `text` is valid JSON. Where there is no such element, the line of the nearest thing on
 * the way to it.
 */
unsigned json_line_of(const char *text, size_t len, const char *key, size_t index);
