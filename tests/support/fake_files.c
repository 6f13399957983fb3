#include "tests/support/fake_files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The place of a file, or with an empty name of an unused one; FAKE_FILES_MAX: none. */
static size_t place_of(const struct fake_file *files, const char *name)
{
    size_t i = 0;
    for (; i < FAKE_FILES_MAX; i++) {
        if (!name[0] && !files[i].data)
            break;
        if (files[i].data && strcmp(files[i].name, name) == 0)
            break;
    }
    return i;
}

const struct fake_file *fake_file_find(const struct fake_file files[static FAKE_FILES_MAX],
                                       const char *name)
{
    size_t i = place_of(files, name);
    return i < FAKE_FILES_MAX ? &files[i] : NULL;
}

void fake_file_put(struct fake_file files[static FAKE_FILES_MAX], const char *name,
                   const void *data, size_t len)
{
    assert_in_range(strlen(name), 1, ENV_HOME_NAME_MAX);
    size_t i = place_of(files, name);
    if (i == FAKE_FILES_MAX)
        i = place_of(files, "");
    assert_true(i < FAKE_FILES_MAX);
    uint8_t *copy = malloc(len + 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    free(files[i].data);
    strcpy(files[i].name, name);
    files[i].data = copy;
    files[i].len = len;
}

void fake_file_remove(struct fake_file files[static FAKE_FILES_MAX], const char *name)
{
    size_t i = place_of(files, name);
    if (i == FAKE_FILES_MAX)
        return;
    free(files[i].data);
    files[i].data = NULL;
}

int fake_file_load(const struct fake_file files[static FAKE_FILES_MAX], const char *name,
                   uint8_t **data, size_t *len)
{
    const struct fake_file *file = fake_file_find(files, name);
    if (!file)
        return -ENOENT;
    *data = malloc(file->len + 1);
    assert_non_null(*data);
    memcpy(*data, file->data, file->len + 1);
    *len = file->len;
    return 0;
}

void fake_files_free(struct fake_file files[static FAKE_FILES_MAX])
{
    for (size_t i = 0; i < FAKE_FILES_MAX; i++)
        free(files[i].data);
}
