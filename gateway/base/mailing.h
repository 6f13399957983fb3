/**
 * Sending and fetching mail through the environment (gateway/base/env.h).
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/base/mail.h"

/** Hands a letter to a mail server. job->done() follows. On error nothing was started. */
MUST_USE static inline int mail_send(struct env *e, struct mail_job *job,
                                     const struct mail_account *account,
                                     const struct mail_letter *letter)
{
    return e->ops->mail_send(e, job, account, letter);
}

/** Fetches from a mailbox what has a subject: job->take() for each, the oldest first, then
 *  job->done(). On error nothing was started. */
MUST_USE static inline int mail_fetch(struct env *e, struct mail_job *job,
                                      const struct mail_account *account,
                                      const struct mail_search *search)
{
    return e->ops->mail_fetch(e, job, account, search);
}

/** Drops it: nothing is called any more; a letter may have been sent. Nothing for one that is idle.
 */
static inline void mail_cancel(struct env *e, struct mail_job *job)
{
    e->ops->mail_cancel(e, job);
}
