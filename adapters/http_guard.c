#include "adapters/http_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapters/pages.h"

void guard_init(struct http_guard *g,
                int (*check)(void *arg, const struct http_head *head, char *why), void *arg)
{
    *g = (struct http_guard){.check = check, .arg = arg};
}

static void drop(uint8_t **piece, uint32_t *len)
{
    free(*piece);
    *piece = NULL;
    *len = 0;
}

void guard_deinit(struct http_guard *g)
{
    drop(&g->head, &g->head_len);
    drop(&g->ans_head, &g->ans_head_len);
    free(g->why);
    g->why = NULL;
}

/* Everything passes from here on. */
static void open_up(struct http_guard *g)
{
    g->state = GUARD_OPEN;
    drop(&g->head, &g->head_len);
    drop(&g->ans_head, &g->ans_head_len);
}

static void refuse(struct http_guard *g, const char *why)
{
    g->state = GUARD_REFUSED;
    g->why = strdup(why);
    drop(&g->head, &g->head_len);
}

static void refuse_fault(struct http_guard *g, enum http_fault fault)
{
    char why[GUARD_WHY_MAX];
    snprintf(why, sizeof(why), "the request %s", http_fault_text(fault));
    g->fault = fault;
    refuse(g, why);
}

const char *guard_why(const struct http_guard *g)
{
    return g->why ? g->why : "the request is not for this peer";
}

/* ---- is it HTTP? ---- */

/* A page may choose any method, so it is not the method but the shape that makes HTTP:
 * `word blank word blank HTTP/`. Blanks are read generously, as lenient servers do. */
enum shape {
    SHAPE_START, /* blanks and empty lines before */
    SHAPE_METHOD,
    SHAPE_GAP, /* between method and target */
    SHAPE_TARGET,
    SHAPE_GAP2, /* between target and version */
    SHAPE_VERSION,
    SHAPE_HTTP, /* the first line goes on, and its end may tell otherwise */
    SHAPE_OTHER,
};

enum { METHOD_KEPT_MAX = 32 }; /* a longer word is kept by nobody, and refused if it is a method */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_word(uint8_t c)
{
    return c > ' ' && c != 0x7f;
}

/* Methods that no other protocol of this shape uses, whatever follows. */
static bool is_known_method(const char *text, size_t len)
{
    static const char *const methods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                          "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strlen(methods[i]) == len && memcmp(text, methods[i], len) == 0)
            return true;
    }
    return false;
}

static enum shape after_method(struct http_guard *g, uint8_t c)
{
    if (http_is_token_char(c)) {
        if (g->matched < sizeof(g->method))
            g->method[g->matched] = (char)c;
        if (g->matched < UINT8_MAX)
            g->matched++;
        return SHAPE_METHOD;
    }
    if (!is_blank(c) || g->matched == 0)
        return SHAPE_OTHER;
    /* However it came: a piece of such a word was not kept. */
    g->overflow = g->overflow || g->matched > METHOD_KEPT_MAX;
    return is_known_method(g->method, g->matched) ? SHAPE_HTTP : SHAPE_GAP;
}

static enum shape in_version(struct http_guard *g, uint8_t c)
{
    static const char version[] = "HTTP/";
    if ((c & 0xdf) != (version[g->matched] & 0xdf))
        return SHAPE_OTHER;
    return version[++g->matched] ? SHAPE_VERSION : SHAPE_HTTP;
}

static enum shape next_shape(struct http_guard *g, uint8_t c)
{
    switch ((enum shape)g->shape) {
    case SHAPE_START:
        return is_blank(c) || c == '\r' || c == '\n' ? SHAPE_START : after_method(g, c);
    case SHAPE_METHOD:
        return after_method(g, c);
    case SHAPE_GAP:
        return is_blank(c) ? SHAPE_GAP : is_word(c) ? SHAPE_TARGET : SHAPE_OTHER;
    case SHAPE_TARGET:
        g->matched = 0;
        return is_blank(c) ? SHAPE_GAP2 : is_word(c) ? SHAPE_TARGET : SHAPE_OTHER;
    case SHAPE_GAP2:
        return is_blank(c) ? SHAPE_GAP2 : in_version(g, c);
    case SHAPE_VERSION:
        return in_version(g, c);
    case SHAPE_HTTP:
    case SHAPE_OTHER:
        break;
    }
    return (enum shape)g->shape;
}

static enum shape judge(struct http_guard *g, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len && g->shape < SHAPE_HTTP; i++)
        g->shape = (uint8_t)next_shape(g, data[i]);
    return (enum shape)g->shape;
}

/* Younger protocols that took HTTP's first line, and HTTP/2, which no browser speaks in the clear.
 */
static bool is_relative(const uint8_t *line, size_t len)
{
    static const char *const ends[] = {" RTSP/1.0", " RTSP/2.0", " SIP/2.0", " ICAP/1.0"};
    static const char preface[] = "PRI * HTTP/2.0";
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == sizeof(preface) - 1 && memcmp(line, preface, len) == 0)
        return true;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);
        if (len > end && memcmp(line + len - end, ends[i], end) == 0)
            return true;
    }
    return false;
}

/* The end of the first line is there, so that it can be told what speaks like HTTP and is none. */
static bool is_complete_line(const uint8_t *data, size_t len, bool *relative)
{
    size_t at = 0;
    while (at < len && (data[at] == '\r' || data[at] == '\n' || is_blank(data[at])))
        at++;
    const uint8_t *end = at < len ? memchr(data + at, '\n', len - at) : NULL;
    *relative = end && is_relative(data + at, (size_t)(end - (data + at)));
    return end != NULL;
}

/* ---- requests ---- */

static void set_bit(uint64_t *bits, uint64_t bit, bool on)
{
    *bits = on ? *bits | bit : *bits & ~bit;
}

/* Remembers what the answer to this request may be. */
static void expect_answer(struct http_guard *g, const struct http_head *head)
{
    if (g->answers == GUARD_ANSWER_LOST)
        return;
    if (g->pending == GUARD_PENDING_MAX) {
        g->answers = GUARD_ANSWER_LOST;
        return;
    }
    uint64_t bit = UINT64_C(1) << ((g->first + g->pending++) % GUARD_PENDING_MAX);
    bool upgrade =
        http_find(head, "upgrade", NULL) && http_has_element(head, "connection", "upgrade");
    set_bit(&g->upgrades, bit, upgrade);
    set_bit(&g->connects, bit, http_text_is(head->method, "CONNECT"));
    set_bit(&g->heads, bit, http_text_is(head->method, "HEAD"));
}

static void admit(struct http_guard *g, const struct http_head *head)
{
    char why[GUARD_WHY_MAX];
    enum http_fault fault = http_body_of_request(&g->request, head);
    if (fault != HTTP_OK) {
        refuse_fault(g, fault);
    } else if (g->check(g->arg, head, why) < 0) {
        refuse(g, why);
    } else {
        expect_answer(g, head);
        g->state = g->request.done ? GUARD_HEAD : GUARD_BODY;
    }
}

/* Reads a head from all of its bytes so far. Returns its length, or 0: not complete, or refused. */
static size_t read_head(struct http_guard *g, const uint8_t *data, size_t len)
{
    struct http_head head;
    enum http_fault fault = http_read_request(&head, data, len, HTTP_REQUEST_HEAD_MAX);
    if (fault == HTTP_MORE)
        return 0;
    g->wants_html = page_wants_html(&head); /* also of a head that was read in part */
    if (fault != HTTP_OK)
        refuse_fault(g, fault);
    else
        admit(g, &head);
    return g->state == GUARD_REFUSED ? 0 : head.len;
}

/* Decides what this connection speaks, from its first bytes: all in `data`, the last `fresh` of
 * them new. */
static void decide(struct http_guard *g, const uint8_t *data, size_t len, size_t fresh)
{
    bool relative;
    enum shape shape = judge(g, data + len - fresh, fresh);
    if (shape == SHAPE_OTHER) {
        open_up(g);
    } else if (shape == SHAPE_HTTP && g->overflow) {
        refuse_fault(g, HTTP_TOO_LONG);
    } else if (shape == SHAPE_HTTP && is_complete_line(data, len, &relative)) {
        if (relative)
            open_up(g);
        else
            g->state = GUARD_HEAD;
    } else if (shape == SHAPE_HTTP && len >= HTTP_REQUEST_HEAD_MAX) {
        refuse_fault(g, HTTP_TOO_LONG);
    }
}

/* Adds to a piece of a head. False: no memory. */
static bool keep(uint8_t **piece, uint32_t *len, const uint8_t *data, size_t n)
{
    uint8_t *more = realloc(*piece, *len + n);
    if (!more)
        return false;
    memcpy(more + *len, data, n);
    *piece = more;
    *len += (uint32_t)n;
    return true;
}

/* Takes bytes of a head. Returns how many may pass. */
static size_t take_head(struct http_guard *g, const uint8_t *data, size_t len)
{
    uint32_t before = g->head_len;
    size_t room = HTTP_REQUEST_HEAD_MAX - before;
    size_t n = len < room ? len : room;
    size_t used = before == 0 ? read_head(g, data, len) : 0;
    if (g->state == GUARD_REFUSED)
        return 0;
    if (used > 0)
        return used;
    if (!keep(&g->head, &g->head_len, data, n)) {
        refuse(g, "the gateway is out of memory");
        return 0;
    }
    if (before == 0)
        return n;
    used = read_head(g, g->head, g->head_len);
    if (g->state == GUARD_REFUSED)
        return 0;
    if (used == 0)
        return n;
    drop(&g->head, &g->head_len);
    return used - before;
}

/* Stops keeping the first line: if it turns out to be HTTP, it is refused for its length. */
static void overflow(struct http_guard *g)
{
    g->overflow = true;
    drop(&g->head, &g->head_len);
}

/* The client's first bytes. Returns how many may pass. */
static size_t take_first(struct http_guard *g, const uint8_t *data, size_t len)
{
    uint32_t before = g->head_len;
    size_t room = HTTP_REQUEST_HEAD_MAX - before;
    size_t n = len < room ? len : room;
    if (room == 0 || (before > 0 && !keep(&g->head, &g->head_len, data, n)))
        overflow(g);
    if (g->overflow) {
        n = len;
        decide(g, data, len, len);
    } else if (before > 0) {
        decide(g, g->head, g->head_len, n);
    } else {
        n = len;
        decide(g, data, len, len);
    }
    if (g->state == GUARD_REFUSED)
        return 0;
    if (g->state == GUARD_HEAD) {
        /* The pieces so far, which have passed, are the start of its head. */
        g->head_len = before;
        return take_head(g, data, n);
    }
    /* A protocol without blanks may stay undecided for ever, and need not be kept for that. */
    bool endless = g->shape == SHAPE_METHOD && g->matched > METHOD_KEPT_MAX;
    if (g->state == GUARD_UNDECIDED && !g->overflow) {
        if (endless || len > room || (before == 0 && !keep(&g->head, &g->head_len, data, len)))
            overflow(g);
    }
    return n;
}

static size_t take_body(struct http_guard *g, const uint8_t *data, size_t len)
{
    size_t used;
    enum http_fault fault = http_body_take(&g->request, data, len, &used);
    if (fault != HTTP_OK) {
        refuse_fault(g, fault);
        return 0;
    }
    if (g->request.done)
        g->state = GUARD_HEAD;
    return used;
}

size_t guard_outgoing(struct http_guard *g, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        if (g->state == GUARD_OPEN)
            return len;
        if (g->state == GUARD_REFUSED)
            return at;
        if (g->state == GUARD_UNDECIDED)
            at += take_first(g, data + at, len - at);
        else if (g->state == GUARD_HEAD)
            at += take_head(g, data + at, len - at);
        else
            at += take_body(g, data + at, len - at);
    }
    return at;
}

/* ---- answers ---- */

static void lose_answers(struct http_guard *g)
{
    g->answers = GUARD_ANSWER_LOST;
    drop(&g->ans_head, &g->ans_head_len);
}

static void finish_answer(struct http_guard *g)
{
    g->answers = GUARD_ANSWER_HEAD;
    g->first = (g->first + 1) % GUARD_PENDING_MAX;
    g->pending--;
}

/* Judges the head of an answer: does it end HTTP here, or begin a body? */
static void take_answer(struct http_guard *g, const struct http_head *head)
{
    uint64_t bit = UINT64_C(1) << g->first;
    bool connected = (g->connects & bit) && head->status / 100 == 2;
    bool upgraded = (g->upgrades & bit) && head->status == 101;
    bool agreed = connected || upgraded;
    if (head->status >= 100 && head->status < 200 && head->status != 101)
        return; /* the real answer follows */
    /* Requests sent behind this one would be bytes of the new protocol, unseen by its server. */
    if (agreed && g->pending == 1 && g->state == GUARD_HEAD && g->head_len == 0)
        open_up(g);
    else if (agreed || head->status == 101)
        lose_answers(g);
    else if (http_body_of_response(&g->answer, head, (g->heads & bit) != 0) != HTTP_OK)
        lose_answers(g);
    else if (g->answer.done)
        finish_answer(g);
    else
        g->answers = GUARD_ANSWER_BODY;
}

/* Takes bytes of an answer's head. Returns how many. */
static size_t take_answer_head(struct http_guard *g, const uint8_t *data, size_t len)
{
    struct http_head head;
    uint32_t before = g->ans_head_len;
    size_t room = HTTP_RESPONSE_HEAD_MAX - before;
    size_t n = len < room ? len : room;
    if (g->pending == 0) {
        lose_answers(g); /* nobody asked */
        return len;
    }
    if (before > 0 && !keep(&g->ans_head, &g->ans_head_len, data, n)) {
        lose_answers(g);
        return len;
    }
    enum http_fault fault =
        before > 0 ? http_read_response(&head, g->ans_head, g->ans_head_len, HTTP_RESPONSE_HEAD_MAX)
                   : http_read_response(&head, data, len, HTTP_RESPONSE_HEAD_MAX);
    if (fault == HTTP_OK) {
        size_t used = head.len - before;
        take_answer(g, &head);
        drop(&g->ans_head, &g->ans_head_len);
        return used;
    }
    if (fault != HTTP_MORE || (before == 0 && !keep(&g->ans_head, &g->ans_head_len, data, n)))
        lose_answers(g);
    return n;
}

void guard_incoming(struct http_guard *g, const uint8_t *data, size_t len)
{
    /* Who speaks before the client has asked is no HTTP server, or a broken one. */
    if (g->state == GUARD_UNDECIDED && len > 0)
        lose_answers(g);
    for (size_t at = 0; at < len;) {
        if (g->state == GUARD_OPEN || g->answers == GUARD_ANSWER_LOST)
            return;
        size_t used = len - at;
        if (g->answers == GUARD_ANSWER_HEAD)
            used = take_answer_head(g, data + at, len - at);
        else if (http_body_take(&g->answer, data + at, len - at, &used) != HTTP_OK)
            lose_answers(g);
        else if (g->answer.done)
            finish_answer(g);
        at += used;
    }
}

bool guard_between_answers(const struct http_guard *g)
{
    return g->pending == 0 && g->answers == GUARD_ANSWER_HEAD && g->ans_head_len == 0;
}
