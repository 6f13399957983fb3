/**
 * A home in memory: a few named files for the environments of tests.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/env.h"

#define FAKE_FILES_MAX 16

struct fake_file {
    char name[ENV_HOME_NAME_MAX + 1];
    uint8_t *data; /* NULL: none; else with a NUL behind its `len` bytes */
    size_t len;
};

/** The file of that name, or NULL. */
const struct fake_file *fake_file_find(const struct fake_file files[static FAKE_FILES_MAX],
                                       const char *name);
/** Makes or replaces a file; fails the test when there are too many. */
void fake_file_put(struct fake_file files[static FAKE_FILES_MAX], const char *name,
                   const void *data, size_t len);
/** Takes a file away, if it is there. */
void fake_file_remove(struct fake_file files[static FAKE_FILES_MAX], const char *name);
/** As env_load(). */
int fake_file_load(const struct fake_file files[static FAKE_FILES_MAX], const char *name,
                   uint8_t **data, size_t *len);
void fake_files_free(struct fake_file files[static FAKE_FILES_MAX]);
