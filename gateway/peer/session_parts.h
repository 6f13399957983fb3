/**
 * The parts of struct session, for the files that make it up (session_life.c, session_control.c,
 * session_greet.c).
 */
#pragma once

#include "gateway/peer/session.h"

struct session {
    struct session_options options;
    struct quic_conn *conn;
    struct flow_set flows;
    struct list greetings;
    unsigned greeting_count;
    struct timer hello_timer;

    struct pipe *ours;   /* our control stream, NULL if it could not be opened or was reset */
    struct pipe *theirs; /* the peer's, NULL until it opens it */
    struct message_reader reader;
    uint8_t *outbox; /* what our control stream did not take yet */
    size_t outbox_len;

    bool ready, has_hello, misfit;
    struct message_hello hello;
    struct message_service *services; /* NULL: not known */
    size_t service_count;
};

/** Opens our control stream and says hello on it. Errors as quic_open_stream(). */
MUST_USE int session_open_control(struct session *s);
/** The peer has opened its control stream. Takes the pipe. */
void session_take_control(struct session *s, struct pipe *pipe);
/** The peer has said what it offers, or has had its time to. */
void session_be_ready(struct session *s);
/** It cannot be: tells the owner, once. */
void session_is_misfit(struct session *s, enum session_misfit what);
/** Nothing that the peer wants is looked at: it has yet to say that it is of our network, which has
 *  a name, or is not. */
bool session_is_shut(const struct session *s);
/** It has said so: looks at the streams that wait for that. */
void session_greet_again(struct session *s);
/** Gives both control streams back. */
void session_end_control(struct session *s);
/** Gives back the streams that have not named their service. */
void session_end_greetings(struct session *s);
