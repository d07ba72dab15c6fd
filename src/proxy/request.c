/* What becomes of a request: may it be passed on at all, by whom, to whom, and the way there. */
#include "proxy/client.h"

#include "base/escape.h"
#include "http/refuse.h"
#include "proxy/parent.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- refusing ------------------------------------------------------------------------------ */

static void refuse(struct client *c, enum answer_why why, const char *text)
{
	reply_send(c, &(struct reply){ .why = why, .text = text });
}

static void begin_record(struct client *c)
{
	struct job *j = c->job;
	j->record = record_begin(c->worker->recorder, &c->peer, &c->local, c->accepted,
				 c->requests > 1);
	record_sockets(j->record, c->watch.fd, -1);
}

static void record_no_request(struct client *c)
{
	const struct job *j = c->job;
	begin_record(c);
	record_bytes(j->record, CLIENT, (struct slice){ j->in, j->in_len });
}

static enum answer_why why_of_status(unsigned status)
{
	switch (status) {
	case 414:
		return ANSWER_TARGET_TOO_LONG;
	case 417:
		return ANSWER_EXPECTATION;
	case 431:
		return ANSWER_HEAD_TOO_LARGE;
	case 501:
		return ANSWER_METHOD;
	case 505:
		return ANSWER_VERSION;
	default:
		return ANSWER_BAD_REQUEST;
	}
}

/* What clients that are set up wrongly begin with; NULL: something else. */
static const char *other_protocol(struct slice in)
{
	if (slice_starts(in, SLICE("\x16\x03")))
		return "TLS (https:// to the proxy itself, which http:// is for)";
	if (slice_starts(in, SLICE("\x05")) || slice_starts(in, SLICE("\x04")))
		return "SOCKS";
	return slice_starts(in, SLICE("SSH-")) ? "SSH" : NULL;
}

/* bad NULL: no more than the limit was read of it, and no end came. */
void request_refuse_bytes(struct client *c, const struct http_bad *bad)
{
	struct job *j = c->job;
	struct slice in = { j->in, j->in_len };
	record_no_request(c);
	if (bad) {
		struct http_refusal no = http_refuse_bytes(in, bad);
		const char *other = other_protocol(in);
		if (other)
			reply_text(j, "these bytes are %s, and not HTTP", other);
		else
			reply_text(j, "%s, at byte %zu", no.why, bad->at);
		refuse(c, why_of_status(no.status), NULL);
		return;
	}
	bool target = slice_find_byte(in, '\n') == in.len;
	reply_text(j, "the header is longer than %llu bytes",
		   (unsigned long long)c->config->limit.header);
	refuse(c, target ? ANSWER_TARGET_TOO_LONG : ANSWER_HEAD_TOO_LARGE, NULL);
}

/* Something was asked for: its first line is here. (An empty one may stand before it, RFC 9112
 * section 2.2.) */
static bool has_line(const struct job *j)
{
	struct slice in = { j->in, j->in_len };
	while (in.len > 0 && (in.at[0] == '\r' || in.at[0] == '\n'))
		in = slice_from(in, 1);
	return slice_find_byte(in, '\n') < in.len;
}

void request_left(struct client *c, bool reset)
{
	if (c->job && !c->wants_header && has_line(c->job)) {
		c->requests++;
		record_no_request(c);
		record_closed(c->job->record, reset ? EV_RST : EV_FIN, CLIENT);
	}
	client_go(c, CLIENT_GONE);
}

void request_refuse_late(struct client *c)
{
	struct job *j = c->job;
	record_no_request(c);
	reply_text(j, "%u bytes of a header came, and no end of it", j->in_len);
	refuse(c, ANSWER_HEADER_TIMEOUT, NULL);
}

/* ---- for whom ------------------------------------------------------------------------------ */

static bool lower_host(struct job *j, struct slice host)
{
	if (host.len > 1 && host.at[host.len - 1] == '.')
		host.len--;
	if (host.len == 0 || host.len >= sizeof j->host)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		uint8_t b = host.at[i];
		j->host[i] = (char)(b >= 'A' && b <= 'Z' ? b | 0x20 : b);
	}
	j->host[host.len] = '\0';
	j->address = (struct address){ 0 };
	j->literal = address_parse((struct slice){ host.at, host.len }, &j->address) &&
		     j->address.port == 0;
	return true;
}

static bool read_target(struct client *c)
{
	struct job *j = c->job;
	const struct http_request *r = &j->request;
	struct http_authority a;
	if (!http_read_authority(r->target, r->form, &a) || !lower_host(j, a.host))
		return false;
	j->port = a.port > 0 ? a.port : 80;
	j->ask = (struct rules_ask){
		.client = c->peer,
		.method = r->method,
		.host = slice_of(j->host),
		.port = j->port,
		.connect = r->form == HTTP_FORM_AUTHORITY,
	};
	return true;
}

/* Via: [protocol/]version SP received-by [SP comment] (RFC 9110 section 7.6.3). */
static bool came_through_us(const struct client *c)
{
	const struct http_fields *fields = &c->job->request.fields;
	const struct http_field *via = NULL;
	while ((via = http_find_next(fields, SLICE("Via"), via)) != NULL) {
		struct slice rest = via->value;
		while (rest.len > 0) {
			struct slice item = slice_trim(slice_cut(&rest, ','));
			slice_cut(&item, ' ');
			item = slice_trim(item);
			if (slice_equal_nocase(slice_cut(&item, ' '),
					       slice_of(c->config->pseudonym)))
				return true;
		}
	}
	return false;
}

static bool is_any(const struct address *a)
{
	static const struct address any6, any4 = { .ip = { [10] = 0xff, [11] = 0xff } };
	return address_same_host(a, &any6) || address_same_host(a, &any4);
}

/* Also one inside of an IPv6 address, by which a gateway would reach us. */
static bool is_loopback(const struct address *a)
{
	const char *kind = rules_private_name(a);
	return kind && strcmp(kind, "loopback") == 0;
}

/* One of our own listeners: by its address, or at any of this host's where it listens to all. */
static bool is_ourselves(const struct client *c, const struct address *to)
{
	const struct worker *w = c->worker;
	for (size_t i = 0; i < w->listeners; i++) {
		const struct address *at = &w->listener[i].at;
		if (at->port != to->port)
			continue;
		if (address_same_host(at, to) || address_same_host(&c->local, to))
			return true;
		/* To connect to 0.0.0.0 or [::] reaches this host's loopback. */
		if (is_any(to) && (is_any(at) || is_loopback(at)))
			return true;
		if (is_any(at) && (is_loopback(to) || net_is_here(to)))
			return true;
	}
	return false;
}

bool request_allows(struct client *c, const struct address *to)
{
	struct job *j = c->job;
	struct rules_answer *answer = &j->address_rules;
	struct address at = *to;
	at.port = j->port;
	j->looped = is_ourselves(c, &at);
	if (j->looped)
		return false;
	rules_decide_address(c->config, &j->ask, &j->rules, &at, answer);
	return answer->reason == RULES_ALLOWED;
}

static bool allows(void *context, const struct address *to)
{
	return request_allows(context, to);
}

/* ---- rules --------------------------------------------------------------------------------- */

static void refuse_by_rule(struct client *c, const struct rules_answer *answer)
{
	static const enum answer_why whys[] = {
		[RULES_RULE] = ANSWER_RULE,         [RULES_NO_MATCH] = ANSWER_NO_MATCH,
		[RULES_LOOPBACK] = ANSWER_LOOPBACK, [RULES_PORT] = ANSWER_PORT,
		[RULES_PRIVATE] = ANSWER_PRIVATE,
	};
	reply_text(c->job, "%s", answer->text);
	refuse(c, whys[answer->reason], NULL);
}

static void ask_credentials(struct client *c);

/* What `allow` said no to. */
static void refuse_address(struct client *c)
{
	if (c->job->looped)
		refuse(c, ANSWER_LOOP, "the target is one of this proxy's own listeners");
	else if (c->job->address_rules.reason == RULES_AUTH)
		ask_credentials(c); /* and decide again: this address wants somebody to be known */
	else
		refuse_by_rule(c, &c->job->address_rules);
}

static bool goes_to_parent(const struct client *c)
{
	const struct job *j = c->job;
	size_t place = 0;
	bool direct;
	return c->config->parents > 0 &&
	       parent_next(c->config, slice_of(j->host), j->literal ? &j->address : NULL, &place,
			   &direct) != NULL;
}

/* What the rules allow. */
static void go_there(struct client *c)
{
	struct job *j = c->job;
	if (j->literal && !request_allows(c, &j->address))
		refuse_address(c);
	else
		request_connect(c);
}

/* At first as nobody: credentials are asked for by the rules that want them, and not looked at
 * where no credentials would make a difference. */
static void decide(struct client *c)
{
	struct job *j = c->job;
	j->ask.unresolved = goes_to_parent(c);
	rules_decide(c->config, &j->ask, &j->rules);
	if (j->rules.trial_line > 0) {
		reply_text(j, "the trial rule at line %u would have denied this",
			   j->rules.trial_line);
		record_trial(j->record, j->text);
	}
	if (j->rules.reason == RULES_AUTH) {
		ask_credentials(c);
		return;
	}
	if (j->rules.reason != RULES_ALLOWED) {
		refuse_by_rule(c, &j->rules);
		return;
	}
	go_there(c);
}

/* It is known now for whom. Where no rule names a user, all that was missing is that there is one.
 */
static void decide_for_user(struct client *c)
{
	struct job *j = c->job;
	j->ask.user = slice_of(j->auth.user);
	if (j->rules.reason != RULES_AUTH || rules_name_users(c->config)) {
		decide(c);
		return;
	}
	j->rules.reason = RULES_ALLOWED;
	go_there(c);
}

/* ---- credentials --------------------------------------------------------------------------- */

static void challenge(struct client *c, const char *text, bool stale)
{
	struct worker *w = c->worker;
	struct buffer fields;
	buffer_init(&fields, 4096);
	auth_challenge(c->config->auth, &fields, net_wall(w->loop), stale);
	reply_send(c, &(struct reply){
			      .why = ANSWER_AUTH, .text = text, .fields = buffer_slice(&fields) });
	buffer_done(&fields);
}

static void judge_credentials(struct client *c, enum auth_result result)
{
	struct job *j = c->job;
	if (result != AUTH_MISSING)
		record_user(j->record, (enum trace_scheme)j->auth.scheme, j->auth.user);
	switch (result) {
	case AUTH_OK:
		decide_for_user(c);
		break;
	case AUTH_MISSING:
		challenge(c, "no credentials were sent", false);
		break;
	case AUTH_WRONG:
		challenge(c, "the credentials that were sent are wrong", false);
		break;
	case AUTH_STALE:
		challenge(c, "the nonce is too old; the same credentials with a new one will do",
			  true);
		break;
	case AUTH_LIMITED:
		refuse(c, ANSWER_AUTH_LIMITED, "too many wrong passwords came from this address");
		break;
	case AUTH_BUSY:
		refuse(c, ANSWER_BUSY, "too many passwords are being checked");
		break;
	case AUTH_WAIT:
		if (client_watch(c))
			client_go(c, CLIENT_AUTH);
		else
			client_drop(c);
		break;
	}
}

static void checked(struct auth_check *check, enum auth_result result)
{
	struct job *j = (struct job *)((char *)check - offsetof(struct job, auth));
	judge_credentials(j->client, result);
	client_run(j->client);
}

static void ask_credentials(struct client *c)
{
	struct job *j = c->job;
	j->auth.done = checked;
	judge_credentials(c, auth_ask(c->config->auth, c->worker->loop, &j->request, &c->peer,
				      net_wall(c->worker->loop), &j->auth));
}

/* ---- the beginning ------------------------------------------------------------------------- */

/* TRACE and OPTIONS count their hops (RFC 9110 section 7.6.2). False: this is the last one. */
static bool count_hop(struct job *j)
{
	const struct http_request *r = &j->request;
	const struct http_field *f = http_find(&r->fields, SLICE("Max-Forwards"));
	uint64_t left;
	j->max_forwards = -1;
	if (!slice_equal(r->method, SLICE("TRACE")) && !slice_equal(r->method, SLICE("OPTIONS")))
		return true;
	if (!f || !slice_parse_u64(f->value, 10, &left))
		return true;
	if (left == 0)
		return false;
	j->max_forwards = (int64_t)((left < INT64_MAX ? left : INT64_MAX) - 1);
	return true;
}

static bool is_for_us(const struct http_request *r)
{
	return r->form == HTTP_FORM_ASTERISK && slice_equal(r->method, SLICE("OPTIONS"));
}

static void reset(struct client *c)
{
	struct job *j = c->job;
	j->understood = true;
	j->in_at = (uint32_t)j->request.head_len;
	j->literal = j->looped = j->challenged = j->fresh = j->retried = j->said = false;
	j->keep_origin = j->delimited = j->braked = j->close = false;
	j->begun = j->all_read = false;
	j->parent = NULL;
	j->parent_at = 0;
	j->up_state = UP_OPEN;
	j->down_state = DOWN_HEAD;
	j->text[0] = '\0';
	if (c->config != c->worker->config) {
		config_drop(c->config);
		c->config = config_hold(c->worker->config);
	}
}

/* Reasons that lie in the request alone; true: it was answered. */
static bool refuse_request(struct client *c)
{
	struct job *j = c->job;
	const struct http_request *r = &j->request;
	uint64_t most = c->config->limit.request;
	struct http_refusal no = http_refuse_request((struct slice){ j->in, r->head_len }, r);
	if (no.status > 0) {
		if (no.status == 400)
			j->understood = false; /* where it ends is nothing to rely on */
		reply_text(j, "%s", no.why);
		bool scheme = no.status == 501 && r->form == HTTP_FORM_ABSOLUTE &&
			      r->body != HTTP_BODY_CHUNKED && r->body != HTTP_BODY_CLOSE;
		refuse(c, scheme ? ANSWER_SCHEME : why_of_status(no.status), NULL);
	} else if (r->head_len > c->config->limit.header) {
		reply_text(j, "the header has %zu bytes, %llu may be", r->head_len,
			   (unsigned long long)c->config->limit.header);
		refuse(c, ANSWER_HEAD_TOO_LARGE, NULL);
	} else if (most > 0 && r->body == HTTP_BODY_LENGTH && r->length > most) {
		reply_text(j, "the body has %llu bytes, %llu may be", (unsigned long long)r->length,
			   (unsigned long long)most);
		refuse(c, ANSWER_REQUEST_TOO_LARGE, NULL);
	} else if (came_through_us(c)) {
		reply_text(j, "its Via names this proxy, %s", c->config->pseudonym);
		refuse(c, ANSWER_LOOP, NULL);
	} else {
		return false;
	}
	return true;
}

void request_begin(struct client *c)
{
	struct job *j = c->job;
	const struct http_request *r = &j->request;
	reset(c);
	begin_record(c);
	record_request(j->record, r, (struct slice){ j->in, r->head_len });
	if (refuse_request(c))
		return;
	bool for_us = is_for_us(r);
	if (!for_us && r->form != HTTP_FORM_ABSOLUTE && r->form != HTTP_FORM_AUTHORITY) {
		refuse(c, ANSWER_NOT_PROXY_REQUEST, "the request target has no host");
	} else if (!count_hop(j) || for_us) {
		reply_trace(c);
	} else if (!read_target(c)) {
		refuse(c, ANSWER_BAD_REQUEST, "the host is none");
	} else {
		decide(c);
	}
}

/* ---- the way there ------------------------------------------------------------------------- */

void request_stop(struct job *j)
{
	auth_forget(&j->auth);
	net_dial_stop(j->dial);
	tunnel_give_back(j->tunnel);
	j->dial = NULL;
	j->tunnel = NULL;
}

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
	struct tunnel_start start = {
		.client = &c->watch,
		.watched = c->watched,
		.answer = slice_of(TUNNEL_OPEN),
		.from_client = { j->in + j->in_at, j->in_len - j->in_at },
		.client_ready = c->ready,
		.origin_ready = (uint8_t)origin_ready,
		.record = j->record,
		.limits = c->limits,
		.host = j->host,
		.is_connect = true,
	};
	j->tunnel = NULL;
	j->record = NULL;
	c->leaves_tunnel = true;
	c->watched = false;
	tunnel_start(t, &start);
	client_go(c, CLIENT_GONE);
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
		refuse_address(c);
		return;
	}
	dial_failed(c, d, &why);
	if (j->parent) { /* the next one, if there is any */
		metrics_add(&c->worker->metrics.parents_failed, 1);
		request_connect(c);
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
		refuse(c, ANSWER_BUSY, "no memory was left to connect");
}

static void connect_tunnel(struct client *c)
{
	struct job *j = c->job;
	if (!j->tunnel)
		j->tunnel = tunnel_take(c->worker);
	if (!j->tunnel) {
		refuse(c, ANSWER_BUSY, "no memory was left for a tunnel");
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
		refuse(c, ANSWER_BUSY, "no memory was left to connect");
}

/* All that serve this destination were tried. */
static void parents_failed(struct client *c)
{
	struct job *j = c->job;
	j->parent = NULL;
	reply_send(c, &(struct reply){ .why = ANSWER_PARENT });
}

void request_connect(struct client *c)
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

void request_again(struct client *c)
{
	struct job *j = c->job;
	j->fresh = true;
	if (j->parent)
		connect_origin(c, j->parent->host, j->parent->port);
	else
		connect_origin(c, j->host, j->port);
}
