/* The transfer: bodies of plain answers, and what goes through a tunnel. */
#include "diagnose/rules.h"

/* A body that lacks its end, as far as it can be known: what the capture lost or cut off may have
 * held the end, or the field that tells the length. */
static bool plain_unfinished(const struct exchange *x)
{
	const struct trace_response *r = &x->response;
	if (x->tunnel.open || r->status >= 400 || r->complete || x->next_began ||
	    chunks_broken(x) || head_broken(x))
		return false;
	if (r->status == 0)
		return trace_is_inside(x) && x->request.complete; /* all of the answer is missing */
	bool measured = x->path[PROXY].unseen == 0 || r->body_length != UINT64_MAX;
	return x->path[PROXY].missing == 0 && measured;
}

/* The head of an answer began and never ended. */
static bool half_a_head(const struct exchange *x)
{
	return !x->tunnel.open && x->response.status == 0 && x->answer == PROTO_HTTP;
}

static bool in_step(const struct exchange *x, enum trace_side side)
{
	return !x->tls->out_of_step[side] && x->path[side].missing == 0 && x->path[side].hole == 0;
}

/* That side's last record broke off. Where a text shows no bytes its records are made up from what
 * it says of them. */
static bool record_cut(const struct exchange *x, enum trace_side side)
{
	bool made_up = x->from_text && x->path[side].unseen > 0;
	return x->tunnel.open && x->tls->record_left[side] > 0 && in_step(x, side) && !made_up;
}

/* The client says about as much, in records, as it is told: a conversation, of answers that are
 * alike (a page that is asked for again and again), and no flow. */
static bool asks_for_each(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	return !t->out_of_step[CLIENT] && t->records[CLIENT] >= t->records[PROXY] / 2 &&
	       t->same_records[CLIENT] + 1 >= t->same_records[PROXY] && t->last_record[CLIENT] > 32;
}

/* Records of one size, down to the last: a flow, cut where it happened to be. An answer ends with
 * a remainder, but for one in some thousands that fills its last record. A larger record may have
 * come before them (the certificates of TLS 1.3 look like data); small ones prove nothing, as
 * pings are all of one size. */
static bool even_flow(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	uint32_t last = t->last_record[PROXY];
	if (!x->tunnel.open || !in_step(x, PROXY) || last < 512 || asks_for_each(x))
		return false;
	return t->same_records[PROXY] >= 8 ||
	       (t->same_records[PROXY] >= 3 && last == t->largest_record[PROXY]);
}

/* The same where even the last of thousands is excluded: records below the most that TLS allows
 * are as large as somebody wrote them, not as large as they can be. */
static bool paced_flow(const struct exchange *x)
{
	return even_flow(x) && x->tls->last_record[PROXY] < 16384;
}

/* A request in the tunnel that was not answered. Small records are no requests: HTTP/2 sends
 * window updates, pings and acknowledgements of settings, all below 80 bytes. Of the other side any
 * byte may be the answer where its records could not be followed. */
bool unanswered_inside(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	if (x->from_text && t->out_of_step[PROXY])
		return false; /* the answer may stand in a line that does not part its records */
	nanos answer = t->out_of_step[PROXY] ? x->tunnel.last[PROXY].at : t->last_app[PROXY].at;
	return tls_settled(x) && in_step(x, CLIENT) && t->last_record[CLIENT] > 80 &&
	       mark_is(&t->last_app[CLIENT]) && t->last_app[CLIENT].at > answer;
}

static void cite_transfer(const struct exchange *x, struct finding *f)
{
	finding_cite_request(x, f);
	if (x->tunnel.open)
		finding_cite(f, &x->hello, SAW_HELLO, x->tls->hello_bytes);
	if (x->tunnel.open && mark_is(&x->tunnel.last[PROXY])) {
		finding_cite(f, &x->tunnel.last[PROXY], SAW_LAST_DOWN, x->tunnel.bytes[PROXY]);
		if (record_cut(x, PROXY))
			finding_cite(f, &x->tunnel.last[PROXY], SAW_RECORD_CUT,
				     x->tls->record_left[PROXY]);
		return;
	}
	finding_cite(f, &x->path[PROXY].last_data, SAW_LAST_DOWN, x->bytes[PROXY]);
	if (x->response.body_length != UINT64_MAX &&
	    x->response.body_length > x->response.body_bytes)
		finding_cite(f, &x->path[PROXY].last_data, SAW_BODY_SHORT,
			     x->response.body_length - x->response.body_bytes);
}

/* receiver-stalled: one side announced no room, and kept the other waiting for a second and a
 * fifth of the time. Wrong when the window opened and closed often in a fast transfer to a slow
 * reader: then the sum is what it cost all the same. */
static bool receiver_stalled(const struct exchange *x, struct finding *f)
{
	for (int side = PROXY; side >= CLIENT; side--) {
		const struct trace_path *p = &x->path[side];
		nanos waited = kept_waiting(x, (enum trace_side)side);
		if (waited == 0)
			continue;
		f->side = side == PROXY ? CLIENT : PROXY; /* who did not read */
		finding_cite_request(x, f);
		finding_cite(f, &p->zero_window, SAW_ZERO_WINDOW, (uint64_t)waited);
		finding_cite_end(x, f);
		finding_cause(f, f->side == CLIENT ? CAUSE_READER_SLOW : CAUSE_PROXY_READER_SLOW);
		if (own_reason(x))
			finding_cause(f, own_cause(x));
		return true;
	}
	return false;
}

static void stall_causes(const struct exchange *x, struct finding *f)
{
	if (fetches_causes(x, f))
		return;
	if (own_reason(x))
		finding_cause(f, own_cause(x));
	if (never_acked(x, f->side)) {
		finding_cause(f, CAUSE_PATH_CHANGED);
		finding_cause(f, CAUSE_FIREWALL_STATE);
		return;
	}
	finding_cause(f, CAUSE_SCANNING);
	finding_cause(f, CAUSE_ORIGIN_STOPPED);
	if (closed_by(x, PROXY))
		finding_cause(f, CAUSE_IDLE_TIMEOUT);
	if (x->path[PROXY].hole > 0 || x->path[CLIENT].unacked > 0)
		finding_cause(f, CAUSE_PATH_CHANGED);
	if (answered(x))
		finding_cause(f, CAUSE_SIZE_LIMIT);
}

/* side: whose bytes the other waits for. */
static bool stalled_now(const struct exchange *x, struct finding *f, enum trace_side side)
{
	const struct trace_path *p = &x->path[side];
	f->side = side;
	cite_transfer(x, f);
	if (never_acked(x, side)) {
		finding_cite(f, &p->stuck_first, SAW_STUCK_FIRST, p->stuck_size);
		finding_cite(f, &p->stuck_last, SAW_STUCK_LAST, p->stuck_times);
	}
	if (unanswered_inside(x))
		finding_cite(f, &x->tls->last_app[CLIENT], SAW_LAST_UP,
			     x->tls->last_record[CLIENT]);
	finding_cite_onward(x, f);
	finding_cite_end(x, f);
	fetches_cite(x, f);
	stall_causes(x, f);
	return true;
}

/* In a text: the last thing said went unanswered, and the text ends. Nothing else can be known of
 * what came after, so the confidence is low. */
static bool stalled_in_text(const struct exchange *x)
{
	return x->from_text && x->tunnel.open && !x->closed && x->tls->server_hello &&
	       x->tunnel.last[CLIENT].at > x->tunnel.last[PROXY].at &&
	       mark_is(&x->tunnel.last[PROXY]);
}

/* Bytes that one side sent were on the way for five seconds and more, and never arrived: whatever
 * else was said meanwhile, the flow stood still. Wrong when the capture stopped before they were
 * sent again; so it takes the seconds. */
static bool lost_for_long(const struct exchange *x, enum trace_side side)
{
	const struct trace_path *p = &x->path[side];
	bool hole = p->hole > 0 && span(p->hole_shown.at, end_of(x)) >= LONG_SILENCE;
	bool stuck = never_acked(x, side) && span(p->stuck_first.at, end_of(x)) >= LONG_SILENCE;
	return (hole || stuck) && !x->from_text;
}

static bool lost_on_the_way(const struct exchange *x, struct finding *f)
{
	/* an answer that is whole where it was sent may not have come */
	bool begun = x->tunnel.open || plain_unfinished(x) ||
		     (x->response.complete && never_acked(x, PROXY));
	bool handshake = in_tls(x) && !tls_settled(x);
	if (!x->both_ways || !begun || x->next_began)
		return false;
	for (enum trace_side side = CLIENT; side <= PROXY; side++) {
		if (!lost_for_long(x, side) || (handshake && !never_acked(x, side)))
			continue;
		f->side = side;
		f->confidence = CONFIDENCE_MEDIUM;
		if (handshake)
			f->stage = STAGE_TLS;
		return true;
	}
	return false;
}

/* Asked inside the tunnel, and not one byte of an answer until the client ended it. As with a proxy
 * that is silent, less than five seconds tell that, but with doubt. */
static bool gave_up_waiting(const struct exchange *x, nanos quiet)
{
	return trace_is_inside(x) && x->request.complete && !answered(x) && closed_by(x, CLIENT) &&
	       quiet >= SHORT_WAIT;
}

/* transfer-stalled: in the middle of something (a body, a record, a request in the tunnel) there
 * was silence for five seconds and ten round trips, until somebody closed or the observation
 * ended. Wrong for answers that take their time on purpose (long polls); and a tunnel that lay
 * idle with everything delivered looks like one whose flow stopped between two records: that is
 * only judged where the proxy ended it without a closing alert after a bulk of data, and then with
 * low confidence. */
static bool stalled(const struct exchange *x, struct finding *f)
{
	if (lost_on_the_way(x, f))
		return stalled_now(x, f, f->side);
	if (stalled_in_text(x)) {
		f->confidence = CONFIDENCE_LOW;
		return stalled_now(x, f, PROXY);
	}
	nanos quiet = quiet_at_end(x);
	if (gave_up_waiting(x, quiet)) {
		if (quiet < LONG_SILENCE)
			f->confidence = CONFIDENCE_MEDIUM;
		return stalled_now(x, f, PROXY);
	}
	if (!is_stall(x, quiet) || !x->both_ways || endless(x))
		return false;
	if (plain_unfinished(x) || half_a_head(x)) {
		if (x->path[PROXY].missing > 0)
			return false;
		return stalled_now(x, f, PROXY);
	}
	if (!in_tls(x) || !tls_settled(x))
		return false;
	if (record_cut(x, PROXY))
		return stalled_now(x, f, PROXY);
	/* a closing alert speaks for good order; not where it is all that ever came */
	if (unanswered_inside(x) && (!x->tls->close_notify[PROXY] || only_farewell(x))) {
		f->confidence = CONFIDENCE_MEDIUM;
		return stalled_now(x, f, PROXY);
	}
	/* silence before the FIN is proof enough that no closing alert came with it */
	bool followed = !x->tls->out_of_step[PROXY];
	bool bulk = (followed ? x->tls->app_bytes[PROXY] : x->tunnel.bytes[PROXY]) >= 16384 &&
		    (in_step(x, PROXY) || (!followed && x->path[PROXY].hole == 0));
	bool cut_off = closed_by(x, PROXY) && !x->tls->close_notify[PROXY];
	if (!(bulk && cut_off) && !paced_flow(x))
		return false;
	f->confidence = CONFIDENCE_LOW;
	stalled_now(x, f, PROXY);
	finding_cause(f, CAUSE_TUNNEL_WAS_IDLE);
	return true;
}

/* How sure it is that something was left undone when the proxy's side ended it. */
enum undone { DONE_OR_UNKNOWN, PERHAPS_UNDONE, SURELY_UNDONE };

static enum undone left_undone(const struct exchange *x)
{
	if (plain_unfinished(x) || half_a_head(x))
		return x->path[PROXY].missing > 0 ? DONE_OR_UNKNOWN : SURELY_UNDONE;
	if (!x->tunnel.open)
		return DONE_OR_UNKNOWN;
	if (x->tls->close_notify[PROXY])
		return dismissed(x) && unanswered_inside(x) ? PERHAPS_UNDONE : DONE_OR_UNKNOWN;
	if (record_cut(x, PROXY))
		return SURELY_UNDONE;
	if (!in_tls(x)) {
		/* something was said into the tunnel and never answered; or the client, whose turn
		   it is where TLS is expected, had no time to begin */
		bool mute = x->tunnel.bytes[CLIENT] > 0 && x->tunnel.bytes[PROXY] == 0;
		uint16_t port;
		trace_target_host(x, &port);
		bool too_soon = x->tunnel.bytes[CLIENT] == 0 && port == 443;
		bool seen = x->both_ways && !x->from_text && x->path[CLIENT].missing == 0 &&
			    x->path[PROXY].missing == 0;
		return (mute || too_soon) && seen ? PERHAPS_UNDONE : DONE_OR_UNKNOWN;
	}
	if (!tls_settled(x) || !x->both_ways)
		return DONE_OR_UNKNOWN;
	/* a limit on time strikes transfers that run; one age of two tunnels that lay idle at the
	   end is the origin's idle time-out behind answers alike, which many servers leave without
	   the alert */
	bool of_age = x->links.same_age_cuts > 0 && quiet_at_end(x) < SHORT_WAIT;
	if (x->links.same_size_cuts || of_age || even_flow(x) || unanswered_inside(x))
		return PERHAPS_UNDONE;
	/* A bulk of data, a pause too long for the end of an answer (whoever says "close" closes at
	   once, or when the client's acknowledgement is there) and too short for an idle time-out
	   (whole seconds), no closing alert, the client still there. A RST to what the client then
	   says shows a socket that was given up whole: then less of a pause tells. */
	nanos pause = quiet_at_end(x);
	bool given_up = mark_is(&x->path[PROXY].rst);
	nanos floor = later(times(given_up ? 2 : 3, x->rtt), 100 * NANOS_PER_MS);
	if (x->tls->app_bytes[PROXY] >= 16384 && in_step(x, PROXY) && pause > floor &&
	    pause < 900 * NANOS_PER_MS)
		return PERHAPS_UNDONE;
	return DONE_OR_UNKNOWN;
}

/* A RST right in what TLS carries. No cut is one upon the client's own closing alert, by a server
 * that closes without reading it. Where our own proxy did not follow the records of a bulk, the
 * last word was at least the other side's. */
static bool cut_in_tunnel(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	bool unread = x->source == TRACE_PROXY && t->out_of_step[PROXY] &&
		      x->tunnel.last[PROXY].at > x->tunnel.last[CLIENT].at;
	return x->by_reset && in_tls(x) && tls_settled(x) && x->both_ways &&
	       !t->close_notify[PROXY] && !t->close_notify[CLIENT] &&
	       (in_step(x, PROXY) || unread) && quiet_at_end(x) < LONG_SILENCE;
}

/* transfer-reset: the proxy's side ended it by RST with something undone; or by closing the
 * socket whole, which shows as a RST to what the client then sends, where nothing speaks for a
 * limit. Wrong when all was said and the RST is only a rude close: so a complete answer, a closing
 * alert, or idleness speak against it. */
static bool reset(const struct exchange *x, struct finding *f)
{
	if (!closed_by(x, PROXY) || x->next_began)
		return false;
	enum undone undone = left_undone(x);
	bool limit = x->links.same_size_cuts > 0 || x->links.same_age_cuts > 0;
	bool rude = !x->by_reset && undone == PERHAPS_UNDONE && !limit && !even_flow(x) &&
		    !unanswered_inside(x) && mark_is(&x->path[PROXY].rst) && in_tls(x);
	if (!(x->by_reset && (undone != DONE_OR_UNKNOWN || cut_in_tunnel(x))) && !rude)
		return false;
	cite_transfer(x, f);
	finding_cite_end(x, f);
	if (rude) {
		f->confidence = CONFIDENCE_LOW;
		finding_cite(f, &x->path[PROXY].rst, SAW_LATE_RST, x->path[PROXY].rsts);
	} else if (undone != SURELY_UNDONE) {
		f->confidence = x->tls->out_of_step[PROXY] ? CONFIDENCE_LOW : CONFIDENCE_MEDIUM;
	}
	finding_cite_onward(x, f);
	fetches_cite(x, f);
	if (fetches_causes(x, f))
		return true;
	if (own_reason(x))
		finding_cause(f, own_cause(x));
	finding_cause(f, CAUSE_ORIGIN_RESET);
	finding_cause(f, CAUSE_FIREWALL_RESET);
	finding_cause(f, CAUSE_INSPECTION_BREAKS);
	if (answered(x))
		finding_cause(f, CAUSE_SIZE_LIMIT);
	return true;
}

/* The client took leave, by the closing alert of TLS, and the other side's FIN that answers it
 * overtook its own. Session tickets, which a server sends when it comes to it, are no answer. */
static bool left_first(const struct exchange *x)
{
	nanos farewell = x->tunnel.last[CLIENT].at;
	nanos said = in_step(x, PROXY) ? x->tls->last_app[PROXY].at : x->tunnel.last[PROXY].at;
	return closed_by(x, PROXY) && !x->by_reset && in_tls(x) && x->both_ways && !x->from_text &&
	       x->tls->close_notify[CLIENT] && in_step(x, CLIENT) && farewell <= x->close.at &&
	       farewell > said;
}

/* transfer-truncated: the proxy's side closed by FIN before the body, the last chunk or the record
 * was whole; a cut at the same size or age elsewhere says which limit. Wrong when the answer was
 * whole and only the closing alert is missing, as many servers leave it out: so more than its
 * absence is asked for. Or it took leave in good order, but for an answer; wrong where the client
 * wanted none. */
static bool truncated(const struct exchange *x, struct finding *f)
{
	/* of a client that was not captured nobody knows whether it closed first */
	bool ended = (closed_by(x, PROXY) && !left_first(x)) || dismissed(x);
	if (!ended || x->by_reset || x->next_began || !(x->both_ways || x->from_text))
		return false;
	enum undone undone = left_undone(x);
	if (undone == DONE_OR_UNKNOWN || endless(x))
		return false;
	if (undone == PERHAPS_UNDONE)
		f->confidence = x->links.same_size_cuts || x->links.same_age_cuts
					? CONFIDENCE_MEDIUM
					: CONFIDENCE_LOW;
	cite_transfer(x, f);
	finding_cite_onward(x, f);
	finding_cite_end(x, f);
	fetches_cite(x, f);
	if (fetches_causes(x, f))
		return true;
	if (x->links.same_size_cuts)
		finding_cause(f, CAUSE_SIZE_LIMIT);
	if (x->links.same_age_cuts)
		finding_cause(f, CAUSE_TIME_LIMIT);
	if (own_reason(x))
		finding_cause(f, own_cause(x));
	finding_cause(f,
		      x->onward->outcome == ONWARD_RESET ? CAUSE_ORIGIN_RESET : CAUSE_ORIGIN_CUT);
	if (answered(x)) {
		finding_cause(f, CAUSE_SIZE_LIMIT);
		finding_cause(f, CAUSE_TIME_LIMIT);
	}
	finding_cause(f, CAUSE_PROXY_CUT);
	return true;
}

/* By the capture's clock the client's close follows upon what it was sent so much later than by its
 * own: what the round trip is on the client's side of the capture, which the handshake shows. */
static nanos close_travels(const struct exchange *x)
{
	nanos beyond = mark_is(&x->syn_ack) ? span(x->syn.at, x->syn_ack.at) : 0;
	return x->rtt > beyond ? x->rtt - beyond : 0;
}

/* When the client showed that it was leaving: some wait between the closing alert and the FIN. */
static nanos left_at(const struct exchange *x)
{
	nanos farewell = x->tls->close_notify[CLIENT] ? x->tunnel.last[CLIENT].at : NO_TIME;
	bool first = farewell >= x->path[PROXY].last_data.at && farewell < x->close.at;
	return first ? farewell : x->close.at;
}

/* The client closed while an even flow was running: neither at once after the last record, as one
 * who has all does (which on a busy host takes some milliseconds), nor after more than three times
 * the flow's own interval. Or before that record can have come to it. */
static bool left_a_flow(const struct exchange *x)
{
	if (!even_flow(x) || x->tls->records[PROXY] < 2 || !mark_is(&x->first_byte))
		return false;
	nanos last = x->path[PROXY].last_data.at;
	nanos flow = span(x->first_byte.at, last);
	uint64_t gaps = x->tls->records[PROXY] - 1;
	nanos interval = flow / (nanos)(gaps < INT32_MAX ? gaps : INT32_MAX);
	nanos travels = close_travels(x);
	nanos pause = span(last, left_at(x)) - travels;
	if (mark_is(&x->syn) && mark_is(&x->syn_ack) &&
	    pause < -later(2 * NANOS_PER_MS, travels / 8))
		return true;
	nanos at_once = interval < 40 * NANOS_PER_MS ? interval / 8 : 5 * NANOS_PER_MS;
	return pause >= later(2 * NANOS_PER_MS, at_once) && pause <= times(3, interval);
}

/* What came behind the client's close speaks of that: was there anything before? */
static bool unanswered_at_close(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	bool none = !mark_is(&x->first_byte) || x->first_byte.at >= x->close.at;
	return none && in_step(x, CLIENT) && in_step(x, PROXY) && t->last_record[CLIENT] > 80 &&
	       mark_is(&t->last_app[CLIENT]) && !x->from_text;
}

/* A client that offers nothing but HTTP has not done its work before something is answered. */
static bool speaks_http(const struct exchange *x)
{
	struct slice left = x->tls->alpn;
	bool http = left.len > 0;
	while (left.len) {
		struct slice name = slice_cut(&left, ',');
		http &= slice_equal(name, SLICE("h2")) || slice_equal(name, SLICE("http/1.1"));
	}
	return http;
}

/* The client closed in the middle of what it sent: within a record; or with a request that was not
 * answered, if that is HTTP; or else behind a row of records as full as TLS allows, without the
 * remainder in which a body ends (but for one in some thousands) and without a closing alert. */
static bool left_asking(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	bool full = t->same_records[CLIENT] >= 8 && t->last_record[CLIENT] >= 16384;
	bool asks = speaks_http(x) || (full && !t->close_notify[CLIENT]);
	return tls_settled(x) && (record_cut(x, CLIENT) || (asks && unanswered_at_close(x)));
}

static void cite_asking(const struct exchange *x, struct finding *f)
{
	finding_cite(f, &x->tls->last_app[CLIENT], SAW_LAST_UP, 0);
	if (record_cut(x, CLIENT))
		finding_cite(f, &x->tunnel.last[CLIENT], SAW_RECORD_CUT,
			     x->tls->record_left[CLIENT]);
}

/* client-aborted: the client ended it first, in the middle of a body, a record or a flow.
 * Wrong when the client had what it wanted: a reset after a whole answer, or on top of its own FIN,
 * is ordinary. Data that comes after the client's FIN shows that the other side was not done,
 * unless it is the end of TLS itself (up to a few short records). */
static bool aborted(const struct exchange *x, struct finding *f)
{
	bool ended = closed_by(x, CLIENT) || left_first(x);
	if (!ended || x->next_began || endless(x))
		return false;
	bool plain = plain_unfinished(x) || half_a_head(x);
	/* TLS ends both ways at once; other protocols may go on in one */
	bool half_closed = x->tunnel.open && !in_tls(x) && !mark_is(&x->path[CLIENT].rst);
	bool flowing = x->path[PROXY].after_peer_fin > 1024 && !half_closed && !x->from_text &&
		       (x->tunnel.open || !x->response.complete);
	if (plain && (x->path[PROXY].missing > 0 || !x->both_ways))
		return false;
	bool cut = record_cut(x, PROXY) && x->both_ways;
	bool asking = in_tls(x) && x->both_ways && left_asking(x);
	bool left = in_tls(x) && x->both_ways && left_a_flow(x);
	if (!plain && !flowing && !cut && !left && !asking)
		return false;
	if (x->probe && x->probe->complaint)
		return false; /* it says why */
	if ((left || asking) && !cut && !flowing)
		f->confidence = CONFIDENCE_MEDIUM;
	f->side = CLIENT;
	cite_transfer(x, f);
	if (asking)
		cite_asking(x, f);
	finding_cite_end(x, f);
	if (flowing)
		finding_cite(f, &x->path[PROXY].last_data, SAW_AFTER_FIN,
			     x->path[PROXY].after_peer_fin);
	finding_cause(f, CAUSE_CLIENT_TIMEOUT);
	finding_cause(f, CAUSE_CLIENT_STOPPED);
	finding_cause(f, CAUSE_CLIENT_DISK);
	return true;
}

static const struct rule RULES[] = {
	{ V_RECEIVER_STALLED, CONFIDENCE_HIGH, receiver_stalled },
	{ V_TRANSFER_STALLED, CONFIDENCE_HIGH, stalled },
	{ V_TRANSFER_RESET, CONFIDENCE_HIGH, reset },
	{ V_TRANSFER_TRUNCATED, CONFIDENCE_HIGH, truncated },
	{ V_CLIENT_ABORTED, CONFIDENCE_HIGH, aborted },
};
const struct rules RULES_TRANSFER = { RULES, sizeof RULES / sizeof *RULES, NULL };
