/* Private to the admin door: one visit, that is one connection to it.
 *
 *   admin.c         the thread, its listener, the visits it has
 *   admin_http.c    a visit: requests in, answers out, one at a time
 *   admin_pages.c   what is served, and how it is gathered from the workers
 *
 *    READING ──▶ GATHERING ──▶ WRITING ──▶ READING ...
 *       └──────────────────────▲   └─────▶ (closed)
 *
 * While it gathers, a visit belongs to the worker that it asks, until that sends it home. */
#ifndef PROXY_ADMIN_VISIT_H
#define PROXY_ADMIN_VISIT_H

#include "http/head.h"
#include "net/socket.h"
#include "proxy/admin.h"

enum {
	ADMIN_MAX_VISITS = 16,
	ADMIN_MAX_HEAD = 8 << 10,
	ADMIN_MAX_BODY = 4 << 10,   /* of a request; it is ignored */
	ADMIN_MAX_PAGE = 32 << 20,
	ADMIN_MAX_CONNECTIONS = 10000,
	ADMIN_PORTION = 32,         /* records asked of a worker at a time */
};

enum visit_state { VISIT_READING, VISIT_GATHERING, VISIT_WRITING };

struct admin;

struct visit {
	struct net_watch watch;
	struct net_timer timer;
	struct net_call call;       /* to the worker, and home again */
	struct admin *admin;
	struct visit *next;
	enum visit_state state;
	bool gone;                  /* closed while it gathered */
	bool keep;                  /* another request may follow */
	bool served;                /* it was answered at least once */
	bool head_only;
	struct buffer in, page, out;
	size_t used;                /* bytes of `in` that are the request being answered */
	size_t written;

	/* what is gathered */
	void (*gather)(struct visit *v); /* in the worker's thread */
	void (*finish)(struct visit *v); /* at home: makes the answer */
	size_t worker;              /* that is being asked */
	uint64_t place;
	size_t left;                /* records that may still come */
	bool more;                  /* this worker has more */
	uint64_t dns[4];            /* asked, cached, failed, kept */
	nanos wall;
};

struct admin {
	struct admin_options options;
	struct net_loop *loop;
	struct net_watch listener;
	struct net_call stop;
	bool stopping;
	struct visit *visits;
	size_t count;
	struct admin_worker worker[64];
};

/* admin.c */
void admin_forget(struct visit *v); /* frees it; it is closed already */

/* admin_http.c */
void visit_begin(struct visit *v);  /* its fd is watched */
/* The door shuts: who has asked is answered, who has not yet has a moment to, the others go. */
void visit_stop(struct visit *v);
/* The answer: a status and the page, which becomes its body. It goes out with visit_go_on. */
void visit_answer(struct visit *v, unsigned status, const char *type);
void visit_gather(struct visit *v); /* its state, from now on until visit_answer */
void visit_go_on(struct visit *v);  /* it may be gone afterwards */

/* admin_pages.c */
void pages_serve(struct visit *v, const struct http_request *request);

#endif
