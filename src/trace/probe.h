/* What a probe alone knows of an exchange: what kept it from the conversation, and what it found out
 * by asking again in another way. Facts, as in trace/exchange.h; `check` writes them, `diagnose`
 * judges by them. Texts are constant, or live in the exchange's arena, and are safe to show; NULL: it
 * was not so. Slices are foreign bytes in that arena. */
#ifndef TRACE_PROBE_H
#define TRACE_PROBE_H

#include "base/address.h"
#include "base/slice.h"
#include "base/when.h"

/* How the body of an answer came. */
struct trace_flow {
	uint32_t pieces;         /* reads that had something of it; 0: none came */
	nanos first, last;       /* of them; NO_TIME: none */
	nanos pause;             /* the longest between two, or before the end */
	uint64_t pause_at;       /* bytes that had come before it */
	uint64_t bytes;
};

/* ---- the same download, several times ------------------------------------------------------ */

enum trace_cut { CUT_NOT, CUT_FIN, CUT_RST, CUT_STALLED, CUT_NO_BODY };

struct trace_fetch {
	enum trace_cut how;      /* CUT_NOT: it came whole, or as much as was wanted */
	uint16_t status;         /* 0: no answer */
	bool paced;              /* read slower on purpose */
	bool enough;             /* we ended it */
	uint64_t promised;       /* Content-Length; UINT64_MAX unknown */
	uint64_t body;           /* bytes of it that came */
	uint64_t carried;        /* bytes that came down through the tunnel; else as `body` */
	nanos age;               /* from the request to the proxy to the last byte, or the cut */
	struct trace_flow flow;
	bool path_asked, path_answers; /* as in trace_probe */
	nanos begun;
};

enum trace_resume { RESUME_NOT_TRIED, RESUME_IGNORED, RESUME_REFUSED, RESUME_CHANGED, RESUME_WRONG_RANGE,
                    RESUME_HONOURED, RESUME_FAILED };

enum { TRACE_MOST_FETCHES = 3 };

struct trace_download {
	struct trace_fetch fetch[TRACE_MOST_FETCHES]; /* the first is the exchange's own */
	size_t fetches;
	enum trace_resume resume;
	uint16_t resume_status;
	bool validated;          /* If-Range went with it: an ETag or a date was known */
	nanos resume_begun;
	uint64_t resume_from, resume_came;
	uint64_t whole;          /* length by Content-Range; UINT64_MAX unknown */
	bool completed;          /* with the rest all of it was there */
};

/* ---- credentials --------------------------------------------------------------------------- */

struct trace_trial {
	uint16_t bare;           /* status of the request without credentials; 0: there was none */
	uint16_t with;           /* with them */
	uint16_t again;          /* with Basic, where Digest was refused and Basic is on offer, too */
	const char *algorithm;   /* of Digest: "SHA-256"; NULL: another scheme */
	uint8_t refusals;        /* 407s to credentials, in all of this run */
	uint8_t stales;          /* of them, those that said stale=true */
	bool spared;             /* not asked again: the password had been refused twice */
};

/* ---- a quiet tunnel ------------------------------------------------------------------------ */

enum trace_idle_end { IDLE_HELD, IDLE_INTERRUPTED, IDLE_FIN, IDLE_RST };
enum trace_idle_test { IDLE_NOT_TESTED, IDLE_ANSWERED, IDLE_ACKNOWLEDGED, IDLE_UNANSWERED,
                       IDLE_TEST_RST, IDLE_TEST_FIN };

struct trace_idle {
	enum trace_idle_end how;
	enum trace_idle_test test; /* what came of data sent after the quiet */
	bool said_goodbye;       /* a TLS closing alert came before the end: no proxy in the middle can */
	nanos begun, ended, quiet; /* when the quiet began, and ended, and how long it was */
	nanos most;              /* it would have been held so long */
};

/* ---- who is there -------------------------------------------------------------------------- */

enum trace_reach { TRACE_CONNECTED, TRACE_REFUSED, TRACE_UNREACHABLE, TRACE_UNANSWERED };

struct trace_door { /* one of the proxy's addresses */
	struct address at;
	enum trace_reach reach;
	nanos took;              /* to connect */
	uint16_t status;         /* of the same request through it; 0: no answer */
};

struct trace_link { /* of the chain of certificates */
	struct slice subject, issuer, names; /* names: as in tls/certificate.h */
	nanos not_before, not_after;
};

enum { TRACE_MOST_DOORS = 8, TRACE_MOST_LINKS = 10 };

struct trace_way {
	struct trace_door door[TRACE_MOST_DOORS];
	size_t doors;
	struct trace_link link[TRACE_MOST_LINKS]; /* the leaf first */
	size_t links;
};

/* ---- what size does ------------------------------------------------------------------------ */

/* What size does to the segments of one side, tried with smaller and larger ones. An MSS counts TCP's
 * options in. */
enum trace_size_how { SIZE_UNKNOWN, SIZE_ALL_PASS, SIZE_BOUNDARY, SIZE_NONE_PASSES };
struct trace_size {
	enum trace_size_how how;
	uint16_t passes, fails;      /* MSS: the largest that passes, the smallest that does not; 0 unknown */
	const char *why;             /* not measured; constant */
};
struct trace_mtu {
	bool looked;
	bool broke;                  /* the plain walk had failed; down, it is that failure that size undoes */
	uint16_t header;             /* of IP and TCP, without options: MTU less MSS */
	struct trace_size way[2];    /* by the side that sends */
	const char *text;            /* the same in a sentence */
};

/* ---- other hellos -------------------------------------------------------------------------- */

/* Which ClientHello is answered through the same tunnel. */
enum trace_shape {
	SHAPE_SMALL,                 /* a few hundred bytes */
	SHAPE_SPLIT,                 /* the like in two segments */
	SHAPE_LARGE,                 /* as with a post-quantum key share */
	SHAPE_PIECES,                /* the like in small segments */
	SHAPE_NAMELESS,              /* small, without a server name */
	SHAPE_COUNT_
};
enum trace_heard { HEARD_UNKNOWN, HEARD_HELLO, HEARD_ALERT, HEARD_OTHER, HEARD_SILENCE, HEARD_RESET,
                   HEARD_END, HEARD_LOST };
struct trace_hello {
	enum trace_heard how;        /* HEARD_LOST: it was never acknowledged */
	uint32_t bytes;
};
struct trace_hellos {
	bool looked;
	bool broke;                  /* the plain walk had failed */
	struct trace_hello of[SHAPE_COUNT_];
	const char *text;            /* the same in a sentence */
};

/* ---- the certificate that was turned down, asked for once more ------------------------------ */

/* In TLS 1.2, where whoever listens in can read it. */
enum trace_shown {
	SHOWN_UNKNOWN,               /* not asked, or there was no tunnel */
	SHOWN_NONE,                  /* TLS 1.2 is not spoken there */
	SHOWN_SAME,
	SHOWN_OTHER,                 /* another certificate, and it was turned down, too */
	SHOWN_OTHER_GOOD             /* ... and it was taken */
};

/* ---- all of it ----------------------------------------------------------------------------- */

enum trace_outer { OUTER_NONE, OUTER_DONE, OUTER_NOT_TLS, OUTER_UNTRUSTED, OUTER_FAILED, OUTER_SILENT,
                   OUTER_RESET, OUTER_CLOSED };

enum trace_no_way { NO_WAY_ROUTE, NO_WAY_NEIGHBOUR, NO_WAY_FORBIDDEN };

struct trace_probe {
	const char *settings_fault;  /* why they can't work */
	const char *unresolved;      /* what the resolver said of the proxy's name */
	bool resolver_failed;        /* ... and that it failed, or did not answer: the name may be right */
	const char *no_route;        /* what the kernel said instead of trying, or of its own try */
	enum trace_no_way no_way;    /* ... and what stands behind that */
	enum trace_outer outer;      /* how the TLS with an https:// proxy went */
	const char *outer_text;
	const char *other_issuer;    /* who issued the certificate that is shown without the proxy */
	bool distrusted;             /* the probe turned the certificate down, without an alert */
	bool weak_certificate;       /* ... or for its key's length, or the hash it is signed with */
	bool asked_anew;             /* no answer came, and on another connection it was asked for again */
	bool inside;                 /* it went on inside a tunnel's TLS, which the probe itself ends */
	struct trace_mtu mtu;
	struct trace_hellos hellos;
	enum trace_shown shown;
	const char *complaint;       /* what the client could not make use of in the answer, or after it */
	bool path_asked;             /* in a silence the proxy's host was sent keep-alive probes, */
	bool path_answers;           /* ... and acknowledged them */
	struct trace_flow flow;      /* of its body */
	struct slice page;           /* text of the page of a refusal, without its tags */
	struct trace_download *download; /* of the differentials; NULL: not made */
	struct trace_trial *trial;
	struct trace_idle *idle;
	struct trace_way *way;
};

#endif
