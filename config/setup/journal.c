#include "config/setup/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD     "overlay-setup 1\n"
#define COMPLETE "complete"
#define BEGUN    "begun "

/* ---- reading ---- */

struct entry {
    const char *key;
    char *to;
};

/** Takes a line "key value" into its field. */
static bool take(const struct entry *e, const char *line, size_t len)
{
    size_t n = strlen(e->key);

    if (len <= n || memcmp(line, e->key, n) != 0 || line[n] != ' ' || len - n - 1 >= JOURNAL_TEXT)
        return false;
    memcpy(e->to, line + n + 1, len - n - 1);
    e->to[len - n - 1] = '\0';
    return true;
}

static int read_line(struct journal *j, const char *line, size_t len)
{
    const struct entry entries[] = {
        {"user", j->user}, {"home", j->home}, {"pool", j->pool}, {"suffix", j->suffix}};
    struct trace t;

    if (len == strlen(COMPLETE) && memcmp(line, COMPLETE, len) == 0) {
        j->complete = true;
        return 0;
    }
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (take(&entries[i], line, len))
            return 0;
    if (len <= strlen(BEGUN) || memcmp(line, BEGUN, strlen(BEGUN)) != 0 ||
        trace_read(&t, line + strlen(BEGUN), len - strlen(BEGUN)) < 0)
        return -EINVAL;
    return journal_add(j, &t);
}

int journal_parse(struct journal *j, const char *text)
{
    *j = (struct journal){0};
    if (strncmp(text, HEAD, strlen(HEAD)) != 0)
        return -EINVAL;
    for (const char *at = text + strlen(HEAD); *at;) {
        size_t len = strcspn(at, "\n");
        if (!at[len] || read_line(j, at, len) < 0)
            return -EINVAL;
        at += len + 1;
    }
    return 0;
}

/* ---- writing ---- */

char *journal_print(const struct journal *j)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    (void)fprintf(out, HEAD "user %s\nhome %s\npool %s\nsuffix %s\n", j->user, j->home, j->pool,
                  j->suffix);
    for (size_t i = 0; i < j->count; i++)
        (void)fprintf(out, BEGUN "%s %s\n", trace_word(j->traces[i].kind), j->traces[i].name);
    if (j->complete)
        (void)fprintf(out, COMPLETE "\n");
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

bool journal_has(const struct journal *j, const struct trace *t)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->traces[i].kind == t->kind && strcmp(j->traces[i].name, t->name) == 0)
            return true;
    return false;
}

int journal_add(struct journal *j, const struct trace *t)
{
    if (journal_has(j, t))
        return 0;
    if (j->count == JOURNAL_MAX)
        return -ENOSPC;
    j->traces[j->count++] = *t;
    return 0;
}

/* ---- the file ---- */

int journal_load(struct journal *j, const struct setup_host *host)
{
    auto_free char *text = NULL;
    int err = host->read(host->arg, JOURNAL_PATH, &text);

    *j = (struct journal){0};
    return err < 0 ? err : journal_parse(j, text);
}

int journal_save(const struct journal *j, const struct setup_host *host)
{
    int err = host->make_folder(host->arg, SETUP_FOLDER, NULL);
    auto_free char *text = err < 0 ? NULL : journal_print(j);

    if (err < 0)
        return err;
    return text ? host->write(host->arg, JOURNAL_PATH, text, 0644) : -ENOMEM;
}

int journal_remove(const struct setup_host *host)
{
    int err = host->unlink(host->arg, SETUP_FOLDER "/.journal.new");

    if (err == 0)
        err = host->unlink(host->arg, JOURNAL_PATH);
    if (err == 0)
        err = host->remove_folder(host->arg, SETUP_FOLDER);
    return err == -ENOTEMPTY ? 0 : err;
}
