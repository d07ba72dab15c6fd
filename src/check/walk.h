/* What the files of a walk share. Private to this room. */
#ifndef CHECK_WALK_H
#define CHECK_WALK_H

#include "check/check.h"
#include "check/wire.h"
#include "observe/observe.h"
#include "tls/certificate.h"
#include "trace/book.h"

enum { WALK_MAX_WIRES = 24 };

/* Who speaks in libcurl's debug output: the CONNECT, or what is inside its tunnel. */
enum walk_voice { VOICE_PROXY, VOICE_INSIDE };

/* Whose certificate was shown. */
struct walk_certificate {
	bool seen;
	char issuer[TLS_MAX_NAME];
};

struct walk {
	const struct check_options *options;
	const struct check_owner *owner;
	const struct check_libs *libs;
	struct error *err;
	struct trace_book *book;

	/* the stage under way */
	enum check_step step;
	nanos since;
	bool entered;                 /* ... and not left yet */
	bool failed;                  /* one has: there is nothing beyond it */
	const struct exchange *told;  /* whose answer has been told; only compared */
	nanos told_at;                /* when that was asked for: what was before is past, on whichever connection */
	nanos sampled;                /* when the kernel was last asked about the connection */
	const struct exchange *refused; /* the last 407 to credentials that was counted; only compared */
	bool spent;                   /* the password was refused, and is not to be sent again */
	const char *unheard;          /* a login was made anew, as the proxy did this to the connection on
	                                 which it had asked for it; NULL: no need */

	/* connections */
	struct check_addresses addresses;
	struct check_attempt ready;   /* made, and not yet libcurl's; its fd -1: none */
	SSL *ready_outer;
	struct wire *wire[WALK_MAX_WIRES];
	size_t wires;

	/* the conversation inside a tunnel */
	enum walk_voice voice;
	struct conversation *inside;
	struct exchange *inner;       /* under way in it, or NULL */
	bool in_head;                 /* the last line of its answer's head did not end it */

	/* libcurl's */
	CURL *easy;
	CURLM *multi;
	struct curl_slist *fields;
	char trouble[CURL_ERROR_SIZE];
	CURLcode result;
	bool over, enough, gave_up, stopped;
	size_t said;                  /* pieces of altered.hello */
	struct trace_flow flow;       /* of the last answer's body */
	unsigned redirects;

	/* --direct */
	struct walk_certificate through, direct;
	bool differs;
};

/* ---- stages (stages.c) --------------------------------------------------------------------- */

void stage_enter(struct walk *w, enum check_step step);
void stage_leave(struct walk *w, enum check_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The connection to the proxy, as the kernel has it now. */
void stage_sample(struct walk *w, struct check_tcp *ret_tcp);
/* What this exchange, under way or over, tells beyond what it told before. */
void stage_look(struct walk *w, const struct exchange *x);
/* The head of an answer inside the tunnel is whole. */
void stage_answered(struct walk *w, unsigned status, const char *location);
/* The handshake with the origin is over. */
void stage_shaken(struct walk *w);
/* libcurl is done, or we are with it: how the stage under way ended. */
void stage_finish(struct walk *w);
/* Who answers does not speak HTTP: nothing is to be waited for. */
bool stage_is_deaf(const struct walk *w);

/* ---- inside a tunnel (inside.c) ------------------------------------------------------------ */

void inside_begin(struct walk *w);
void inside_heard(struct walk *w, enum trace_side side, struct slice bytes);
void inside_body(struct walk *w, struct slice bytes);
void inside_end(struct walk *w);

/* ---- connections (ways.c) ------------------------------------------------------------------ */

/* DNS, TCP, and TLS with the proxy, for the first time: with their stages. False: it ended there. */
bool way_open(struct walk *w);
/* A wire for libcurl, on the connection that is ready or a new one. -1: none is to be had. */
int way_take(struct walk *w, struct curl_sockaddr *ret_address);
struct wire *way_now(const struct walk *w); /* the newest */
struct exchange *way_exchange(const struct walk *w); /* under way there; NULL: none */

/* ---- what is told (hear.c) ------------------------------------------------------------------ */

/* To be told of sockets, heads, bodies and handshakes. False: libcurl does not take it. */
bool hear_all(struct walk *w);
/* libssl's callback on messages: the server's certificate into the struct walk_certificate. */
void hear_certificate(int sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
		      void *certificate);

/* An option of libcurl's; `fine` and `w` are the caller's. */
#define WALK_SET(option, value)                                                                    \
	fine = fine && w->libs->curl.curl_easy_setopt(w->easy, option, value) == CURLE_OK

/* ---- the conversation (talk.c) ------------------------------------------------------------- */

bool talk_prepare(struct walk *w);
void talk_run(struct walk *w);
void talk_done(struct walk *w);

/* Where a login brought no answer on the connection on which the proxy had asked for it: once more on
 * another, for some proxies serve no second request there, and most programs send Basic unasked. False:
 * that is not how it stands. (login.c) */
bool login_anew(struct walk *w);

/* What can be moved is; and until then the next is waited for, libcurl left out of it. */
void talk_pump(struct walk *w, nanos until);

/* ---- a quiet tunnel (idle.c) --------------------------------------------------------------- */

void idle_hold(struct walk *w);

/* ---- without the proxy (direct.c) ---------------------------------------------------------- */

void direct_compare(struct walk *w);
void direct_note(const struct walk *w, struct exchange *x); /* what came of it */

/* Takes a finished exchange. */
void walk_keep(void *context, struct exchange *x);

#endif
