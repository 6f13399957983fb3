/* Who may see the gateway's own pages, and who may change something there. */
#include "adapters/web_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct web_guard guard = {"overlay", 7777};

static const struct asked {
    const char *host, *fields;
    enum web_verdict verdict;
    bool may_change;
} cases[] = {
    {"overlay.localhost:7777", "", WEB_MAY, false},
    {"OVERLAY.localhost:7777", "Sec-Fetch-Site: none\r\n", WEB_MAY, false},
    {"overlay.localhost:7777", "Sec-Fetch-Site: same-origin\r\n", WEB_MAY, false},
    {"overlay.localhost:7777",
     "Sec-Fetch-Site: same-origin\r\nOrigin: http://overlay.localhost:7777\r\n", WEB_MAY, true},
    {"overlay.localhost", "Sec-Fetch-Site: same-origin\r\nOrigin: http://overlay.localhost\r\n",
     WEB_MAY, true},
    /* an origin alone, or one that the browser says less of, is not enough to change things */
    {"overlay.localhost:7777", "Origin: http://overlay.localhost:7777\r\n", WEB_MAY, false},
    {"overlay.localhost:7777", "Sec-Fetch-Site: none\r\nOrigin: http://overlay.localhost:7777\r\n",
     WEB_MAY, false},
    /* pages of peers are of the same site; those of other ports of the same host, too */
    {"overlay.localhost:7777", "Sec-Fetch-Site: same-site\r\n", WEB_FOREIGN, false},
    {"overlay.localhost:7777", "Sec-Fetch-Site: cross-site\r\n", WEB_FOREIGN, false},
    {"overlay.localhost:7777", "Sec-Fetch-Site: something-new\r\n", WEB_FOREIGN, false},
    {"overlay.localhost:7777",
     "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: same-origin\r\n"
     "Origin: http://overlay.localhost:7777\r\n",
     WEB_FOREIGN, false},
    {"overlay.localhost:7777",
     "Sec-Fetch-Site: same-site\r\nOrigin: http://overlay.localhost:7777\r\n", WEB_FOREIGN, false},
    {"overlay.localhost:7777", "Origin: http://web.evil.overlay.localhost:7777\r\n", WEB_FOREIGN,
     false},
    {"overlay.localhost:7777",
     "Sec-Fetch-Site: same-origin\r\nOrigin: http://overlay.localhost:20001\r\n", WEB_FOREIGN,
     false},
    {"overlay.localhost:7777",
     "Sec-Fetch-Site: same-origin\r\nOrigin: https://overlay.localhost:7777\r\n", WEB_FOREIGN,
     false},
    {"overlay.localhost:7777", "Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n", WEB_FOREIGN,
     false},
    {"overlay.localhost:7777",
     "Sec-Fetch-Site: same-origin\r\nOrigin: http://overlay.localhost:7777\r\n"
     "Origin: http://overlay.localhost:7777\r\n",
     WEB_FOREIGN, false},
    /* names that lead here too, and are not where the pages live */
    {"127.0.0.1:7777", "", WEB_OTHER_NAME, false},
    {"localhost:7777", "Sec-Fetch-Site: none\r\n", WEB_OTHER_NAME, false},
    {"[::1]:7777", "", WEB_OTHER_NAME, false},
    {"overlay", "", WEB_OTHER_NAME, false},
    {"127.0.0.1:7777", "Sec-Fetch-Site: same-origin\r\nOrigin: http://127.0.0.1:7777\r\n",
     WEB_OTHER_NAME, false},
    {"127.0.0.1:7777", "Sec-Fetch-Site: cross-site\r\n", WEB_FOREIGN, false},
};

static void each_request_gets_what_it_may_have(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct asked *c = &cases[i];
        char text[512];
        struct http_head head;
        struct http_host host;
        snprintf(text, sizeof(text), "POST /act HTTP/1.1\r\nHost: %s\r\n%s\r\n", c->host,
                 c->fields);
        assert_int_equal(http_read_request(&head, text, strlen(text), 1000), HTTP_OK);
        assert_int_equal(http_host_read(&host, (struct http_text){c->host, strlen(c->host)}), 0);
        if (web_guard_read(&guard, &head, &host) != c->verdict ||
            web_guard_change(&guard, &head, &host) != c->may_change)
            fail_msg("case %zu: %s %s", i, c->host, c->fields);
    }
}

static void the_origin_has_no_port_80(void **state)
{
    (void)state;
    char out[WEB_ORIGIN_MAX];
    const struct web_guard plain = {"home.arpa", 80};
    assert_string_equal(web_origin(&guard, out), "http://overlay.localhost:7777");
    assert_string_equal(web_origin(&plain, out), "http://home.arpa.localhost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_gets_what_it_may_have),
        cmocka_unit_test(the_origin_has_no_port_80),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
