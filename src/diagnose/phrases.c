/* Facts of an exchange in words, and the little language in which the catalogue asks for them:
 * "%p refused %m %t". */
#include "base/digits.h"
#include "base/escape.h"
#include "base/plain.h"
#include "diagnose/figures.h"
#include "diagnose/phrases.h"

#include <string.h>

enum { MOST_FOREIGN = 120 };

/* ---- small facts -------------------------------------------------------------------------------
 */

/* Numbers and their like are written behind what is there, where the block has slack for them; then
 * it is seen whether they fitted. */
static inline uint8_t *end_of_text(struct telling *t)
{
	return t->block + t->out.len;
}

static inline void put_up_to(struct telling *t, const uint8_t *end)
{
	size_t len = (size_t)(end - t->block);
	if (len > PHRASE_BLOCK || t->out.failed)
		t->out.failed = true;
	else
		t->out.len = (uint32_t)len;
}

static inline void put(struct telling *t, const char *text, size_t len)
{
	if (len > PHRASE_BLOCK - t->out.len || t->out.failed) {
		t->out.failed = true;
		return;
	}
	memcpy(end_of_text(t), text, len);
	t->out.len += (uint32_t)len;
}

void phrase_put(struct telling *t, const char *text)
{
	if (text)
		put(t, text, strlen(text));
}

static void put_u64(struct telling *t, uint64_t n)
{
	put_up_to(t, digits_write(end_of_text(t), n));
}

/* Nearly always there is nothing to escape, and room. */
static void put_foreign(struct telling *t, struct slice s)
{
	struct slice shown = slice_first(s, MOST_FOREIGN);
	size_t plain = 0;
	if (shown.len <= PHRASE_BLOCK - t->out.len && !t->out.failed) {
		plain = plain_copy(end_of_text(t), shown, "\\");
		t->out.len += (uint32_t)plain;
	}
	if (plain < shown.len)
		escape_text(&t->out, slice_from(shown, plain));
	if (s.len > MOST_FOREIGN)
		phrase_put(t, "...");
}

/* 51,200: in groups, since these are read by people. */
void phrase_put_number(struct telling *t, uint64_t n)
{
	uint8_t digits[27];
	size_t at = sizeof digits;
	for (unsigned count = 0; count == 0 || n; count++, n /= 10) {
		if (count && count % 3 == 0)
			digits[--at] = ',';
		digits[--at] = (uint8_t)('0' + n % 10);
	}
	uint8_t *to = end_of_text(t);
	while (at < sizeof digits)
		*to++ = digits[at++];
	put_up_to(t, to);
}

/* As when_add_span has it, without the cost of printf. */
void phrase_put_span(struct telling *t, nanos span)
{
	if (span < 0)
		span = 0;
	uint64_t us = (uint64_t)span / 1000;
	if (us >= 119950000) {
		when_add_span(&t->out, span);
		return;
	}
	bool seconds = us >= 999950;
	uint64_t tenths = seconds ? (us + 50000) / 100000 : (us + 50) / 100;
	uint8_t *to = digits_write(end_of_text(t), tenths / 10);
	*to++ = '.';
	*to++ = (uint8_t)('0' + tenths % 10);
	to = seconds ? mempcpy(to, " s", 2) : mempcpy(to, " ms", 3);
	put_up_to(t, to);
}

static void put_endpoint(struct telling *t, const struct address *a, struct slice name, bool port)
{
	if (name.len) {
		put_foreign(t, name);
		return;
	}
	if (!address_is_none(a) && address_is_v4(a)) {
		uint8_t *to = end_of_text(t);
		for (int i = 12; i < 16; i++) {
			if (i > 12)
				*to++ = '.';
			to = digits_write(to, a->ip[i]);
		}
		if (port && a->port) {
			*to++ = ':';
			to = digits_write(to, a->port);
		}
		put_up_to(t, to);
	} else if (port) {
		address_add(&t->out, a);
	} else {
		address_add_host(&t->out, a);
	}
}

static void put_client(struct telling *t)
{
	if (address_is_none(&t->x->client) && !t->x->client_name.len)
		phrase_put(t, "the client");
	else
		put_endpoint(t, &t->x->client, t->x->client_name, false);
}

static void put_proxy(struct telling *t, bool port)
{
	if (address_is_none(&t->x->proxy) && !t->x->proxy_name.len)
		phrase_put(t, "the proxy");
	else
		put_endpoint(t, &t->x->proxy, t->x->proxy_name, port);
}

static void put_host(struct telling *t)
{
	uint16_t port;
	struct slice host = trace_target_host(t->x, &port);
	if (host.len)
		put_foreign(t, host);
	else if (t->x->tls->sni.len)
		put_foreign(t, t->x->tls->sni);
	else
		phrase_put(t, "the target");
}

static void put_target(struct telling *t)
{
	if (trace_is_inside(t->x) && t->x->tls->sni.len) {
		phrase_put(t, "https://");
		put_foreign(t, t->x->tls->sni);
	}
	if (t->x->request.target.len)
		put_foreign(t, t->x->request.target);
	else if (t->x->tls->sni.len)
		put_foreign(t, t->x->tls->sni);
	else
		phrase_put(t, "an unknown target");
}

static void put_port(struct telling *t)
{
	uint16_t port = 0;
	trace_target_host(t->x, &port);
	if (port)
		put_u64(t, port);
	else
		phrase_put(t, "its port");
}

static void put_offers(struct telling *t)
{
	const struct trace_response *r = &t->x->response;
	if (r->offers == 0)
		phrase_put(t, "no scheme");
	for (size_t i = 0; i < r->offers && i < TRACE_MAX_OFFERS; i++) {
		if (i)
			phrase_put(t, i + 1 == r->offers ? " and " : ", ");
		phrase_put(t, trace_scheme_name(r->offered[i]));
	}
}

static void put_alert(struct telling *t)
{
	if (!t->x->tls->alert) {
		phrase_put(t, "encrypted, so unreadable; a rejected certificate is the likeliest");
		return;
	}
	const char *name = trace_alert_name(t->x->tls->alert_what);
	if (name) {
		phrase_put(t, name);
		return;
	}
	phrase_put(t, "alert ");
	put_u64(t, t->x->tls->alert_what);
}

static void put_hello(struct telling *t)
{
	const struct trace_tls *tls = t->x->tls;
	if (tls->hello_bytes == 0) {
		phrase_put(t, "size unknown");
		return;
	}
	phrase_put_number(t, tls->hello_bytes);
	phrase_put(t, " bytes");
	if (tls->hello_segments > 1) {
		phrase_put(t, " in ");
		put_u64(t, tls->hello_segments);
		phrase_put(t, " segments");
	}
}

static uint64_t carried(const struct exchange *x, enum trace_side side)
{
	return x->tunnel.open ? x->tunnel.bytes[side] : x->bytes[side];
}

/* In the direction that counts, and of an upload in both. */
static void put_carried(struct telling *t)
{
	uint64_t up = carried(t->x, CLIENT), down = carried(t->x, PROXY);
	bool upload = up > down && (t->x->tunnel.open || t->x->request.body_bytes > 0);
	if (upload) {
		phrase_put_number(t, up);
		phrase_put(t, " bytes to ");
		put_target(t);
		phrase_put(t, " and ");
	}
	phrase_put_number(t, down);
	phrase_put(t, upload ? " from it" : " bytes from ");
	if (!upload)
		put_target(t);
}

static const char *onward_name(uint64_t outcome)
{
	static const char *const names[] = { "unknown",
					     "answered",
					     "refused by the origin (RST)",
					     "unanswered by the origin",
					     "unreachable (ICMP)",
					     "reset by the origin",
					     "taken by the origin, then silence",
					     "closed by the origin",
					     "its name did not resolve" };
	return outcome < sizeof names / sizeof *names ? names[outcome] : names[0];
}

static const char *side_name(enum trace_side side)
{
	return side == CLIENT ? "the client" : "the proxy's side";
}

static void put_who(struct telling *t)
{
	static const char *const names[] = { "whoever answered (proxy or origin)", "the proxy",
					     "a proxy behind the proxy", "an inspection",
					     "the origin" };
	unsigned who = t->f->answered_by;
	phrase_put(t, names[who < sizeof names / sizeof *names ? who : 0]);
	bool named = t->f->dialect > DIALECT_UNKNOWN && t->f->dialect < DIALECT_WEB_SERVER &&
		     who != ANSWERER_ORIGIN && who != ANSWERER_UNKNOWN;
	if (named) {
		phrase_put(t, " (");
		phrase_put(t, DIALECT_WORDS[t->f->dialect].name);
		phrase_put(t, ")");
	}
}

static void put_dates(struct telling *t)
{
	const struct trace_tls *tls = t->x->tls;
	if (tls->not_before == NO_TIME || tls->not_after == NO_TIME)
		return;
	phrase_put(t, " (valid from ");
	when_add_rfc3339(&t->out, tls->not_before - tls->not_before % NANOS_PER_SECOND);
	phrase_put(t, " to ");
	when_add_rfc3339(&t->out, tls->not_after - tls->not_after % NANOS_PER_SECOND);
	phrase_put(t, ")");
}

/* What is not whole, and how one sees it. */
static void put_lack(struct telling *t)
{
	const struct exchange *x = t->x;
	const struct trace_response *r = &x->response;
	if (!x->tunnel.open && r->body_length != UINT64_MAX && r->body_length > r->body_bytes) {
		phrase_put(t, ": ");
		phrase_put_number(t, r->body_bytes);
		phrase_put(t, " of ");
		phrase_put_number(t, r->body_length);
		phrase_put(t, " bytes of the body came");
	} else if (!x->tunnel.open && r->chunked) {
		phrase_put(t, ": the last chunk is missing");
	} else if (x->tunnel.open && x->tls->record_left[PROXY] > 0) {
		phrase_put(t, ": the last TLS record lacks ");
		phrase_put_number(t, x->tls->record_left[PROXY]);
		phrase_put(t, " bytes");
	} else if (x->tunnel.open && x->tls->hello && !x->tls->close_notify[PROXY]) {
		phrase_put(t, ": no closing alert was seen");
	}
	if (x->links.same_size_cuts > 0)
		phrase_put(t, "; others were cut at the same size");
	if (x->links.same_age_cuts > 0)
		phrase_put(t, "; others were cut at the same age");
}

/* The fetches that were cut, by their sizes or ages. */
static void put_cuts(struct telling *t, bool sizes)
{
	const struct trace_download *d = download_of(t->x);
	const char *before = sizes ? ": cut at " : ": cut after ";
	for (size_t i = 0; i < d->fetches; i++) {
		const struct trace_fetch *f = &d->fetch[i];
		if (f->how == CUT_NOT || f->how == CUT_NO_BODY)
			continue;
		phrase_put(t, before);
		if (sizes)
			phrase_put_number(t, f->body);
		else
			phrase_put_span(t, f->age);
		before = i + 2 == d->fetches ? " and " : ", ";
	}
	phrase_put(t, sizes ? " bytes" : "");
}

/* Of a limit in the proxy the tunnel's bytes may be the round figure. */
static void put_likely_size(struct telling *t)
{
	const struct trace_download *d = download_of(t->x);
	enum fetches say = fetches_say(t->x);
	if (say != FETCHES_SIZE && say != FETCHES_EITHER && say != FETCHES_HELD)
		return;
	struct figure_size body = figures_size(d->fetch[0].body);
	struct figure_size carried = figures_size(d->fetch[0].carried);
	struct figure_size f = carried.off < body.off ? carried : body;
	if (f.unit)
		buffer_printf(&t->out, " (it looks like %llu %s)", (unsigned long long)f.count,
			      f.unit);
}

static void put_likely_time(struct telling *t)
{
	const struct trace_download *d = download_of(t->x);
	enum fetches say = fetches_say(t->x);
	if (say != FETCHES_TIME && say != FETCHES_EITHER)
		return;
	nanos figure = figures_time(d->fetch[0].age);
	if (figure == 0)
		return;
	phrase_put(t, " (it looks like ");
	figures_add_time(&t->out, figure);
	phrase_put(t, ")");
}

static void put_held_back(struct telling *t)
{
	const struct trace_download *d = download_of(t->x);
	enum fetches say = fetches_say(t->x);
	if (say != FETCHES_SCANNED && say != FETCHES_HELD)
		return;
	phrase_put(t, say == FETCHES_HELD ? ": it stopped at " : ": the end was held back from ");
	phrase_put_number(t, d->fetch[0].flow.pause_at);
	phrase_put(t, say == FETCHES_HELD ? " bytes each time" : " bytes on");
}

static void put_fetch(struct telling *t)
{
	static const char *const ends[] = { [CUT_NOT] = "it came whole",
					    [CUT_FIN] = "closed by the proxy's side",
					    [CUT_RST] = "reset by the proxy's side",
					    [CUT_STALLED] = "silence",
					    [CUT_NO_BODY] = "no body came" };
	const struct trace_download *d = download_of(t->x);
	if (!d || t->figure >= d->fetches) {
		phrase_put(t, "not fetched again");
		return;
	}
	const struct trace_fetch *f = &d->fetch[t->figure];
	phrase_put(t, f->paced ? "fetched again, read at half the speed: " : "fetched again: ");
	phrase_put(t, f->enough ? "it went further" : ends[f->how]);
	phrase_put(t, ", ");
	phrase_put_number(t, f->body);
	phrase_put(t, " bytes, ");
	phrase_put_span(t, f->age);
}

static void put_resume(struct telling *t)
{
	static const char *const how[] = {
		[RESUME_NOT_TRIED] = "not tried",
		[RESUME_IGNORED] = "Range is ignored, all of it is sent again",
		[RESUME_REFUSED] = "Range is refused",
		[RESUME_CHANGED] = "it is another one by now",
		[RESUME_WRONG_RANGE] = "another range is sent than was asked for",
		[RESUME_HONOURED] = "Range is honoured",
		[RESUME_FAILED] = "no answer came",
	};
	const struct trace_download *d = download_of(t->x);
	if (!d) {
		phrase_put(t, how[RESUME_NOT_TRIED]);
		return;
	}
	phrase_put(t, "asked for the rest from byte ");
	phrase_put_number(t, d->resume_from);
	phrase_put(t, d->validated ? " on, if unchanged: " : " on: ");
	if (d->resume_status) {
		buffer_add_u64(&t->out, d->resume_status);
		phrase_put(t, ", ");
	}
	phrase_put(t, how[d->resume]);
	if (d->resume != RESUME_HONOURED)
		return;
	phrase_put(t,
		   d->completed ? ", and with it all was there" : ", and it was cut again after ");
	if (!d->completed) {
		phrase_put_number(t, d->resume_came);
		phrase_put(t, " bytes");
	}
}

static void put_same_size(struct telling *t)
{
	enum fetches say = fetches_say(t->x);
	if (say == FETCHES_SIZE || say == FETCHES_EITHER || say == FETCHES_HELD) {
		put_cuts(t, true);
		put_likely_size(t);
		return;
	}
	if (t->x->links.same_size_cuts == 0)
		return;
	phrase_put(t, ": ");
	put_u64(t, t->x->links.same_size_cuts);
	phrase_put(t, " other transfer(s) ended at the same ");
	phrase_put_number(t, t->x->links.cut_size);
	phrase_put(t, " bytes");
}

static void put_same_age(struct telling *t)
{
	enum fetches say = fetches_say(t->x);
	if (say == FETCHES_TIME || say == FETCHES_EITHER) {
		put_cuts(t, false);
		put_likely_time(t);
		return;
	}
	if (t->x->links.same_age_cuts == 0)
		return;
	phrase_put(t, ": ");
	put_u64(t, t->x->links.same_age_cuts);
	phrase_put(t, " other transfer(s) of another size ended at the same age of ");
	phrase_put_span(t, t->x->links.cut_age);
}

static nanos idle_time(const struct telling *t)
{
	const struct trace_idle *i = idle_of(t->x);
	return i ? i->quiet : quiet_at_end(t->x);
}

/* Whoever keeps a time-out looks now and then, so what was measured is that or a little more. */
static void put_likely_idle(struct telling *t)
{
	nanos figure = figures_time(idle_time(t));
	if (figure == 0)
		return;
	phrase_put(t, ": it looks like ");
	figures_add_time(&t->out, figure);
	phrase_put(t, " (measured ");
	phrase_put_span(t, idle_time(t));
	phrase_put(t, ")");
}

static void put_quiet_end(struct telling *t)
{
	static const char *const ends[] = {
		[IDLE_HELD] = "long enough: something is said again",
		[IDLE_INTERRUPTED] = "interrupted, while it was still open",
		[IDLE_FIN] = "FIN from the proxy's side",
		[IDLE_RST] = "RST from the proxy's side",
	};
	const struct trace_idle *i = idle_of(t->x);
	if (!i) {
		phrase_put(t, "not held quiet");
		return;
	}
	phrase_put(t, i->said_goodbye ? "closing alert of TLS, then " : "");
	phrase_put(t, ends[i->how]);
}

static void put_idle_figure(struct telling *t)
{
	nanos figure = figures_time(idle_time(t));
	if (figure)
		figures_add_time(&t->out, figure);
	else
		phrase_put_span(t, idle_time(t));
}

static void put_giving_up(struct telling *t)
{
	const struct exchange *x = t->x;
	if (!x->closed)
		phrase_put(t, ", and the observation ended");
	else if (x->closed_by == CLIENT)
		phrase_put(t, ", then the client gave up");
	else
		phrase_put(t, x->by_reset ? ", then the proxy's side reset it"
					  : ", then the proxy's side closed");
}

static void put_user(struct telling *t)
{
	if (!t->x->request.user.len)
		return;
	phrase_put(t, " ");
	put_foreign(t, t->x->request.user);
}

static void put_retry_after(struct telling *t)
{
	if (!t->x->response.retry_after.len)
		return;
	phrase_put(t, ", Retry-After: ");
	put_foreign(t, t->x->response.retry_after);
}

/* What the answer says of itself beside its status. */
static void put_own_words(struct telling *t)
{
	const struct trace_response *r = &t->x->response;
	struct slice words = r->squid_error.len    ? r->squid_error
			     : r->proxy_status.len ? r->proxy_status
						   : r->title;
	bool better = own_reason(t->x) && !t->x->leg->by_parent && !t->x->leg->cut;
	if (!words.len || better) /* the proxy itself says why */
		return;
	phrase_put(t, ": \"");
	put_foreign(t, words);
	phrase_put(t, "\"");
}

static void put_why(struct telling *t)
{
	const struct trace_leg *leg = t->x->leg;
	if (!own_reason(t->x))
		return;
	phrase_put(t, leg->by_parent ? "the parent proxy: " : "the proxy itself: ");
	bool said = leg->text.len && slice_starts(leg->text, leg->why);
	if (!said)
		put_foreign(t, leg->why);
	if (!said && leg->text.len)
		phrase_put(t, ": ");
	put_foreign(t, leg->text);
}

static void put_reason(struct telling *t)
{
	if (!t->x->response.reason.len)
		return;
	phrase_put_byte(t, ' ');
	put_foreign(t, t->x->response.reason);
}

void phrase_put_foreign_or(struct telling *t, struct slice s, const char *instead)
{
	if (s.len)
		put_foreign(t, s);
	else
		phrase_put(t, instead);
}

uint32_t phrase_failing_size(const struct telling *t)
{
	const struct trace_path *p = &t->x->path[t->f->side];
	uint32_t full = full_size(t->x, t->f->side);
	if (p->unacked > 0 && p->stuck_times >= 3)
		return p->stuck_smallest ? p->stuck_smallest : p->stuck_size;
	return full;
}

static void put_repairs(struct telling *t)
{
	const struct trace_path *p = &t->x->path[t->f->side];
	uint32_t again = p->retrans > p->spurious ? p->retrans - p->spurious : 0;
	phrase_put_number(t, p->repairs > again ? p->repairs : again);
	phrase_put(t, " of ");
	phrase_put_number(t, p->packets);
}

static nanos wait_time(const struct exchange *x)
{
	return span(asked_at(x), mark_is(&x->response_start) ? x->response_start.at : end_of(x));
}

static nanos reset_after(const struct exchange *x)
{
	const struct trace_path *up = &x->path[CLIENT];
	nanos large = mark_is(&up->first_large) ? up->first_large.at : up->last_data.at;
	return span(large, x->path[PROXY].rst.at);
}

static void put_code(struct telling *t)
{
	const struct code_words *c = catalogue_code(t->x->response.status);
	struct slice meaning = slice_of(c ? c->meaning : "a code that is not in the catalogue");
	if (slice_ends(meaning, SLICE(".")))
		meaning.len--; /* a sentence there, a part of one here */
	buffer_add(&t->out, meaning);
}

static void put_product_meaning(struct telling *t)
{
	const char *m = dialect_meaning(t->f->dialect, t->x->response.status, &t->x->response);
	phrase_put(t, m ? m : "");
}

/* Unknown where no probe measured it. */
static const struct trace_size *proved_size(const struct exchange *x, enum trace_side side)
{
	static const struct trace_size unknown;
	return x->probe ? &x->probe->mtu.way[side] : &unknown;
}

/* ---- the little language ------------------------------------------------------------------------
 */

/* a scheme used      A schemes offered  b protocol in the tunnel  B largest segment of the client
 * c client           C the code's meaning  d figure, a span       D bytes down
 * E "-u was seen"    F " of USER"       G ", Retry-After"         h target's host
 * H " after ..."     i name asked for   I the router of ICMP      j segments of the hello
 * J " (post-quantum)" k alert           K the code in this dialect l size of the hello
 * L quiet at the end m method           M MTU named               n figure, a number
 * N ICMP's name      o target's port    O origin's address        p proxy, with port
 * P outcome beyond   q product          Q payload that fails      r " REASON"
 * s status           S, V side          t target                  T duration
 * v Via              w protocol of the figure  W wait             x detail
 * X dates            y proxy, no port   Y names in the certificate z issuer  Z subject
 * 0 what is lacking  1 same size  2 same age  3 RST after the large segment  4 RST after SYN
 * 5 who gave up      6 times sent 7 time since the hello  8 acknowledged or sent  9 the other's id
 * f, g: MSS and MTU that a probe found to pass
 * > a fetch made again  < where it was held back  R the rest by Range
 * - how the quiet ended  * the likely idle time-out  & the same, as a figure
 * ~ bytes from the target, and to it
 * u the likely size limit  U the likely time limit
 * ! who answered     ? its own words  # repairs  $ their time
 * @ our proxy's own reason            ^ the name of it */
/* The connection and what is beneath it. */
static bool expand_connection(struct telling *t, char key)
{
	const struct exchange *x = t->x;
	switch (key) {
	case 'B':
		phrase_put_number(t, x->path[CLIENT].largest);
		return true;
	case 'c':
		put_client(t);
		return true;
	case 'f':
		buffer_add_u64(&t->out, proved_size(x, t->f->side)->passes);
		return true;
	case 'g':
		buffer_add_u64(&t->out, proved_size(x, t->f->side)->passes +
						(x->probe ? x->probe->mtu.header : 0U));
		return true;
	case 'I':
		if (address_is_none(&x->icmp->router))
			phrase_put(t, "a router");
		else
			put_endpoint(t, &x->icmp->router, (struct slice){ 0 }, false);
		return true;
	case 'L':
		phrase_put_span(t, quiet_at_end(x));
		return true;
	case 'M':
		phrase_put_number(t, x->icmp->mtu);
		return true;
	case 'N':
		phrase_put(t, x->icmp->name ? x->icmp->name : "unreachable");
		return true;
	case 'O':
		put_endpoint(t, &x->onward->origin, (struct slice){ 0 }, true);
		return true;
	case 'p':
		put_proxy(t, true);
		return true;
	case 'P':
		phrase_put(t, onward_name(t->figure));
		return true;
	case 'Q':
		phrase_put_number(t, phrase_failing_size(t));
		return true;
	case 'S':
	case 'V':
		phrase_put(t, side_name(t->f->side));
		return true;
	case 'T':
		phrase_put_span(t, span(mark_is(&x->syn) ? x->syn.at : x->request_start.at,
					end_of(x)));
		return true;
	case 'y':
		put_proxy(t, false);
		return true;
	case '4':
		phrase_put_span(t, span(x->syn.at, x->path[PROXY].rst.at));
		return true;
	case '6':
		phrase_put_number(t, x->path[CLIENT].stuck_times);
		return true;
	case '#':
		put_repairs(t);
		return true;
	case '$':
		phrase_put_span(t, x->path[t->f->side].repair_time);
		return true;
	default:
		return false;
	}
}

/* What was asked and answered. */
static bool expand_conversation(struct telling *t, char key)
{
	const struct exchange *x = t->x;
	switch (key) {
	case 'a':
		phrase_put(t, x->request.auth ? trace_scheme_name(x->request.auth) : "client's");
		return true;
	case 'A':
		put_offers(t);
		return true;
	case 'b':
		phrase_put(t, trace_protocol_name(x->tunnel.answer > PROTO_NONE ? x->tunnel.answer
										: x->tunnel.inner));
		return true;
	case 'C':
		put_code(t);
		return true;
	case 'D':
		phrase_put_number(t, carried(x, PROXY));
		return true;
	case '~':
		put_carried(t);
		return true;
	case 'e':
		phrase_put_foreign_or(t, x->response.location, "an address that it does not name");
		return true;
	case 'E':
		if (x->request.origin_credentials)
			phrase_put(t, " (this request carries an Authorization field)");
		return true;
	case 'F':
		put_user(t);
		return true;
	case 'G':
		put_retry_after(t);
		return true;
	case 'h':
		put_host(t);
		return true;
	case 'H':
		if (wait_time(x) > 0 && wait_time(x) < NANOS_PER_SECOND) {
			phrase_put(t, ", as the answer after ");
			phrase_put_span(t, wait_time(x));
			phrase_put(t, " suggests");
		}
		return true;
	case 'K':
		put_product_meaning(t);
		return true;
	case 'm':
		phrase_put_foreign_or(t, x->request.method, "a request for");
		return true;
	case 'o':
		put_port(t);
		return true;
	case 'q':
		phrase_put(t, DIALECT_WORDS[t->f->dialect].name);
		return true;
	case 'r':
		put_reason(t);
		return true;
	case 's':
		put_u64(t, x->response.status);
		return true;
	case 't':
		put_target(t);
		return true;
	case 'v':
		phrase_put_foreign_or(t, x->response.via, "see its Via field");
		return true;
	case 'W':
		phrase_put_span(t, wait_time(x));
		return true;
	case '9':
		phrase_put_foreign_or(t, slice_first(slice_of(x->links.other), 16), "that follows");
		return true;
	case '!':
		put_who(t);
		return true;
	case '?':
		put_own_words(t);
		return true;
	case '@':
		put_why(t);
		return true;
	case '^':
		if (own_reason(x))
			put_foreign(t, x->leg->why);
		return true;
	default:
		return false;
	}
}

/* The handshake, and how the transfer ended. */
static bool expand_tls(struct telling *t, char key)
{
	const struct exchange *x = t->x;
	switch (key) {
	case 'i':
		if (x->tls->sni.len)
			put_foreign(t, x->tls->sni);
		else
			put_host(t);
		return true;
	case 'j':
		put_u64(t, x->tls->hello_segments ? x->tls->hello_segments : 1);
		return true;
	case 'J':
		phrase_put(t, x->tls->post_quantum ? " (post-quantum key share)" : "");
		return true;
	case 'k':
		put_alert(t);
		return true;
	case 'l':
		put_hello(t);
		return true;
	case 'X':
		put_dates(t);
		return true;
	case 'Y':
		phrase_put_foreign_or(t, x->tls->names.len ? x->tls->names : x->tls->subject,
				      "another name");
		return true;
	case 'z':
		phrase_put_foreign_or(t, x->tls->issuer, "unknown");
		return true;
	case 'Z':
		phrase_put_foreign_or(t, x->tls->subject, "unknown");
		return true;
	case '0':
		put_lack(t);
		return true;
	case '1':
		put_same_size(t);
		return true;
	case '2':
		put_same_age(t);
		return true;
	case '7':
		phrase_put_span(t, span(x->hello.at, end_of(x)));
		return true;
	case '8':
		phrase_put(t, x->tls->hello_acked ? "acknowledged" : "sent");
		return true;
	default:
		return false;
	}
}

/* What the rule itself says, and the figure at hand. */
static bool expand_finding(struct telling *t, char key)
{
	const struct exchange *x = t->x;
	switch (key) {
	case 'd':
		phrase_put_span(t, t->figure > INT64_MAX ? INT64_MAX : (nanos)t->figure);
		return true;
	case 'n':
		phrase_put_number(t, t->figure);
		return true;
	case 'w':
		phrase_put(t, t->figure < PROTO_COUNT_
				      ? trace_protocol_name((enum trace_protocol)t->figure)
				      : "unknown");
		return true;
	case 'x':
		phrase_put(t, t->f->detail ? t->f->detail : "too little is known");
		return true;
	case '3':
		phrase_put_span(t, reset_after(x));
		return true;
	case '5':
		put_giving_up(t);
		return true;
	case '-':
		put_quiet_end(t);
		return true;
	case '*':
		put_likely_idle(t);
		return true;
	case '&':
		put_idle_figure(t);
		return true;
	case '>':
		put_fetch(t);
		return true;
	case '<':
		put_held_back(t);
		return true;
	case 'R':
		put_resume(t);
		return true;
	case 'u':
		put_likely_size(t);
		return true;
	case 'U':
		put_likely_time(t);
		return true;
	default:
		return false;
	}
}

static void expand(struct telling *t, char key)
{
	if (key == '%')
		phrase_put_byte(t, '%');
	else if (!expand_conversation(t, key) && !expand_connection(t, key) && !expand_tls(t, key))
		expand_finding(t, key);
}

void phrase_tell(struct telling *t, const char *text)
{
	for (;;) {
		const char *key = strchrnul(text, '%');
		put(t, text, (size_t)(key - text));
		text = key;
		if (!text[0] || !text[1])
			return;
		expand(t, text[1]);
		text += 2;
	}
}
