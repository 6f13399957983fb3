/* Messages by mail: the first byte says whether what follows is a mail, or what was sealed in one.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/mailbox_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t KEY[SEAL_KEY_LEN] = {1};

/* What is read is written and read again the same. */
static void repeat(const struct mailbox_message *m)
{
    const struct mailbox_seal seal = {.outer = KEY, .inner = KEY, .self = KEY};
    struct mailbox_message again;
    struct mailbox_letter letter;
    char text[MAILBOX_TEXT_MAX];
    size_t len = mailbox_message_write(text, m, &seal);

    if (mailbox_letter_read(&letter, text, len, KEY) < 0 ||
        mailbox_message_read(&again, &letter, KEY) < 0 || again.candidates != m->candidates ||
        again.meet_ms != m->meet_ms || again.hints.addrs != m->hints.addrs ||
        memcmp(again.id, m->id, sizeof(m->id)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t nonce[SEAL_NONCE_LEN];
    struct mailbox_message m;
    struct mailbox_letter letter = {.len = 0};

    if (len == 0)
        return 0;
    if (data[0] & 1) {
        if (len - 1 > MAILBOX_PADDED_MAX)
            return 0;
        seal(letter.sealed, KEY, nonce, data + 1, len - 1);
        letter.len = len - 1 + SEAL_OVERHEAD;
    } else if (mailbox_letter_read(&letter, (const char *)data + 1, len - 1, KEY) < 0) {
        return 0;
    }
    if (mailbox_message_read(&m, &letter, KEY) == 0)
        repeat(&m);
    return 0;
}
