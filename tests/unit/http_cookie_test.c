/* How far a cookie says it reaches. */
#include "gateway/wire/http_cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* All domains, each with a '|' behind it. */
static const char *domains(const char *cookie, size_t len)
{
    static char out[256];
    struct http_text rest = {cookie, len}, domain;
    size_t at = 0;
    while (http_cookie_domain(&rest, &domain)) {
        assert_true(at + domain.len + 2 < sizeof(out));
        memcpy(out + at, domain.at, domain.len);
        at += domain.len;
        out[at++] = '|';
    }
    out[at] = 0;
    return out;
}

static void finds_every_domain_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *cookie, *domains;
    } cases[] = {
        {"", ""},
        {"a=b", ""},
        {"domain=x", ""}, /* is its name */
        {"a=domain=x; Path=/domain=x", ""},
        {"a=b; Domain=x", "x|"},
        {"a=b;domain=.x;Secure", "x|"},
        {"a=b; DOMAIN\t =\t x.y ; Path=/", "x.y|"},
        {";Domain=x", "x|"},
        {"a=b; Domain=x; Domain=y", "x|y|"},
        {"a=b; Domain=", "|"},
        {"a=b; Domain", "|"},
        {"a=b; Domain=x=y", "x=y|"},
        {"a=b;; ;Domain=x;", "x|"},
        {"a=b; XDomain=x; Domain2=y", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(domains(cases[i].cookie, strlen(cases[i].cookie)), cases[i].domains);
}

static void names_nothing_beyond_what_is_there(void **state)
{
    (void)state;
    static const char cookie[] = "a=b; Domain=.example; Path=/";
    for (size_t len = 0; len < sizeof(cookie); len++) {
        const char *wanted = len < 11 ? "" : len < 13 ? "|" : NULL;
        const char *found = domains(cookie, len);
        if (wanted)
            assert_string_equal(found, wanted);
        else
            assert_memory_equal(found, "example", (len < 20 ? len : 20) - 13);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_domain_and_nothing_else),
        cmocka_unit_test(names_nothing_beyond_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
