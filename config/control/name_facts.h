/**
 * What doctor knows of names on this machine, and how it is found out.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/control/dns_question.h"
#include "config/control/names_host.h"
#include "config/setup/host.h"
#include "config/setup/journal.h"

#define NAME_POLICIES_MAX 8

/** A name, as somebody answers for it. */
struct name_answer {
    bool asked;
    int err; /* 0: an answer came */
    struct dns_reply reply;
};

/** A file by which a browser is managed. */
struct name_policy {
    char path[128];
    bool firefox; /* else of Chromium and its kin */
    char *text;
};

struct name_port {
    uint16_t port;
    bool udp;
    struct names_holder holders[NAMES_HOLDERS_MAX];
    size_t count;
};

struct name_facts {
    char suffix[256], name[320];      /* what was asked for */
    struct name_answer gateway, stub; /* our DNS server; systemd-resolved, if it is there */
    int system_err;                   /* of getaddrinfo */
    struct addr system;
    struct name_answer domain; /* is the suffix a domain of the internet's? Asked of: */
    char upstream[64];
    struct name_port ports[4];
    size_t port_count;
    struct name_policy policies[NAME_POLICIES_MAX];
    size_t policy_count;
    bool has_proxy;
    char proxy[ADDR_TEXT_MAX];
    int pac; /* status code, or an errno */
    bool has_journal, folder, link, word, module, names_socket;
    struct journal journal;
};

/** Finds it out; `report` is doctor's, of the running gateway. name_facts_deinit() in any case. */
void name_facts_gather(struct name_facts *f, const json_t *report, const struct names_host *names,
                       const struct setup_host *files);
void name_facts_deinit(struct name_facts *f);
