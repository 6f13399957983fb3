#include "gateway/io/mail_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>
#include <sys/stat.h>

#include "gateway/base/text.h"

#define PASSWORD_MAX 512
#define FOUND_MAX    65536 /* bytes of a server's answer to a search */
#define DAY_US       (INT64_C(86400) * 1000000)
#define STEP_MS      (MAIL_STEP_S * 1000L)
#define CONNECT_MS   10000L

/* ---- what is to be done ---- */

static bool is_line(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static int copy(char *out, size_t size, const char *text)
{
    if (strlen(text) >= size || !is_line(text))
        return -EINVAL;
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

/* A name without a path is one of the home. */
static int copy_path(char *out, const char *name, const char *home)
{
    const char *folder = *name && *name != '/' && home ? home : "";
    int len = snprintf(out, MAIL_PATH_MAX, "%s%s%s", folder, *folder ? "/" : "", name);

    return len < 0 || len >= MAIL_PATH_MAX ? -EINVAL : 0;
}

int mail_steps_init(struct mail_steps *s, const struct mail_account *account, const char *home)
{
    int err = copy(s->url, sizeof(s->url), account->url);

    if (err == 0)
        err = copy(s->user, sizeof(s->user), account->user);
    if (err == 0)
        err = copy_path(s->password_file, account->password_file, home);
    return err == 0 ? copy_path(s->ca, account->ca, home) : err;
}

void mail_steps_deinit(struct mail_steps *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->fetched[i].text);
    free(s->answer);
}

/* The names are those of RFC 5322 and RFC 3501, whatever language the machine speaks. */
static const char *const MONTH[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static struct tm date_of(int64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm = {0};

    (void)gmtime_r(&seconds, &tm);
    return tm;
}

int mail_steps_letter(struct mail_steps *s, const struct mail_letter *letter, int64_t wall_us)
{
    const struct tm tm = date_of(wall_us);
    const char *at = strchr(letter->from, '@');
    uint8_t id[12];
    char id_text[TEXT_HEX_LEN(sizeof(id)) + 1];

    if (!at || copy(s->from, sizeof(s->from), letter->from) < 0 ||
        copy(s->to, sizeof(s->to), letter->to) < 0 || !is_line(letter->subject))
        return -EINVAL;
    randombytes_buf(id, sizeof(id));
    /* RFC 3834: nobody is to answer it that he is on holiday. */
    int len = snprintf(s->letter, sizeof(s->letter),
                       "Date: %02d %s %d %02d:%02d:%02d +0000\n"
                       "From: <%s>\nTo: <%s>\nSubject: %s\nMessage-ID: <%s%s>\n"
                       "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
                       "Content-Type: text/plain; charset=us-ascii\n"
                       "Content-Transfer-Encoding: 7bit\n\n%s",
                       tm.tm_mday, MONTH[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                       tm.tm_sec, s->from, s->to, letter->subject,
                       text_hex(id_text, id, sizeof(id)), at, letter->text);
    s->letter_len = (size_t)len;
    return len < 0 || (size_t)len >= sizeof(s->letter) ? -EINVAL : 0;
}

int mail_steps_search(struct mail_steps *s, const struct mail_search *search, int64_t wall_us)
{
    const struct tm tm = date_of(wall_us - DAY_US); /* by the server's calendar, wherever it is */

    if (!is_line(search->subject) || strpbrk(search->subject, "\"\\"))
        return -EINVAL;
    s->after = search->after;
    int len = snprintf(s->search, sizeof(s->search),
                       "UID SEARCH UID %lu:* UNDELETED SINCE %d-%s-%d SUBJECT \"%s\"",
                       (unsigned long)search->after + 1, tm.tm_mday, MONTH[tm.tm_mon],
                       tm.tm_year + 1900, search->subject);
    return len < 0 || (size_t)len >= sizeof(s->search) ? -EINVAL : 0;
}

/* ---- one step ---- */

static size_t on_answer(char *data, size_t size, size_t count, void *arg)
{
    struct mail_steps *s = arg;
    size_t len = size * count;

    if (len > s->answer_max - s->answer_len)
        return 0; /* libcurl: that is an error */
    memcpy(s->answer + s->answer_len, data, len);
    s->answer_len += len;
    return len;
}

static size_t on_letter(char *out, size_t size, size_t count, void *arg)
{
    struct mail_steps *s = arg;
    size_t room = size * count, left = s->letter_len - s->letter_at, used = 0;

    /* Lines end with CR LF on the way. */
    for (; left > 0 && used + 2 <= room; left--) {
        char c = s->letter[s->letter_at++];
        if (c == '\n')
            out[used++] = '\r';
        out[used++] = c;
    }
    return used;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct mail_steps *s = arg;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&s->stop);
}

static uint64_t clock_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool fail(struct mail_steps *s, int err, const char *what, const char *why)
{
    s->err = err;
    (void)snprintf(s->why, sizeof(s->why), "%.250s: %.250s", what, why);
    for (char *c = s->why; *c; c++) /* some of it may be the server's words */
        if (*c < ' ' || *c > '~')
            *c = '?';
    return false;
}

static int errno_of(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_LOGIN_DENIED:
        return -EACCES;
    case CURLE_COULDNT_RESOLVE_HOST:
        return -ENOENT;
    case CURLE_ABORTED_BY_CALLBACK:
        return -ECANCELED;
    default:
        return -EIO;
    }
}

static bool perform(struct mail_steps *s, CURL *easy)
{
    const struct curl_api *c = s->curl;
    uint64_t now = clock_ms();
    long left = now < s->deadline_ms ? (long)(s->deadline_ms - now) : 1;

    s->answer_len = 0;
    s->error[0] = '\0';
    (void)c->easy_setopt(easy, CURLOPT_TIMEOUT_MS, left < STEP_MS ? left : STEP_MS);
    CURLcode code = c->easy_perform(easy);
    if (code == CURLE_OK)
        return true;
    return fail(s, errno_of(code), s->url, s->error[0] ? s->error : c->easy_strerror(code));
}

/* ---- the server ---- */

static bool is_loopback(const char *url)
{
    static const char *const HOST[] = {"127.0.0.1", "[::1]", "localhost"};
    const char *host = strstr(url, "://");

    for (size_t i = 0; host && i < sizeof(HOST) / sizeof(HOST[0]); i++) {
        size_t len = strlen(HOST[i]);
        if (strncmp(host + 3, HOST[i], len) == 0 && strchr(":/", host[3 + len]))
            return true;
    }
    return false;
}

static ssize_t read_closed(int fd, char *out, size_t size)
{
    struct stat is;

    if (fstat(fd, &is) < 0)
        return -errno;
    if (!S_ISREG(is.st_mode))
        return -EINVAL;
    if (is.st_mode & 077)
        return -EPERM;
    ssize_t len = read(fd, out, size - 1);
    return len < 0 ? -errno : len;
}

static bool read_password(struct mail_steps *s, char out[static PASSWORD_MAX])
{
    int fd = open(s->password_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t len = fd < 0 ? -errno : read_closed(fd, out, PASSWORD_MAX);

    if (fd >= 0)
        (void)close(fd);
    if (len < 0)
        return fail(s, (int)len, s->password_file,
                    len == -EPERM ? "others may read it: chmod 600" : strerror((int)-len));
    out[len] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

static bool log_in(struct mail_steps *s, CURL *easy)
{
    char password[PASSWORD_MAX];

    if (!s->user[0])
        return true;
    bool good = read_password(s, password);
    if (good) {
        (void)s->curl->easy_setopt(easy, CURLOPT_USERNAME, s->user);
        (void)s->curl->easy_setopt(easy, CURLOPT_PASSWORD, password);
    }
    sodium_memzero(password, sizeof(password));
    return good;
}

static CURL *open_server(struct mail_steps *s)
{
    const struct curl_api *c = s->curl;
    CURL *easy = c ? c->easy_init() : NULL;

    if (!easy) {
        (void)fail(s, -ENOSYS, s->url, c ? "no memory" : "libcurl is not installed");
        return NULL;
    }
    (void)c->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)c->easy_setopt(easy, CURLOPT_ERRORBUFFER, s->error);
    (void)c->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    (void)c->easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, CONNECT_MS / 1000);
#if LIBCURL_VERSION_NUM >= 0x075700
    (void)c->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* no waiting for a slow look-up */
#endif
    (void)c->easy_setopt(easy, CURLOPT_PROXY, "");
    (void)c->easy_setopt(easy, CURLOPT_USE_SSL,
                         (long)(is_loopback(s->url) ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (s->ca[0])
        (void)c->easy_setopt(easy, CURLOPT_CAINFO, s->ca);
    (void)c->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    (void)c->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)c->easy_setopt(easy, CURLOPT_XFERINFODATA, s);
    (void)c->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    (void)c->easy_setopt(easy, CURLOPT_WRITEDATA, s);
    if (!log_in(s, easy)) {
        c->easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

/* ---- SMTP ---- */

/* The path is what we call ourselves: not the name of this machine, which is nobody's business. */
static void set_smtp_url(struct mail_steps *s, CURL *easy)
{
    char url[sizeof(s->url) + 16];
    const char *host = strstr(s->url, "://");
    bool named = host && strchr(host + 3, '/');

    (void)snprintf(url, sizeof(url), "%s%s", s->url, named ? "" : "/localhost");
    (void)s->curl->easy_setopt(easy, CURLOPT_URL, url);
}

static void send_letter(struct mail_steps *s, CURL *easy)
{
    const struct curl_api *c = s->curl;
    struct curl_slist *to = c->slist_append(NULL, s->to);

    (void)c->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set_smtp_url(s, easy);
    (void)c->easy_setopt(easy, CURLOPT_MAIL_FROM, s->from);
    (void)c->easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
    (void)c->easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    (void)c->easy_setopt(easy, CURLOPT_READFUNCTION, on_letter);
    (void)c->easy_setopt(easy, CURLOPT_READDATA, s);
    (void)perform(s, easy);
    c->slist_free_all(to);
}

/* ---- IMAP ---- */

/* The mailbox, INBOX unless the URL names one; `what` selects one mail of it. */
static void set_imap_url(struct mail_steps *s, CURL *easy, const char *what)
{
    char url[sizeof(s->url) + 64];
    const char *host = strstr(s->url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
    size_t len = strlen(s->url);
    bool named = path && path[1];

    if (path && !named)
        len--;
    (void)snprintf(url, sizeof(url), "%.*s%s%s", (int)len, s->url, named ? "" : "/INBOX", what);
    (void)s->curl->easy_setopt(easy, CURLOPT_URL, url);
}

static bool ask(struct mail_steps *s, CURL *easy, const char *command)
{
    (void)s->curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, command);
    set_imap_url(s, easy, "");
    return perform(s, easy);
}

static void remember(struct mail_steps *s, uint32_t uid)
{
    if (uid <= s->after) /* RFC 3501: "n:*" has the last one, even before n */
        return;
    if (s->count == MAIL_FETCHED_MAX) {
        memmove(&s->fetched[0], &s->fetched[1], (s->count - 1) * sizeof(s->fetched[0]));
        s->count--;
    }
    s->fetched[s->count++] = (struct mail_fetched){.uid = uid};
}

/* "* SEARCH 4 7 9", among other lines. */
static void read_found(struct mail_steps *s)
{
    static const char WORD[] = "* SEARCH";
    char *end = s->answer + s->answer_len;

    *end = '\0'; /* there is room: see mail_steps_run() */
    for (char *line = s->answer; line && line < end; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, WORD, sizeof(WORD) - 1) != 0)
            continue;
        for (char *at = line + sizeof(WORD) - 1, *next; *at == ' '; at = next) {
            unsigned long uid = strtoul(at, &next, 10);
            if (next == at || uid == 0 || uid > UINT32_MAX)
                break;
            remember(s, (uint32_t)uid);
        }
    }
}

static bool fetch_one(struct mail_steps *s, CURL *easy, struct mail_fetched *f)
{
    char what[64];

    (void)snprintf(what, sizeof(what), ";UID=%lu;PARTIAL=0.%d", (unsigned long)f->uid,
                   MAIL_SIZE_MAX);
    (void)s->curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    set_imap_url(s, easy, what);
    if (!perform(s, easy))
        return false;
    f->text = malloc(s->answer_len + 1);
    if (!f->text)
        return fail(s, -ENOMEM, s->url, "no memory");
    memcpy(f->text, s->answer, s->answer_len);
    f->len = s->answer_len < MAIL_SIZE_MAX ? s->answer_len : MAIL_SIZE_MAX;
    return true;
}

static void fetch_all(struct mail_steps *s, CURL *easy)
{
    size_t got = 0;

    (void)s->curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "imap,imaps");
    if (!ask(s, easy, s->search))
        return;
    read_found(s);
    while (got < s->count && fetch_one(s, easy, &s->fetched[got]))
        got++;
    s->count = got;
}

/* ---- all of it ---- */

static bool prepare(struct mail_steps *s)
{
    s->deadline_ms = clock_ms() + MAIL_JOB_S * 1000;
    s->err = 0;
    s->why[0] = '\0';
    s->answer_max = FOUND_MAX;
    if (!s->answer)
        s->answer = malloc(FOUND_MAX + 1);
    return s->answer || fail(s, -ENOMEM, s->url, "no memory");
}

void mail_steps_run(struct mail_steps *s)
{
    CURL *easy = prepare(s) ? open_server(s) : NULL;

    if (!easy)
        return;
    if (s->letter_len > 0)
        send_letter(s, easy);
    else
        fetch_all(s, easy);
    s->curl->easy_cleanup(easy);
}

static void list_taken(const struct mail_steps *s, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < s->count; i++)
        if (s->fetched[i].taken && used + 12 < size)
            used += (size_t)snprintf(out + used, size - used, "%s%lu", used > 0 ? "," : "",
                                     (unsigned long)s->fetched[i].uid);
}

void mail_steps_delete(struct mail_steps *s)
{
    char uids[12 * MAIL_FETCHED_MAX + 1], command[sizeof(uids) + 64];
    CURL *easy = prepare(s) ? open_server(s) : NULL;

    if (!easy)
        return;
    (void)s->curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "imap,imaps");
    list_taken(s, uids, sizeof(uids));
    (void)snprintf(command, sizeof(command), "UID STORE %s +FLAGS.SILENT (\\Deleted)", uids);
    if (ask(s, easy, command)) {
        /* RFC 4315. Who cannot do it shows them as deleted. */
        (void)snprintf(command, sizeof(command), "UID EXPUNGE %s", uids);
        if (!ask(s, easy, command))
            s->err = 0;
    }
    s->curl->easy_cleanup(easy);
}
