#include "gateway/wire/http_body.h"

#include <string.h>

enum chunk_state {
    CHUNK_SIZE_FIRST, /* the first digit */
    CHUNK_SIZE,
    CHUNK_EXTENSION, /* behind the size or a value: a space, ';' or the end */
    CHUNK_EXT_NAME,  /* its first character */
    CHUNK_EXT_NAME_MORE,
    CHUNK_EXT_EQUALS, /* spaces behind a name */
    CHUNK_EXT_VALUE,  /* its first character */
    CHUNK_EXT_VALUE_MORE,
    CHUNK_EXT_QUOTED,
    CHUNK_EXT_ESCAPED,
    CHUNK_EXT_END, /* behind a quoted value */
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START, /* of a line */
    CHUNK_TRAILER_NAME,  /* before its colon */
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
};

static void settle(struct http_body *b, enum http_body_kind kind, uint64_t left)
{
    *b = (struct http_body){.kind = kind, .left = left};
    b->done = kind == HTTP_BODY_NONE || (kind == HTTP_BODY_LENGTH && left == 0);
}

/* Digits only, and far from overflow: "+5", "5, 5" and "0x5" are how readers come to differ. */
static bool read_length(struct http_text text, uint64_t *out)
{
    uint64_t n = 0;
    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(text.at[i] - '0');
    }
    *out = n;
    return true;
}

/* RFC 9112 §6.1: something else inside of chunks is not known here; chunks inside are malformed. */
static bool is_chunked_last(struct http_text list)
{
    static const char last[] = "chunked";
    size_t n = sizeof(last) - 1;
    if (list.len <= n || !http_text_is((struct http_text){list.at + list.len - n, n}, last))
        return false;
    char before = list.at[list.len - n - 1];
    list.len -= n;
    return (before == ',' || before == ' ' || before == '\t') && !http_list_has(list, last);
}

enum http_fault http_body_of_request(struct http_body *b, const struct http_head *head)
{
    size_t lengths, codings;
    const struct http_field *length = http_find(head, "content-length", &lengths);
    const struct http_field *coding = http_find(head, "transfer-encoding", &codings);
    uint64_t n = 0;

    settle(b, HTTP_BODY_NONE, 0);
    if (length && coding)
        return HTTP_TWO_LENGTHS;
    if (coding) {
        if (codings != 1 || head->minor == 0)
            return HTTP_BAD_CODING;
        if (!http_text_is(coding->value, "chunked"))
            return is_chunked_last(coding->value) ? HTTP_UNKNOWN_CODING : HTTP_BAD_CODING;
        settle(b, HTTP_BODY_CHUNKED, 0);
        b->strict = true;
    } else if (length) {
        if (lengths != 1 || !read_length(length->value, &n))
            return HTTP_BAD_LENGTH;
        settle(b, HTTP_BODY_LENGTH, n);
    }
    return HTTP_OK;
}

/* Several fields of one value are one (RFC 9110 §8.6). */
static bool one_length(const struct http_head *head, uint64_t *out)
{
    bool any = false;
    for (size_t i = 0; i < head->field_count; i++) {
        uint64_t n;
        if (!http_text_is(head->field[i].name, "content-length"))
            continue;
        if (!read_length(head->field[i].value, &n) || (any && n != *out))
            return false;
        *out = n;
        any = true;
    }
    return any;
}

enum http_fault http_body_of_response(struct http_body *b, const struct http_head *head,
                                      bool no_body)
{
    size_t codings;
    const struct http_field *coding = http_find(head, "transfer-encoding", &codings);
    uint64_t n = 0;

    settle(b, HTTP_BODY_NONE, 0);
    if (no_body || head->status < 200 || head->status == 204 || head->status == 304)
        return HTTP_OK;
    if (coding) {
        if (http_find(head, "content-length", NULL))
            return HTTP_TWO_LENGTHS;
        if (codings != 1 || !http_text_is(coding->value, "chunked"))
            return HTTP_BAD_CODING;
        settle(b, HTTP_BODY_CHUNKED, 0);
    } else if (!http_find(head, "content-length", NULL)) {
        settle(b, HTTP_BODY_TO_END, 0);
    } else if (one_length(head, &n)) {
        settle(b, HTTP_BODY_LENGTH, n);
    } else {
        return HTTP_BAD_LENGTH;
    }
    return HTTP_OK;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* The size line: 1*HEXDIG [ extension ] CRLF. */
static bool take_size(struct http_body *b, uint8_t c)
{
    int digit = hex_digit(c);
    if (++b->line > HTTP_CHUNK_LINE_MAX)
        return false;
    if (digit >= 0) {
        if (b->line > 15)
            return false;
        b->left = b->left << 4 | (unsigned)digit;
        b->state = CHUNK_SIZE;
        return true;
    }
    if (b->state == CHUNK_SIZE_FIRST)
        return false;
    if (c == '\r')
        b->state = CHUNK_SIZE_LF;
    else if (c == ';')
        b->state = CHUNK_EXT_NAME;
    else if (c == ' ' || c == '\t')
        b->state = CHUNK_EXTENSION;
    else
        return false;
    return true;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Between extensions, and behind a name. Spaces are for who must be borne with (RFC 9112 §7.1.1),
 * and stand only where an extension follows. */
static bool take_between(struct http_body *b, uint8_t c)
{
    if (c == ';')
        b->state = CHUNK_EXT_NAME;
    else if (c == '=' && (b->state == CHUNK_EXT_NAME_MORE || b->state == CHUNK_EXT_EQUALS))
        b->state = CHUNK_EXT_VALUE;
    else if (c == '\r' && b->state != CHUNK_EXTENSION && b->state != CHUNK_EXT_EQUALS)
        b->state = CHUNK_SIZE_LF;
    else if (is_space(c))
        b->state = (uint8_t)(b->state == CHUNK_EXT_NAME_MORE || b->state == CHUNK_EXT_EQUALS
                                 ? CHUNK_EXT_EQUALS
                                 : CHUNK_EXTENSION);
    else
        return false;
    return true;
}

static bool take_quoted(struct http_body *b, uint8_t c)
{
    if (is_control(c))
        return false;
    if (b->state == CHUNK_EXT_ESCAPED)
        b->state = CHUNK_EXT_QUOTED;
    else if (c == '\\')
        b->state = CHUNK_EXT_ESCAPED;
    else if (c == '"')
        b->state = CHUNK_EXT_END;
    return true;
}

/* RFC 9112 §7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). */
static bool take_extension(struct http_body *b, uint8_t c)
{
    bool token = http_is_token_char(c);
    if (++b->line > HTTP_CHUNK_LINE_MAX)
        return false;
    if (!b->strict) {
        b->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
        return c == '\r' || !is_control(c);
    }
    if (b->state == CHUNK_EXT_QUOTED || b->state == CHUNK_EXT_ESCAPED)
        return take_quoted(b, c);
    if ((b->state == CHUNK_EXT_NAME || b->state == CHUNK_EXT_VALUE) && is_space(c))
        return true;
    if (b->state == CHUNK_EXT_VALUE && c == '"') {
        b->state = CHUNK_EXT_QUOTED;
        return true;
    }
    if (b->state == CHUNK_EXT_NAME || b->state == CHUNK_EXT_VALUE) {
        b->state = (uint8_t)(b->state + 1); /* .._MORE */
        return token;
    }
    if (token && (b->state == CHUNK_EXT_NAME_MORE || b->state == CHUNK_EXT_VALUE_MORE))
        return true;
    return take_between(b, c);
}

/* A name and a colon begin each: a line without them, as "GET / HTTP/1.1", is the next request to
 * whoever looks at no trailers. */
static bool take_trailer_name(struct http_body *b, uint8_t c)
{
    if (c == ':')
        b->state = CHUNK_TRAILER;
    return c == ':' || http_is_token_char(c);
}

static bool take_trailer(struct http_body *b, uint8_t c)
{
    if (++b->line > HTTP_TRAILERS_MAX || (b->bare && c != '\r'))
        return false;
    if (b->state == CHUNK_TRAILER_NAME)
        return take_trailer_name(b, c);
    if (c == '\r')
        b->state = b->state == CHUNK_TRAILER_START ? CHUNK_END_LF : CHUNK_TRAILER_LF;
    else if (b->state == CHUNK_TRAILER_START && !http_is_token_char(c))
        return false;
    else
        b->state =
            b->state == CHUNK_TRAILER_START && b->strict ? CHUNK_TRAILER_NAME : CHUNK_TRAILER;
    return c == '\r' || !is_control(c);
}

/* The end of a line or of a chunk: `c` must be `wanted`. */
static bool expect(struct http_body *b, uint8_t c, uint8_t wanted, enum chunk_state next)
{
    b->state = (uint8_t)next;
    return c == wanted;
}

static bool take_char(struct http_body *b, uint8_t c)
{
    switch ((enum chunk_state)b->state) {
    case CHUNK_SIZE_FIRST:
    case CHUNK_SIZE:
        return take_size(b, c);
    case CHUNK_EXTENSION:
    case CHUNK_EXT_NAME:
    case CHUNK_EXT_NAME_MORE:
    case CHUNK_EXT_EQUALS:
    case CHUNK_EXT_VALUE:
    case CHUNK_EXT_VALUE_MORE:
    case CHUNK_EXT_QUOTED:
    case CHUNK_EXT_ESCAPED:
    case CHUNK_EXT_END:
        return take_extension(b, c);
    case CHUNK_SIZE_LF:
        b->line = 0;
        return expect(b, c, '\n', b->left > 0 ? CHUNK_DATA : CHUNK_TRAILER_START);
    case CHUNK_DATA:
        return false; /* skipped by the caller */
    case CHUNK_DATA_CR:
        return expect(b, c, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        return expect(b, c, '\n', CHUNK_SIZE_FIRST);
    case CHUNK_TRAILER_START:
    case CHUNK_TRAILER_NAME:
    case CHUNK_TRAILER:
        return take_trailer(b, c);
    case CHUNK_TRAILER_LF:
        return expect(b, c, '\n', CHUNK_TRAILER_START);
    case CHUNK_END_LF:
        b->done = true;
        return c == '\n';
    }
    return false;
}

/* Bytes that are not looked at. */
static size_t skip(struct http_body *b, size_t len)
{
    size_t n = len < b->left ? len : (size_t)b->left;
    b->left -= n;
    return n;
}

enum http_fault http_body_take(struct http_body *b, const uint8_t *data, size_t len, size_t *used)
{
    size_t at = 0;
    *used = 0;
    if (b->kind == HTTP_BODY_TO_END)
        at = len;
    if (b->kind == HTTP_BODY_LENGTH) {
        at = skip(b, len);
        b->done = b->left == 0;
    }
    while (b->kind == HTTP_BODY_CHUNKED && !b->done && at < len) {
        if (b->state == CHUNK_DATA) {
            at += skip(b, len - at);
            if (b->left == 0)
                b->state = CHUNK_DATA_CR;
        } else if (!take_char(b, data[at++])) {
            return HTTP_BAD_CHUNK;
        }
    }
    *used = at;
    return HTTP_OK;
}
