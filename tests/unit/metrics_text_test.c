/* Figures for Prometheus: every family once, explained, and labels that cannot break a line. */
#include "adapters/metrics_text.h"

#include "tests/support/control_stage.h"

static struct stage stage;
static char *text;

static int set_up(void **state)
{
    (void)state;
    stage_init(&stage);
    stage_alice_offers(&stage, NULL, 0);
    stage.node.view.rx_bytes = 1234567890123;
    stage.node.view.streams = 2;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    stage_deinit(&stage);
    return 0;
}

static void write_all(const char *version)
{
    const struct metrics_about about = {version, 1795195096.25};
    free(text);
    text = metrics_write(&stage.node, &about);
    assert_non_null(text);
}

static void has(const char *line)
{
    if (!strstr(text, line))
        fail_msg("no line %s in:\n%s", line, text);
}

static void tells_peers_by_alias_in_base_units(void **state)
{
    (void)state;
    write_all("1.2.3");
    has("\noverlay_start_time_seconds 1795195096.25\n");
    has("overlay_info{version=\"1.2.3\"} 1\n");
    has("\noverlay_peers{state=\"direct\"} 1\n");
    has("\noverlay_peers{state=\"idle\"} 0\n");
    has("\noverlay_peers_left_out 0\n");
    has("\noverlay_peer_connected{peer=\"alice\"} 1\n");
    has("\noverlay_peer_direct{peer=\"alice\"} 1\n");
    has("\noverlay_peer_round_trip_seconds{peer=\"alice\"} 0.023\n");
    has("\noverlay_peer_receive_bytes_total{peer=\"alice\"} 1234567890123\n");
    has("\noverlay_peer_streams{peer=\"alice\"} 2\n");
}

static void a_peer_without_an_alias_is_told_by_its_id(void **state)
{
    (void)state;
    char line[120];
    stage.node.view.alias[0] = 0;
    stage.node.view.path.present = false;
    stage.node.view.state = PEER_IDLE;
    write_all("1");
    (void)snprintf(line, sizeof(line), "\noverlay_peer_connected{peer=\"%s\"} 0\n",
                   stage.alice_text);
    has(line);
    assert_null(strstr(text, "round_trip_seconds{"));
}

static void labels_are_escaped(void **state)
{
    (void)state;
    write_all("a\\b\"c\nd");
    has("overlay_info{version=\"a\\\\b\\\"c\\nd\"} 1\n");
}

static void every_family_is_explained_once_before_its_samples(void **state)
{
    (void)state;
    write_all("1");
    char family[100] = "";
    size_t families = 0;
    for (char *line = text, *end; *line; line = end + 1) {
        char name[100];
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = 0;
        if (sscanf(line, "# HELP %99s", name) == 1) {
            (void)snprintf(family, sizeof(family), "%s", name);
            families++;
        } else if (sscanf(line, "# TYPE %99s", name) == 1) {
            assert_string_equal(name, family);
            bool counter = strstr(line, " counter") != NULL;
            size_t len = strlen(name);
            assert_int_equal(counter, len > 6 && strcmp(name + len - 6, "_total") == 0);
        } else {
            assert_int_equal(strncmp(line, family, strlen(family)), 0);
            assert_true(line[strlen(family)] == '{' || line[strlen(family)] == ' ');
        }
    }
    assert_true(families > 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_peers_by_alias_in_base_units),
        TEST(a_peer_without_an_alias_is_told_by_its_id),
        TEST(labels_are_escaped),
        TEST(every_family_is_explained_once_before_its_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
