/* What the network does to segments by their size. These rules come before those of the stages,
 * since what they see is the cause of silence there; so each wants proof by size, and an exchange
 * that ended well never gets here. */
#include "diagnose/rules.h"

static enum trace_side other(enum trace_side side)
{
	return side == CLIENT ? PROXY : CLIENT;
}

/* An answer came whole, or refused: size did not stop it. Seen where it was sent it may not have
 * come. */
static bool ended_well(const struct exchange *x)
{
	bool came = !x->tunnel.open && x->response.complete && !never_acked(x, PROXY);
	return x->next_began || came || x->response.status >= 400;
}

/* What any link carries, even those with a header or two too many, and what has passed already. If
 * that is lost as well, it is not for its size. */
static bool small_is_stuck(const struct trace_path *p)
{
	return p->stuck_smallest != 0 &&
	       (p->stuck_smallest < 1000 || p->stuck_smallest <= p->largest_passed);
}

/* mtu-signalled: a router named an MTU, and the sender went on with larger segments, which were
 * not acknowledged. Wrong when the observation ended before the sender could act: so larger ones
 * must have followed, or a second have passed. */
static bool mtu_signalled(const struct exchange *x, struct finding *f)
{
	const struct trace_icmp *icmp = x->icmp;
	if (!icmp->too_big || icmp->adapted || ended_well(x))
		return false;
	const struct trace_path *p = &x->path[icmp->about];
	bool stuck = p->unacked > 0 && span(icmp->mark.at, end_of(x)) >= SHORT_WAIT;
	if (icmp->large_after == 0 && !stuck)
		return false;
	if (p->unacked == 0 && p->hole == 0 && x->path[other(icmp->about)].hole == 0)
		return false; /* all arrived in the end: somebody fragmented, or the note was forged
			       */
	f->side = icmp->about;
	finding_cite(f, &p->first_large, SAW_LARGE, p->largest);
	finding_cite(f, &icmp->mark, SAW_TOO_BIG, icmp->mtu);
	finding_cite(f, &p->stuck_last, SAW_STUCK_LAST, p->stuck_times);
	finding_cite_end(x, f);
	finding_cause(f, CAUSE_ICMP_DROPPED_AT_SENDER);
	finding_cause(f, CAUSE_SENDER_IGNORES_ICMP);
	finding_cause(f, CAUSE_MTU_SMALLER);
	return true;
}

static void black_hole_causes(struct finding *f)
{
	finding_cause(f, CAUSE_MTU_SMALLER);
	finding_cause(f, CAUSE_ICMP_FILTERED);
	finding_cause(f, CAUSE_TUNNEL_OVERHEAD);
}

/* The same large segment sent again and again, while small ones pass and none of its size ever
 * did. Wrong when the path died altogether (then the smaller retransmissions fail too, or large
 * ones had passed before), or when only one direction was captured (then no acknowledgement is
 * seen at all: not judged). */
static bool large_is_stuck(const struct exchange *x, enum trace_side side, struct finding *f)
{
	const struct trace_path *p = &x->path[side];
	uint32_t full = full_size(x, side);
	if (p->unacked == 0 || p->stuck_times < 3 || p->stuck_size < 500 || !x->both_ways)
		return false;
	if (full != 0 && p->stuck_size * 10 < full * 9 && p->large == 0)
		return false;
	if (full == 0 &&
	    p->stuck_size < 1000) /* what fits is unknown: it must be large in itself */
		return false;
	if (p->largest_passed * 20 >= p->stuck_size * 19)
		return false;
	if (small_is_stuck(p))
		return false;
	if (span(p->stuck_first.at, later(p->stuck_last.at, end_of(x))) < SHORT_WAIT)
		return false;
	if (p->small_passed == 0) {
		/* only the handshake's small packets passed: more than one large segment must be
		   waiting, else it may be the path, or the proxy, that died */
		if (!mark_is(&x->syn_ack) || p->unacked <= p->stuck_size)
			return false;
		finding_doubt(f);
		finding_cause(f, CAUSE_MTU_SMALLER);
		finding_cause(f, CAUSE_PATH_DIED);
	}
	f->side = side;
	finding_cite(f, &x->request_start, SAW_REQUEST, 0);
	finding_cite(f, &p->stuck_first, SAW_STUCK_FIRST, p->stuck_size);
	finding_cite(f, &p->stuck_last, SAW_STUCK_LAST, p->stuck_times);
	finding_cite_end(x, f);
	black_hole_causes(f);
	return true;
}

/* Full-size segments were sent, again and again, and not one of that size was ever acknowledged:
 * the same seen from the sender's end, where which of them is the oldest could not be followed. */
static bool none_large_passed(const struct exchange *x, enum trace_side side, struct finding *f)
{
	const struct trace_path *p = &x->path[side];
	uint32_t full = full_size(x, side);
	if (full == 0)
		full = p->largest; /* the handshake was not seen */
	if (!x->both_ways || full < 500 || p->large < 3 || p->retrans < 3 ||
	    p->unacked < 2 * (uint64_t)full)
		return false;
	if (p->stuck_times > 0 && (p->stuck_size < full / 2 || small_is_stuck(p)))
		return false; /* small ones are lost as well */
	if (p->largest_passed == 0 || p->largest_passed * 10 >= full * 9 ||
	    span(p->first_large.at, later(end_of(x), x->last.at)) < 3 * NANOS_PER_SECOND)
		return false;
	f->side = side;
	finding_doubt(f);
	finding_cite_request(x, f);
	finding_cite(f, &p->first_large, SAW_LARGE, p->largest);
	finding_cite(f, &p->last_large, SAW_LARGE_LAST, p->largest);
	finding_cite_end(x, f);
	black_hole_causes(f);
	return true;
}

/* The sender's own later sequence numbers show bytes that never came by here, and stayed away for
 * seconds, while nothing of full size came by in this exchange. Wrong when a single segment was
 * lost just before the end (so time must have passed for retransmissions), when the capture lost
 * it (then the other side acknowledges it, and `hole` does not count it), or when small segments
 * are all the sender had (so the hole must be as large as a full one). */
static bool large_left_a_hole(const struct exchange *x, enum trace_side side, struct finding *f)
{
	const struct trace_path *p = &x->path[side];
	if (p->hole == 0 || !mark_is(&p->hole_shown) || p->large > 0)
		return false;
	uint32_t full = full_size(x, side);
	uint32_t least = full != 0 ? full : 1200;
	if (p->hole * 10 < (uint64_t)least * 8 || p->largest_passed * 10 >= least * 9 ||
	    p->hole <= p->largest_passed)
		return false;
	nanos open_for = span(p->hole_shown.at, later(end_of(x), x->last.at));
	nanos before =
		span(later(x->hello.at, later(asked_at(x), p->last_data.at)), p->hole_shown.at);
	if (later(open_for, before) < 3 * NANOS_PER_SECOND)
		return false;
	if (full == 0 || open_for < before)
		finding_doubt(f);
	f->side = side;
	finding_cite(f, x->tunnel.open && mark_is(&x->hello) ? &x->hello : &x->request_start,
		     x->tunnel.open && mark_is(&x->hello) ? SAW_HELLO : SAW_REQUEST,
		     x->tls->hello_bytes);
	finding_cite(f, &p->hole_shown, SAW_HOLE, p->hole);
	finding_cite_end(x, f);
	black_hole_causes(f);
	return true;
}

/* mtu-black-hole: any of the three signs, in either direction. */
static bool mtu_black_hole(const struct exchange *x, struct finding *f)
{
	if (ended_well(x) || (x->icmp->too_big && x->icmp->adapted))
		return false;
	if (x->path[CLIENT].unacked == 0 && x->path[PROXY].hole == 0 &&
	    x->path[PROXY].unacked == 0 && x->path[CLIENT].hole == 0)
		return false;
	static bool (*const signs[])(const struct exchange *, enum trace_side,
				     struct finding *) = { large_is_stuck, large_left_a_hole,
							   none_large_passed };
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		for (int side = CLIENT; side <= PROXY; side++) {
			if (signs[i](x, (enum trace_side)side, f))
				return true;
			f->cites = f->causes = 0;
			f->confidence = CONFIDENCE_HIGH;
		}
	}
	return false;
}

/* large-segment-reset: the first full-size segments of the client are answered by the proxy's
 * RST within two round trips, and smaller ones had been answered before.
 * Wrong when the reset would have come anyway (policy on the first data): low confidence in any
 * cause. A reset right upon a ClientHello is `tls-reset`, whatever its size; a client that resets
 * upon the server's flight rejects a certificate. */
static bool large_segment_reset(const struct exchange *x, struct finding *f)
{
	const struct trace_path *up = &x->path[CLIENT];
	const struct mark *rst = &x->path[PROXY].rst;
	if (!mark_is(rst) || !closed_by(x, PROXY) || !x->by_reset || ended_well(x))
		return false;
	const struct mark *large = mark_is(&up->first_large) ? &up->first_large : NULL;
	if (!large && x->from_text && up->largest >= 1000)
		large = &up->last_data;
	bool small_before = x->response.status != 0 && (!x->tls->hello || x->tls->server_hello);
	if (!large || !mark_is(large) || !small_before || rst->at < large->at ||
	    large->at < x->response_start.at)
		return false;
	nanos at_once = times(2, x->rtt);
	at_once = later(at_once, 50 * NANOS_PER_MS);
	if (span(large->at, rst->at) > (at_once < SHORT_WAIT ? at_once : SHORT_WAIT))
		return false;
	f->side = CLIENT;
	finding_cite_request(x, f);
	finding_cite(f, large, SAW_LARGE, up->largest);
	finding_cite(f, rst, SAW_PROXY_RST, (uint64_t)span(large->at, rst->at));
	finding_cause(f, CAUSE_INSPECTION_BREAKS);
	finding_cause(f, CAUSE_POLICY_ON_SIZE);
	finding_cause(f, CAUSE_MTU_NOT_CERTAIN);
	return true;
}

/* Something was lost for good, reset, or complained of. */
static bool concern(const struct exchange *x)
{
	const struct trace_path *up = &x->path[CLIENT], *down = &x->path[PROXY];
	return x->icmp->too_big || up->unacked || up->hole || down->unacked || down->hole ||
	       mark_is(&down->rst);
}

static const struct rule RULES[] = {
	{ V_MTU_SIGNALLED, CONFIDENCE_HIGH, mtu_signalled },
	{ V_MTU_BLACK_HOLE, CONFIDENCE_HIGH, mtu_black_hole },
	{ V_LARGE_SEGMENT_RESET, CONFIDENCE_LOW, large_segment_reset },
};
const struct rules RULES_PATH = { RULES, sizeof RULES / sizeof *RULES, concern };
