#include "dns/nss/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { ANSWER_MS = 100, CONF_MAX = 96 };

/* ---- what is ours ---- */

struct ours {
    char suffix[CONF_MAX];
    uint32_t pool, mask; /* host order */
};

static const struct ours DEFAULTS = {"overlay", 0xc6130000, 0xffff0000};

/* A number of one or two digits that fills the rest of the text, or -1. */
static int read_bits(const char *text)
{
    int bits = 0;
    size_t digits = 0;

    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 2; digits++)
        bits = bits * 10 + (text[digits] - '0');
    return digits > 0 && text[digits] == '\0' ? bits : -1;
}

/* Reads "SUFFIX ADDRESS/BITS". */
static bool read_conf(struct ours *out, char *text)
{
    char *space = strchr(text, ' ');
    char *slash = space ? strchr(space, '/') : NULL;
    struct in_addr ip;

    text[strcspn(text, "\n")] = '\0';
    if (!slash || space == text)
        return false;
    *space = *slash = '\0';
    int bits = read_bits(slash + 1);
    if (bits < 8 || bits > 24 || inet_pton(AF_INET, space + 1, &ip) != 1)
        return false;
    memcpy(out->suffix, text, strlen(text) + 1);
    out->mask = UINT32_MAX << (32 - bits);
    out->pool = ntohl(ip.s_addr) & out->mask;
    return true;
}

/* What others can write may not send everybody's questions to a gateway. */
static bool is_trusted(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
           !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static struct ours find_ours(void)
{
    struct ours ours = DEFAULTS;
    char text[CONF_MAX];
    int fd = open(NSS_CONF, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return ours;
    ssize_t len = is_trusted(fd) ? read(fd, text, sizeof(text) - 1) : -1;
    (void)close(fd);
    if (len <= 0)
        return ours;
    text[len] = '\0';
    return read_conf(&ours, text) ? ours : DEFAULTS;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Copies a name below the suffix without its final dot. */
static bool take_name(char out[static NSS_NAME_MAX + 1], const char *name, const char *suffix)
{
    size_t len = strnlen(name, NSS_NAME_MAX + 2), tail = strlen(suffix);

    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len > NSS_NAME_MAX || len <= tail + 1 || name[len - tail - 1] != '.')
        return false;
    for (size_t i = 0; i < tail; i++)
        if (lower(name[len - tail + i]) != suffix[i])
            return false;
    memcpy(out, name, len);
    out[len] = '\0';
    return true;
}

/* ---- asking ---- */

static int64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until there is something to read. False: not in time. */
static bool wait_for(int fd, int64_t until)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = until - now_ms();
        int n = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

static bool receive(int fd, struct nss_answer *out, int64_t until)
{
    uint8_t data[NSS_ANSWER_MAX];
    size_t len = 0;

    while (len < sizeof(data) && wait_for(fd, until)) {
        ssize_t got = recv(fd, data + len, sizeof(data) - len, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return false;
        len += (size_t)got;
        int whole = nss_answer_read(out, data, len);
        if (whole != 0)
            return whole > 0 && (size_t)whole == len;
    }
    return false;
}

static int dial(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    memcpy(at.sun_path, NSS_SOCKET, strnlen(NSS_SOCKET, sizeof(at.sun_path) - 1));
    /* Never in progress: a unix socket connects at once or says why not. */
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static enum nss_outcome ask(const struct nss_question *q, struct nss_answer *out)
{
    uint8_t data[NSS_QUESTION_MAX];
    size_t len = nss_question_write(q, data);
    int64_t until = now_ms() + ANSWER_MS;
    int fd = dial();

    if (fd < 0)
        return NSS_SILENT;
    bool heard =
        send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len && receive(fd, out, until);
    (void)close(fd);
    if (!heard)
        return NSS_SILENT;
    return out->found ? NSS_FOUND : NSS_NONE;
}

enum nss_outcome nss_ask_name(const char *name, struct nss_answer *out)
{
    struct nss_question q = {.by_address = false};
    const char *dot = strchr(name, '.');

    if (!dot || dot[1] == '\0') /* most names without a dot are asked about by every program */
        return NSS_FOREIGN;
    const struct ours ours = find_ours();
    if (!take_name(q.name, name, ours.suffix))
        return NSS_FOREIGN;
    return ask(&q, out);
}

enum nss_outcome nss_ask_address(const uint8_t ip[static 4], struct nss_answer *out)
{
    struct nss_question q = {.by_address = true};
    const struct ours ours = find_ours();
    uint32_t host = (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3];

    if ((host & ours.mask) != ours.pool)
        return NSS_FOREIGN;
    memcpy(q.ip, ip, sizeof(q.ip));
    return ask(&q, out);
}
