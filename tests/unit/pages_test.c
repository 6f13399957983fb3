/* Pages hold what they promise, also of what came from outside. */
#include "adapters/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

static char out[PAGE_MAX + 1];

static void write_page(const struct page *p)
{
    size_t len = page_write(p, out);
    assert_true(len < PAGE_MAX);
    out[len] = 0;
}

static size_t body_len(void)
{
    return strlen(strstr(out, "\r\n\r\n") + 4);
}

static void says_its_length_and_closes(void **state)
{
    (void)state;
    struct page p = {.status = 404, .text = "There is none.", .close = true};
    write_page(&p);
    assert_memory_equal(out, "HTTP/1.1 404 Not Found\r\n", 24);
    assert_int_equal(strtoul(strstr(out, "Content-Length: ") + 16, NULL, 10), body_len());
    assert_non_null(strstr(out, "Connection: close\r\n"));
    assert_non_null(strstr(out, "<p>There is none.</p>"));
    assert_null(strstr(out, "Try:"));
}

static void an_answer_to_head_has_no_body(void **state)
{
    (void)state;
    struct page p = {.status = 502, .text = "x", .head_only = true};
    write_page(&p);
    assert_int_equal(body_len(), 0);
    assert_true(strtoul(strstr(out, "Content-Length: ") + 16, NULL, 10) > 0);
    assert_non_null(strstr(out, "Connection: keep-alive\r\n"));
}

static void escapes_what_came_from_outside(void **state)
{
    (void)state;
    struct page p = {.status = 421, .text = "<script>'\"&\x01\n</script>", .hint = "<b>"};
    write_page(&p);
    assert_non_null(strstr(out, "&lt;script&gt;&#39;&quot;&amp;??&lt;/script&gt;"));
    assert_non_null(strstr(out, "<code>&lt;b&gt;</code>"));
    assert_null(strstr(out, "<script>"));
}

static void cuts_what_is_too_long_and_stays_whole(void **state)
{
    (void)state;
    char text[5000];
    memset(text, '<', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    struct page p = {.status = 500, .text = text, .hint = text};
    write_page(&p);
    assert_int_equal(strtoul(strstr(out, "Content-Length: ") + 16, NULL, 10), body_len());
    assert_non_null(strstr(out, "</html>\n"));
}

static void the_policy_names_the_very_style_of_the_page(void **state)
{
    (void)state;
    struct page p = {.status = 404, .text = "x"};
    uint8_t hash[crypto_hash_sha256_BYTES];
    char text[100], wanted[160];
    write_page(&p);
    char *style = strstr(out, "<style>") + 7;
    size_t len = (size_t)(strstr(out, "</style>") - style);
    crypto_hash_sha256(hash, (const uint8_t *)style, len);
    sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    snprintf(wanted, sizeof(wanted), "default-src 'none'; style-src 'sha256-%s';", text);
    assert_non_null(strstr(out, wanted));
}

static void pac_sends_names_of_the_suffix_to_the_proxy(void **state)
{
    (void)state;
    size_t len = pac_write("overlay", "127.0.0.1:7777", true, false, out);
    out[len] = 0;
    assert_non_null(strstr(out, "Content-Type: application/x-ns-proxy-autoconfig\r\n"));
    assert_non_null(strstr(out, "host === \"overlay\" || dnsDomainIs(host, \".overlay\")"));
    assert_non_null(strstr(out, "return \"PROXY 127.0.0.1:7777\";"));
    assert_int_equal(strtoul(strstr(out, "Content-Length: ") + 16, NULL, 10), body_len());
    assert_int_equal(pac_file_write("overlay", "127.0.0.1:7777", out), body_len());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_its_length_and_closes),
        cmocka_unit_test(an_answer_to_head_has_no_body),
        cmocka_unit_test(escapes_what_came_from_outside),
        cmocka_unit_test(cuts_what_is_too_long_and_stays_whole),
        cmocka_unit_test(the_policy_names_the_very_style_of_the_page),
        cmocka_unit_test(pac_sends_names_of_the_suffix_to_the_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
