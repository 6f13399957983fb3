/* What can be read of a question or an answer is written the same again. */
#include <stdlib.h>
#include <string.h>

#include "dns/nss/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct nss_question q;
    struct nss_answer a;
    uint8_t out[NSS_ANSWER_MAX > NSS_QUESTION_MAX ? NSS_ANSWER_MAX : NSS_QUESTION_MAX];

    int size = nss_question_read(&q, data, len);
    if (size > 0 &&
        (nss_question_write(&q, out) != (size_t)size || memcmp(out, data, (size_t)size) != 0))
        abort();
    size = nss_answer_read(&a, data, len);
    if (size > 0 &&
        (nss_answer_write(&a, out) != (size_t)size || memcmp(out, data, (size_t)size) != 0))
        abort();
    return 0;
}
