/* The way there: to the origin, or to a parent and to the next one where that fails; by a
 * connection that was kept, or a new one. */
#include "proxy/client.h"

#include "base/escape.h"
#include "proxy/parent.h"

#include <stdio.h>

static const char *dial_failed(struct client *c, const struct net_dialed *d, enum answer_why *why)
{
	struct job *j = c->job;
	char to[80] = "", host[120];
	struct buffer shown;
	buffer_init(&shown, sizeof to);
	if (!address_is_none(&d->peer))
		address_add(&shown, &d->peer);
	snprintf(to, sizeof to, "%.*s", (int)shown.len, shown.at ? (char *)shown.at : "");
	buffer_done(&shown);
	escape_into(host, sizeof host, slice_of(j->parent ? j->parent->host : j->host));
	switch (d->status) {
	case NET_DIAL_UNRESOLVED:
		*why = ANSWER_UNRESOLVED;
		reply_text(j, "%s: %s", host, net_dns_status_name(d->dns));
		break;
	case NET_DIAL_REFUSED:
		*why = ANSWER_REFUSED;
		reply_text(j, "%s at %s refused the connection", host, to);
		break;
	case NET_DIAL_UNREACHABLE:
		*why = ANSWER_UNREACHABLE;
		reply_text(j, "%s at %s: %s", host, to, net_error_name(d->code));
		break;
	case NET_DIAL_TIMEOUT:
		*why = ANSWER_CONNECT_TIMEOUT;
		reply_text(j, "%s at %s did not answer", host, to);
		break;
	case NET_DIAL_SHORT:
		*why = ANSWER_BUSY;
		reply_text(j, "no descriptor, port or memory was left to reach %s", host);
		break;
	default:
		*why = ANSWER_UNREACHABLE;
		reply_text(j, "%s at %s: %s", host, to, net_error_name(d->code));
		break;
	}
	return j->text;
}

static enum trace_outcome outcome(enum net_dial_status s)
{
	switch (s) {
	case NET_DIAL_OK:
		return ONWARD_ANSWERED;
	case NET_DIAL_REFUSED:
		return ONWARD_REFUSED;
	case NET_DIAL_UNRESOLVED:
		return ONWARD_UNRESOLVED;
	case NET_DIAL_UNREACHABLE:
		return ONWARD_UNREACHABLE;
	case NET_DIAL_TIMEOUT:
		return ONWARD_UNANSWERED;
	default:
		return ONWARD_UNKNOWN;
	}
}

static const char TUNNEL_OPEN[] = "HTTP/1.1 200 Connection established\r\n\r\n";

static void open_tunnel(struct client *c, unsigned origin_ready)
{
	struct job *j = c->job;
	struct tunnel *t = j->tunnel;
	j->tunnel = NULL;
	client_leave_to(c, t,
			&(struct tunnel_start){
				.answer = slice_of(TUNNEL_OPEN),
				.origin_ready = (uint8_t)origin_ready,
				.is_connect = true,
			});
}

static void connected(struct client *c, const struct net_dialed *d)
{
	struct job *j = c->job;
	if (!j->origin) {
		open_tunnel(c, d->ready);
		return;
	}
	j->origin->peer = d->peer;
	j->origin->state = (uint8_t)d->ready;
	forward_begin(c);
}

static void not_connected(struct client *c, const struct net_dialed *d)
{
	struct job *j = c->job;
	enum answer_why why;
	origin_close(j->origin);
	j->origin = NULL;
	if (d->status == NET_DIAL_FORBIDDEN) {
		request_refuse_address(c);
		return;
	}
	dial_failed(c, d, &why);
	if (j->parent) { /* the next one, if there is any */
		metrics_add(&c->worker->metrics.parents_failed, 1);
		reach_next(c);
		return;
	}
	reply_send(c, &(struct reply){
			      .why = why,
			      .timed_out_dns =
				      d->status == NET_DIAL_UNRESOLVED && d->dns == NET_DNS_TIMEOUT,
		      });
}

static void dialed(void *context, const struct net_dialed *d)
{
	struct client *c = context;
	struct job *j = c->job;
	j->dial = NULL;
	record_dialed(j->record, &d->peer, d->resolved_at, d->connected_at, outcome(d->status),
		      false);
	if (j->parent)
		record_parent(j->record);
	if (d->status == NET_DIAL_OK)
		connected(c, d);
	else
		not_connected(c, d);
	client_run(c);
}

static bool allows(void *context, const struct address *to)
{
	return request_allows(context, to);
}

static void dial(struct client *c, const char *host, uint16_t port, struct net_watch *home)
{
	struct job *j = c->job;
	struct net_dial_options options = {
		.host = slice_of(host),
		.port = port,
		.timeout = c->config->timeout.connect,
		.allow = j->parent ? NULL : allows,
		.done = dialed,
		.context = c,
		.home = home,
	};
	j->dial = net_dial(c->worker->loop, c->worker->dns, &options);
	if (j->dial)
		client_go(c, CLIENT_DIAL);
	else
		reply_refuse(c, ANSWER_BUSY, "no memory was left to connect");
}

static void connect_tunnel(struct client *c)
{
	struct job *j = c->job;
	if (!j->tunnel)
		j->tunnel = tunnel_take(c->worker);
	if (!j->tunnel) {
		reply_refuse(c, ANSWER_BUSY, "no memory was left for a tunnel");
		return;
	}
	dial(c, j->host, j->port, tunnel_origin(j->tunnel));
}

/* What `decide` has allowed already need not be judged once more. */
static bool may_go_to(struct client *c, const struct address *to)
{
	const struct job *j = c->job;
	return j->parent || (j->literal && address_same_host(to, &j->address)) ||
	       request_allows(c, to);
}

/* An idle connection to there that this request may use. */
static struct origin *find_kept(struct client *c, const char *host, uint16_t port)
{
	struct job *j = c->job;
	struct origin *o = c->bound;
	c->bound = NULL;
	if (o && (j->ask.connect || o->port != port || strcmp(o->host, host) != 0)) {
		origin_close(o);
		o = NULL;
	}
	/* a CONNECT may not be sent twice, so it goes where it need not be */
	if (!o && !j->fresh && !j->ask.connect && !(j->parent && j->parent->send_proxy))
		o = origin_find(c->worker, slice_of(host), port);
	if (o && (j->fresh || !may_go_to(c, &o->peer))) {
		origin_close(o);
		o = NULL;
	}
	return o;
}

static void connect_origin(struct client *c, const char *host, uint16_t port)
{
	struct job *j = c->job;
	j->origin = find_kept(c, host, port);
	if (j->origin) {
		metrics_add(&c->worker->metrics.origins_reused, 1);
		record_dialed(j->record, &j->origin->peer, NO_TIME, NO_TIME, ONWARD_ANSWERED, true);
		if (j->parent)
			record_parent(j->record);
		forward_begin(c);
		return;
	}
	j->origin = origin_new(c->worker, slice_of(host), port);
	if (j->origin)
		dial(c, host, port, &j->origin->watch);
	else
		reply_refuse(c, ANSWER_BUSY, "no memory was left to connect");
}

/* All that serve this destination were tried. */
static void parents_failed(struct client *c)
{
	struct job *j = c->job;
	j->parent = NULL;
	reply_send(c, &(struct reply){ .why = ANSWER_PARENT });
}

void reach_next(struct client *c)
{
	struct job *j = c->job;
	bool direct = c->config->parents == 0, tried = j->parent != NULL;
	if (!direct)
		j->parent = parent_next(c->config, slice_of(j->host),
					j->literal ? &j->address : NULL, &j->parent_at, &direct);
	if (j->parent)
		connect_origin(c, j->parent->host, j->parent->port);
	else if (!direct || tried)
		parents_failed(c);
	else if (j->ask.connect)
		connect_tunnel(c);
	else
		connect_origin(c, j->host, j->port);
}

void reach_again(struct client *c)
{
	struct job *j = c->job;
	j->fresh = true;
	if (j->parent)
		connect_origin(c, j->parent->host, j->parent->port);
	else
		connect_origin(c, j->host, j->port);
}

void reach_stop(struct job *j)
{
	auth_forget(&j->auth);
	net_dial_stop(j->dial);
	tunnel_give_back(j->tunnel);
	j->dial = NULL;
	j->tunnel = NULL;
}
