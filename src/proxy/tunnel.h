/* A tunnel: two sockets, and bytes both ways until both sides have ended. It is small, as there are
 * many and most of them are quiet; what it needs is taken before anything is promised to a client.
 *
 * The client (client.h) owns it until tunnel_start; from then on the tunnel owns itself, both
 * sockets and the record, and gives all back when it ends. */
#ifndef PROXY_TUNNEL_H
#define PROXY_TUNNEL_H

#include "proxy/worker.h"

/* NULL: no memory. */
struct tunnel *tunnel_take(struct worker *w);
void tunnel_give_back(struct tunnel *t); /* one that was not started; NULL is fine */

/* Where the origin's socket is to be watched: for net_dial, or net_watch_move. */
struct net_watch *tunnel_origin(struct tunnel *t);

struct tunnel_start {
	struct net_watch *client;     /* moved; or not watched yet, then it is added */
	bool watched;
	struct slice answer;          /* the head that opens it, to be sent to the client */
	struct slice from_client, from_origin; /* what came early */
	uint8_t client_ready, origin_ready;
	struct record *record;
	struct limits_client *limits; /* the client's place; NULL */
	const char *host;             /* that CONNECT named, to compare the SNI with; read during
	                                 the call only */
	bool is_connect;
};
void tunnel_start(struct tunnel *t, const struct tunnel_start *start);

/* Why they are ended from outside. */
void tunnel_cut(struct tunnel *t, const char *name, const char *text);

#endif
