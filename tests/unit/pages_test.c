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
    struct page p = {.status = 404, .text = "There is none.", .html = true, .close = true};
    write_page(&p);
    assert_memory_equal(out, "HTTP/1.1 404 Not Found\r\n", 24);
    assert_int_equal(strtoul(strstr(out, "Content-Length: ") + 16, NULL, 10), body_len());
    assert_non_null(strstr(out, "Connection: close\r\n"));
    assert_non_null(strstr(out, "<p>There is none.</p>"));
    assert_null(strstr(out, "What to do"));
    assert_null(strstr(out, "What was tried"));
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
    const char *text = "<script>'\"&\x01\n</script>";
    struct page p = {.status = 421,
                     .title = text,
                     .text = text,
                     .tried = text,
                     .advice = text,
                     .command = text,
                     .link = text,
                     .html = true};
    write_page(&p);
    size_t count = 0;
    for (const char *at = out; (at = strstr(at, "&lt;script&gt;&#39;&quot;&amp;??&lt;/script&gt;"));
         at++)
        count++;
    assert_int_equal(count, 8); /* the title is said twice, the link too */
    assert_null(strstr(out, "<script>"));
}

static void cuts_what_is_too_long_and_stays_whole(void **state)
{
    (void)state;
    char text[5000];
    memset(text, '<', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    struct page p = {500, text, text, text, text, text, text, text, true, false, false};
    write_page(&p);
    assert_int_equal(strtoul(strstr(out, "Content-Length: ") + 16, NULL, 10), body_len());
    assert_non_null(strstr(out, "</html>\n"));
    p.html = false;
    write_page(&p);
    assert_int_equal(strtoul(strstr(out, "Content-Length: ") + 16, NULL, 10), body_len());
    assert_non_null(strstr(out, "says this.\n"));
}

static void says_what_was_tried_and_what_to_do(void **state)
{
    (void)state;
    struct page p = {.status = 504,
                     .title = "bob cannot be reached",
                     .text = "No path works.",
                     .tried = "UDP, TCP",
                     .advice = "Wait.",
                     .command = "overlay doctor",
                     .link = "//web.bob.overlay.localhost:7777/",
                     .html = true};
    write_page(&p);
    assert_non_null(strstr(out, "<h1>bob cannot be reached</h1><p>No path works.</p>"
                                "<h2>What was tried</h2><p>UDP, TCP</p><h2>What to do</h2>"
                                "<p>Did you mean <a href=\"//web.bob.overlay.localhost:7777/\">"
                                "web.bob.overlay.localhost:7777/</a>?</p><p>Wait.</p>"
                                "<pre><code>overlay doctor</code></pre>"));
    assert_non_null(strstr(out, "<title>bob cannot be reached</title>"));
    assert_non_null(strstr(out, "Content-Type: text/html; charset=utf-8\r\n"));
}

static void is_plain_text_for_who_does_not_want_html(void **state)
{
    (void)state;
    struct page p = {.status = 403, .title = "No", .text = "a <b> & \x1b", .command = "c"};
    write_page(&p);
    assert_non_null(strstr(out, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_string_equal(strstr(out, "\r\n\r\n") + 4,
                        "No\n\na <b> & ?\nTry: c\n\n403 Forbidden. The Overlay gateway on this "
                        "machine says this.\n");
}

static bool wants_html(const char *fields)
{
    char text[300];
    struct http_head head;
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", fields);
    assert_int_equal(http_read_request(&head, text, strlen(text), 1000), HTTP_OK);
    return page_wants_html(&head);
}

static void html_is_for_those_who_name_it(void **state)
{
    (void)state;
    assert_true(wants_html("Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"));
    assert_true(wants_html("ACCEPT: image/png\r\naccept: text/html\r\n"));
    assert_false(wants_html(""));
    assert_false(wants_html("Accept: */*\r\n"));
    assert_false(wants_html("Accept: text/htm\r\n"));
    assert_false(wants_html("X: text/html\r\n"));
}

static void the_policy_names_the_very_style_of_the_page(void **state)
{
    (void)state;
    struct page p = {.status = 404, .text = "x", .html = true};
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
        cmocka_unit_test(says_what_was_tried_and_what_to_do),
        cmocka_unit_test(is_plain_text_for_who_does_not_want_html),
        cmocka_unit_test(html_is_for_those_who_name_it),
        cmocka_unit_test(the_policy_names_the_very_style_of_the_page),
        cmocka_unit_test(pac_sends_names_of_the_suffix_to_the_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
