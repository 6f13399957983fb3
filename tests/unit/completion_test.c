/* The completion scripts, as text; that shells take them is for tests/netns/cli_test.sh to see. */
#include "config/settings/completion.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/settings/verbs.h"

static char *script(const char *shell)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(completion_print(out, shell), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("not in the script: %s\n%s", part, text);
}

static void every_command_and_option_is_in_every_script(void **state)
{
    static const char *const SHELLS[] = {"bash", "zsh", "fish"};
    (void)state;

    for (size_t i = 0; i < sizeof(SHELLS) / sizeof(SHELLS[0]); i++) {
        char *text = script(SHELLS[i]);
        for (const struct verb *v = verbs(); v->name; v++) {
            if (!v->hidden)
                has(text, v->name);
            for (const struct verb_option *o = v->options; o->name; o++)
                has(text, o->name);
        }
        assert_null(strstr(text, "manual"));
        free(text);
    }
}

static void what_is_completed_depends_on_the_place(void **state)
{
    char *bash = script("bash"), *zsh = script("zsh"), *fish = script("fish");
    (void)state;

    has(bash, "open:0) words=$(overlay \"${home[@]}\" complete places");
    has(bash, "allow:0) words=$(overlay \"${home[@]}\" complete peers");
    has(bash, "allow:1) words=$(overlay \"${home[@]}\" complete own");
    has(bash, "share:0) ;;");
    has(bash, "config:0) words='check reload' ;;");
    has(zsh, "'2:argument: _overlay_list own'");
    has(fish, "__overlay_at 2 allow' -a '(__overlay_list own)'");
    has(fish, "__overlay_in share' -l to -x -a '(__overlay_list peers)'");
    free(bash);
    free(zsh);
    free(fish);
}

static void another_shell_is_refused(void **state)
{
    (void)state;
    assert_int_equal(completion_print(stdout, "tcsh"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_and_option_is_in_every_script),
        cmocka_unit_test(what_is_completed_depends_on_the_place),
        cmocka_unit_test(another_shell_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
