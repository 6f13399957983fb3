#include "gateway/io/port_holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

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
    uint32_t word[4] = {0};
    unsigned port;
    size_t digits = strcspn(text, ":");

    if ((digits != 8 && digits != 32) || sscanf(text + digits, ":%4x", &port) != 1)
        return false;
    for (size_t i = 0; i < digits / 8; i++)
        if (sscanf(text + 8 * i, "%8x", &word[i]) != 1)
            return false;
    *out = digits == 8 ? addr_v4((const uint8_t *)word, (uint16_t)port)
                       : addr_v6((const uint8_t *)word, (uint16_t)port, 0);
    return true;
}

static void read_table(struct found *f, const char *path, uint16_t port, unsigned listening)
{
    char line[512], here[64], there[64];
    unsigned state;
    unsigned long inode;
    struct addr at;
    FILE *in = fopen(path, "re");

    while (in && fgets(line, sizeof(line), in) && f->count < f->max && f->count < MAX_FOUND) {
        if (sscanf(line, " %*u: %63s %63s %x %*s %*s %*s %*u %*u %lu", here, there, &state,
                   &inode) != 4 ||
            state != listening || !read_address(here, &at) || addr_port(&at) != port)
            continue;
        f->inodes[f->count] = inode;
        f->out[f->count++] = (struct port_holder){.at = at};
    }
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
    unsigned long inode;

    if (sscanf(link, "socket:[%lu]", &inode) != 1)
        return;
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
    const unsigned listening = udp ? 0x07 : 0x0a;
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
