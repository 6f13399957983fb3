#include "gateway/wire/mailbox_message.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/base/text.h"

#define VERSION 1
#define BEGIN   "BEGIN OVERLAY MESSAGE"
#define END     "END OVERLAY MESSAGE"
#define DASHES  "-----"

#define LINE        60 /* letters: no mail program wraps that */
#define LETTERS_MAX TEXT_Z32_LEN(MAILBOX_OUTER_MAX)

/* ---- writing ---- */

static size_t write_content(uint8_t out[static MAILBOX_PADDED_MAX], const struct mailbox_message *m)
{
    struct writer w = writer_over(out, MAILBOX_PADDED_MAX);
    struct punch_message punch = {
        .type = PUNCH_PUNCH, .facts = m->facts, .candidates = m->candidates};
    uint8_t body[PUNCH_MESSAGE_MAX];

    memcpy(punch.candidate, m->candidate, sizeof(punch.candidate));
    const struct message_part part = punch_message_write(&punch, body);
    write_u8(&w, VERSION);
    write_u8(&w, m->flags);
    write_be64(&w, m->time_ms);
    write_be16(&w, m->lasts_s);
    write_bytes(&w, m->id, sizeof(m->id));
    write_bytes(&w, m->re, sizeof(m->re));
    write_be64(&w, m->meet_ms);
    write_be16(&w, (uint16_t)part.len);
    write_bytes(&w, part.data, part.len);
    hints_write(&w, &m->hints);
    assert(!w.failed); /* all of a struct mailbox_message fits, and the padding */
    return writer_len(&w, out);
}

/* Padding is a hint of a kind that nobody knows. */
static size_t pad(uint8_t out[static MAILBOX_PADDED_MAX], size_t len)
{
    size_t whole = (len + 2 + MAILBOX_PAD - 1) / MAILBOX_PAD * MAILBOX_PAD;

    memset(out + len, 0, whole - len);
    out[len + 1] = (uint8_t)(whole - len - 2);
    return whole;
}

static char *put(char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

static size_t armour(char out[static MAILBOX_TEXT_MAX], const uint8_t *data, size_t len)
{
    char letters[LETTERS_MAX + 1];
    char *at = put(out, DASHES BEGIN DASHES "\n");
    size_t count = TEXT_Z32_LEN(len);

    (void)text_z32(letters, data, len);
    for (size_t i = 0; i < count; i += LINE) {
        size_t part = count - i < LINE ? count - i : LINE;
        memcpy(at, letters + i, part);
        at += part;
        *at++ = '\n';
    }
    at = put(at, DASHES END DASHES "\n");
    *at = '\0';
    return (size_t)(at - out);
}

_Static_assert(LETTERS_MAX + LETTERS_MAX / LINE + 1 + 80 < MAILBOX_TEXT_MAX, "a block fits");

size_t mailbox_content_seal(uint8_t out[static MAILBOX_INNER_MAX], const struct mailbox_message *m,
                            const uint8_t key[static SEAL_KEY_LEN],
                            const uint8_t nonce[static SEAL_NONCE_LEN])
{
    uint8_t content[MAILBOX_PADDED_MAX];
    size_t len = pad(content, write_content(content, m));

    seal(out, key, nonce, content, len);
    return len + SEAL_OVERHEAD;
}

size_t mailbox_message_write(char out[static MAILBOX_TEXT_MAX], const struct mailbox_message *m,
                             const struct mailbox_seal *keys)
{
    uint8_t open[HINTS_ID_LEN + MAILBOX_INNER_MAX], sealed[MAILBOX_OUTER_MAX];

    memcpy(open, keys->self, HINTS_ID_LEN);
    size_t len =
        HINTS_ID_LEN + mailbox_content_seal(open + HINTS_ID_LEN, m, keys->inner, keys->nonce[0]);
    seal(sealed, keys->outer, keys->nonce[1], open, len);
    return armour(out, sealed, len + SEAL_OVERHEAD);
}

/* ---- finding a block in a mail ---- */

struct finder {
    const char *at, *end;
};

static bool skip_to(struct finder *f, const char *what)
{
    const char *found = memmem(f->at, (size_t)(f->end - f->at), what, strlen(what));

    if (found)
        f->at = found + strlen(what);
    return found;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The marks of a quotation, however deep. */
static void skip_quoting(struct finder *f)
{
    while (f->at < f->end && (*f->at == '>' || *f->at == '|' || is_space(*f->at)))
        f->at++;
}

/* At the end of a line that quoted-printable (RFC 2045 §6.7) has broken. */
static bool is_soft_break(const struct finder *f)
{
    return *f->at == '=' && f->end - f->at > 1 && is_space(f->at[1]);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Returns how many letters there are up to the dashes, or -EBADMSG. */
static int collect(struct finder *f, char letters[static LETTERS_MAX])
{
    size_t count = 0;

    for (; f->at < f->end && *f->at != '-'; f->at++) {
        if (*f->at == '\n')
            skip_quoting(f);
        if (f->at == f->end || *f->at == '-')
            break;
        if (is_space(*f->at) || is_soft_break(f))
            continue;
        if (!is_letter(*f->at) || count == LETTERS_MAX)
            return -EBADMSG;
        letters[count++] = *f->at;
    }
    const char *dashes = f->at;
    const size_t dash_count = strlen(DASHES);
    return skip_to(f, END) && (size_t)(f->at - dashes) == dash_count + strlen(END) ? (int)count
                                                                                   : -EBADMSG;
}

static int find_block(const char *text, size_t len, char letters[static LETTERS_MAX])
{
    struct finder f = {text, text + (len < MAILBOX_READ_MAX ? len : MAILBOX_READ_MAX)};

    if (!skip_to(&f, BEGIN))
        return -ENOMSG;
    return skip_to(&f, DASHES) ? collect(&f, letters) : -EBADMSG;
}

/* ---- reading ---- */

int mailbox_letter_read(struct mailbox_letter *out, const char *text, size_t len,
                        const uint8_t key[static SEAL_KEY_LEN])
{
    char letters[LETTERS_MAX];
    uint8_t sealed[MAILBOX_OUTER_MAX], open[MAILBOX_OUTER_MAX];
    int count = find_block(text, len, letters);

    memset(out, 0, sizeof(*out));
    if (count < 0)
        return count;
    size_t bytes = (size_t)count * 5 / 8;
    if (bytes <= HINTS_ID_LEN + 2 * SEAL_OVERHEAD ||
        text_z32_decode(sealed, bytes, letters, (size_t)count) < 0)
        return -EBADMSG;
    int opened = seal_open(open, key, sealed, bytes);
    if (opened < 0)
        return -EPERM;
    out->len = (size_t)opened - HINTS_ID_LEN;
    memcpy(out->sender, open, HINTS_ID_LEN);
    memcpy(out->sealed, open + HINTS_ID_LEN, out->len);
    return 0;
}

static bool read_punch(struct mailbox_message *out, struct reader *r)
{
    struct punch_message punch;
    struct message_part part = {.type = PUNCH_PUNCH, .len = read_be16(r)};

    part.data = read_bytes(r, part.len);
    if (!part.data || punch_message_read(&punch, &part) < 0)
        return false;
    out->facts = punch.facts;
    out->candidates = punch.candidates;
    memcpy(out->candidate, punch.candidate, sizeof(out->candidate));
    return true;
}

int mailbox_content_open(struct mailbox_message *out, const uint8_t *data, size_t len,
                         const uint8_t key[static SEAL_KEY_LEN])
{
    uint8_t content[MAILBOX_INNER_MAX];
    int opened = len <= sizeof(content) ? seal_open(content, key, data, len) : -EBADMSG;

    memset(out, 0, sizeof(*out));
    if (opened < 0)
        return -EACCES;
    struct reader r = reader_over(content, (size_t)opened);
    uint8_t version = read_u8(&r);
    if (!r.failed && version != VERSION)
        return -ENOTSUP;
    out->flags = read_u8(&r);
    out->time_ms = read_be64(&r);
    out->lasts_s = read_be16(&r);
    read_copy(&r, out->id, sizeof(out->id));
    read_copy(&r, out->re, sizeof(out->re));
    out->meet_ms = read_be64(&r);
    if (!read_punch(out, &r) || r.failed)
        return -EBADMSG;
    return hints_read(&out->hints, &r);
}

int mailbox_message_read(struct mailbox_message *out, const struct mailbox_letter *letter,
                         const uint8_t key[static SEAL_KEY_LEN])
{
    return mailbox_content_open(out, letter->sealed, letter->len, key);
}
