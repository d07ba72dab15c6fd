/* What a probe found out by asking again in another way: parts of struct trace_probe, in
 * trace/exchange.h. Facts, as there; `check` writes them, `diagnose` judges by them. Texts are
 * constant; slices are foreign bytes in the exchange's arena. */
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
	uint64_t from;           /* the byte it began at */
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

#endif
