/* Whatever an upstream server sends, only what repeats the question reaches the asker. */
#include <stdlib.h>
#include <string.h>

#include "dns/forward.h"
#include "tests/support/fake_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t QUERY[] = "\xab\xcd\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1";

static void on_answer(void *arg, const struct forward_asker *asker, const uint8_t *answer,
                      size_t len)
{
    (void)arg;
    (void)asker;
    if (len < sizeof(QUERY) - 1 || memcmp(answer, QUERY, 2) != 0 || !(answer[2] & 0x80) ||
        memcmp(answer + 12, QUERY + 12, sizeof(QUERY) - 1 - 12) != 0)
        abort();
}

/* The data as a datagram; with its first bit set, what was drawn at random is put right first. */
static void arrives(struct fake_env *f, uint16_t port, bool put_right, const uint8_t *data,
                    size_t len)
{
    uint8_t message[FAKE_DATAGRAM_MAX];
    const struct fake_sent *sent = &f->sent[f->sent_count - 1];
    struct udp_socket *s = fake_udp_on(f, port);
    if (!s)
        return;
    memcpy(message, data, len);
    if (put_right && len >= sent->len) {
        memcpy(message, sent->data, 2);
        memcpy(message + 12, sent->data + 12, sent->len - 12);
    }
    fake_udp_arrives(f, s, &sent->to, message, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fake_env f;
    struct forward forward;
    struct addr upstream = addr_loopback(false, 53);
    struct precheck pre;
    struct forward_asker asker = {.udp = (struct udp_socket *)(void *)&f};
    if (len < 2 || len > FAKE_DATAGRAM_MAX)
        return 0;
    if (data[0] & 2)
        asker.udp = NULL;

    fake_env_init(&f);
    forward_init(&forward, &f.env, &upstream, 1);
    forward.on_answer = on_answer;
    uint16_t port = f.next_port;
    if (precheck_query(&pre, QUERY, sizeof(QUERY) - 1) != PRECHECK_OK ||
        forward_query(&forward, &asker, &pre, QUERY, sizeof(QUERY) - 1) < 0)
        abort();
    arrives(&f, port, data[0] & 1, data + 1, len - 1);
    fake_env_advance(&f, FORWARD_WAIT);
    forward_deinit(&forward);
    fake_env_deinit(&f);
    return 0;
}
