#include "config/setup/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 24 };

/** Cuts a copy of the line at its blanks. */
static void split(char *line, const char *argv[static WORDS_MAX + 1])
{
    char *rest = NULL;
    size_t n = 0;

    for (char *w = strtok_r(line, " ", &rest); w && n < WORDS_MAX; w = strtok_r(NULL, " ", &rest))
        argv[n++] = w;
    argv[n] = NULL;
}

static void explain(const char *line, int err, const struct setup_ran *ran,
                    char why[static SETUP_WHY_MAX])
{
    const char *said = ran->error && *ran->error ? ran->error : ran->out;

    if (err < 0)
        (void)snprintf(why, SETUP_WHY_MAX, "%s: %s", line,
                       err == -ENOENT ? "there is no such program" : strerror(-err));
    else
        (void)snprintf(why, SETUP_WHY_MAX, "%s: exit code %d: %s", line, ran->status,
                       said && *said ? said : "it said nothing");
    for (size_t n = strlen(why); n > 0 && why[n - 1] == '\n'; n--)
        why[n - 1] = '\0';
}

int setup_run(const struct setup_host *host, const char *line, const char *input, char **out,
              char why[static SETUP_WHY_MAX])
{
    const char *argv[WORDS_MAX + 1];
    struct setup_ran ran = {0};
    auto_free char *words = strdup(line);

    if (!words) {
        (void)snprintf(why, SETUP_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    split(words, argv);
    int err = host->run(host->arg, argv, input, &ran);
    if (err < 0 || ran.status != 0)
        explain(line, err, &ran, why);
    if (err == 0 && ran.status != 0)
        err = -EIO;
    if (out && err == 0) {
        *out = ran.out;
        ran.out = NULL;
    }
    free(ran.out);
    free(ran.error);
    return err;
}

bool setup_succeeds(const struct setup_host *host, const char *line, const char *input)
{
    char why[SETUP_WHY_MAX];
    return setup_run(host, line, input, NULL, why) == 0;
}
