/* The same download again, and the rest of it. */
#include "check/around.h"
#include "check/repeat.h"
#include "http/head.h"

#include <errno.h>
#include <stdio.h>

/* No more than this for the sake of knowing, whatever the first fetch took. */
static const nanos LONGEST_FETCH = 60 * NANOS_PER_SECOND;
enum { LEAST_ROOM = 256 << 10 };

static nanos between(nanos from, nanos to)
{
	return from == NO_TIME || to == NO_TIME || to < from ? 0 : to - from;
}

/* ---- a fetch, from its exchanges ---------------------------------------------------------- */

static enum trace_cut how_it_ended(const struct exchange *request, const struct exchange *carrier)
{
	if (request->response.complete || request->next_began || !carrier->closed)
		return CUT_NOT;
	if (carrier->closed_by == CLIENT)
		return CUT_STALLED;
	return carrier->by_reset ? CUT_RST : CUT_FIN;
}

static void measure(struct trace_fetch *f, const struct exchange *request,
		    const struct exchange *carrier)
{
	const struct mark *asked =
		mark_is(&carrier->request_end) ? &carrier->request_end : &carrier->request_start;
	nanos end = f->how == CUT_FIN || f->how == CUT_RST ? carrier->close.at : f->flow.last;
	f->begun = asked->at;
	f->age = between(asked->at, end);
	f->promised = request->response.body_length;
	f->body = f->flow.bytes;
	f->carried = carrier->tunnel.open ? carrier->tunnel.bytes[PROXY] : f->body;
	f->enough = f->how == CUT_NOT && !request->response.complete;
	nanos quiet = between(f->flow.last, carrier->closed ? carrier->close.at : NO_TIME);
	if (quiet > f->flow.pause) {
		f->flow.pause = quiet;
		f->flow.pause_at = f->flow.bytes;
	}
}

static struct trace_fetch fetch_of(struct exchange *const *seen, size_t count)
{
	struct trace_fetch f = { .how = CUT_NO_BODY, .promised = UINT64_MAX };
	const struct exchange *request = repeat_request(seen, count);
	const struct exchange *carrier =
		request && trace_is_inside(request) ? repeat_connect(seen, count) : request;
	if (!request || !carrier || request->response.status == 0)
		return f;
	f.status = request->response.status;
	if (f.status >= 300 || !request->probe || request->probe->flow.pieces == 0)
		return f;
	f.flow = request->probe->flow;
	f.how = how_it_ended(request, carrier);
	measure(&f, request, carrier);
	if (carrier->probe) {
		f.path_asked = carrier->probe->path_asked;
		f.path_answers = carrier->probe->path_answers;
	}
	return f;
}

/* ---- fetching again ------------------------------------------------------------------------- */

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Twice as far, twice as long as the first: what then still goes well was not cut alike. */
static struct check_options bounded(const struct check_options *options,
				    const struct trace_fetch *first)
{
	struct check_options o = repeat_options(options);
	nanos longest = 2 * first->age + options->patience + 5 * NANOS_PER_SECOND;
	o.most = at_most(options->most, 2 * first->body + LEAST_ROOM);
	o.altered.longest = longest < LONGEST_FETCH ? longest : LONGEST_FETCH;
	return o;
}

static int fetch(const struct check_options *o, struct trace_download *d, struct repeat *again,
		 struct error *err)
{
	int code = repeat_walk(o, again, err);
	if (code < 0)
		return code;
	struct trace_fetch *f = &d->fetch[d->fetches++];
	*f = fetch_of(again->exchange, again->count);
	f->paced = o->altered.pace > 0;
	return 0;
}

/* Cut at the same byte and at the same age: which of them it is, another speed tells. Limits on
 * time are hardly ever below a second. */
static bool both_fit(const struct trace_fetch *a, const struct trace_fetch *b)
{
	bool cut = (a->how == CUT_FIN || a->how == CUT_RST) &&
		   (b->how == CUT_FIN || b->how == CUT_RST);
	return cut && a->age >= NANOS_PER_SECOND && trace_is_alike(a->body, b->body, 2) &&
	       trace_is_alike((uint64_t)a->age, (uint64_t)b->age, 10);
}

/* ---- the rest by Range ---------------------------------------------------------------------- */

static struct slice field(const struct http_response *r, struct slice name)
{
	const struct http_field *f = http_find(&r->fields, name);
	return f ? f->value : (struct slice){ 0 };
}

static bool read_head(const struct exchange *x, struct http_response *ret_head)
{
	struct http_bad bad;
	return x && x->response.head.len &&
	       http_read_response(x->response.head, x->request.method, ret_head, &bad) == HTTP_DONE;
}

/* A strong ETag, or else the date, which is good to a second (RFC 9110 section 13.1.5). */
static bool take_validator(const struct exchange *x, char *into, size_t size)
{
	struct http_response head;
	if (!read_head(x, &head))
		return false;
	struct slice tag = field(&head, SLICE("etag"));
	if (tag.len == 0 || slice_starts(tag, SLICE("W/")))
		tag = field(&head, SLICE("last-modified"));
	if (tag.len == 0 || tag.len >= size)
		return false;
	memcpy(into, tag.at, tag.len);
	into[tag.len] = 0;
	return true;
}

/* "bytes 100-199/1000", where the whole may be "*". */
static bool read_content_range(struct slice value, uint64_t *ret_from, uint64_t *ret_whole)
{
	if (!slice_starts_nocase(value, SLICE("bytes ")))
		return false;
	struct slice rest = slice_trim(slice_from(value, 6));
	struct slice range = slice_cut(&rest, '/');
	*ret_whole = UINT64_MAX;
	if (!slice_equal(rest, SLICE("*")) && !slice_parse_u64(rest, 10, ret_whole))
		return false;
	return slice_parse_u64(slice_first(range, slice_find_byte(range, '-')), 10, ret_from);
}

static enum trace_resume honoured(struct trace_download *d, const struct exchange *x)
{
	struct http_response head;
	uint64_t from;
	unsigned status = x ? x->response.status : 0;
	d->resume_status = (uint16_t)status;
	if (status == 0)
		return RESUME_FAILED;
	if (status == 200) /* by If-Range it says that this is another one now (section 13.1.5) */
		return d->validated && x->response.body_length != d->fetch[0].promised
			       ? RESUME_CHANGED
			       : RESUME_IGNORED;
	if (status != 206)
		return RESUME_REFUSED;
	if (!read_head(x, &head) ||
	    !read_content_range(field(&head, SLICE("content-range")), &from, &d->whole) ||
	    from != d->resume_from)
		return RESUME_WRONG_RANGE;
	return RESUME_HONOURED;
}

static int resume_it(const struct check_options *options, struct trace_download *d,
		     const struct exchange *model, struct error *err)
{
	char validator[CHECK_MAX_TEXT];
	struct repeat again = { .still = NULL };
	struct check_options o = bounded(options, &d->fetch[0]);
	d->validated = take_validator(model, validator, sizeof validator);
	d->resume_from = o.altered.from = d->fetch[d->fetches - 1].body;
	o.altered.if_range = d->validated ? validator : NULL;
	o.most = options->most;
	d->resume_begun = check_now();
	int code = repeat_walk(&o, &again, err);
	if (code < 0)
		return code;
	struct trace_fetch f = fetch_of(again.exchange, again.count);
	d->resume = honoured(d, repeat_request(again.exchange, again.count));
	d->resume_came = f.how == CUT_NO_BODY ? 0 : f.body;
	d->completed = d->resume == RESUME_HONOURED && f.how == CUT_NOT && !f.enough;
	repeat_done(&again);
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int fetch_again(const struct check_options *options, struct trace_download *d,
		       struct error *err)
{
	struct repeat again = { .still = NULL };
	struct check_options o = bounded(options, &d->fetch[0]);
	int code = fetch(&o, d, &again, err);
	if (code < 0)
		return code;
	if (options->resume && d->fetch[1].body > 0)
		code = resume_it(options, d, repeat_request(again.exchange, again.count), err);
	repeat_done(&again);
	if (code < 0 || !both_fit(&d->fetch[0], &d->fetch[1]))
		return code;
	double seconds = (double)d->fetch[0].age / (double)NANOS_PER_SECOND;
	o.altered.pace = (uint64_t)((double)d->fetch[0].carried / seconds / 2) + 1;
	o.altered.longest = LONGEST_FETCH;
	code = fetch(&o, d, &again, err);
	repeat_done(&again);
	return code;
}

static void say(struct check_around *a, const struct trace_download *d)
{
	static const char *const ends[] = { [CUT_NOT] = "whole",
					    [CUT_FIN] = "closed",
					    [CUT_RST] = "reset",
					    [CUT_STALLED] = "silent",
					    [CUT_NO_BODY] = "no body" };
	size_t len = 0;
	for (size_t i = 0; i < d->fetches && len < sizeof a->seen; i++) {
		const struct trace_fetch *f = &d->fetch[i];
		len += (size_t)snprintf(a->seen + len, sizeof a->seen - len,
					"%s%s after %llu bytes, %.1f s%s", i ? "; " : "",
					f->enough ? "went further" : ends[f->how],
					(unsigned long long)f->body,
					(double)f->age / (double)NANOS_PER_SECOND,
					f->paced ? " (read slowly)" : "");
	}
	if (d->resume != RESUME_NOT_TRIED && len < sizeof a->seen)
		snprintf(a->seen + len, sizeof a->seen - len, "; the rest by Range: %u%s",
			 d->resume_status, d->completed ? ", all of it" : "");
}

int check_download(struct check_around *a, struct error *err)
{
	struct trace_download *d = arena_alloc(a->x->arena, sizeof *d);
	int code = 0;
	if (!d)
		return err_set(err, -ENOMEM, "out of memory");
	d->whole = UINT64_MAX;
	d->fetch[d->fetches++] = fetch_of(a->exchange, a->exchanges);
	a->x->probe->download = d;
	bool broke = d->fetch[0].how != CUT_NOT && d->fetch[0].how != CUT_NO_BODY;
	if (broke)
		code = fetch_again(a->options, d, err);
	if (broke)
		say(a, d);
	else
		snprintf(a->seen, sizeof a->seen, "%s, so there is nothing to compare",
			 d->fetch[0].how == CUT_NO_BODY ? "no body came"
			 : d->fetch[0].enough           ? "as much as was wanted came"
							: "all of it came");
	return code;
}
