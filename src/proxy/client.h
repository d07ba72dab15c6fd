/* A client's connection, and the request in progress on it. Private to the data path: client.c reads
 * heads and keeps the connection's life, request.c decides what becomes of a request, reach.c connects
 * to an origin or a parent, forward.c carries it there and the answer back, reply.c answers for the
 * proxy itself.
 *
 *                ┌──────────────────────────────────────────────────────────┐
 *                ▼                                                          │
 *              IDLE ──▶ HEAD ──▶ AUTH ──▶ DIAL ──▶ FORWARD ─────────────────┤
 *                         │        │        │         │                     │
 *                         │        │        ├─────────┼──────▶ (a tunnel)   │
 *                         ▼        ▼        ▼         ▼                     │
 *                        ─────────── ANSWER ──────────┴─────────────────────┘
 *                                       │
 *                                       ▼
 *                                     LINGER ──▶ GONE
 *
 * AUTH and DIAL are left out where nothing has to be waited for. From everywhere it may go to GONE;
 * client_go is the only one that changes the state. client_run does what the state has to do until
 * it must wait, and frees what is GONE; nothing else frees a client, so that whoever is called on
 * the way may go on using it. */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H

#include "http/head.h"
#include "net/dial.h"
#include "proxy/answer.h"
#include "proxy/auth.h"
#include "proxy/body.h"
#include "proxy/origin.h"
#include "proxy/rules.h"
#include "proxy/tunnel.h"
#include "proxy/worker.h"

enum client_state {
	CLIENT_IDLE,     /* between requests, or before the first */
	CLIENT_HEAD,     /* the beginning of a head is here */
	CLIENT_AUTH,     /* another thread looks at the password */
	CLIENT_DIAL,     /* resolving and connecting */
	CLIENT_FORWARD,  /* request and answer go to and fro */
	CLIENT_ANSWER,   /* the last of an answer is being written */
	CLIENT_LINGER,   /* our FIN is sent; what the client still sends is thrown away, so that no
	                    RST destroys the answer on its way (RFC 9112 section 9.6) */
	CLIENT_GONE,
};

/* The two directions of a request that is forwarded; each only goes forward. */
enum up_state {
	UP_OPEN,         /* the head or the body is on its way */
	UP_DONE,         /* all of the request was sent */
	UP_BROKEN,       /* the origin takes no more; what it answers may still count */
};
enum down_state {
	DOWN_HEAD,       /* waiting for the head of the final answer */
	DOWN_BODY,
	DOWN_DONE,       /* all of it was handed to the client's socket */
};

enum { JOB_IN = 8 << 10, JOB_HOST = 256, JOB_TEXT = 320 };

/* A request in progress. From a pool; a connection that is quiet has none. */
struct job {
	struct job *next;            /* spare ones */
	struct client *client;

	uint8_t *in;                 /* from the client: the head, and what came with it */
	uint32_t in_len, in_room;
	uint32_t in_at;              /* of that is used */
	uint32_t scanned;            /* no head ends before here */
	struct buffer surplus;       /* what was read behind a chunked body */
	struct http_request request; /* points into `in` */
	bool understood;             /* ... and was read whole */

	char host[JOB_HOST];         /* lower case, no brackets, no dot at the end */
	uint16_t port;
	bool literal;                /* the host is this address */
	struct address address;
	int64_t max_forwards;        /* to be sent on; -1 */
	struct rules_ask ask;
	struct rules_answer rules;   /* to the name */
	struct rules_answer address_rules; /* the last address that was not allowed */
	bool looped;                 /* ... because it is our own */
	struct auth_check auth;

	const struct config_parent *parent; /* on the way to whom; NULL: to the origin */
	size_t parent_at;            /* the next parent to try */
	char *parent_credentials;    /* a Proxy-Authorization field for it; NULL */
	bool challenged;             /* the parent's 407 was answered */
	bool held;                   /* the body waits for what the parent says to the head */

	struct net_dial *dial;
	struct tunnel *tunnel;       /* taken before a tunnel is promised */
	struct origin *origin;
	bool begun;                  /* forwarding was */
	bool all_read;               /* nothing of the request is still to come */
	bool fresh;                  /* no kept connection, please */
	bool retried;

	enum up_state up_state;
	enum down_state down_state;
	struct body up, down;        /* down carries our own answers, too */
	struct buffer partial;       /* of the answer's head */
	bool said;                   /* the origin's first byte is here */
	bool close;                  /* the client's connection ends with this answer */
	bool keep_origin;
	bool delimited;              /* the client can tell where the answer ends, or that it was cut */
	struct brake brake;
	bool braked;
	nanos busy;                  /* something moved */
	nanos asked;                 /* the request was sent whole */
	nanos ended;                 /* the client ended its half behind it; NO_TIME */

	struct record *record;
	char text[JOB_TEXT];         /* why it was refused */
	uint8_t first[JOB_IN];       /* `in`, as long as it suffices */
};

struct client {
	struct net_watch watch;
	struct net_timer timer;
	struct worker *worker;
	struct config *config;       /* of the request in progress */
	struct limits_client *limits;
	struct client *next, **prev;
	struct job *job;             /* NULL: nothing was read */
	struct origin *bound;        /* idle, and this client's alone */
	nanos accepted;
	struct address peer, local;  /* as the PROXY header has it, where there is one */
	uint32_t requests;
	uint8_t state;               /* enum client_state */
	uint8_t ready;               /* NET_READABLE, ... */
	bool watched;
	bool wants_header;           /* a PROXY header comes first */
	struct worker_turn turn;
	bool running, leaves_tunnel; /* in client_run; its sockets are a tunnel's now */
};

/* Takes an accepted socket over; false: no memory (then it is still the caller's). */
bool client_accept(struct worker *w, struct worker_listener *l, int fd,
		   const struct address *peer, struct limits_client *limits);
void client_run(struct client *c);
void client_go(struct client *c, enum client_state to);
bool client_watch(struct client *c); /* from now on; false: the kernel has no memory */
void client_finish(struct client *c); /* the request is over: the next one, or the end */
void client_drop(struct client *c);   /* cut it now, with a RST; GONE */
void client_cut(struct client *c, const char *why, const char *text); /* ... and say why */
/* The tunnel, whose origin is there, takes its socket over, with what it sent early and the record of its
 * request; `start` has the rest. GONE. */
void client_leave_to(struct client *c, struct tunnel *t, const struct tunnel_start *start);
void client_is_gone(struct client *c, int code); /* it takes nothing any more: why writing failed */
void client_free_spare_jobs(struct worker *w);
void client_shrink_spares(struct net_timer *t); /* the worker's `shrink` */
void client_close_idle(struct client *c); /* it drains: the connection ends when it may */

/* request.c: a head was read; or refused as bytes. */
void request_begin(struct client *c);
void request_refuse_bytes(struct client *c, const struct http_bad *bad);
void request_refuse_late(struct client *c); /* its head did not come in time */
void request_left(struct client *c, bool reset); /* the client went before all of it was here */
bool request_allows(struct client *c, const struct address *to);
void request_refuse_address(struct client *c); /* what request_allows said no to */

/* reach.c */
void reach_next(struct client *c);      /* to the origin, or the next parent */
void reach_again(struct client *c);     /* to the same one, by a new connection */
void reach_stop(struct job *j);         /* whatever is under way for it */

/* reply.c */
struct reply {
	enum answer_why why;
	const char *text;            /* NULL: j->text */
	struct slice fields;
	bool timed_out_dns;
};
void reply_send(struct client *c, const struct reply *r);
void reply_refuse(struct client *c, enum answer_why why, const char *text); /* the same, no more */
bool reply_step(struct client *c);      /* CLIENT_ANSWER; true: the state changed */
/* At the door; closes it. */
void reply_tell(struct worker_listener *l, int fd, const struct address *peer,
                enum answer_why why, const char *text);
void reply_trace(struct client *c);     /* TRACE or OPTIONS that ends here */
void reply_text(struct job *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* forward.c: j->origin is connected (or kept alive). */
void forward_begin(struct client *c);
bool forward_step(struct client *c);    /* CLIENT_FORWARD */
void forward_timer(struct client *c);

#endif
