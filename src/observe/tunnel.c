/* Inside a tunnel: TLS records and the messages that are in the clear, or the name of what else
 * is spoken there. Bodies of records are counted, never kept. */
#include "observe/conversation.h"
#include "tls/certificate.h"
#include "tls/hello.h"

#include <string.h>

enum {
	ALERT_RECORD = 19, /* an encrypted alert in TLS 1.3: two bytes, the type, a tag of 16 */
	MAX_TICKET = 511, /* a session ticket: a session's state of some 200 bytes, and its frame */
	MAX_BANNER = 100,
	MAX_HOST = 255,
};

/* ---- messages ------------------------------------------------------------------------------ */

/* bytes: of the stream up to the end of the hello. */
static void take_client_hello(struct conversation *c, struct exchange *x, struct slice body,
			      bool whole, uint64_t bytes, const struct mark *mark)
{
	struct tls_client_hello hello;
	struct trace_tls *t = x->tls;
	if (whole ? !tls_read_client_hello(body, &hello) : !tls_peek_client_hello(body, &hello))
		return;
	t->sni = trace_keep(x, hello.sni, MAX_HOST);
	t->alpn = trace_keep(x, slice_of(hello.alpn), sizeof hello.alpn);
	t->offered_version = hello.best_version;
	t->ech = hello.ech;
	t->post_quantum = hello.post_quantum;
	t->hello_bytes = (uint32_t)bytes;
	t->hello_segments = c->hello_calls;
	if (hello.random.len == sizeof t->random) {
		memcpy(t->random, hello.random.at, sizeof t->random);
		t->random_known = true;
	}
	x->hello = *mark;
	trace_add(x, EV_HELLO, CLIENT, mark, t->hello_bytes);
}

static void take_server_hello(struct conversation *c, struct exchange *x, struct slice body,
			      const struct mark *mark)
{
	struct tls_server_hello hello;
	if (!tls_read_server_hello(body, &hello))
		return;
	x->tls->server_hello = true;
	x->tls->version = hello.version;
	x->tls->retry_request |= hello.retry_request;
	c->talk[PROXY].tls.retry = hello.retry_request;
	if (hello.alpn.len)
		x->tls->alpn = trace_keep(x, hello.alpn, TLS_MAX_ALPN);
	if (mark_is(&x->server_hello))
		return;
	x->server_hello = *mark;
	trace_add(x, EV_SERVER_HELLO, PROXY, mark, hello.version);
}

static void note_chain(struct exchange *x, const struct tls_chain *chain, const struct mark *mark)
{
	struct trace_tls *t = x->tls;
	t->certificates = chain->count;
	t->subject = trace_keep(x, slice_of(chain->leaf.subject), TLS_MAX_NAME);
	t->issuer = trace_keep(x, slice_of(chain->leaf.issuer), TLS_MAX_NAME);
	t->top_issuer = trace_keep(x, slice_of(chain->top.issuer), TLS_MAX_NAME);
	t->names = trace_keep(x, slice_of(chain->leaf.names), TLS_MAX_NAME);
	t->not_before = chain->leaf.not_before;
	t->not_after = chain->leaf.not_after;
	t->name = chain->name == TLS_NAME_MATCHES   ? NAME_MATCHES
		  : chain->name == TLS_NAME_DIFFERS ? NAME_DIFFERS
						    : NAME_UNKNOWN;
	t->self_signed = chain->leaf.self_signed;
	t->issued_by_top = chain->leaf_issued_by_top;
	t->incomplete = chain->incomplete;
	trace_add(x, EV_CERTIFICATE, PROXY, mark, chain->count);
}

static struct slice asked_name(const struct exchange *x)
{
	uint16_t port;
	return x->tls->sni.len ? x->tls->sni : trace_target_host(x, &port);
}

static void take_chain(struct exchange *x, struct slice body, const struct mark *mark)
{
	struct tls_chain chain;
	if (tls_read_chain(body, asked_name(x), &chain))
		note_chain(x, &chain, mark);
}

static void take_message(struct conversation *c, struct exchange *x, enum trace_side side,
			 uint8_t type, struct slice body, uint64_t end, const struct mark *mark)
{
	if (side == CLIENT && type == TLS_CLIENT_HELLO && !mark_is(&x->hello))
		take_client_hello(c, x, body, true, end, mark);
	else if (side == PROXY && type == TLS_SERVER_HELLO)
		take_server_hello(c, x, body, mark);
	else if (side == PROXY && type == TLS_CERTIFICATE && x->tls->version < 0x0304)
		take_chain(x, body, mark);
}

static void settle(struct tls_half *h)
{
	h->settled = true;
	buffer_done(&h->messages);
}

/* Handshake bytes, record headers taken off: message by message, until all is encrypted. */
static void read_handshake(struct conversation *c, struct exchange *x, enum trace_side side,
			   const struct mark *mark, struct slice bytes)
{
	struct tls_half *h = &c->talk[side].tls;
	if (h->settled)
		return;
	bool alone = h->messages.len == 0; /* nearly all come whole, and need no keeping */
	if (!alone)
		buffer_add(&h->messages, bytes);
	struct slice left = alone ? bytes : buffer_slice(&h->messages);
	uint8_t type;
	struct slice body;
	enum tls_parse got;
	while ((got = tls_read_handshake(left, &type, &body)) == TLS_DONE) {
		left = slice_from(left, body.len + 4);
		take_message(c, x, side, type, body, h->at - left.len, mark);
	}
	if (alone)
		buffer_add(&h->messages, left);
	else
		buffer_drop(&h->messages, h->messages.len - left.len);
	if (got == TLS_BAD || h->messages.failed ||
	    (side == CLIENT && mark_is(&x->hello) && !x->tls->retry_request &&
	     x->tls->server_hello))
		settle(h);
}

static void read_alert(struct exchange *x, enum trace_side side, const struct mark *mark,
		       struct slice body)
{
	struct tls_alert alert;
	if (!tls_read_alert(body, &alert))
		return;
	if (alert.what == 0) {
		x->tls->close_notify[side] = true;
		return;
	}
	trace_add(x, EV_ALERT, side, mark, (uint64_t)alert.what << 8 | alert.level);
	if (x->tls->alert || alert.level < 2)
		return;
	x->tls->alert = true;
	x->tls->alert_from = side;
	x->tls->alert_level = alert.level;
	x->tls->alert_what = alert.what;
}

/* ---- from whoever holds the keys ----------------------------------------------------------- */

void observe_chain(struct exchange *x, const struct mark *mark, struct slice body)
{
	struct tls_chain chain;
	if (trace_open_tls(x) && tls_read_chain_13(body, asked_name(x), &chain))
		note_chain(x, &chain, mark);
}

void observe_alert(struct exchange *x, enum trace_side side, const struct mark *mark,
		   struct slice body)
{
	if (trace_open_tls(x))
		read_alert(x, side, mark, body);
}

/* ---- records ------------------------------------------------------------------------------- */

static void count_app_record(struct trace_tls *t, enum trace_side side, uint32_t len,
			     const struct mark *mark)
{
	t->same_records[side] = len == t->last_record[side] ? t->same_records[side] + 1 : 1;
	t->last_record[side] = len;
	if (len > t->largest_record[side])
		t->largest_record[side] = len;
	t->last_app[side] = *mark;
}

/* In TLS 1.3 the server's flight and the client's Finished are application records too. */
static bool is_app_data(const struct exchange *x, const struct tls_half *h, enum trace_side side)
{
	if (side == PROXY)
		return mark_is(&x->tls_done);
	return h->app_records > (x->tls->version >= 0x0304 ? 1 : 0);
}

/* What came of what the client asked inside, as far as that can be told. */
static void note_first_byte(struct exchange *x, const struct mark *mark)
{
	if (!mark_is(&x->first_app_up) || mark_is(&x->first_byte) || mark->at < x->first_app_up.at)
		return;
	x->first_byte = *mark;
	trace_add(x, EV_FIRST_BYTE, PROXY, mark, 0);
}

/* What follows, or that nothing does, shows that it was data. */
static void count_held(struct exchange *x, struct tls_half *h, enum trace_side side)
{
	if (!mark_is(&h->held))
		return;
	count_app_record(x->tls, side, h->held_len, &h->held);
	if (side == PROXY)
		note_first_byte(x, &h->held);
	h->held = NO_MARK;
}

/* A server's first word after the client's Finished (RFC 8446, 4.6.1)? */
static bool may_be_ticket(const struct exchange *x, const struct tls_half *h, enum trace_side side)
{
	return side == PROXY && x->tls->version >= 0x0304 && !h->tickets &&
	       !mark_is(&x->tls->last_app[PROXY]) && h->record_len > ALERT_RECORD &&
	       h->record_len <= MAX_TICKET;
}

/* The last record of an alert's size is the closing alert, most likely: no data. Nor are two small
 * ones of one size that come before all others: session tickets, of which OpenSSL sends two, and
 * which answer nothing. */
static void note_app_record(struct exchange *x, struct tls_half *h, enum trace_side side,
			    const struct mark *mark)
{
	h->app_records++;
	x->tls->records[side]++;
	x->tls->app_bytes[side] += h->record_len;
	if (!is_app_data(x, h, side))
		return;
	bool ticket = may_be_ticket(x, h, side);
	if (ticket && mark_is(&h->held) && h->held_len == h->record_len) {
		h->tickets = true;
		h->held = NO_MARK;
		return;
	}
	ticket &= !mark_is(&h->held);
	count_held(x, h, side);
	if (ticket || h->record_len == ALERT_RECORD) {
		h->held = *mark;
		h->held_len = h->record_len;
	} else {
		count_app_record(x->tls, side, h->record_len, mark);
	}
	if (side == PROXY && !ticket)
		note_first_byte(x, mark);
}

/* In TLS 1.3 the client's Finished is its first encrypted record, and ends the handshake: what the
 * server says then, be it tickets alone, shows that it took it. */
static bool heard_finished(const struct conversation *c, const struct exchange *x)
{
	const struct tls_half *up = &c->talk[CLIENT].tls;
	return x->tls->version >= 0x0304 && mark_is(&x->tls_done) && up->app_records > 0 &&
	       up->record_len != ALERT_RECORD && !x->tls->out_of_step[CLIENT];
}

/* Marks that a record's beginning sets: the end of the handshake, the first application data. */
static void note_record(struct conversation *c, struct exchange *x, enum trace_side side,
			const struct mark *mark)
{
	struct tls_half *h = &c->talk[side].tls;
	bool app = h->type == TLS_APPLICATION;
	bool answered = x->tls->server_hello && !c->talk[PROXY].tls.retry;
	if (side == CLIENT && answered && !mark_is(&x->tls_done) && h->type != TLS_ALERT &&
	    !(app && h->record_len == ALERT_RECORD)) {
		x->tls_done = *mark;
		trace_add(x, EV_TLS_DONE, CLIENT, mark, 0);
	}
	if (app)
		note_app_record(x, h, side, mark);
	if (side == CLIENT && answered && h->type == TLS_HANDSHAKE)
		h->shook = true;
	/* the client's Finished is its first application record in TLS 1.3, a handshake record
	 * before; which of them it is, the client shows where the server's hello was not seen */
	bool newer = x->tls->version ? x->tls->version >= 0x0304 : !h->shook;
	if (app && side == CLIENT && h->app_records >= (newer ? 2 : 1) && mark_is(&x->tls_done) &&
	    !mark_is(&x->first_app_up)) {
		x->first_app_up = *mark;
		x->tls->done = true;
	}
	if (app && side == PROXY && heard_finished(c, x) && h->record_len != ALERT_RECORD)
		x->tls->done = true;
	if (app && side == PROXY && mark_is(&x->first_app_up))
		h->answers++;
	/* in TLS 1.3 a ChangeCipherSpec means nothing, and a hello may follow a retry request */
	if (h->type == TLS_CHANGE_CIPHER && x->tls->version < 0x0304)
		h->cipher_changed = true;
	if (app || (h->type == TLS_CHANGE_CIPHER && side == PROXY && x->tls->version < 0x0304))
		settle(h);
}

static void record_body(struct conversation *c, struct exchange *x, enum trace_side side,
			const struct mark *mark, struct slice part)
{
	struct tls_half *h = &c->talk[side].tls;
	h->at += part.len;
	if (h->type == TLS_HANDSHAKE && !h->cipher_changed)
		read_handshake(c, x, side, mark, part);
	else if (h->type == TLS_ALERT && h->record_len == 2)
		memcpy(h->alert + (2 - h->left), part.at, part.len);
	h->left -= (uint32_t)part.len;
	if (h->left > 0)
		return;
	h->last_type = h->type;
	h->last_len = h->record_len;
	if (h->type == TLS_ALERT && h->record_len == 2)
		read_alert(x, side, mark, (struct slice){ h->alert, 2 });
}

/* The header across segments; false when these bytes are no record. */
static bool read_header(struct conversation *c, struct exchange *x, enum trace_side side,
			const struct mark *mark, struct slice *bytes)
{
	struct tls_half *h = &c->talk[side].tls;
	while (bytes->len > 0 && h->header_len < TLS_RECORD_HEADER) {
		h->header[h->header_len++] = bytes->at[0];
		h->at++;
		*bytes = slice_from(*bytes, 1);
	}
	struct tls_record record;
	switch (tls_read_record((struct slice){ h->header, h->header_len }, &record)) {
	case TLS_BAD:
		return false;
	case TLS_MORE:
		return true;
	case TLS_DONE:
		break;
	}
	h->header_len = 0;
	h->type = (uint8_t)record.content;
	h->left = h->record_len = record.length;
	note_record(c, x, side, mark);
	return true;
}

/* Boundaries are lost. A later segment that begins like a record puts us back in step, but what
 * was in between stays unknown. */
static void out_of_step(struct exchange *x, struct tls_half *h, enum trace_side side)
{
	if (trace_open_tls(x))
		x->tls->out_of_step[side] = true;
	h->header_len = 0;
	h->left = 0;
	h->last_type = 0;
	settle(h);
}

static void read_records(struct conversation *c, struct exchange *x, enum trace_side side,
			 const struct mark *mark, struct slice bytes)
{
	struct tls_half *h = &c->talk[side].tls;
	while (bytes.len > 0) {
		if (h->left == 0) {
			if (!read_header(c, x, side, mark, &bytes)) {
				out_of_step(x, h, side);
				return;
			}
			continue;
		}
		struct slice part = slice_first(bytes, h->left);
		record_body(c, x, side, mark, part);
		bytes = slice_from(bytes, part.len);
	}
}

/* ---- the tunnel ---------------------------------------------------------------------------- */

static void keep_banner(struct exchange *x, struct slice bytes)
{
	struct slice rest = slice_first(bytes, MAX_BANNER);
	struct slice line = slice_line(&rest);
	x->tunnel.banner = speech_keep_text(x, line, line.len < bytes.len, MAX_BANNER);
}

/* What a side's first bytes are makes the tunnel what it is. A client that says hello means TLS,
 * though the server spoke first. */
static void decide(struct exchange *x, enum trace_side side, enum trace_protocol what,
		   struct slice bytes)
{
	struct trace_tunnel *t = &x->tunnel;
	const struct mark *first = &t->first[side];
	if (what == PROTO_TLS && !trace_open_tls(x))
		return;
	if (side == CLIENT && what == PROTO_TLS) {
		x->tls->hello = true;
		if (t->inner != PROTO_NONE && t->inner != PROTO_TLS) {
			t->answer = t->inner;
			trace_add(x, EV_NOT_TLS, PROXY, &t->first[PROXY], t->answer);
		}
		t->inner = PROTO_TLS;
	} else if (t->inner == PROTO_NONE) {
		t->inner = what;
		if (what == PROTO_TLS)
			return;
		trace_add(x, EV_INNER, side, first, what);
		keep_banner(x, bytes);
	} else if (t->inner == PROTO_TLS && side == PROXY && what != PROTO_TLS) {
		t->answer = what;
		keep_banner(x, bytes);
		trace_add(x, EV_NOT_TLS, side, first, what);
	}
}

/* Behind a gap: no first bytes, and yet the best there is. */
static void decide_late(struct exchange *x, enum trace_protocol what)
{
	if (x->tunnel.inner == PROTO_NONE)
		x->tunnel.inner = what == PROTO_TLS && trace_open_tls(x) ? what : PROTO_UNKNOWN;
}

/* Looks at a side's first bytes, these with those that are held, until they tell. Gives back what
 * is to be read on; nothing while they don't. over: there will be no more of them. */
static struct slice first_bytes(struct conversation *c, enum trace_side side,
				const struct mark *mark, struct slice bytes, bool over)
{
	struct talk *t = &c->talk[side];
	struct exchange *x = c->newest->x;
	struct slice whole = speech_join_head(t, mark, bytes);
	struct tls_record ignored;
	enum tls_parse record = tls_read_record(whole, &ignored);
	size_t enough = record == TLS_DONE ? whole.len : speech_telling_bytes(whole);
	if ((enough == 0 || record == TLS_MORE) && !over) {
		if (bytes.at == whole.at)
			buffer_add(&t->head, whole);
		return (struct slice){ 0 };
	}
	enum trace_protocol what =
		record != TLS_BAD ? PROTO_TLS
				  : observe_guess(enough ? slice_first(whole, enough) : whole);
	t->tls.told = true;
	if (t->tls.late)
		decide_late(x, what);
	else
		decide(x, side, what, whole);
	return whole;
}

static void read_on(struct conversation *c, enum trace_side side, const struct mark *mark,
		    struct slice bytes)
{
	struct exchange *x = c->newest->x;
	if (x->tunnel.inner == PROTO_TLS && (side == CLIENT || x->tunnel.answer == PROTO_NONE))
		read_records(c, x, side, mark, bytes);
}

/* No more first bytes: what is held has to tell. */
static void tell_held(struct conversation *c, enum trace_side side)
{
	struct talk *t = &c->talk[side];
	if (t->tls.told || t->head.len == 0)
		return;
	struct mark mark = t->head_start;
	read_on(c, side, &mark, first_bytes(c, side, &mark, (struct slice){ 0 }, true));
	buffer_reset(&t->head);
}

void tunnel_read(struct conversation *c, enum trace_side side, const struct mark *mark,
		 struct slice bytes)
{
	struct exchange *x = c->newest->x;
	struct trace_tunnel *t = &x->tunnel;
	struct talk *talk = &c->talk[side];
	if (!mark_is(&t->first[side]))
		t->first[side] = *mark;
	t->bytes[side] += bytes.len;
	x->bytes[side] += bytes.len;
	t->last[side] = x->last = *mark;
	if (side == CLIENT && !mark_is(&x->hello))
		c->hello_calls++;
	if (talk->tls.told) {
		read_on(c, side, mark, bytes);
		return;
	}
	read_on(c, side, mark, first_bytes(c, side, mark, bytes, false));
	if (talk->tls.told)
		buffer_reset(&talk->head);
}

/* A hello that was cut by the snap length still tells its name. */
static void peek_cut_hello(struct conversation *c, struct exchange *x)
{
	struct tls_half *h = &c->talk[CLIENT].tls;
	if (mark_is(&x->hello) || h->type != TLS_HANDSHAKE || h->messages.len < 4)
		return;
	take_client_hello(c, x, slice_from(buffer_slice(&h->messages), 4), false,
			  x->tunnel.bytes[CLIENT], &x->tunnel.last[CLIENT]);
	if (!mark_is(&x->hello)) { /* not even the random: still, a hello it was */
		x->hello = x->tunnel.last[CLIENT];
		trace_add(x, EV_HELLO, CLIENT, &x->hello, x->tunnel.bytes[CLIENT]);
	}
}

static void peek_cut_server_hello(struct conversation *c, struct exchange *x)
{
	struct tls_half *h = &c->talk[PROXY].tls;
	if (x->tls->server_hello || h->type != TLS_HANDSHAKE)
		return;
	x->tls->server_hello = true;
	x->server_hello = x->tunnel.last[PROXY];
	trace_add(x, EV_SERVER_HELLO, PROXY, &x->server_hello, 0);
}

void tunnel_gap(struct conversation *c, enum trace_side side, const struct mark *mark, uint64_t len)
{
	struct exchange *x = c->newest->x;
	struct tls_half *h = &c->talk[side].tls;
	tell_held(c, side);
	h->late = !h->told;
	h->at += len;
	x->tunnel.bytes[side] += len;
	x->bytes[side] += len;
	x->tunnel.last[side] = x->last = *mark;
	if (!mark_is(&x->tunnel.first[side]))
		x->tunnel.first[side] = *mark;
	if (x->tunnel.inner == PROTO_TLS && side == CLIENT)
		peek_cut_hello(c, x);
	else if (x->tunnel.inner == PROTO_TLS)
		peek_cut_server_hello(c, x);
	if (len > h->left) {
		out_of_step(x, h, side);
		return;
	}
	h->left -= (uint32_t)len;
	if (h->left == 0) {
		h->last_type = h->type;
		h->last_len = h->record_len;
	}
	settle(h);
}

/* Boundaries that were lost make everything about single records unknown. */
static void forget_records(struct trace_tls *t, enum trace_side side)
{
	t->last_record[side] = t->largest_record[side] = t->same_records[side] = 0;
	t->last_app[side] = NO_MARK;
}

static bool is_alert_record(const struct tls_half *h)
{
	return h->last_type == TLS_ALERT ||
	       (h->last_type == TLS_APPLICATION && h->last_len == ALERT_RECORD);
}

/* The server's last record, of an alert's size, ended it: it closed, or had said so before the
 * client, who then merely follows, said anything of the kind. */
static bool server_ended(const struct exchange *x, const struct mark *farewell,
			 const struct mark *clients)
{
	if (!x->closed || x->closed_by == PROXY)
		return x->closed;
	return mark_is(farewell) && farewell->at < x->close.at &&
	       !(mark_is(clients) && clients->at < farewell->at);
}

/* In TLS 1.3 alerts are encrypted: a client whose first encrypted record has an alert's size, and
 * a server that after the client's Finished says nothing but such a record, have refused. In
 * TLS 1.2 their type is seen, but not whether it is more than the closing one: it is the client all
 * the same who ends it, whichever FIN is the first. */
static void find_likely_alert(struct conversation *c, struct exchange *x)
{
	const struct tls_half *up = &c->talk[CLIENT].tls, *down = &c->talk[PROXY].tls;
	bool told = x->source == TRACE_CHECK; /* it ends the TLS itself: by observe_alert */
	if (x->tls->alert || !x->tls->server_hello || x->tls->out_of_step[CLIENT])
		return;
	bool newer = up->app_records == 1 && up->last_type == TLS_APPLICATION &&
		     up->last_len == ALERT_RECORD;
	bool older = up->app_records == 0 && up->last_type == TLS_ALERT && !up->left &&
		     x->tls->version < 0x0304;
	if (newer || older) {
		x->tls->likely_alert = true;
		x->tls->likely_alert_from = CLIENT;
	} else if (!told && x->tls->done && !x->tls->out_of_step[PROXY] && down->answers == 1 &&
		   down->last_type == TLS_APPLICATION && down->last_len == ALERT_RECORD &&
		   server_ended(x, &down->held, &up->held)) {
		x->tls->likely_alert = true;
		x->tls->likely_alert_from = PROXY;
	}
}

void tunnel_end(struct conversation *c, struct exchange *x)
{
	if (x != c->newest->x)
		return;
	tell_held(c, CLIENT);
	tell_held(c, PROXY);
	if (x->tunnel.inner != PROTO_TLS)
		return;
	if (!mark_is(&x->hello))
		peek_cut_hello(c, x);
	if (c->talk[PROXY].tls.left > 0)
		peek_cut_server_hello(c, x);
	for (int side = CLIENT; side <= PROXY; side++) {
		struct tls_half *h = &c->talk[side].tls;
		if (h->held_len != ALERT_RECORD)
			count_held(x, h, (enum trace_side)side);
		x->tls->record_left[side] = x->tls->out_of_step[side] ? 0 : h->left;
		if (x->tls->out_of_step[side])
			forget_records(x->tls, side);
		if (h->left == 0 && h->header_len > 0 && !x->tls->out_of_step[side])
			x->tls->record_left[side] = 1; /* cut inside a header: at least that */
		if (h->left == 0 && is_alert_record(h) && x->tls->done)
			x->tls->close_notify[side] = true;
	}
	find_likely_alert(c, x);
}
