/* What it tells that a download was made several times: cut at the same byte, at the same age, or
 * at neither; held back near its end; silent while the proxy's host no longer answers. */
#include "diagnose/figures.h"
#include "diagnose/rules.h"

enum { NEAR_THE_END = 64 << 10, MOST_BUFFERED = 512 << 10, LEAST_LIMIT = 64 << 10 };

/* What was carried counts for a limit in the proxy, the body for one that can see it. */
static bool same_size(const struct trace_fetch *a, const struct trace_fetch *b)
{
	return a->body > 0 &&
	       (trace_is_alike(a->body, b->body, 2) || trace_is_alike(a->carried, b->carried, 1));
}

static bool same_age(const struct trace_fetch *a, const struct trace_fetch *b)
{
	return a->age >= NANOS_PER_SECOND && trace_is_alike((uint64_t)a->age, (uint64_t)b->age, 10);
}

static bool is_cut(const struct trace_fetch *f)
{
	return f->how == CUT_FIN || f->how == CUT_RST;
}

static bool near_the_end(const struct trace_fetch *f, uint64_t at)
{
	if (f->promised == UINT64_MAX || at == 0 || at >= f->promised)
		return false;
	uint64_t left = f->promised - at;
	return left <= f->promised / 20 || (left <= NEAR_THE_END && left <= f->promised / 2);
}

/* An inspection that holds back the end until it has seen all of it. */
static bool held_back(const struct trace_fetch *f)
{
	return f->flow.pause >= 2 * NANOS_PER_SECOND && near_the_end(f, f->flow.pause_at);
}

static enum fetches say_stalled(const struct trace_fetch *a, const struct trace_fetch *b)
{
	if (a->path_asked && !a->path_answers)
		return FETCHES_PATH;
	if (held_back(a) && (b->how == CUT_NOT || held_back(b)))
		return FETCHES_SCANNED;
	if (b->how == CUT_STALLED && same_size(a, b))
		return FETCHES_HELD;
	return FETCHES_FLAKY;
}

/* A third, read at half the speed, parts what the first two leave together: by a time limit it ends
 * with less. All of it again shows a size limit only where it can't have lain in buffers on the
 * way, sent long before. */
static enum fetches say_cut(const struct trace_fetch *a, const struct trace_fetch *b,
			    const struct trace_fetch *paced)
{
	bool size = same_size(a, b), age = same_age(a, b);
	if (size && age && paced && (is_cut(paced) || paced->enough)) {
		bool held_up =
			paced->carried / 2 > MOST_BUFFERED && paced->age > a->age + a->age / 4;
		if (is_cut(paced) && !same_size(a, paced) && paced->body < a->body)
			return FETCHES_TIME;
		if (held_up && (paced->enough || same_size(a, paced)))
			return FETCHES_SIZE;
	}
	return size && age ? FETCHES_EITHER
	       : size      ? FETCHES_SIZE
	       : age       ? FETCHES_TIME
			   : FETCHES_FLAKY;
}

enum fetches fetches_say(const struct exchange *x)
{
	const struct trace_download *d = download_of(x);
	if (!d || d->fetches < 2 || d->fetch[1].how == CUT_NO_BODY)
		return FETCHES_NOT;
	const struct trace_fetch *a = &d->fetch[0], *b = &d->fetch[1];
	if (d->whole != UINT64_MAX && d->whole == a->body && a->promised != d->whole)
		return FETCHES_LENGTH;
	if (a->how == CUT_STALLED)
		return say_stalled(a, b);
	if (!is_cut(a) || !is_cut(b))
		return FETCHES_FLAKY;
	return say_cut(a, b, d->fetches > 2 ? &d->fetch[2] : NULL);
}

/* Who sets so small a limit sets a round one; an origin that ends early, or announces more than it
 * has, does so anywhere. */
static bool is_no_limit(const struct trace_fetch *a)
{
	return a->body < LEAST_LIMIT && !figures_size(a->body).unit &&
	       !figures_size(a->carried).unit;
}

void fetches_cite(const struct exchange *x, struct finding *f)
{
	const struct trace_download *d = download_of(x);
	for (size_t i = 1; d && i < d->fetches; i++) {
		struct mark at = { .at = d->fetch[i].begun };
		if (d->fetch[i].how == CUT_NO_BODY)
			at.at = end_of(x);
		finding_cite(f, &at, SAW_FETCH, i);
	}
	struct mark resumed = { .at = d ? d->resume_begun : NO_TIME };
	if (d && d->resume != RESUME_NOT_TRIED)
		finding_cite(f, &resumed, SAW_RESUME, d->resume_came);
}

bool fetches_causes(const struct exchange *x, struct finding *f)
{
	switch (fetches_say(x)) {
	case FETCHES_NOT:
		return false;
	case FETCHES_SIZE:
		if (is_no_limit(&download_of(x)->fetch[0]))
			finding_cause(f, CAUSE_ORIGIN_CUT);
		finding_cause(f, CAUSE_SIZE_LIMIT);
		break;
	case FETCHES_TIME:
		finding_cause(f, CAUSE_TIME_LIMIT);
		break;
	case FETCHES_EITHER:
		finding_cause(f, CAUSE_SIZE_LIMIT);
		finding_cause(f, CAUSE_TIME_LIMIT);
		break;
	case FETCHES_HELD:
		finding_cause(f, CAUSE_SCANNING);
		finding_cause(f, CAUSE_SIZE_LIMIT);
		finding_cause(f, CAUSE_ORIGIN_STOPPED);
		return true;
	case FETCHES_SCANNED:
		finding_cause(f, CAUSE_SCANNING);
		finding_cause(f, CAUSE_ORIGIN_STOPPED);
		return true;
	case FETCHES_PATH:
		finding_cause(f, CAUSE_PATH_SILENT);
		return true;
	case FETCHES_LENGTH:
		finding_cause(f, CAUSE_LENGTH_WRONG);
		return true;
	case FETCHES_FLAKY:
		finding_cause(f, CAUSE_FLAKY);
		break;
	}
	finding_cause(f, CAUSE_ORIGIN_CUT);
	return true;
}
