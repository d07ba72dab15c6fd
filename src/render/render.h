/* Exchanges and diagnoses as a person or a program reads them: lines, cards, JSON, a summary.
 *
 * Everything goes into a buffer that the caller gives; nothing here prints. All foreign bytes
 * are escaped on their way. Widths are terminal columns: wide characters count two, combining
 * ones none, and nothing is cut in the middle of a character. */
#ifndef RENDER_RENDER_H
#define RENDER_RENDER_H

#include "diagnose/diagnose.h"

struct render_style {
	bool colour;    /* ANSI SGR sequences */
	unsigned width; /* columns, at least 40; 80 where unknown */
	bool utf8;      /* arrows and lines as UTF-8; else ASCII */
	const char *const *file_name; /* names of the captures, by exchange.file; NULL: do not say */
};

/* One record of NDJSON with its line break: SPEC, "The record, as JSON". Members that are not
 * known are left out. */
void render_json(struct buffer *out, const struct exchange *x, const struct diagnosis *d);

/* One line an exchange: time, verdict, client -> proxy, method and target, status, how long. */
void render_line(struct buffer *out, const struct render_style *s, const struct exchange *x,
                 const struct diagnosis *d);

/* One line of an access log: time, client, user, method, target, status, bytes up/down, duration,
 * verdict; behind them, where it was not all well, why. */
void render_access(struct buffer *out, const struct exchange *x, const struct diagnosis *d);

/* The card: summary, evidence with frame numbers and times, cause, remedy. */
void render_card(struct buffer *out, const struct render_style *s, const struct exchange *x,
                 const struct diagnosis *d);

/* The decoded heads of request and answer (exchange.request.head, .response.head), as Wireshark
 * shows them, with what is linked to what. */
void render_details(struct buffer *out, const struct render_style *s, const struct exchange *x);

/* ---- counting ---------------------------------------------------------------------------- */

/* Counts by verdict, by proxy, by target; bounded (the least frequent targets fall into "others").
 * Heap memory; two tallies can be added. */
struct tally;
struct tally *tally_new(void); /* NULL: out of memory */
void tally_free(struct tally *t);
void tally_add(struct tally *t, const struct exchange *x, enum verdict verdict,
               enum severity severity);
void tally_merge(struct tally *into, const struct tally *from);
uint64_t tally_count(const struct tally *t, enum verdict v);
uint64_t tally_failures(const struct tally *t);
uint64_t tally_total(const struct tally *t);

struct summary_facts {
	uint64_t packets, bytes, connections, ignored_connections, evicted, copies, bad_packets,
	         unknown_link, capture_lost;
	uint64_t tcp;           /* packets that are */
	uint64_t in_turn;       /* captures that begin where another one ended, as they are rotated */
	uint32_t link;          /* where there are packets of a link type unknown: one such */
	nanos first, last;      /* NO_TIME: no packet */
	size_t files;
};
void render_summary(struct buffer *out, const struct render_style *s, const struct tally *t,
                    const struct summary_facts *facts);
/* {"v":1,"exchanges":N,"failures":N,"verdicts":{"ok":N,...},"proxies":{...},"targets":{...},
 *  "packets":N,...} in one line. */
void render_summary_json(struct buffer *out, const struct tally *t,
                         const struct summary_facts *facts);

#endif
