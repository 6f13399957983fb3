/**
 * Mail as the environment carries it (gateway/base/env.h): one letter handed over, or those of a
 * mailbox fetched. Texts are borrowed for the call that starts the work, unless said otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAIL_URL_MAX     255
#define MAIL_NAME_MAX    255   /* of a user, a file */
#define MAIL_SIZE_MAX    32768 /* bytes of one mail that are fetched: what is beyond is left out */
#define MAIL_FETCHED_MAX 16    /* mails a time, the newest */
#define MAIL_ADDRESS_MAX 127

/** Who we are for a server. */
struct mail_account {
    const char *url;  /* smtp://HOST[:PORT], smtps://, imap://HOST[:PORT][/FOLDER], imaps:// */
    const char *user; /* empty: nobody logs in */
    const char *password_file; /* its first line; a name in the home, or a path; closed to others */
    const char *ca;            /* PEM, as `password_file`, instead of the system's; empty: those */
};

struct mail_letter {
    const char *from, *to, *subject;
    const char *text; /* lines that end with "\n" */
};

/** Which ones to fetch. */
struct mail_search {
    const char *subject;
    uint32_t after; /* uid; 0: all */
};

/** Work under way. Embed one; zeroed it is idle. */
struct mail_job {
    /**
     * A mail that was fetched, header and all, MAIL_SIZE_MAX bytes of it at most. True: it is to be
     * deleted. May not cancel the job. Unused by mail_send().
     */
    bool (*take)(struct mail_job *job, uint32_t uid, const char *text, size_t len);
    /** The end, once, never from inside the call that started it: 0, or an errno with a line for
     *  people. */
    void (*done)(struct mail_job *job, int err, const char *why);
    void *work; /* the environment's; NULL while idle */
};
