/**
 * Mail through servers, by libcurl: SMTP and IMAP, over TLS but on this machine itself.
 *
 * libcurl is loaded when there is something to do for it first, as it brings some thirty libraries
 * along that few gateways need. Its calls block (a look-up, the good-bye to a server), so they run
 * in libuv's thread pool, within MAIL_STEP_S each and MAIL_JOB_S together; what is done with the
 * result is done on the loop.
 *
 * A scheme without TLS (smtp:, imap:) means STARTTLS, which must succeed, unless the server is
 * 127.0.0.1, [::1] or localhost: nobody listens there, and few have a certificate for that.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

struct io_mail {
    struct io_loop *loop;
    const char *home;      /* path for files without one; borrowed, NULL: there is none */
    struct curl_api *curl; /* NULL: not loaded */
    unsigned working;      /* pieces of work that the thread pool has */
};

/* As mail_send(), mail_fetch() and mail_cancel() of gateway/base/env.h. */
MUST_USE int io_mail_send(struct io_mail *m, struct mail_job *job,
                          const struct mail_account *account, const struct mail_letter *letter);
MUST_USE int io_mail_fetch(struct io_mail *m, struct mail_job *job,
                           const struct mail_account *account, const struct mail_search *search);
void io_mail_cancel(struct mail_job *job);
/** Waits for threads that still have some of it: all jobs are done or cancelled. */
void io_mail_end(struct io_mail *m);
