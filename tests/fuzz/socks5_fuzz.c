/* Whatever a client sends, a greeting or request is read whole, wants more, or is refused. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/socks5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int result, size_t len, size_t max)
{
    if (result == -EAGAIN ? len >= max
                          : result != -EBADMSG && (result <= 0 || (size_t)result > len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct socks5_request request;
    bool no_auth;
    check(socks5_read_greeting(&no_auth, data, len), len, SOCKS5_GREETING_MAX);
    int result = socks5_read_request(&request, data, len);
    check(result, len, SOCKS5_REQUEST_MAX);
    for (int i = 0; i < result; i++) {
        if (socks5_read_request(&request, data, (size_t)i) != -EAGAIN)
            abort();
    }
    if (strlen(request.name) > 255)
        abort();
    return 0;
}
