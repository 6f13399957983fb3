/**
 * What is wrong with a file of the home, in words for people.
 */
#pragma once

/** For what env_load() and env_save() said: where strerror() would mislead, what to do. Borrowed
 *  until the next call. */
const char *file_error_text(int err);
