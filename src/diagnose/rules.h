/* What the files of rules share: the shape of a rule, and questions that several of them ask of
 * an exchange. Private to this room. */
#ifndef DIAGNOSE_RULES_H
#define DIAGNOSE_RULES_H

#include "diagnose/diagnose.h"

/* A rule holds or not. Where it holds it has cited what convinced it, and may have replaced the
 * verdict, stage and confidence that the table gives it. */
struct rule {
	enum verdict verdict;
	enum confidence confidence;
	bool (*holds)(const struct exchange *x, struct finding *f);
};

struct rules {
	const struct rule *rule;
	size_t count;
	/* Could any of them hold? What is asked of every healthy exchange, once a file. NULL: yes.
	 */
	bool (*concern)(const struct exchange *x);
};

/* Leaves out the causes that our own proxy would know of, and say (rules_own.c). */
void own_knowledge(const struct exchange *x, struct finding *f);

extern const struct rules RULES_PLAIN, RULES_FIRST, RULES_PROBE, RULES_CONNECT, RULES_PATH, RULES_REQUEST, RULES_OWN,
	RULES_TLS, RULES_TRANSFER, RULES_COMPLAINT, RULES_GOOD;

void finding_cite(struct finding *f, const struct mark *mark, enum sight saw, uint64_t figure);
void finding_cause(struct finding *f, enum cause cause);
void finding_doubt(struct finding *f); /* one step less confident */

/* legs.c: a clause that says on which leg the fault is, or NULL where that can't be told. */
const char *finding_leg(const struct exchange *x, const struct finding *f);

/* Who answered this status, and by which product. */
void finding_dialect(const struct exchange *x, struct finding *f);

/* Cites the SYN, the request and the answer, as far as they were seen. */
void finding_cite_request(const struct exchange *x, struct finding *f);
/* Cites who ended the connection, or the end of the observation; figure: the quiet before. */
void finding_cite_end(const struct exchange *x, struct finding *f);
/* What the proxy's own connection to the origin shows, where it was seen. */
void finding_cite_onward(const struct exchange *x, struct finding *f);

/* ---- questions ---------------------------------------------------------------------------- */

/* Waits that are told from ordinary thinking. Five seconds is what SPEC gives silence. */
#define LONG_SILENCE (5 * NANOS_PER_SECOND)
#define SHORT_WAIT   (1 * NANOS_PER_SECOND)

static inline nanos span(nanos from, nanos to) /* 0 where either is unknown */
{
	nanos between;
	if (from == NO_TIME || to == NO_TIME || to < from)
		return 0;
	return __builtin_sub_overflow(to, from, &between) ? INT64_MAX : between;
}

static inline nanos times(int n, nanos t) /* 0 where unknown; clocks in captures can be absurd */
{
	nanos product;
	if (t <= 0)
		return 0;
	return __builtin_mul_overflow(n, t, &product) ? INT64_MAX : product;
}

static inline nanos later(nanos a, nanos b) /* NO_TIME is the smallest there is */
{
	return a > b ? a : b;
}

/* The moment at which the story ends: the first FIN or RST, or the end of the observation. */
static inline nanos end_of(const struct exchange *x)
{
	if (x->closed && mark_is(&x->close))
		return x->close.at;
	return x->observed_until != NO_TIME ? x->observed_until : x->last.at;
}

static inline bool has_request(const struct exchange *x)
{
	return x->request.method.len > 0;
}

/* What a probe found out by asking again; NULL: it did not, or there was none. */
static inline const struct trace_download *download_of(const struct exchange *x)
{
	return x->probe ? x->probe->download : NULL;
}

static inline const struct trace_trial *trial_of(const struct exchange *x)
{
	return x->probe ? x->probe->trial : NULL;
}

static inline const struct trace_idle *idle_of(const struct exchange *x)
{
	return x->probe ? x->probe->idle : NULL;
}

static inline bool answered(const struct exchange *x)
{
	return x->response.status != 0 || x->answer != PROTO_NONE;
}

static inline nanos asked_at(const struct exchange *x)
{
	return mark_is(&x->request_end) ? x->request_end.at : x->request_start.at;
}

static inline bool closed_by(const struct exchange *x, enum trace_side side)
{
	return x->closed && x->closed_by == side;
}

/* Our own proxy says why it refused or cut it. */
static inline bool own_reason(const struct exchange *x)
{
	return x->leg && x->leg->why.len > 0;
}

/* ... and the answer is its own, or a parent's that it passed on: not the origin's. */
static inline bool own_refusal(const struct exchange *x)
{
	return own_reason(x) && !x->leg->cut && !x->leg->noted && trace_is_refused(x);
}

enum cause own_cause(const struct exchange *x); /* rules_own.c */

/* The client holds its body back until it is told to go on (RFC 9110, section 10.1.1), which it is not. */
static inline bool waits_for_leave(const struct exchange *x)
{
	return x->request.expects && !x->request.complete && x->request.body_bytes == 0 &&
	       x->interims == 0;
}

/* Bytes of that side that the observer did not get to see, though they were sent. */
static inline bool has_gaps(const struct exchange *x, enum trace_side side)
{
	return x->path[side].missing > 0 || x->path[side].unseen > 0;
}

/* What that side sent last was sent again and again, and never acknowledged. In a text most
 * acknowledgements are left out. */
static inline bool never_acked(const struct exchange *x, enum trace_side side)
{
	const struct trace_path *p = &x->path[side];
	return p->unacked > 0 && p->stuck_times >= 3 && x->both_ways && !x->from_text;
}

/* The answer was not followed to its end, and no gap is to blame, nor that the probe does not show its
 * own (inside of TLS). */
static inline bool lost_its_thread(const struct exchange *x)
{
	return !x->response.complete && x->answer_hidden && !has_gaps(x, PROXY) &&
	       x->path[PROXY].hole == 0 && !trace_is_inside(x);
}

/* Its chunks are not framed as RFC 9112 section 7.1 has it. Some clients make do with what others reject
 * (a bare LF), so nobody can tell whether it was whole. */
static inline bool chunks_broken(const struct exchange *x)
{
	return x->response.chunked && lost_its_thread(x);
}

/* Its head is not by the letter, or too long, so that how it ends is not known: its status alone is. */
static inline bool head_broken(const struct exchange *x)
{
	const struct trace_response *r = &x->response;
	return r->status >= 200 && !x->tunnel.open && !r->chunked && !r->until_close &&
	       r->body_length == UINT64_MAX && lost_its_thread(x);
}

static inline bool says(struct slice where, const char *what)
{
	return where.len && slice_find_nocase(where, slice_of(what)) < where.len;
}

/* ten round trips, or nothing where the round trip is unknown */
static inline nanos ten_rtt(const struct exchange *x)
{
	return times(10, x->rtt);
}

/* Events that come by themselves, at any interval, and end by anybody's close. */
static inline bool endless(const struct exchange *x)
{
	return slice_starts_nocase(x->response.content_type, SLICE("text/event-stream"));
}

/* The client's first words to the proxy itself were no HTTP: which protocol's. */
static inline enum trace_protocol spoken_to_proxy(const struct exchange *x)
{
	bool it = x->suspect && !x->began_late && !x->tunnel.open && !has_request(x);
	return it ? x->tunnel.inner : PROTO_NONE;
}

static inline bool in_tls(const struct exchange *x)
{
	return x->tunnel.open && x->tls->hello;
}

/* The handshake is behind us: either side has sent application data. */
static inline bool tls_settled(const struct exchange *x)
{
	return x->tls->done || mark_is(&x->first_byte);
}

/* It is over, and all that came to the client after what it asked inside of TLS is a closing alert:
 * the farewell of the other side, or its answer to the client's own, before the client's FIN or
 * behind it. Session tickets, which come ahead of a request, are no answer either. */
bool only_farewell(const struct exchange *x);
/* ... and that farewell came first: the other side took what the client asked, and left. */
bool dismissed(const struct exchange *x);

/* The client's last record inside of TLS is a request, by its size, and has no answer. */
bool unanswered_inside(const struct exchange *x);
/* No handshake came to its end (rules_tls.c). */
bool tls_unfinished(const struct exchange *x);

/* When that side last sent what the other was waiting for (no closing alert). */
nanos last_word(const struct exchange *x, enum trace_side side);
/* How long neither had said anything when the story ended. */
nanos quiet_at_end(const struct exchange *x);
/* How long that side was kept waiting by a window of zero; 0: not so long that it counts. */
nanos kept_waiting(const struct exchange *x, enum trace_side side);
/* Is that quiet a stall, rather than a pause? */
bool is_stall(const struct exchange *x, nanos quiet);
/* Does that ClientHello get an answer, through the same tunnel (rules_probe.c)? */
static inline bool hello_passes(const struct exchange *x, enum trace_shape shape)
{
	enum trace_heard how = x->probe->hellos.of[shape].how;
	return how == HEARD_HELLO || how == HEARD_ALERT || how == HEARD_OTHER;
}

static inline bool hello_fails(const struct exchange *x, enum trace_shape shape)
{
	enum trace_heard how = x->probe->hellos.of[shape].how;
	return how == HEARD_SILENCE || how == HEARD_RESET || how == HEARD_END || how == HEARD_LOST;
}

/* All went well, and a ClientHello of this other shape has no answer; NULL: there is none. */
static inline const struct trace_hello *other_hello(const struct exchange *x)
{
	if (!x->probe || !x->probe->hellos.looked || x->probe->hellos.broke ||
	    !hello_passes(x, SHAPE_SMALL))
		return NULL;
	return hello_fails(x, SHAPE_SPLIT)   ? &x->probe->hellos.of[SHAPE_SPLIT]
	       : hello_fails(x, SHAPE_LARGE) ? &x->probe->hellos.of[SHAPE_LARGE]
	                                     : NULL;
}

/* Segments were tried in several sizes, and it made no difference. */
static inline bool size_is_ruled_out(const struct exchange *x)
{
	return x->probe && x->probe->mtu.looked && x->probe->mtu.way[CLIENT].how == SIZE_ALL_PASS &&
	       x->probe->mtu.way[PROXY].how == SIZE_NONE_PASSES;
}

/* What looking around brought: behind all that the exchange itself holds. */
void finding_cite_looking(const struct exchange *x, struct finding *f, const char *what);

/* The certificate was signed by what calls itself an inspection (rules_tls.c). */
bool tls_was_inspected(const struct exchange *x);
void tls_cite_inspection(const struct exchange *x, struct finding *f);
/* The largest payload that fits a segment of that side, by the MSS of both; 0 unknown. */
uint32_t full_size(const struct exchange *x, enum trace_side side);

/* ---- a download that was made several times (fetches.c) ------------------------------------- */

enum fetches {
	FETCHES_NOT,     /* it was not, or nothing came of it */
	FETCHES_SIZE,    /* cut at the same byte */
	FETCHES_TIME,    /* cut at the same age */
	FETCHES_EITHER,  /* at both: it can't be told which counts */
	FETCHES_FLAKY,   /* at neither, or not each time */
	FETCHES_HELD,    /* it stops at the same byte, and nobody closes */
	FETCHES_SCANNED, /* the end is held back */
	FETCHES_PATH,    /* the proxy's host does not answer while it is silent */
	FETCHES_LENGTH   /* all of it came, and Content-Length says otherwise */
};

enum fetches fetches_say(const struct exchange *x);
void fetches_cite(const struct exchange *x, struct finding *f);
/* The causes that they leave. False where they tell nothing. */
bool fetches_causes(const struct exchange *x, struct finding *f);

#endif
