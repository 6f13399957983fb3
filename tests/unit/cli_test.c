/* Whole command lines: exit codes and output, with and without a gateway. */
#include "config/control/cli.h"

#include <errno.h>
#include <stdio.h>

#include "config/control/ask.h"
#include "config/settings/parse.h"
#include "tests/support/control_stage.h"
#include "tests/support/local_world.h"

enum { PAIRS_MAX = 64, OUTPUT_MAX = 1 << 16, WORDS_MAX = 32 };

/** The program's surroundings: standard streams, files, a loop, a machine with one socket path. */
static struct surroundings {
    struct stage stage;
    struct cli_host host;
    struct pair {
        struct sock *client, *server;
    } pairs[PAIRS_MAX];
    size_t pair_count;
    bool stop, spawn_fails, terminal, no_home, gateway_runs_elsewhere, full, no_browser;
    bool deaf; /* the gateway reads nothing */
    unsigned spawned, daemons, browsed, turns, columns, rows;
    instant ends_at; /* when the gateway goes away, 0: never */
    char out[OUTPUT_MAX], err[OUTPUT_MAX];
    const char *config, *input;
    const char *variable, *value;
    const char *why;       /* no peer is reached; NULL: nobody is there */
    struct fake_pipe *far; /* of the service that `pipe` asks for */
    struct sock *joined;
    int join_result;
    const char *stun_sees[2];
    unsigned stun_asked[3];
    int stun_error;
    void (*while_daemon_runs)(void);
} s;

/* ---- struct cli_host ---- */

static const char *host_getenv(void *arg, const char *name)
{
    (void)arg;
    if (s.variable && strcmp(name, s.variable) == 0)
        return s.value;
    return NULL;
}

static char *host_absolute(void *arg, const char *path)
{
    char *out;
    (void)arg;

    if (path[0] == '/')
        return strdup(path);
    return asprintf(&out, "/cwd/%s", path) < 0 ? NULL : out;
}

static int host_write(void *arg, int fd, const char *text, size_t len)
{
    char *to = fd == 1 ? s.out : s.err;
    (void)arg;

    if (fd == 1 && s.full)
        return -ENOSPC;
    assert_true(strlen(to) + len < OUTPUT_MAX);
    strncat(to, text, len);
    return 0;
}

static bool host_is_terminal(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    return s.terminal;
}

static unsigned host_columns(void *arg)
{
    (void)arg;
    return s.columns;
}

static unsigned host_rows(void *arg)
{
    (void)arg;
    return s.rows;
}

static int host_read_text(void *arg, const char *path, char **text, size_t *len)
{
    const char *content = strcmp(path, "-") == 0 ? s.input : s.config;
    (void)arg;

    if (!content)
        return -ENOENT;
    *text = strdup(content);
    *len = strlen(content);
    return 0;
}

static int host_open_home(void *arg, const char *home, bool create, struct env **env)
{
    (void)arg;
    assert_string_equal(home, STAGE_HOME);
    if (s.no_home && !create)
        return -ENOENT;
    *env = &s.stage.env.env;
    return 0;
}

/** Connects what wants to connect. */
static bool bridge_connect(void)
{
    struct sock *client = fake_last_connect(&s.stage.env);
    struct sock_listener *l = fake_listener_on_path(&s.stage.env, STAGE_SOCKET);

    if (!client)
        return false;
    assert_string_equal(fake_sock_path(client), STAGE_SOCKET);
    if (l) {
        assert_true(s.pair_count < PAIRS_MAX);
        s.pairs[s.pair_count++] = (struct pair){client, fake_accept(&s.stage.env, l, NULL)};
    }
    fake_sock_connected(client, l ? 0 : -ECONNREFUSED);
    return true;
}

static bool carry(struct sock *from, struct sock *to)
{
    static char buffer[OUTPUT_MAX];
    size_t len = fake_sock_heard(from, buffer, sizeof(buffer));

    if (len > 0 && !fake_sock_closed(to))
        fake_sock_says(to, buffer, len);
    if (len == 0 && fake_sock_closed(from) && !fake_sock_closed(to)) {
        fake_sock_ends(to);
        return fake_sock_closed(to);
    }
    return len > 0;
}

static bool bridge(void)
{
    bool moved = bridge_connect();

    for (size_t i = 0; i < s.pair_count && !s.deaf; i++) {
        if (s.pairs[i].server != s.stage.joined) /* that one nobody reads here any more */
            moved |= carry(s.pairs[i].client, s.pairs[i].server);
        moved |= carry(s.pairs[i].server, s.pairs[i].client);
    }
    return moved;
}

static void stop_serving(void)
{
    control_server_free(s.stage.server);
    s.stage.server = NULL;
}

/** The far side says yes to what was asked for. */
static void answer_pipe(void)
{
    s.stage.node.answered = true;
    fake_pipe_say(s.far, "");
}

static void host_loop_run(void *arg)
{
    (void)arg;
    for (s.stop = false; !s.stop; s.turns++) {
        if (s.ends_at && env_now(&s.stage.env.env) > s.ends_at)
            stop_serving();
        assert_true(s.turns < 100000);
        fake_env_settle(&s.stage.env);
        if (s.stop || bridge())
            continue;
        if (s.stage.node.wait)
            fake_node_connected(&s.stage.node, 0, "");
        else if (s.far && !s.stage.node.answered)
            answer_pipe();
        else if (s.stage.node.ping)
            fake_node_pong(&s.stage.node, 0, MSEC(12));
        else
            fake_env_advance(&s.stage.env, MSEC(10));
    }
}

static void host_loop_stop(void *arg)
{
    (void)arg;
    s.stop = true;
}

static int host_lock(void *arg, int *pid)
{
    (void)arg;
    *pid = 77;
    return s.stage.server || s.gateway_runs_elsewhere ? -EBUSY : 0;
}

static void host_edit_end(void *arg)
{
    (void)arg;
}

static void serve_in(void)
{
    if (!s.stage.server)
        stage_serve(&s.stage);
}

static int host_daemon(void *arg, const struct cli_daemon *daemon, char *why, size_t why_len)
{
    (void)arg;
    s.daemons++;
    assert_string_equal(daemon->home, STAGE_HOME);
    if (s.spawn_fails) {
        (void)snprintf(why, why_len, "the test says no");
        return CLI_FAILED;
    }
    serve_in();
    if (daemon->ready)
        daemon->ready(daemon->ready_arg);
    for (int i = 0; i < 1000 && !s.stage.stopped; i++) {
        fake_env_settle(&s.stage.env);
        if (!bridge() && s.stage.node.wait)
            fake_node_connected(&s.stage.node, -ETIMEDOUT, s.why ? s.why : "nobody there");
        else if (i == 500 && s.while_daemon_runs)
            s.while_daemon_runs();
        fake_env_advance(&s.stage.env, MSEC(1));
    }
    stop_serving();
    for (int i = 0; i < 10; i++)
        (void)bridge();
    return CLI_OK;
}

static int host_spawn(void *arg, const struct cli_spawn *spawn, char *why, size_t why_len)
{
    (void)arg;
    assert_string_equal(spawn->home, STAGE_HOME);
    s.spawned++;
    if (s.spawn_fails) {
        (void)snprintf(why, why_len, "the test says no");
        return -ECHILD;
    }
    serve_in();
    return 0;
}

static int host_join_stdio(void *arg, struct sock *sock, const uint8_t *early, size_t len)
{
    (void)arg;
    (void)early;
    (void)len;
    s.joined = sock;
    sock_close(&s.stage.env.env, sock);
    return s.join_result;
}

static char *host_pac(void *arg, const char *suffix, const struct addr *proxy)
{
    char text[ADDR_TEXT_MAX], *out;
    (void)arg;

    return asprintf(&out, "PAC %s %s\n", suffix, addr_print(proxy, text)) < 0 ? NULL : out;
}

static bool host_is_user(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "carol") == 0;
}

static int host_browse(void *arg, const char *url)
{
    (void)arg;
    assert_non_null(strstr(url, "http://"));
    s.browsed++;
    return s.no_browser ? -ENOENT : 0;
}

/* Every other server says the one or the other of s.stun_sees; a host called "dead" does not
 * answer. */
static const char *host_local_time(void *arg, int64_t wall_us, char *out, size_t room)
{
    (void)arg;
    (void)snprintf(out, room, "at %lld", (long long)(wall_us / 1000000));
    return out;
}

static int host_stun_ask(void *arg, struct cli_stun *list, size_t count,
                         void (*waiting)(void *front, const struct cli_stun *entry), void *front)
{
    (void)arg;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].server.host, "dead") == 0) {
            waiting(front, &list[i]);
            list[i].err = -ETIMEDOUT;
            (void)snprintf(list[i].reason, sizeof(list[i].reason), "no answer");
            continue;
        }
        assert_int_equal(addr_parse(&list[i].seen, s.stun_sees[i % 2]), 0);
        s.stun_asked[list[i].server.transport]++;
    }
    return s.stun_error;
}

static int set_up(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    stage_init(&s.stage);
    s.host = (struct cli_host){.version = "1.2.3",
                               .getenv = host_getenv,
                               .absolute = host_absolute,
                               .write = host_write,
                               .is_terminal = host_is_terminal,
                               .columns = host_columns,
                               .rows = host_rows,
                               .read_text = host_read_text,
                               .open_home = host_open_home,
                               .loop_run = host_loop_run,
                               .loop_stop = host_loop_stop,
                               .lock = host_lock,
                               .edit_begin = host_lock,
                               .edit_end = host_edit_end,
                               .daemon = host_daemon,
                               .spawn = host_spawn,
                               .join_stdio = host_join_stdio,
                               .pac = host_pac,
                               .is_user = host_is_user,
                               .stun_ask = host_stun_ask,
                               .local_time = host_local_time,
                               .browse = host_browse};
    s.variable = "OVERLAY_HOME";
    s.value = STAGE_HOME;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (s.joined)
        for (int i = 0; i < 10; i++)
            (void)bridge();
    if (s.stage.joined)
        sock_close(&s.stage.env.env, s.stage.joined);
    stage_deinit(&s.stage);
    return 0;
}

/** Runs a command line, words split at blanks. */
static int run(const char *line)
{
    static char words[1024];
    char *argv[WORDS_MAX];
    int argc = 0;

    (void)snprintf(words, sizeof(words), "overlay %s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    s.out[0] = s.err[0] = '\0';
    int code = cli_run(argc, argv, &s.host);
    for (int i = 0; i < 10; i++)
        (void)bridge();
    return code;
}

static void gives(const char *line, int code, const char *out, const char *err)
{
    int got = run(line);

    if (got != code || !strstr(s.out, out) || !strstr(s.err, err))
        fail_msg("overlay %s\n exit %d, expected %d\n stdout: %s\n stderr: %s", line, got, code,
                 s.out, s.err);
}

/* ---- no gateway needed ---- */

static void usage_is_explained(void **state)
{
    (void)state;

    gives("", 2, "", "usage: overlay COMMAND");
    gives("--help", 0, "usage: overlay COMMAND", "");
    gives("help", 0, "\nServices:\n  share ", "");
    gives("help share", 0, "usage: overlay share TARGET", "");
    gives("share --help", 0, "usage: overlay share TARGET", "");
    gives("-h share", 0, "usage: overlay share TARGET", "");
    gives("help fly", 2, "", "unknown command 'fly'");
    gives("fly", 2, "", "overlay: unknown command 'fly'\n  next: overlay help\n");
    gives("share", 2, "", "next: overlay help share");
    gives("version", 0, "overlay 1.2.3\n", "");
    gives("--version", 0, "overlay 1.2.3\n", "");
    gives("version --json", 0, "{\"version\":\"1.2.3\"}\n", "");
    gives("completion bash", 0, "complete -F _overlay overlay", "");
    gives("manual options", 0, ".Ss [gateway]", "");
    gives("--json fly", 2, "", "{\"error\":\"unknown command 'fly'\",\"code\":2,\"hint\":");
}

static void the_home_is_found_in_this_order(void **state)
{
    (void)state;

    s.variable = NULL;
    gives("id", 1, "", "no home: neither HOME nor OVERLAY_HOME is set");
    gives("--home " STAGE_HOME " id", 0, "", "");
    s.variable = "STATE_DIRECTORY";
    s.value = STAGE_HOME ":/other";
    gives("id", 0, "", "");
}

static void id_makes_and_prints_the_identity(void **state)
{
    (void)state;
    char first[64];

    gives("id", 0, "\n", "");
    assert_int_equal(strlen(s.out), PEER_ID_TEXT_LEN + 1);
    assert_non_null(fake_env_file(&s.stage.env, KEYS_FILE));
    memcpy(first, s.out, PEER_ID_TEXT_LEN + 2);
    gives("id", 0, first, "");
    gives("id --json", 0, "{\"id\":\"", "");
    fake_env_put_file(&s.stage.env, KEYS_FILE, "rubbish\n");
    gives("id", 1, "", "identity.key:1");
}

static void the_registry_is_edited_without_a_gateway(void **state)
{
    (void)state;
    char line[256];

    (void)snprintf(line, sizeof(line), "peer add %s --alias alice --address 192.0.2.7:4433",
                   s.stage.alice_text);
    gives(line, 0, "", "alice is ");
    gives("resolve alice", 0, s.stage.alice_text, "");
    gives("resolve web.alice.overlay --json", 0, "\"service\":\"web\"", "");
    gives("complete peers", 0, "alice\n", "");
    gives("block alice", 0, "", "alice is blocked.");
    gives("unblock alice -q", 0, "", "");
    assert_string_equal(s.err, "");
    gives("allow alice web", 3, "", "unknown service 'web'\n  next: overlay share TARGET");
    gives("unname alice", 0, "", "");
    (void)snprintf(line, sizeof(line), "peer add %s", s.stage.bob_text);
    gives(line, 0, "", " is known.\n");
    gives("resolve alice", 3, "", "unknown peer 'alice'");
    gives("name alice nonsense", 2, "", "is not a peer id");
    assert_int_equal(s.spawned, 0);
    fake_env_put_file(&s.stage.env, REGISTRY_FILE, "{\n rubbish");
    gives("resolve alice", 1, "", "registry.json:2");
    assert_string_equal(fake_env_file(&s.stage.env, REGISTRY_FILE), "{\n rubbish");
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;

    s.full = true;
    gives("id", 1, "", "overlay: standard output: No space left on device");
    gives("help", 1, "", "overlay: standard output: No space left on device");
    gives("resolve nobody", 3, "", "unknown peer");
}

static void peers_of_the_configuration_file_count_too(void **state)
{
    (void)state;
    char config[256];

    (void)snprintf(config, sizeof(config), "[peer carol]\nid = %s\n", s.stage.alice_text);
    s.config = config;
    gives("resolve carol", 0, s.stage.alice_text, "");
    s.config = "[peer]\n";
    gives("resolve carol", 1, "", "overlay.conf:1: unknown section [peer]");
}

static void commands_for_a_running_gateway_say_that_there_is_none(void **state)
{
    (void)state;

    gives("status", 1, "", "no gateway is running");
    gives("ls", 1, "", "no gateway is running");
    gives("close web", 1, "", "no gateway is running");
    gives("stop", 1, "", "no gateway is running");
    gives("config reload", 1, "", "no gateway is running");
    gives("status --watch", 1, "", "no gateway is running");
    s.no_home = true;
    gives("status", 1, "", "no gateway is running");
    gives("complete peers", 0, "", "");
    assert_int_equal(s.spawned, 0);
}

/* ---- the configuration ---- */

static void config_check_and_print_default(void **state)
{
    (void)state;

    gives("config --print-default", 0, "[gateway]", "");
    gives("config", 2, "", "check, reload or --print-default?");
    gives("config check", 0, "", STAGE_HOME "/overlay.conf: every option has its default.");
    gives("config check --json", 0, "overlay.conf\",\"exists\":false,\"services\":0,", "");
    s.config = "[dns]\nsuffix = x\n[service web]\ntarget = 3000\n";
    gives("config check", 0, "", "overlay.conf is good: 1 service, 0 peers.");
    s.config = "[local]\nusers = same, carol\n";
    gives("config check", 0, "", "overlay.conf is good");
    s.config = "[local]\nusers = same, dave\n";
    gives("config check", 1, "", "overlay.conf:2: users: there is no user dave here");
    s.config = "[dns]\n\nport = 53\n";
    gives("config check", 1, "", "overlay.conf:3: unknown option 'port' in [dns]");
    gives("config check --config x.conf", 1, "", "/cwd/x.conf:3: unknown option");
    s.config = "[service web]\ntarget = 3000\nallow = nobody\n";
    gives("config check", 1, "", "overlay.conf:1: [service web]: 'nobody' in 'allow' is no peer");
    s.no_home = true;
    gives("config check", 1, "", "overlay.conf:1: [service web]: 'nobody' in 'allow' is no peer");
    gives("id", 1, "", "overlay.conf:1: [service web]: 'nobody' in 'allow' is no peer");
    assert_null(fake_env_file(&s.stage.env, KEYS_FILE));
    s.no_home = false;
    s.config = NULL;
    gives("config check --config x.conf", 1, "", "/cwd/x.conf: No such file or directory");
    s.input = "[lan]\nmode = loud\n";
    gives("config check --config -", 1, "", "standard input:2: mode: 'loud' is none of");
}

static void proxy_prints_a_pac_file(void **state)
{
    (void)state;

    gives("proxy", 2, "", "nothing to do");
    gives("proxy --print-pac", 0, "PAC overlay 127.0.0.1:7777\n", "");
    s.config = "[proxy]\nlisten = [::1]:9999\n[dns]\nsuffix = lab\n";
    gives("proxy --print-pac", 0, "PAC lab [::1]:9999\n", "");
    serve_in();
    gives("proxy --print-pac", 0, "PAC overlay 127.0.0.1:7777\n", "");
    stop_serving();
    s.config = "[proxy]\nlisten =\n";
    gives("proxy --print-pac", 1, "", "there is no proxy");
}

/* ---- with a gateway ---- */

static const struct remote_service OFFERS[] = {{.name = "web", .proto = SERVICE_TCP, .port = 80},
                                               {.name = "voice", .proto = SERVICE_UDP, .port = 5}};

static void share_and_ls_and_close(void **state)
{
    (void)state;

    gives("share 3000", 0, "web\n1-cobalt-lemon\n", "overlay open 1-cobalt-lemon\nor\n");
    assert_int_equal(s.spawned, 1);
    gives("share 3000 -q", 0, "web\n", "");
    assert_string_equal(s.out, "web\n");
    gives("share 4000 --as app --public --json", 0, "\"service\":\"app\"", "");
    gives("share unix:x.sock --port 5000", 0, "p5000\n", "/cwd/x.sock");
    gives("share nonsense", 2, "", "is not a target");
    gives("share 5 --port x", 2, "", "--port: 'x' is not a number");
    gives("ls", 0, "app                      shared  tcp    4000 -> localhost:4000  for everybody",
          "");
    gives("ls --json", 0, "{\"services\":[{\"id\":\"app\"", "");
    gives("close app", 0, "", "app is closed.");
    gives("close app", 3, "", "nothing is called 'app'\n  next: overlay ls");
    assert_int_equal(s.spawned, 1);
}

static void invite_prints_a_code_or_a_ticket(void **state)
{
    (void)state;

    gives("invite", 0, "1-cobalt-lemon\n", "1 guest may become a peer within 10 min");
    gives("share 3000 --public", 0, "web\n", "");
    gives("invite web --uses 2", 0, "2-cobalt-lemon\n", "2 guests may use web");
    gives("invite --print", 0, "overlay:ticket3\n", "");
    gives("invite --json", 0, "{\"code\":\"4-cobalt-lemon\",\"ticket\":\"overlay:ticket4\"", "");
    gives("invite --qr", 0, "5-cobalt-lemon\n", "\u2588\u2588\u2588");
    gives("invite --uses x", 2, "", "--uses: 'x' is not a number");
    gives("ls", 0, "2-cobalt-lemon           invite  to web, 2 uses, never tried wrongly", "");
    gives("revoke 5", 0, "", "Invite 5 is over.");
    gives("revoke alice", 3, "", "unknown peer 'alice'");
}

static void open_prints_a_line_for_each_service(void **state)
{
    (void)state;

    serve_in();
    stage_alice_offers(&s.stage, OFFERS, 2);
    gives("open alice", 0,
          "http://web.alice.overlay.localhost:7777/\t127.0.0.1:20001\tweb.alice.overlay\n"
          "-\t127.0.0.1:20002\tvoice.alice.overlay\n",
          "");
    assert_string_equal(s.err, "");
    gives("open alice --at 9000", 2, "", "--at is for one service");
    gives("open web.alice --json", 0, "[{\"service\":\"web\",\"proto\":\"tcp\",\"listen\":\"127",
          "");
    gives("open web.alice --browse", 0, "", "");
    gives("open voice.alice --browse", 0, "", "there is nothing that a browser could show");
    assert_int_equal(s.browsed, 1);
    s.no_browser = true;
    gives("open alice --browse", 0, "", "no browser could be started (xdg-open)");
    s.terminal = true;
    gives("open web.alice", 0, "http", "finding web.alice ...\ndirect 23.0 ms\n");
    gives("ls", 0, "web.alice                open", "");
    gives("status", 0, "alice", "");
}

static unsigned times(const char *text, const char *part)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

static void watch_shows_the_status_once_a_second_until_the_gateway_ends(void **state)
{
    (void)state;

    serve_in();
    s.ends_at = env_now(&s.stage.env.env) + MSEC(2500);
    gives("status --watch", 1, "overlay 1.2.3, process", "no gateway is running");
    assert_int_equal(times(s.out, "overlay 1.2.3, process"), 3);
    assert_null(strchr(s.out, '\033'));

    serve_in();
    s.ends_at = env_now(&s.stage.env.env) + MSEC(1500);
    gives("status --watch --json", 1, "{\"id\":", "\"code\":1");
    assert_int_equal(times(s.out, "{\"id\":"), 2);
}

static void log_prints_lines_and_follows_until_the_gateway_ends(void **state)
{
    static struct log_ring ring;
    const struct log_entry entry = {.level = LOG_LEVEL_WARN, .topic = LOG_PEER, .line = "alice: x"};
    (void)state;

    gives("log", 1, "", "no gateway is running");
    gives("log -n x", 2, "", "'x' is not a number");
    gives("log", 1, "", "no gateway is running");
    log_ring_init(&ring);
    log_ring_add(&ring, 42000000, &entry);
    s.stage.services.log = &ring;
    serve_in();
    gives("log", 0, "at 42 warn peer: alice: x\n", "");
    gives("log -n 0", 0, "", "");
    assert_string_equal(s.out, "");
    gives("log --json", 0, "{\"time\":42.0,\"level\":\"warn\",\"area\":\"peer\",\"event\":null",
          "");
    assert_null(strstr(s.out, "\"ok\""));
    s.ends_at = env_now(&s.stage.env.env) + MSEC(2500);
    gives("log -f", 0, "at 42 warn peer: alice: x\n", "The gateway has ended.\n");
    log_ring_deinit(&ring);
}

static void watch_keeps_its_page_in_place_on_a_terminal(void **state)
{
    (void)state;

    s.terminal = true;
    s.columns = 12;
    s.rows = 4;
    serve_in();
    s.ends_at = env_now(&s.stage.env.env) + MSEC(500);
    gives("status --watch", 1, "", "no gateway is running");
    assert_non_null(strstr(s.out, "\033[Hoverlay 1.2.\033[0m\033[K\nid     "));
    assert_non_null(strstr(s.out, "\033[0m\033[K\nhome   /home\033[0m\033[K\n\033[J"));
}

static void ping_prints_each_answer(void **state)
{
    (void)state;

    serve_in();
    stage_alice_offers(&s.stage, OFFERS, 2);
    gives("ping alice -c 2", 0, "alice: 12.00 ms, direct, 127.0.0.1:4433\nalice: 12.00",
          "2 sent, 2 answered");
    gives("ping alice -c 1 --json", 0, "{\"peer\":\"alice\",\"sent\":1", "");
    gives("ping nobody", 3, "", "unknown peer 'nobody'");
}

static void pipe_needs_a_service_and_standard_input(void **state)
{
    (void)state;

    serve_in();
    stage_alice_offers(&s.stage, OFFERS, 2);
    gives("pipe alice", 2, "", "which service of alice?");
    gives("pipe nobody:22", 3, "", "unknown peer");
    gives("pipe alice:22 --config -", 2, "", "standard input cannot be both");
    assert_null(s.joined);
}

static void pipe_to_web(int code, const char *err)
{
    static struct fake_pipe far; /* too large for a stack */

    serve_in();
    stage_alice_offers(&s.stage, OFFERS, 2);
    fake_pipe_init(&far);
    s.stage.node.pipe = &far.pipe;
    s.far = &far;
    gives("pipe web.alice", code, "", err);
    assert_non_null(s.joined);
    assert_ptr_equal(s.stage.joined_pipe, &far.pipe);
}

static void pipe_joins_the_standard_streams(void **state)
{
    (void)state;
    pipe_to_web(0, "");
    assert_string_equal(s.err, "");
}

static void pipe_fails_when_the_data_broke_off(void **state)
{
    (void)state;
    s.stage.join_breaks = true;
    pipe_to_web(1, "web.alice: the connection broke off");
}

static void status_is_for_people_and_programs(void **state)
{
    (void)state;

    serve_in();
    gives("status", 0, "overlay 1.2.3, process 77, up 0 s\n", "");
    gives("status --json", 0, "{\"id\":\"", "");
    gives("config reload", 0, "", "The configuration was read again.");
    s.stage.reload_error = -EBADMSG;
    gives("config reload", 1, "", "overlay.conf:3: the test says no");
}

static void doctor_says_what_it_found(void **state)
{
    (void)state;

    gives("doctor", 1, "", "no gateway is running");
    serve_in();
    gives("doctor", 0,
          "note     nobody has told this gateway its public address\n"
          "         neither a relay nor a STUN server is named\n         -> name a relay",
          "");
    assert_non_null(strstr(s.out, "reached through the relay relay.example:4433 (home), 43.5 ms"));
    assert_non_null(strstr(s.out,
                           "measured\n         UDP over IPv4 not tried, over IPv6 not tried\n"
                           "         router - leads 100.64.3.4:4433 here by upnp, renewed "));
    assert_non_null(strstr(s.out, " ago, for good: behind another NAT\n"));
    gives("doctor --json", 0, "{\"worst\":\"note\",\"findings\":[{\"level\":\"note\"", "");
    s.stage.node.view.id = s.stage.alice;
    s.stage.node.view.state = PEER_UNREACHABLE;
    s.stage.node.view.known = true;
    s.stage.node.view.why_not_direct = "nobody answered";
    gives("doctor", 1, ": not reached\n         nobody answered\n         -> is its gateway up",
          "");
    gives("doctor --json", 1, "{\"worst\":\"problem\"", "");
}

static void a_gateway_that_does_not_answer_is_named(void **state)
{
    (void)state;

    s.gateway_runs_elsewhere = true;
    gives("id", 1, "", "the gateway with process id 77 does not answer");
    gives("daemon", 1, "", "a gateway runs on " STAGE_HOME " already, process 77");
}

static void a_gateway_that_hears_nothing_is_waited_for_a_while(void **state)
{
    (void)state;

    serve_in();
    s.deaf = true;
    instant begin = env_now(&s.stage.env.env);
    gives("status", 1, "", "the gateway with process id 77 does not answer");
    assert_in_range(env_now(&s.stage.env.env) - begin, ASK_PATIENCE, ASK_PATIENCE + SEC(1));
    gives("unname alice", 1, "", "kill -KILL 77");
}

static void what_the_daemon_says_at_its_start_is_passed_on(void **state)
{
    (void)state;

    s.spawn_fails = true;
    gives("share 3000", 1, "", "cannot start a gateway: the test says no");
    gives("daemon", 1, "", "overlay: the test says no");
    s.config = "[x]\n";
    gives("share 3000", 1, "", "overlay.conf:1: unknown section [x]");
    gives("daemon", 1, "", "overlay.conf:1: unknown section [x]");
    assert_int_equal(s.spawned, 1);
}

/* ---- in the foreground ---- */

static bool seen;

static void look_for_web(void)
{
    seen = registry_service(s.stage.registry, "web") != NULL;
    s.stage.stopped = true;
}

static void share_in_the_foreground_ends_with_the_program(void **state)
{
    (void)state;

    seen = false;
    s.while_daemon_runs = look_for_web;
    gives("share 3000 -f", 0, "web\n", "");
    assert_true(seen);
    assert_int_equal(s.daemons, 1);
    assert_int_equal(s.spawned, 0);
    assert_null(registry_service(s.stage.registry, "web"));
}

static void open_in_the_foreground_gives_its_failure_as_exit_code(void **state)
{
    (void)state;

    stage_alice_offers(&s.stage, OFFERS, 2);
    gives("open alice -f", 5, "",
          "alice cannot be reached: nobody there\n  next: overlay peer add ");
    assert_int_equal(s.daemons, 1);
    assert_true(s.stage.stopped);
}

static void who_was_called_is_to_be_tried_again(void **state)
{
    (void)state;

    stage_alice_offers(&s.stage, OFFERS, 2);
    s.why = "it is called through the DHT, too: try again in half a minute";
    gives("open alice -f", 5, "", "half a minute\n  next: the same command again; overlay log -f ");
}

#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void stun_test_prints_what_the_servers_see(void **state)
{
    (void)state;
    s.stun_sees[0] = s.stun_sees[1] = "203.0.113.5:4000";
    gives("stun-test one", CLI_OK, "203.0.113.5:4000\n", "");
    gives("stun-test one two:99", CLI_OK, "203.0.113.5:4000\n203.0.113.5:4000\n", "");
    gives("stun-test --print-servers one two:99", CLI_OK,
          "one 203.0.113.5:4000\ntwo:99 203.0.113.5:4000\n", "");
    assert_int_equal(s.stun_asked[STUN_OVER_UDP], 5);
    gives("stun-test --tcp one stuns:two", CLI_OK, "", "");
    assert_int_equal(s.stun_asked[STUN_OVER_TCP], 1);
    assert_int_equal(s.stun_asked[STUN_OVER_TLS], 1);
    gives("stun-test --tcp --udp one", CLI_OK, "203.0.113.5:4000\n203.0.113.5:4000\n", "");
    gives("stun-test --json one dead", CLI_FAILED, "\"203.0.113.5:4000\"", "");
    assert_non_null(strstr(s.out, "\"no answer\""));
    gives("stun-test", CLI_USAGE, "", "which STUN server");
    gives("stun-test a/b", CLI_USAGE, "", "not a STUN server");
    s.stun_error = -EMFILE;
    gives("stun-test one", CLI_FAILED, "", "cannot ask");
}

static void stun_test_fails_when_a_server_does_or_they_disagree(void **state)
{
    (void)state;
    s.stun_sees[0] = "203.0.113.5:4000";
    s.stun_sees[1] = "203.0.113.5:4001";
    gives("stun-test dead one two", CLI_FAILED, "203.0.113.5:4001\n203.0.113.5:4000\n",
          "ERROR While resolving {server=dead}: no answer\n");
    assert_null(strstr(s.err, "yet"));
    gives("stun-test --no-check dead", CLI_FAILED, "", "ERROR While resolving {server=dead}");
    s.terminal = true;
    gives("stun-test dead", CLI_FAILED, "", "dead has not answered yet");
    gives("stun-test --json dead", CLI_FAILED, "", "");
    assert_null(strstr(s.err, "yet"));
    s.terminal = false;
    gives("stun-test one two", CLI_FAILED, "", "different addresses");
    gives("stun-test --no-check one two", CLI_OK, "203.0.113.5:4001\n", "");
    gives("stun-test --tcp one two", CLI_OK, "", ""); /* connections have ports of their own */
    s.stun_sees[1] = "203.0.113.6:4000";
    gives("stun-test --tcp one two", CLI_FAILED, "", "different addresses");
    s.stun_sees[1] = "[2001:db8::1]:4000"; /* another family is no contradiction */
    gives("stun-test one two", CLI_OK, "", "");
}

static void stun_test_takes_the_configured_servers(void **state)
{
    (void)state;
    s.stun_sees[0] = s.stun_sees[1] = "203.0.113.5:4000";
    gives("stun-test --default", CLI_FAILED, "", "no STUN servers are configured");
    s.config = "[stun]\nservers = one, tcp:two:99\n";
    gives("stun-test --default --print-servers", CLI_OK,
          "one 203.0.113.5:4000\ntcp:two:99 203.0.113.5:4000\n", "");
    s.config = "[stun]\nservers = a b\n";
    gives("stun-test --default", CLI_FAILED, "", "'a b' is not a STUN or TURN server");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(usage_is_explained),
        WITH_STAGE(the_home_is_found_in_this_order),
        WITH_STAGE(id_makes_and_prints_the_identity),
        WITH_STAGE(the_registry_is_edited_without_a_gateway),
        WITH_STAGE(output_that_cannot_be_written_is_a_failure),
        WITH_STAGE(peers_of_the_configuration_file_count_too),
        WITH_STAGE(commands_for_a_running_gateway_say_that_there_is_none),
        WITH_STAGE(config_check_and_print_default),
        WITH_STAGE(proxy_prints_a_pac_file),
        WITH_STAGE(stun_test_prints_what_the_servers_see),
        WITH_STAGE(stun_test_fails_when_a_server_does_or_they_disagree),
        WITH_STAGE(stun_test_takes_the_configured_servers),
        WITH_STAGE(share_and_ls_and_close),
        WITH_STAGE(invite_prints_a_code_or_a_ticket),
        WITH_STAGE(open_prints_a_line_for_each_service),
        WITH_STAGE(watch_shows_the_status_once_a_second_until_the_gateway_ends),
        WITH_STAGE(log_prints_lines_and_follows_until_the_gateway_ends),
        WITH_STAGE(watch_keeps_its_page_in_place_on_a_terminal),
        WITH_STAGE(ping_prints_each_answer),
        WITH_STAGE(pipe_needs_a_service_and_standard_input),
        WITH_STAGE(pipe_joins_the_standard_streams),
        WITH_STAGE(pipe_fails_when_the_data_broke_off),
        WITH_STAGE(status_is_for_people_and_programs),
        WITH_STAGE(doctor_says_what_it_found),
        WITH_STAGE(a_gateway_that_does_not_answer_is_named),
        WITH_STAGE(a_gateway_that_hears_nothing_is_waited_for_a_while),
        WITH_STAGE(what_the_daemon_says_at_its_start_is_passed_on),
        WITH_STAGE(share_in_the_foreground_ends_with_the_program),
        WITH_STAGE(open_in_the_foreground_gives_its_failure_as_exit_code),
        WITH_STAGE(who_was_called_is_to_be_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
