/* Invites: any message to a host and to a guest that has made a claim; nobody gets in unproven. */
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/discovery/invite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fill(void *arg, void *out, size_t len)
{
    memset(out, ++*(uint8_t *)arg, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t network[32];
    uint8_t counter = 0, out[INVITE_MESSAGE_MAX], message[INVITE_MESSAGE_MAX + 64];
    const struct invite_random random = {fill, &counter};
    const struct invite_party party = {.id = {{9}}};
    struct invite_secret secret;
    struct invite_result result;
    struct invite_host host;
    struct invite_guest guest;

    if (crypto_start() < 0 || len > sizeof(message))
        return 0;
    invite_secret_of_code(&secret, &(struct invite_code){7, {1, 2}}, network);
    invite_host_begin(&host, &secret, &random, 0, INVITE_LIFETIME, 1);
    invite_guest_begin(&guest, &secret, &random, &party);
    size_t offer = invite_host_offer(&host, 0, out);
    invite_guest_input(&guest, out, offer, out, &result);
    if (len > 0)
        memcpy(message, data, len);
    for (int right_handle = 0; right_handle < 2; right_handle++) {
        if (right_handle && len >= 2 + INVITE_HANDLE_LEN + INVITE_SESSION_LEN) {
            memcpy(message + 2, secret.handle, sizeof(secret.handle));
            memcpy(message + 2 + INVITE_HANDLE_LEN, host.session, INVITE_SESSION_LEN);
        }
        invite_host_input(&host, 0, message, len, out, &result);
        if (result.verdict == INVITE_PROVEN)
            abort();
        invite_guest_input(&guest, message, len, out, &result);
        if (result.verdict == INVITE_PROVEN)
            abort();
    }
    return 0;
}
