/* A list of targets and how each fared: as a table, and as the text that asks whoever runs the proxy to
 * let them through. */
#ifndef RENDER_TARGETS_H
#define RENDER_TARGETS_H

#include "render/render.h"

struct render_host { /* what is to be allowed */
	const char *host;            /* a name, or *.name */
	const uint16_t *port;
	size_t ports;
	bool pinned;                 /* the product takes no certificate but the vendor's */
	const char *purpose;         /* safe to show; may be "" */
};

struct render_target {
	const char *url;
	const char *purpose;         /* safe to show; may be "" */
	const char *trouble;         /* why nothing can be said of it, or NULL; then the rest is not looked at */
	bool direct;                 /* it does not go through the proxy; why: `trouble` */
	bool reached;
	bool brief;                  /* the row alone, without why */
	const char *unlike;          /* not reached although the verdict is good: why; else NULL */
	nanos began, took;
	unsigned status;             /* of the last answer; 0: none */
	const struct exchange *x;
	const struct diagnosis *d;
};

/* A line: mark, verdict, URL, time, status. Below it, where it was not reached, why. */
void render_target_row(struct buffer *out, const struct render_style *s,
                       const struct render_target *t);

/* "12 targets: 10 reached, 2 not (denied 1, tls-intercepted 1)" */
struct render_count { size_t targets, reached, direct, verdict[V_COUNT_]; };
void render_target_count(struct buffer *out, const struct render_count *n);

/* The URL without what may be a secret: its query and fragment. Safe to show. */
void render_target_url(struct buffer *out, const char *url);

/* ---- the request for a change: plain text, lines of 78 columns, no secrets ----------------- */

struct render_request {
	const char *title, *date;    /* of the list */
	const char *const *source;
	size_t sources;
	const char *proxy;           /* "10.10.10.1:3128" */
	const char *host;            /* this one's name, or NULL */
	const char *version;
	nanos now;
};

void render_request_head(struct buffer *out, const struct render_request *r,
                         const struct render_count *n);
void render_request_hosts(struct buffer *out, const struct render_host *host, size_t count);
/* What was seen of one that was not reached: the number'th. */
void render_request_seen(struct buffer *out, size_t number, const struct render_target *t);
void render_request_foot(struct buffer *out, const struct render_request *r);

#endif
