/* Whatever passes the pre-check is a header, one whole question and at most one whole OPT. */
#include <stdlib.h>

#include "dns/precheck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct precheck p;
    enum precheck_verdict verdict = precheck_query(&p, data, len);

    if (p.name_len > DNS_NAME_MAX || p.udp_size < 512)
        abort();
    if (p.question_len > 0 &&
        (p.question_len != p.name_len + 4 || DNS_HEADER_LEN + p.question_len > len))
        abort();
    if (verdict != PRECHECK_OK)
        return 0;
    if (len > DNS_QUERY_MAX || p.question_len == 0 || data[DNS_HEADER_LEN + p.name_len - 1] != 0)
        abort();
    if (!p.edns && len != DNS_HEADER_LEN + p.question_len)
        abort();
    return 0;
}
