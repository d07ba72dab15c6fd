/* What becomes of a request: may it be passed on, by whom, to whom. The way there is reach.c. */
#include "proxy/client.h"

#include "http/refuse.h"
#include "proxy/parent.h"

#include <stddef.h>

/* ---- refusing ------------------------------------------------------------------------------ */

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
		reply_refuse(c, why_of_status(no.status), NULL);
		return;
	}
	bool target = slice_find_byte(in, '\n') == in.len;
	reply_text(j, "the header is longer than %llu bytes",
		   (unsigned long long)c->config->limit.header);
	reply_refuse(c, target ? ANSWER_TARGET_TOO_LONG : ANSWER_HEAD_TOO_LARGE, NULL);
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
	reply_refuse(c, ANSWER_HEADER_TIMEOUT, NULL);
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

/* ---- rules --------------------------------------------------------------------------------- */

static void refuse_by_rule(struct client *c, const struct rules_answer *answer)
{
	static const enum answer_why whys[] = {
		[RULES_RULE] = ANSWER_RULE,         [RULES_NO_MATCH] = ANSWER_NO_MATCH,
		[RULES_LOOPBACK] = ANSWER_LOOPBACK, [RULES_PORT] = ANSWER_PORT,
		[RULES_PRIVATE] = ANSWER_PRIVATE,
	};
	reply_text(c->job, "%s", answer->text);
	reply_refuse(c, whys[answer->reason], NULL);
}

static void ask_credentials(struct client *c);

void request_refuse_address(struct client *c)
{
	if (c->job->looped)
		reply_refuse(c, ANSWER_LOOP, "the target is one of this proxy's own listeners");
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
		request_refuse_address(c);
	else
		reach_next(c);
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
		reply_refuse(c, ANSWER_AUTH_LIMITED,
			     "too many wrong passwords came from this address");
		break;
	case AUTH_BUSY:
		reply_refuse(c, ANSWER_BUSY, "too many passwords are being checked");
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
		reply_refuse(c, scheme ? ANSWER_SCHEME : why_of_status(no.status), NULL);
	} else if (r->head_len > c->config->limit.header) {
		reply_text(j, "the header has %zu bytes, %llu may be", r->head_len,
			   (unsigned long long)c->config->limit.header);
		reply_refuse(c, ANSWER_HEAD_TOO_LARGE, NULL);
	} else if (most > 0 && r->body == HTTP_BODY_LENGTH && r->length > most) {
		reply_text(j, "the body has %llu bytes, %llu may be", (unsigned long long)r->length,
			   (unsigned long long)most);
		reply_refuse(c, ANSWER_REQUEST_TOO_LARGE, NULL);
	} else if (came_through_us(c)) {
		reply_text(j, "its Via names this proxy, %s", c->config->pseudonym);
		reply_refuse(c, ANSWER_LOOP, NULL);
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
		reply_refuse(c, ANSWER_NOT_PROXY_REQUEST, "the request target has no host");
	} else if (!count_hop(j) || for_us) {
		reply_trace(c);
	} else if (!read_target(c)) {
		reply_refuse(c, ANSWER_BAD_REQUEST, "the host is none");
	} else {
		decide(c);
	}
}
