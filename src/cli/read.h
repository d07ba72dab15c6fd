/* viaduct read, in its parts: what is asked for (read.c), captures into exchanges (reading.c, and
 * pipeline.c with all processors), exchanges into output (report.c), and what needs the packets a second time (packets.c,
 * redact.c). */
#ifndef CLI_READ_H
#define CLI_READ_H

#include "capture/feed.h"
#include "cli/options.h"
#include "packet/text.h"
#include "render/report.h"

#include <limits.h>
#include <stdio.h>

enum packet_style { PACKETS_NONE, PACKETS_TCPDUMP, PACKETS_WIRESHARK };

/* A moment as a person gives it. */
enum moment_kind { MOMENT_NONE, MOMENT_ABSOLUTE, MOMENT_CLOCK, MOMENT_AFTER_START };
struct moment {
	enum moment_kind kind;
	nanos value; /* since 1970, since midnight UTC, or since the first packet */
};

struct read_options {
	char **file;
	int files;
	const char **shown; /* the files' names, made safe to show */
	bool json, summary, details;
	enum packet_style packets;
	const char *ladder, *html, *slice, *colour;
	bool has_proxy;
	struct address proxy;
	struct moment from, to;
	bool only, only_failures, only_verdict[V_COUNT_];
	uint32_t max_connections;
	unsigned threads; /* 0: as many as there are processors, where that pays */
	/* Who else wants each exchange that is chosen, with its words; NULL: nobody. */
	void (*each)(void *context, const struct exchange *x, const struct diagnosis *d);
	void *each_context;
	bool help;
};

/* ---- read.c ---- */

/* One of its options, into the struct read_options that is the context: an option_taker. */
bool read_take(void *context, const struct option *option, const char *value);

/* ---- report.c ---- */

struct report;

struct report *report_new(const struct read_options *options, struct error *err);
void report_free(struct report *r);
/* When the capture began, for moments that are given relative to it. */
void report_begin(struct report *r, nanos first);
/* An exchange that is complete; the report frees it. From one thread at a time. */
void report_exchange(struct report *r, struct exchange *x);
/* A line between parts of a text. */
void report_heading(struct report *r, const char *file, const struct packet_example *e);
/* Cards, summary, the feet of files; facts NULL: nothing could be read. 0, or a negative errno with the first trouble. */
int report_finish(struct report *r, const struct summary_facts *facts, struct error *err);
bool report_found_failure(const struct report *r);
/* Live: what is rendered so far goes out. */
void report_flush(struct report *r);
/* The counts as text, to where a person looks while standard output is a program's. */
void report_summary(struct report *r, const struct summary_facts *facts, FILE *to);

/* What a thread needs to judge, count and render beside others. */
struct report_desk;
struct report_desk *report_desk_new(void);                         /* NULL: out of memory */
void report_desk_close(struct report *r, struct report_desk *desk); /* adds its counts; NULL is fine */

/* Is nothing asked for but counts? Then from any thread: */
bool report_counts_only(const struct report *r);
void report_count(struct report_desk *desk, const struct exchange *x);

/* Is all that is asked for a record of each exchange? Then they may be rendered in any thread, to be
 * printed in order. */
bool report_in_parts(const struct report *r);
void report_record(const struct report *r, struct report_desk *desk, struct exchange *x,
		   struct buffer *out); /* frees x */
void report_print(struct buffer *records); /* empties it */

/* What the second pass wants to know of each exchange. */
struct reported {
	struct address client, proxy;
	uint32_t file;
	uint64_t request_frame, response_frame, decisive_frame;
	nanos first, last, since_request;
	enum verdict verdict;
	bool failed;
	char id[17];
	char target[64];
};
struct reported report_note(const struct exchange *x, const struct diagnosis *d);
size_t report_listed(const struct report *r, const struct reported **ret_list);

/* ---- reading.c ---- */

/* Reads all files, hands the exchanges to the report. EXIT_FINE or EXIT_TROUBLE; complains. */
int reading_run(const struct read_options *options, struct report *r,
		struct summary_facts *ret_facts);

/* ---- second pass ---- */

int packets_print(const struct read_options *options, const struct report *r);
int redact_slices(const struct read_options *options, const struct report *r);

/* For a file's name: letters, digits, dots and dashes alone; `into` has room for as much. */
void redact_safe_name(char *into, const char *target);

/* One exchange's packets are to be cut out into a file of that name. */
struct redact_slice {
	struct reported what;
	char path[PATH_MAX];
};
/* All of them, out of files that follow one another as one capture (one that is gone is passed over). `most`:
 * bytes of a slice, more or less; 0: any. -1: these hold no packets; else EXIT_FINE or EXIT_TROUBLE, and it
 * has complained. */
int redact_cut(const char *const *file, size_t files, const struct redact_slice *slice,
	       size_t slices, uint64_t most);

#endif
