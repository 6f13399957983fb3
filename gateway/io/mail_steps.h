/**
 * What a thread does with a mail server, step by step, each within a time and a size: struct
 * mail_steps has copies of all that it needs, and is touched by one thread at a time.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/mail.h"
#include "gateway/io/curl.h"

#define MAIL_STEP_S     20 /* seconds for one exchange with a server, */
#define MAIL_JOB_S      60 /* and for all of them together */
#define MAIL_PATH_MAX   4096
#define MAIL_LETTER_MAX 8192
#define MAIL_WHY_MAX    512

struct mail_fetched {
    uint32_t uid;
    char *text;
    size_t len;
    bool taken; /* to be deleted */
};

struct mail_steps {
    const struct curl_api *curl; /* NULL: there is none */
    atomic_bool stop;
    char url[MAIL_URL_MAX + 1], user[MAIL_NAME_MAX + 1];
    char password_file[MAIL_PATH_MAX], ca[MAIL_PATH_MAX];
    /* A letter: */
    char from[MAIL_ADDRESS_MAX + 1], to[MAIL_ADDRESS_MAX + 1];
    char letter[MAIL_LETTER_MAX];
    size_t letter_len, letter_at;
    /* Or a search: */
    char search[256];
    uint32_t after;
    struct mail_fetched fetched[MAIL_FETCHED_MAX];
    size_t count;

    uint64_t deadline_ms; /* of all steps together */
    char *answer;         /* to the step that runs */
    size_t answer_len, answer_max;
    char error[256]; /* libcurl's */
    int err;
    char why[MAIL_WHY_MAX];
};

/** Takes copies. Returns 0, or -EINVAL: something is too long or not of a form that can be sent. */
MUST_USE int mail_steps_init(struct mail_steps *s, const struct mail_account *account,
                             const char *home);
void mail_steps_deinit(struct mail_steps *s);
/** It is to send a letter. Returns 0 or -EINVAL. */
MUST_USE int mail_steps_letter(struct mail_steps *s, const struct mail_letter *letter,
                               int64_t wall_us);
/** It is to fetch what a search finds among the mails of two days. Returns 0 or -EINVAL. */
MUST_USE int mail_steps_search(struct mail_steps *s, const struct mail_search *search,
                               int64_t wall_us);

/** Sends or fetches; the result is in `err`, `why` and `fetched`. */
void mail_steps_run(struct mail_steps *s);
/** Deletes those of `fetched` that were taken. */
void mail_steps_delete(struct mail_steps *s);
