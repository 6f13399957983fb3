#include "gateway/io/port_holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/text.h"

#define MAX_FOUND 16

struct found {
    struct port_holder *out;
    unsigned long inodes[MAX_FOUND];
    size_t count, max;
};

/* ---- sockets: /proc/net/tcp and its kin, proc_pid_net(5) ---- */

/** "0100007F:0035", words of four bytes as this machine keeps them. */
static bool read_address(const char *text, struct addr *out)
{
    uint8_t ip[16];
    char digits[9] = "";
    size_t len = strcspn(text, ":");

    if ((len != 8 && len != 32) || text[len] != ':')
        return false;
    for (size_t i = 0; i < len / 8; i++) {
        memcpy(digits, text + 8 * i, 8);
        uint32_t word = (uint32_t)strtoul(digits, NULL, 16);
        memcpy(ip + 4 * i, &word, sizeof(word));
    }
    uint16_t port = (uint16_t)strtoul(text + len + 1, NULL, 16);
    *out = len == 8 ? addr_v4(ip, port) : addr_v6(ip, port, 0);
    return true;
}

/** Number, here, there, state, queues, timer, retries, uid, timeout, inode. */
static void read_socket(struct found *f, const char *line, uint16_t port, const char *listening)
{
    char word[64];
    struct addr at;

    if (strcmp(text_word(line, 3, word, sizeof(word)), listening) != 0 ||
        !read_address(text_word(line, 1, word, sizeof(word)), &at) || addr_port(&at) != port)
        return;
    f->inodes[f->count] = strtoul(text_word(line, 9, word, sizeof(word)), NULL, 10);
    f->out[f->count++] = (struct port_holder){.at = at};
}

static void read_table(struct found *f, const char *path, uint16_t port, const char *listening)
{
    char line[512];
    FILE *in = fopen(path, "re");

    while (in && fgets(line, sizeof(line), in) && f->count < f->max && f->count < MAX_FOUND)
        read_socket(f, line, port, listening);
    if (in)
        (void)fclose(in);
}

/* ---- whose they are ---- */

static void read_name(int pid, char out[static PORT_HOLDER_NAME])
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    FILE *in = fopen(path, "re");
    if (!in || !fgets(out, PORT_HOLDER_NAME, in))
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (in)
        (void)fclose(in);
}

static void match(struct found *f, int pid, const char *link)
{
    static const char SOCKET[] = "socket:[";

    if (strncmp(link, SOCKET, sizeof(SOCKET) - 1) != 0)
        return;
    unsigned long inode = strtoul(link + sizeof(SOCKET) - 1, NULL, 10);
    for (size_t i = 0; i < f->count; i++)
        if (f->inodes[i] == inode && f->out[i].pid == 0) {
            f->out[i].pid = pid;
            read_name(pid, f->out[i].program);
        }
}

static void search_process(struct found *f, int pid)
{
    char path[64], link[64];
    const struct dirent *entry;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    while (folder && (entry = readdir(folder))) {
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1);
        link[n > 0 ? n : 0] = '\0';
        match(f, pid, link);
    }
    if (folder)
        (void)closedir(folder);
}

static bool all_known(const struct found *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->out[i].pid == 0)
            return false;
    return true;
}

size_t port_holders(uint16_t port, bool udp, struct port_holder *out, size_t max)
{
    /* States of the kernel: TCP_LISTEN, and TCP_CLOSE for UDP that is not connected. */
    const char *listening = udp ? "07" : "0A";
    struct found f = {.out = out, .max = max};
    const struct dirent *entry;

    read_table(&f, udp ? "/proc/net/udp" : "/proc/net/tcp", port, listening);
    read_table(&f, udp ? "/proc/net/udp6" : "/proc/net/tcp6", port, listening);
    DIR *proc = all_known(&f) ? NULL : opendir("/proc");
    while (proc && !all_known(&f) && (entry = readdir(proc))) {
        int pid = (int)strtol(entry->d_name, NULL, 10);
        if (pid > 0)
            search_process(&f, pid);
    }
    if (proc)
        (void)closedir(proc);
    return f.count;
}
