/* What reading.c and pipeline.c share: one run of viaduct read over its captures. */
#ifndef CLI_READING_H
#define CLI_READING_H

#include "cli/read.h"

struct pipeline;

/* Somebody watches an interface: the capture goes on, and what comes of it is wanted at once. */
struct reading_live {
	struct capture *capture;
	/* Packets, before anything comes of them. */
	void (*packets)(void *context, const struct capture_batch *b);
	/* What came of them was given to the report; in quiet times likewise, ten times a second. */
	void (*tick)(void *context, const struct feed *f);
	void *context;
};

struct reading {
	const struct read_options *options;
	struct report *report;
	struct trace_book *book;
	struct pipeline *pipeline; /* that gives exchanges to the book now; NULL: none */
	const struct reading_live *live; /* NULL: files */
	struct capture *capture;
	uint32_t file;
	nanos first, last;         /* of this capture; NO_TIME: no packet yet */
	uint64_t packets, bytes;
	bool progress;
	struct error err;
};

/* As reading_run, of what is live. EXIT_TROUBLE: it ended by itself, and complained. */
int reading_watch(const struct read_options *options, struct report *r,
		  const struct reading_live *live, struct summary_facts *ret_facts);

struct feed_options reading_feed_options(const struct reading *r);

/* What a feed that is through has counted. */
void reading_count(struct summary_facts *facts, const struct feed *f);

/* All packets of r->capture, their exchanges to the book, and what the book gives out to the report.
 * 0, or a negative errno and r->err. */
int pipeline_run(struct reading *r, struct summary_facts *facts);

/* An exchange that the book gives out meanwhile. */
void pipeline_take(struct pipeline *p, struct exchange *x);
void pipeline_take_record(struct pipeline *p, struct trace_record *record);

#endif
