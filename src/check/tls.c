/* What the TLS differential asks. Of a certificate that was turned down in TLS 1.3: is it the same
 * in TLS 1.2? One name with two certificates is a server among several that was forgotten, or an
 * inspection; and what TLS 1.3 hides, a capture that is taken meanwhile shows then.
 *
 * Else of the ClientHello: hellos of several shapes, each in a tunnel of its own, all at once. Only
 * whether they are answered counts, so that any word in TLS is as good as a ServerHello: an alert
 * says as well that the hello got there whole. It tells a hole for large segments from an
 * inspection that can't take a large hello, or one in two segments; and both from a policy on
 * names.
 */
#include "check/again.h"
#include "check/around.h"
#include "check/hello.h"
#include "trace/exchange.h"

#include <stdio.h>
#include <string.h>

/* What a browser sends today; two segments on any Ethernet. */
enum { LARGE = 1800 };

enum { TLS_13 = 0x0304 };

static const char *const NAMES[SHAPE_COUNT_] = {
	[SHAPE_SMALL] = "small",
	[SHAPE_SPLIT] = "in two segments",
	[SHAPE_LARGE] = "large",
	[SHAPE_PIECES] = "large, in small segments",
	[SHAPE_NAMELESS] = "without a name",
};

static enum trace_heard heard(const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	if (t->server_hello && t->version) /* and not the beginning of one alone */
		return HEARD_HELLO;
	if (t->alert && t->alert_from == PROXY)
		return HEARD_ALERT;
	if (t->close_notify[PROXY])
		return HEARD_END;
	if (x->tunnel.bytes[PROXY] > 0 && !t->server_hello)
		return HEARD_OTHER;
	if (x->closed && x->closed_by == PROXY)
		return x->by_reset ? HEARD_RESET : HEARD_END;
	return x->path && x->path[CLIENT].unacked > 0 ? HEARD_LOST : HEARD_SILENCE;
}

/* Of the tunnel, which is the last exchange: before it may be a 407. */
static enum trace_heard heard_again(const struct again *a)
{
	const struct repeat *w = &a->walk;
	const struct exchange *x = w->count ? w->exchange[w->count - 1] : NULL;
	return x && x->tunnel.open ? heard(x) : HEARD_UNKNOWN;
}

static bool is_answer(enum trace_heard how)
{
	return how == HEARD_HELLO || how == HEARD_ALERT || how == HEARD_OTHER;
}

static bool was_answered(const struct again *a, const void *context)
{
	(void)context;
	return is_answer(heard_again(a));
}

static const char *heard_name(enum trace_heard how)
{
	static const char *const names[] = {
		[HEARD_UNKNOWN] = "not measured", [HEARD_HELLO] = "answered",
		[HEARD_ALERT] = "an alert",       [HEARD_OTHER] = "answered, not in TLS",
		[HEARD_SILENCE] = "no answer",    [HEARD_RESET] = "reset",
		[HEARD_END] = "closed",           [HEARD_LOST] = "never acknowledged",
	};
	return names[how];
}

static void conclude(struct check_around *a, struct trace_hellos *h)
{
	size_t len = 0, size = sizeof a->seen;
	for (int i = 0; i < SHAPE_COUNT_; i++) {
		int n = 0;
		if (h->of[i].bytes)
			n = snprintf(a->seen + len, size - len, "%s%s (%u bytes): %s",
				     len ? "; " : "hello ", NAMES[i], h->of[i].bytes,
				     heard_name(h->of[i].how));
		len += n > 0 && (size_t)n < size - len ? (size_t)n : 0;
	}
	h->looked = true;
	h->broke = a->broke;
	h->text = arena_string(a->x->arena, slice_of(a->seen));
}

/* A server name is a name (RFC 6066 section 3). */
static const char *name_of(const struct check_target *t)
{
	struct address literal;
	return address_parse(slice_of(t->host), &literal) ? NULL : t->host;
}

static void write_hellos(const char *name, uint8_t room[][HELLO_ROOM], struct slice *ret_hellos)
{
	const struct hello_shape shapes[SHAPE_COUNT_] = {
		[SHAPE_SMALL] = { .name = name },
		[SHAPE_SPLIT] = { .name = name },
		[SHAPE_LARGE] = { .name = name, .post_quantum = true, .padded_to = LARGE },
		[SHAPE_PIECES] = { .name = name, .post_quantum = true, .padded_to = LARGE },
		[SHAPE_NAMELESS] = { .name = NULL },
	};
	for (int i = 0; i < SHAPE_COUNT_; i++)
		ret_hellos[i] = (struct slice){ room[i], hello_write(&shapes[i], room[i]) };
	if (!name)
		ret_hellos[SHAPE_NAMELESS].len = 0; /* none of them has one */
}

static void cut(struct slice hello, size_t size, struct slice *pieces)
{
	for (size_t i = 0; i < CHECK_HELLO_PIECES && hello.len > 0; i++) {
		pieces[i] = slice_first(hello, size);
		hello = slice_from(hello, pieces[i].len);
	}
}

/* Those that had no answer yet, each in a tunnel of its own. How many of all have one now. */
static size_t walk_them(const struct check_around *a, const struct slice *hello, nanos longest,
			struct trace_hello *results)
{
	struct check_addresses proxy = { .address = { a->x->proxy }, .count = 1 };
	struct again walks[SHAPE_COUNT_];
	size_t count = 0, of[SHAPE_COUNT_], answered = 0;
	for (size_t i = 0; i < SHAPE_COUNT_; i++) {
		struct check_altered altered = { .proxy = &proxy };
		if (hello[i].len == 0 || is_answer(results[i].how))
			continue;
		cut(hello[i],
		    i == SHAPE_SPLIT    ? hello[i].len / 2 + 1
		    : i == SHAPE_PIECES ? LARGE / CHECK_HELLO_PIECES + 100
					: hello[i].len,
		    altered.hello);
		of[count] = i;
		walks[count++] = (struct again){ .altered = altered };
	}
	again_walk(a->options, walks, count, longest, was_answered, NULL);
	for (size_t i = 0; i < count; i++)
		results[of[i]] =
			(struct trace_hello){ heard_again(&walks[i]), (uint32_t)hello[of[i]].len };
	again_done(walks, count);
	for (size_t i = 0; i < SHAPE_COUNT_; i++)
		answered += is_answer(results[i].how);
	return answered;
}

/* ---- the certificate ------------------------------------------------------------------------- */

static bool is_hidden(const struct check_around *a)
{
	return a->broke && a->where == CHECK_TLS && a->x->tls->certificates > 0 &&
	       a->x->tls->version >= TLS_13;
}

static bool always(const struct again *a, const void *context)
{
	(void)a;
	(void)context;
	return true;
}

static enum trace_shown compare(const struct exchange *x, const struct again *a)
{
	const struct repeat *w = &a->walk;
	const struct exchange *y = repeat_connect(w->exchange, w->count);
	if (a->code < 0 || !y || !y->tunnel.open)
		return SHOWN_UNKNOWN;
	const struct trace_tls *was = x->tls, *is = y->tls;
	if (is->certificates == 0)
		return is->alert && is->alert_from == PROXY ? SHOWN_NONE : SHOWN_UNKNOWN;
	if (slice_equal(was->subject, is->subject) && slice_equal(was->issuer, is->issuer) &&
	    was->not_after == is->not_after)
		return SHOWN_SAME;
	return w->step > CHECK_TLS ? SHOWN_OTHER_GOOD : SHOWN_OTHER;
}

/* The handshake alone is wanted; of what comes behind one that succeeds, HEAD is the least. */
static void show_again(struct check_around *a)
{
	static const char *const seen[] = {
		[SHOWN_UNKNOWN] = "not measured, there was no second handshake",
		[SHOWN_NONE] = "no certificate to compare with, TLS 1.2 is not spoken there",
		[SHOWN_SAME] = "the same certificate in TLS 1.2, where a capture shows it",
		[SHOWN_OTHER] = "another certificate in TLS 1.2, not trusted either",
		[SHOWN_OTHER_GOOD] = "another certificate in TLS 1.2, and that one is trusted",
	};
	struct check_addresses proxy = { .address = { a->x->proxy }, .count = 1 };
	struct again walk = { .altered = { .proxy = &proxy, .older_tls = true } };
	struct check_options o = *a->options;
	o.head = true;
	again_walk(&o, &walk, 1, a->options->patience / 2, always, NULL);
	a->x->probe->shown = compare(a->x, &walk);
	again_done(&walk, 1);
	snprintf(a->seen, sizeof a->seen, "%s", seen[a->x->probe->shown]);
}

/* ---- either ---------------------------------------------------------------------------------- */

int check_tls(struct check_around *a, struct error *err)
{
	struct trace_hellos *h = &a->x->probe->hellos;
	uint8_t room[SHAPE_COUNT_][HELLO_ROOM];
	struct slice hello[SHAPE_COUNT_];
	nanos longest = a->options->patience / 2, begun = check_now();
	(void)err;
	if (!a->options->target.secure || (a->broke && a->where <= CHECK_AUTH)) {
		snprintf(a->seen, sizeof a->seen, "not measured, there is no TLS in a tunnel");
		return 0;
	}
	if (is_hidden(a)) {
		show_again(a);
		return 0;
	}
	write_hellos(name_of(&a->options->target), room, hello);
	size_t answered = walk_them(a, hello, longest, h->of);
	/* what fails where others don't fails twice, or it was something else */
	if (answered > 0 && answered < SHAPE_COUNT_) {
		nanos enough = check_now() - begun + NANOS_PER_SECOND;
		walk_them(a, hello, enough < longest ? enough : longest, h->of);
	}
	conclude(a, h);
	return 0;
}
