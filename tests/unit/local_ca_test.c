/* The authority of one user, judged by GnuTLS as a browser would. */
#include "gateway/crypto/local_ca.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "gateway/crypto/tls_identity.h"

#define NOW INT64_C(1795000000)

static int set_up(void **state)
{
    struct local_ca *ca = NULL;
    assert_int_equal(local_ca_new(&ca, "overlay", NOW), 0);
    *state = ca;
    return 0;
}

static int tear_down(void **state)
{
    local_ca_free(*state);
    return 0;
}

static gnutls_x509_crt_t import(const char *pem)
{
    gnutls_x509_crt_t c;
    const gnutls_datum_t text = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
    assert_int_equal(gnutls_x509_crt_init(&c), 0);
    assert_int_equal(gnutls_x509_crt_import(c, &text, GNUTLS_X509_FMT_PEM), 0);
    return c;
}

static gnutls_x509_crt_t leaf_of(const struct tls_identity *id)
{
    gnutls_datum_t der;
    gnutls_x509_crt_t c;
    assert_int_equal(gnutls_certificate_get_crt_raw(tls_identity_credentials(id), 0, 0, &der), 0);
    assert_int_equal(gnutls_x509_crt_init(&c), 0);
    assert_int_equal(gnutls_x509_crt_import(c, &der, GNUTLS_X509_FMT_DER), 0);
    return c;
}

/* What a client that trusts the authority says of a certificate: 0, or GNUTLS_CERT_*. */
static unsigned judge(const struct local_ca *ca, gnutls_x509_crt_t leaf, const char *host)
{
    gnutls_x509_trust_list_t list;
    gnutls_x509_crt_t root = import(local_ca_certificate(ca));
    unsigned status = 0;
    gnutls_typed_vdata_st data[] = {
        {GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)(uintptr_t)host, 0},
        {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_SERVER, 0}};

    assert_int_equal(gnutls_x509_trust_list_init(&list, 0), 0);
    assert_int_equal(gnutls_x509_trust_list_add_cas(list, &root, 1, 0), 1);
    assert_int_equal(
        gnutls_x509_trust_list_verify_crt2(list, &leaf, 1, data, 2,
                                           GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                                               GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS,
                                           &status, NULL),
        0);
    gnutls_x509_trust_list_deinit(list, 1);
    return status;
}

static void a_peer_and_what_is_below_it_is_trusted(void **state)
{
    const struct local_ca *ca = *state;
    struct tls_identity *id;
    assert_int_equal(local_ca_issue(ca, "alice.overlay", NOW, &id), 0);
    gnutls_x509_crt_t leaf = leaf_of(id);
    assert_int_equal(judge(ca, leaf, "alice.overlay"), 0);
    assert_int_equal(judge(ca, leaf, "web.alice.overlay"), 0);
    assert_int_not_equal(judge(ca, leaf, "bob.overlay"), 0);
    assert_int_not_equal(judge(ca, leaf, "a.web.alice.overlay"), 0);
    gnutls_x509_crt_deinit(leaf);
    tls_identity_free(id);
}

static void nothing_is_issued_outside_the_suffix(void **state)
{
    static const char *const hosts[] = {"example.com", "overlay",          ".overlay", "",
                                        "*.overlay",   "alice.notoverlay", "1.2.3.4",  "xoverlay"};
    const struct local_ca *ca = *state;
    struct tls_identity *id = NULL;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        assert_int_equal(local_ca_issue(ca, hosts[i], NOW, &id), -EDOM);
    assert_null(id);
}

static char *print(gnutls_x509_crt_t c)
{
    gnutls_datum_t text;
    assert_int_equal(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &text), 0);
    char *out = strndup((const char *)text.data, text.size);
    gnutls_free(text.data);
    return out;
}

/* A thief of the key signs what he likes. */
static gnutls_x509_crt_t forge(const struct local_ca *ca, unsigned type, const void *name,
                               unsigned len, bool authority)
{
    gnutls_x509_crt_t c, root = import(local_ca_certificate(ca));
    gnutls_x509_privkey_t key;
    char *pem = local_ca_key(ca);
    const gnutls_datum_t text = {(unsigned char *)pem, (unsigned)strlen(pem)};

    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_import(key, &text, GNUTLS_X509_FMT_PEM), 0);
    free(pem);
    assert_int_equal(gnutls_x509_crt_init(&c), 0);
    gnutls_x509_crt_set_version(c, 3);
    gnutls_x509_crt_set_serial(c, "\7", 1);
    gnutls_x509_crt_set_activation_time(c, NOW);
    gnutls_x509_crt_set_expiration_time(c, NOW + 3600);
    gnutls_x509_crt_set_key(c, key);
    gnutls_x509_crt_set_basic_constraints(c, authority, -1);
    gnutls_x509_crt_set_key_purpose_oid(c, GNUTLS_KP_TLS_WWW_SERVER, 0);
    assert_int_equal(gnutls_x509_crt_set_subject_alt_name(c, type, name, len, GNUTLS_FSAN_SET), 0);
    assert_int_equal(gnutls_x509_crt_sign2(c, root, key, GNUTLS_DIG_SHA256, 0), 0);
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_crt_deinit(root);
    char *shown = print(c);
    gnutls_x509_crt_deinit(c);
    c = import(shown); /* only one that was read can be judged */
    free(shown);
    return c;
}

static void a_forged_name_of_another_site_is_refused(void **state)
{
    gnutls_x509_crt_t c = forge(*state, GNUTLS_SAN_DNSNAME, "example.com", 11, false);
    assert_true(judge(*state, c, "example.com") & GNUTLS_CERT_INVALID);
    gnutls_x509_crt_deinit(c);
    c = forge(*state, GNUTLS_SAN_DNSNAME, "alice.overlay", 13, false);
    assert_int_equal(judge(*state, c, "alice.overlay"), 0); /* so the test can tell */
    gnutls_x509_crt_deinit(c);
}

static void a_forged_address_is_refused(void **state)
{
    static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    gnutls_x509_crt_t c = forge(*state, GNUTLS_SAN_IPADDRESS, v4, 4, false);
    assert_true(judge(*state, c, "127.0.0.1") & GNUTLS_CERT_INVALID);
    gnutls_x509_crt_deinit(c);
    c = forge(*state, GNUTLS_SAN_IPADDRESS, v6, 16, false);
    assert_true(judge(*state, c, "::1") & GNUTLS_CERT_INVALID);
    gnutls_x509_crt_deinit(c);
}

static void the_certificate_says_how_it_is_limited(void **state)
{
    const struct local_ca *ca = *state;
    struct local_ca_facts facts;
    char why[LOCAL_CA_WHY_MAX];
    gnutls_x509_crt_t c = import(local_ca_certificate(ca));
    unsigned critical = 0, authority = 0, usage = 0;
    int path = -1;

    assert_int_equal(local_ca_examine(&facts, local_ca_certificate(ca), why), 0);
    assert_string_equal(facts.suffix, "overlay");
    assert_string_equal(facts.id, local_ca_facts(ca)->id);
    assert_int_equal(strlen(facts.id), LOCAL_CA_ID_LEN);
    assert_true(gnutls_x509_crt_get_basic_constraints(c, &critical, &authority, &path) > 0);
    assert_true(critical && authority && path == 0);
    assert_int_equal(gnutls_x509_crt_get_key_usage(c, &usage, &critical), 0);
    assert_true(critical && usage == GNUTLS_KEY_KEY_CERT_SIGN);
    assert_int_equal(gnutls_x509_crt_get_version(c), 3);
    gnutls_x509_crt_deinit(c);
}

static void serial_numbers_are_not_guessed(void **state)
{
    uint8_t a[32], b[32];
    size_t a_len = sizeof(a), b_len = sizeof(b);
    struct tls_identity *id[2];
    gnutls_x509_crt_t leaf[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(local_ca_issue(*state, "alice.overlay", NOW, &id[i]), 0);
        leaf[i] = leaf_of(id[i]);
    }
    assert_int_equal(gnutls_x509_crt_get_serial(leaf[0], a, &a_len), 0);
    assert_int_equal(gnutls_x509_crt_get_serial(leaf[1], b, &b_len), 0);
    assert_int_equal(a_len, 16);
    assert_int_equal(b_len, 16);
    assert_memory_not_equal(a, b, 16);
    for (int i = 0; i < 2; i++) {
        gnutls_x509_crt_deinit(leaf[i]);
        tls_identity_free(id[i]);
    }
}

static void a_leaf_is_good_for_two_weeks_and_never_longer_than_its_authority(void **state)
{
    const struct local_ca *ca = *state;
    const struct local_ca_facts *facts = local_ca_facts(ca);
    struct tls_identity *id;

    assert_int_equal(local_ca_issue(ca, "alice.overlay", NOW, &id), 0);
    gnutls_x509_crt_t leaf = leaf_of(id);
    assert_int_equal(gnutls_x509_crt_get_expiration_time(leaf), NOW + 14 * 86400);
    assert_true(gnutls_x509_crt_get_activation_time(leaf) <= NOW);
    gnutls_x509_crt_deinit(leaf);
    tls_identity_free(id);

    assert_int_equal(local_ca_issue(ca, "alice.overlay", facts->until - 60, &id), 0);
    leaf = leaf_of(id);
    assert_int_equal(gnutls_x509_crt_get_expiration_time(leaf), facts->until);
    gnutls_x509_crt_deinit(leaf);
    tls_identity_free(id);
    assert_int_equal(local_ca_issue(ca, "alice.overlay", facts->until, &id), -EKEYEXPIRED);
}

static void it_is_renewed_with_the_key_that_it_has(void **state)
{
    struct local_ca *ca = *state;
    const struct local_ca_facts first = *local_ca_facts(ca);
    struct tls_identity *id;
    int64_t later = first.until - 80 * 86400;
    char *before = strdup(local_ca_certificate(ca));

    assert_false(local_ca_is_old(ca, first.until - 91 * 86400));
    assert_true(local_ca_is_old(ca, later));
    assert_int_equal(local_ca_renew(ca, later), 0);
    assert_false(local_ca_is_old(ca, later));
    assert_string_equal(local_ca_facts(ca)->id, first.id);
    assert_int_equal(local_ca_facts(ca)->until, later + 730 * INT64_C(86400));
    assert_string_not_equal(local_ca_certificate(ca), before);

    /* Who trusts the old one still, trusts what the new one issues. */
    assert_int_equal(local_ca_issue(ca, "alice.overlay", later, &id), 0);
    gnutls_x509_crt_t leaf = leaf_of(id), root = import(before);
    unsigned status = 0;
    assert_int_equal(
        gnutls_x509_crt_verify(leaf, &root, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status), 0);
    assert_int_equal(status, 0);
    gnutls_x509_crt_deinit(leaf);
    gnutls_x509_crt_deinit(root);
    tls_identity_free(id);
    free(before);
}

static void what_was_written_is_read_again(void **state)
{
    const struct local_ca *ca = *state;
    struct local_ca *again = NULL;
    char *key = local_ca_key(ca), why[LOCAL_CA_WHY_MAX] = "";
    const char *bad = NULL;
    struct tls_identity *id;

    assert_int_equal(local_ca_read(&again, key, local_ca_certificate(ca), &bad, why), 0);
    assert_string_equal(local_ca_facts(again)->id, local_ca_facts(ca)->id);
    assert_int_equal(local_ca_issue(again, "alice.overlay", NOW, &id), 0);
    gnutls_x509_crt_t leaf = leaf_of(id);
    assert_int_equal(judge(ca, leaf, "alice.overlay"), 0);
    gnutls_x509_crt_deinit(leaf);
    tls_identity_free(id);
    local_ca_free(again);
    free(key);
}

static void a_file_that_is_broken_anywhere_is_named(void **state)
{
    const struct local_ca *ca = *state;
    char *key = local_ca_key(ca), *cert = strdup(local_ca_certificate(ca));
    char why[LOCAL_CA_WHY_MAX] = "";
    struct local_ca *out = NULL;
    const char *bad = NULL;

    /* Within the last line nothing is missed that counts. */
    const size_t key_len = (size_t)(strstr(key, "-----END") - key);
    const size_t cert_len = (size_t)(strstr(cert, "-----END") - cert);
    for (size_t len = 0; len < key_len; len++) {
        char *cut = strndup(key, len);
        assert_int_equal(local_ca_read(&out, cut, cert, &bad, why), -EBADMSG);
        assert_string_equal(bad, "key");
        free(cut);
    }
    for (size_t len = 0; len < cert_len; len++) {
        char *cut = strndup(cert, len);
        assert_int_equal(local_ca_read(&out, key, cut, &bad, why), -EBADMSG);
        assert_string_equal(bad, "certificate");
        free(cut);
    }
    assert_null(out);
    free(cert);
    free(key);
}

static void the_certificate_of_another_key_is_refused(void **state)
{
    struct local_ca *other = NULL, *out = NULL;
    char *key = local_ca_key(*state), why[LOCAL_CA_WHY_MAX] = "";
    const char *bad = NULL;

    assert_int_equal(local_ca_new(&other, "overlay", NOW), 0);
    assert_int_equal(local_ca_read(&out, key, local_ca_certificate(other), &bad, why), -EBADMSG);
    assert_string_equal(bad, "certificate");
    assert_non_null(strstr(why, "key beside it"));
    local_ca_free(other);
    free(key);
}

static void a_certificate_without_limits_is_not_examined_to_be_one_of_ours(void **state)
{
    struct local_ca_facts facts;
    char why[LOCAL_CA_WHY_MAX] = "";
    gnutls_x509_crt_t c = forge(*state, GNUTLS_SAN_DNSNAME, "alice.overlay", 13, true);
    char *text = print(c);
    assert_int_equal(local_ca_examine(&facts, text, why), -EBADMSG);
    assert_true(strlen(why) > 5);
    free(text);
    gnutls_x509_crt_deinit(c);

    c = forge(*state, GNUTLS_SAN_DNSNAME, "alice.overlay", 13, false);
    text = print(c);
    assert_int_equal(local_ca_examine(&facts, text, why), -EBADMSG);
    free(text);
    gnutls_x509_crt_deinit(c);
}

/* Who installs the file installs all of it. */
static void a_second_certificate_behind_the_first_is_refused(void **state)
{
    struct local_ca_facts facts;
    char why[LOCAL_CA_WHY_MAX] = "";
    gnutls_x509_crt_t c = forge(*state, GNUTLS_SAN_DNSNAME, "alice.overlay", 13, true);
    char *other = print(c), both[8192];
    const char *own = local_ca_certificate(*state);
    const char *const wrong[][2] = {{own, other}, {own, own}, {own, "\n"}, {"moon\n", own}};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void)snprintf(both, sizeof(both), "%s%s", wrong[i][0], wrong[i][1]);
        assert_int_equal(local_ca_examine(&facts, both, why), -EBADMSG);
        assert_string_equal(why, "it holds something besides one certificate");
    }
    assert_int_equal(local_ca_examine(&facts, own, why), 0);
    free(other);
    gnutls_x509_crt_deinit(c);
}

static void an_authority_for_what_is_no_domain_name_is_refused(void **state)
{
    static const char *const WRONG[] = {"\33[31mred", "over lay", ".overlay",
                                        "OVERLAY",    "a\nb",     ""};
    unsigned made = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct local_ca *ca = NULL;
        struct local_ca_facts facts;
        char why[LOCAL_CA_WHY_MAX] = "";
        if (local_ca_new(&ca, WRONG[i], NOW) < 0)
            continue; /* GnuTLS writes no such thing */
        made++;
        assert_int_equal(local_ca_examine(&facts, local_ca_certificate(ca), why), -EBADMSG);
        local_ca_free(ca);
    }
    assert_true(made > 0);
}

static void an_authority_with_one_limit_less_is_refused(void **state)
{
    static const uint8_t v4[8] = {0}, v6[32] = {0};
    gnutls_x509_crt_t root = import(local_ca_certificate(*state));
    gnutls_x509_privkey_t key;
    char *pem = local_ca_key(*state);
    const gnutls_datum_t text = {(unsigned char *)pem, (unsigned)strlen(pem)};

    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_import(key, &text, GNUTLS_X509_FMT_PEM), 0);
    /* Each round leaves one out; then a name of everybody's is added, or it does not bind. Nothing
     * is wrong in the last. */
    for (unsigned left_out = 0; left_out < 8; left_out++) {
        const gnutls_datum_t name = {(unsigned char *)(uintptr_t) "overlay", 7};
        const gnutls_datum_t com = {(unsigned char *)(uintptr_t) "com", 3};
        const gnutls_datum_t nowhere = {(unsigned char *)(uintptr_t) "invalid", 7};
        const gnutls_datum_t all4 = {(unsigned char *)(uintptr_t)v4, 8};
        const gnutls_datum_t all6 = {(unsigned char *)(uintptr_t)v6, 32};
        struct local_ca_facts facts;
        char why[LOCAL_CA_WHY_MAX] = "";
        gnutls_x509_name_constraints_t limits;
        assert_int_equal(gnutls_x509_name_constraints_init(&limits), 0);
        if (left_out != 0)
            gnutls_x509_name_constraints_add_permitted(limits, GNUTLS_SAN_DNSNAME, &name);
        if (left_out != 1)
            gnutls_x509_name_constraints_add_permitted(limits, GNUTLS_SAN_RFC822NAME, &nowhere);
        if (left_out != 2)
            gnutls_x509_name_constraints_add_permitted(limits, GNUTLS_SAN_URI, &nowhere);
        if (left_out != 3)
            gnutls_x509_name_constraints_add_excluded(limits, GNUTLS_SAN_IPADDRESS, &all4);
        if (left_out != 4)
            gnutls_x509_name_constraints_add_excluded(limits, GNUTLS_SAN_IPADDRESS, &all6);
        if (left_out == 5)
            gnutls_x509_name_constraints_add_permitted(limits, GNUTLS_SAN_DNSNAME, &com);
        assert_int_equal(gnutls_x509_crt_set_name_constraints(root, limits, left_out != 6), 0);
        gnutls_x509_name_constraints_deinit(limits);
        assert_int_equal(gnutls_x509_crt_sign2(root, root, key, GNUTLS_DIG_SHA256, 0), 0);
        char *shown = print(root);
        assert_int_equal(local_ca_examine(&facts, shown, why), left_out == 7 ? 0 : -EBADMSG);
        free(shown);
    }
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_crt_deinit(root);
    free(pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_peer_and_what_is_below_it_is_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_issued_outside_the_suffix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_forged_name_of_another_site_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_forged_address_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_certificate_says_how_it_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(serial_numbers_are_not_guessed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_leaf_is_good_for_two_weeks_and_never_longer_than_its_authority, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_renewed_with_the_key_that_it_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_written_is_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_broken_anywhere_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_certificate_of_another_key_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_certificate_without_limits_is_not_examined_to_be_one_of_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_certificate_behind_the_first_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_authority_for_what_is_no_domain_name_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_authority_with_one_limit_less_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("local_ca", tests, NULL, NULL);
}
