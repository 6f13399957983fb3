#include "tests/support/fake_machine.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/setup/trace.h"
#include "gateway/base/attr.h"

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/** May it be changed, or was whoever changes it killed meanwhile? */
static bool alive(struct fake_machine *m)
{
    if (m->dies_at != 0 && m->changes + 1 >= m->dies_at)
        return false;
    m->changes++;
    return true;
}

/* ---- files ---- */

static size_t find(const struct fake_machine *m, const char *path)
{
    size_t i = 0;
    while (i < m->file_count && strcmp(m->files[i].path, path) != 0)
        i++;
    return i;
}

void fake_machine_put(struct fake_machine *m, const char *path, const char *text)
{
    size_t i = find(m, path);

    assert(i < FAKE_MACHINE_FILES);
    if (i == m->file_count) {
        (void)snprintf(m->files[i].path, sizeof(m->files[i].path), "%s", path);
        m->files[m->file_count++].text = NULL;
    }
    free(m->files[i].text);
    m->files[i].text = text ? strdup(text) : NULL;
}

static void take_out(struct fake_machine *m, size_t i)
{
    free(m->files[i].text);
    m->files[i] = m->files[--m->file_count];
}

const char *fake_machine_file(const struct fake_machine *m, const char *path)
{
    size_t i = find(m, path);
    return i < m->file_count ? m->files[i].text : NULL;
}

static int host_read(void *arg, const char *path, char **text)
{
    const char *found = fake_machine_file(arg, path);

    *text = found ? strdup(found) : NULL;
    return found ? 0 : -ENOENT;
}

static bool host_exists(void *arg, const char *path)
{
    struct fake_machine *m = arg;
    return find(m, path) < m->file_count;
}

/** Killed between the new file and its name, it leaves the new file. */
static int host_write(void *arg, const char *path, const char *text, unsigned mode)
{
    struct fake_machine *m = arg;
    const char *name = strrchr(path, '/') + 1;
    char half[160];

    assert(mode == 0644);
    (void)snprintf(half, sizeof(half), "%.*s.%s.new", (int)(name - path), path, name);
    if (!alive(m))
        return -EIO;
    fake_machine_put(m, half, text);
    if (!alive(m))
        return -EIO;
    take_out(m, find(m, half));
    fake_machine_put(m, path, text);
    return 0;
}

static int host_unlink(void *arg, const char *path)
{
    struct fake_machine *m = arg;
    size_t i = find(m, path);

    if (i == m->file_count)
        return 0;
    if (!alive(m))
        return -EIO;
    take_out(m, i);
    return 0;
}

static int host_make_folder(void *arg, const char *path, const char *owner)
{
    struct fake_machine *m = arg;
    (void)owner;

    if (find(m, path) < m->file_count)
        return 0;
    if (!alive(m))
        return -EIO;
    fake_machine_put(m, path, NULL);
    return 0;
}

static int host_remove_folder(void *arg, const char *path)
{
    struct fake_machine *m = arg;
    size_t len = strlen(path);

    for (size_t i = 0; i < m->file_count; i++)
        if (starts(m->files[i].path, path) && m->files[i].path[len] == '/')
            return -ENOTEMPTY;
    return host_unlink(arg, path);
}

/* ---- tools ---- */

static size_t find_state(const struct fake_machine *m, const char *state)
{
    size_t i = 0;
    while (i < m->state_count && strcmp(m->state[i], state) != 0)
        i++;
    return i;
}

bool fake_machine_has(const struct fake_machine *m, const char *state)
{
    return find_state(m, state) < m->state_count;
}

static void gain(struct fake_machine *m, const char *state)
{
    assert(m->state_count < FAKE_MACHINE_LINES);
    if (!fake_machine_has(m, state))
        m->state[m->state_count++] = strdup(state);
}

/** Those that begin so; with the link goes what is bound to it. */
static bool lose(struct fake_machine *m, const char *state)
{
    bool any = false;

    for (size_t i = 0; i < m->state_count;) {
        if (!starts(m->state[i], state)) {
            i++;
            continue;
        }
        free(m->state[i]);
        m->state[i] = m->state[--m->state_count];
        any = true;
    }
    return any;
}

/** Its word number `n`. */
static const char *word(const char *line, unsigned n, char out[static 128])
{
    for (; n > 0; n--)
        line += strcspn(line, " "), line += strspn(line, " ");
    (void)snprintf(out, 128, "%.*s", (int)strcspn(line, " "), line);
    return out;
}

static const char *last_word(const char *line)
{
    return strrchr(line, ' ') + 1;
}

static bool change_kernel(struct fake_machine *m, const char *line)
{
    char at[128], state[544];

    if (starts(line, "ip link add ")) {
        (void)snprintf(state, sizeof(state), "link %s", word(line, 3, at));
        if (fake_machine_has(m, state) || (m->no_dummy && strstr(line, "dummy")))
            return false;
        gain(m, state);
        return true;
    }
    if (starts(line, "ip address replace ") || starts(line, "ip link set ")) {
        if (!fake_machine_has(m, "link overlay0"))
            return false;
        (void)snprintf(state, sizeof(state), "of overlay0: %.140s", line);
        gain(m, state);
        return true;
    }
    if (starts(line, "ip link delete "))
        return lose(m, "of overlay0: "), lose(m, "link overlay0");
    if (starts(line, "ip route replace local ")) {
        (void)snprintf(state, sizeof(state), "route %s", word(line, 4, at));
        gain(m, state);
        return true;
    }
    if (starts(line, "ip route delete local ")) {
        (void)snprintf(state, sizeof(state), "route %s", word(line, 4, at));
        return lose(m, state);
    }
    if (starts(line, "nft delete table "))
        return lose(m, "table ");
    gain(m, "table ip overlay"); /* nft -f - */
    return !m->no_nft;
}

static void wants(const char *unit, char out[static 160])
{
    (void)snprintf(out, 160, SETUP_UNITS "/%s.target.wants/%s",
                   strstr(unit, ".socket") ? "sockets" : "multi-user", unit);
}

static bool change_units(struct fake_machine *m, const char *line)
{
    char path[160], state[160], file[160];
    const char *unit = last_word(line);

    wants(unit, path);
    (void)snprintf(state, sizeof(state), "active %s", unit);
    (void)snprintf(file, sizeof(file), SETUP_UNITS "/%s", unit);
    if (strstr(line, " enable ")) {
        if (!fake_machine_file(m, file))
            return false;
        fake_machine_put(m, path, "");
    } else if (strstr(line, " disable --now ")) {
        if (!fake_machine_file(m, file))
            return false;
        if (find(m, path) < m->file_count)
            take_out(m, find(m, path));
        (void)lose(m, state);
    } else if (strstr(line, " restart overlay-")) {
        gain(m, state);
    } else if (strstr(line, " stop ")) {
        (void)lose(m, state);
    }
    return true;
}

static bool change(struct fake_machine *m, const char *line)
{
    char state[544];

    if (m->failing && starts(line, m->failing))
        return false;
    if (starts(line, "systemctl "))
        return change_units(m, line);
    if (starts(line, "nmcli "))
        return true;
    if (!starts(line, "resolvectl "))
        return change_kernel(m, line);
    if (!fake_machine_has(m, "link overlay0"))
        return false;
    (void)snprintf(state, sizeof(state), "of overlay0: %.140s", line);
    gain(m, state);
    return true;
}

static bool has_route(const struct fake_machine *m, const char *line)
{
    char state[160];

    (void)snprintf(state, sizeof(state), "route %s", last_word(line));
    return fake_machine_has(m, state);
}

/** "local 198.19.0.0/16 dev lo proto 79" for each of ours, as the kernel lists them. */
static char *list_routes(const struct fake_machine *m, const char *line)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    bool one = strstr(line, " exact ") != NULL;

    for (size_t i = 0; i < m->state_count; i++)
        if (starts(m->state[i], "route ") && (!one || has_route(m, line)))
            (void)fprintf(out, "local %s dev lo scope host \n", m->state[i] + 6);
    (void)fclose(out);
    return text;
}

/** Questions, which change nothing: -1 for what is none, else whether it succeeds. */
static int answer(const struct fake_machine *m, const char *line, char **out)
{
    char state[160];
    const char *told = "";
    int ok = 1;

    if (starts(line, "unshare -n ip link add")) {
        ok = !m->no_dummy;
    } else if (starts(line, "unshare -n nft")) {
        ok = !m->no_nft;
    } else if (starts(line, "ip -o link show dev ")) {
        (void)snprintf(state, sizeof(state), "link %s", last_word(line));
        ok = fake_machine_has(m, state);
    } else if (starts(line, "nft list table ")) {
        ok = fake_machine_has(m, "table ip overlay");
    } else if (starts(line, "systemctl is-active ")) {
        (void)snprintf(state, sizeof(state), "active %s", last_word(line));
        ok = fake_machine_has(m, state);
    } else if (starts(line, "systemctl --version")) {
        told = m->systemctl_version;
    } else if (starts(line, "NetworkManager ")) {
        told = m->nm_config;
    } else if (starts(line, "ip -o -4 address")) {
        told = m->addresses;
    } else if (starts(line, "ip -o -4 route show table all")) {
        told = m->routes;
    } else if (starts(line, "ip -o -4 route show table local")) {
        *out = list_routes(m, line);
        return 1;
    } else if (!starts(line, "ldconfig") && !starts(line, "resolvectl --no-pager")) {
        return -1;
    }
    *out = strdup(told ? told : "");
    return ok && told;
}

static int host_run(void *arg, const char *const argv[], const char *input, struct setup_ran *ran)
{
    struct fake_machine *m = arg;
    char line[512] = "";
    (void)input;

    for (size_t i = 0; argv[i]; i++)
        (void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i ? " " : "",
                       argv[i]);
    int ok = answer(m, line, &ran->out);
    if (ok < 0) {
        ok = alive(m) && change(m, line);
        assert(m->log_count < 4 * FAKE_MACHINE_LINES);
        m->log[m->log_count++] = strdup(line);
    }
    ran->error = strdup(ok ? "" : "it cannot be\n");
    ran->status = ok ? 0 : 2;
    return 0;
}

static bool host_interrupted(void *arg)
{
    struct fake_machine *m = arg;
    return ++m->asked == m->interrupt_at;
}

/* ---- the whole ---- */

void fake_machine_init(struct fake_machine *m)
{
    *m = (struct fake_machine){.host = {.arg = m,
                                        .read = host_read,
                                        .exists = host_exists,
                                        .write = host_write,
                                        .unlink = host_unlink,
                                        .make_folder = host_make_folder,
                                        .remove_folder = host_remove_folder,
                                        .run = host_run,
                                        .interrupted = host_interrupted},
                               .addresses = "",
                               .routes = ""};
}

void fake_machine_deinit(struct fake_machine *m)
{
    for (size_t i = 0; i < m->file_count; i++)
        free(m->files[i].text);
    for (size_t i = 0; i < m->state_count; i++)
        free(m->state[i]);
    for (size_t i = 0; i < m->log_count; i++)
        free(m->log[i]);
}

bool fake_machine_ran(const struct fake_machine *m, const char *line)
{
    for (size_t i = 0; i < m->log_count; i++)
        if (strcmp(m->log[i], line) == 0)
            return true;
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *fake_machine_print(const struct fake_machine *m)
{
    char *lines[FAKE_MACHINE_FILES + FAKE_MACHINE_LINES], *text = NULL;
    size_t count = 0, len;
    FILE *out = open_memstream(&text, &len);

    for (size_t i = 0; i < m->file_count; i++)
        if (asprintf(&lines[count], "%s: %s", m->files[i].path,
                     m->files[i].text ? m->files[i].text : "a folder") > 0)
            count++;
    for (size_t i = 0; i < m->state_count; i++)
        lines[count++] = strdup(m->state[i]);
    qsort(lines, count, sizeof(lines[0]), compare);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "%s\n", lines[i]);
        free(lines[i]);
    }
    (void)fclose(out);
    return text;
}
