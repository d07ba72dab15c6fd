/* The history: found, shown, drawn. */
#include "console/private.h"

#include "render/report.h"

#include <errno.h>
#include <stdio.h>

enum { MOST_ROWS = 200, ROWS = 50, BINS = 120, MOST_WORDS = 1 << 18 };

/* ---- keeping ------------------------------------------------------------------------------- */

int keep_exchange(struct console *c, struct exchange *x, enum store_source source, int64_t batch,
		  struct kept *ret_kept, struct error *err)
{
	struct finding f;
	struct diagnosis d;
	struct arena *words = arena_new(MOST_WORDS);
	int code = words ? 0 : err_set(err, -ENOMEM, "out of memory");
	if (code == 0) {
		diagnose_judge(x, &f);
		(void)diagnose_explain(x, &f, words, &d); /* what fits is whole */
		ret_kept->severity = d.severity;
		code = store_add(c->store, x, &d, source, batch, &ret_kept->key, err);
	}
	arena_free(words);
	trace_free(x);
	return code;
}

/* ---- finding ------------------------------------------------------------------------------- */

static struct slice argument(const struct request *r, const char *name)
{
	const char *text = request_argument(r, name);
	return text && *text ? slice_of(text) : (struct slice){ 0 };
}

static bool read_source(struct request *r, int *ret_source)
{
	struct slice name = argument(r, "source");
	enum store_source source;
	if (!name.at)
		return true;
	if (!store_source_find(name, &source)) {
		answer_error(r, 400, "there is no such source");
		return false;
	}
	*ret_source = (int)source;
	return true;
}

static void add_row(void *context, const struct store_row *row)
{
	struct buffer *out = context;
	json_open(out, NULL, '{');
	json_big(out, "key", row->key);
	json_word(out, "source", store_source_name(row->source));
	if (row->batch)
		json_number(out, "capture", row->batch);
	json_raw(out, "record", row->record);
	json_close(out, '}');
}

void exchanges_list(struct request *r)
{
	struct store_filter f = STORE_ALL;
	int64_t before = 0, most = ROWS, next = 0;
	struct error err;
	f.verdict = argument(r, "verdict");
	f.target = argument(r, "target");
	f.proxy = argument(r, "proxy");
	f.text = argument(r, "text");
	if (!request_moment(r, "from", &f.from) || !request_moment(r, "to", &f.to) ||
	    !read_source(r, &f.source) || !request_number(r, "capture", INT64_MAX, &f.batch) ||
	    !request_number(r, "before", INT64_MAX, &before) ||
	    !request_number(r, "most", MOST_ROWS, &most))
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "exchanges", '[');
	int code = store_query(r->console->store, &f, before, (size_t)(most ? most : 1), add_row,
			       &r->out, &next, &err);
	if (code < 0) {
		answer_trouble(r, &err);
		return;
	}
	json_close(&r->out, ']');
	if (next)
		json_big(&r->out, "next", next);
	json_close(&r->out, '}');
	answer_json(r, 200);
}

/* ---- one of them --------------------------------------------------------------------------- */

static bool read_key(struct request *r, int64_t *ret_key)
{
	uint64_t key;
	if (slice_parse_u64(slice_of(r->word), 10, &key) && key <= INT64_MAX) {
		*ret_key = (int64_t)key;
		return true;
	}
	answer_error(r, 404, "there is no such exchange in the history");
	return false;
}

void exchanges_get(struct request *r)
{
	struct store_row row;
	struct buffer record;
	struct error err;
	int64_t key;
	if (!read_key(r, &key))
		return;
	buffer_init(&record, MOST_ANSWER);
	if (store_get(r->console->store, key, &record, &row, &err) < 0) {
		answer_trouble(r, &err);
	} else {
		add_row(&r->out, &row);
		answer_json(r, 200);
	}
	buffer_done(&record);
}

/* The exchange of the path with its diagnosis, to be rendered into r->out. */
static struct exchange *judged(struct request *r, struct diagnosis *ret_d)
{
	struct finding f;
	struct error err;
	int64_t key;
	if (!read_key(r, &key))
		return NULL;
	struct exchange *x = store_exchange(r->console->store, key, &err);
	if (!x) {
		answer_trouble(r, &err);
		return NULL;
	}
	diagnose_judge(x, &f);
	(void)diagnose_explain(x, &f, r->arena, ret_d);
	return x;
}

void exchanges_ladder(struct request *r)
{
	struct diagnosis d;
	struct exchange *x = judged(r, &d);
	if (!x)
		return;
	render_ladder(&r->out, x, &d);
	trace_free(x);
	answer_as(r, 200, "image/svg+xml", NULL);
}

/* For a ticket: the card as `viaduct check` prints it. */
void exchanges_card(struct request *r)
{
	const struct render_style style = { .width = 78, .utf8 = true };
	struct diagnosis d;
	struct exchange *x = judged(r, &d);
	if (!x)
		return;
	render_line(&r->out, &style, x, &d);
	buffer_add_byte(&r->out, '\n');
	render_card(&r->out, &style, x, &d);
	trace_free(x);
	answer_as(r, 200, "text/plain; charset=utf-8", NULL);
}

void exchanges_report(struct request *r)
{
	const struct render_style style = { .width = 100, .utf8 = true };
	const struct summary_facts none = { .first = NO_TIME, .last = NO_TIME };
	struct diagnosis d;
	char name[60];
	struct exchange *x = judged(r, &d);
	struct tally *tally = tally_new();
	if (x && tally) {
		tally_add(tally, x, d.verdict, d.severity);
		snprintf(name, sizeof name, "viaduct-%s.html", x->id);
		render_html_head(&r->out, "viaduct");
		render_html_exchange(&r->out, &style, x, &d, true);
		render_html_foot(&r->out, tally, &none);
		answer_as(r, 200, "text/html; charset=utf-8", name);
	}
	tally_free(tally);
	trace_free(x);
}

/* ---- counts -------------------------------------------------------------------------------- */

static void add_count(void *context, const struct store_count *c)
{
	struct buffer *out = context;
	json_open(out, NULL, '{');
	json_number(out, "at", c->start * 1000);
	json_word(out, "verdict", c->verdict);
	json_word(out, "severity", severity_name(c->severity));
	json_number(out, "count", (int64_t)c->count);
	json_close(out, '}');
}

/* Round steps, so that the chart does not jump when its end moves. */
static int64_t step_for(nanos span)
{
	static const int64_t steps[] = { 60,   120,   300,   600,   1200,  1800,   3600,
					 7200, 10800, 21600, 43200, 86400, 172800, 604800 };
	int64_t seconds = span / NANOS_PER_SECOND;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (seconds / steps[i] <= BINS)
			return steps[i];
	return (seconds / BINS / 604800 + 1) * 604800;
}

void chart_get(struct request *r)
{
	struct store_totals totals;
	struct error err;
	nanos from = NO_TIME, to = NO_TIME;
	int source = -1;
	if (!request_moment(r, "from", &from) || !request_moment(r, "to", &to) ||
	    !read_source(r, &source))
		return;
	if (store_totals(r->console->store, &totals, &err) < 0) {
		answer_trouble(r, &err);
		return;
	}
	if (to == NO_TIME)
		to = totals.last == NO_TIME ? r->now : totals.last + NANOS_PER_SECOND;
	if (from == NO_TIME)
		from = totals.first == NO_TIME ? to - 3600 * NANOS_PER_SECOND : totals.first;
	if (from >= to) {
		answer_error(r, 400, "from is not before to");
		return;
	}
	int64_t step = step_for(to - from);
	json_open(&r->out, NULL, '{');
	json_number(&r->out, "from", from / NANOS_PER_MS);
	json_number(&r->out, "to", to / NANOS_PER_MS);
	json_number(&r->out, "step", step * 1000);
	json_open(&r->out, "counts", '[');
	if (store_chart(r->console->store, from, to, step, source, add_count, &r->out, &err) < 0) {
		answer_trouble(r, &err);
		return;
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	answer_json(r, 200);
}

void totals_get(struct request *r)
{
	const struct console_options *o = &r->console->options;
	struct store_totals t;
	struct error err;
	if (store_totals(r->console->store, &t, &err) < 0) {
		answer_trouble(r, &err);
		return;
	}
	json_open(&r->out, NULL, '{');
	json_number(&r->out, "exchanges", (int64_t)t.exchanges);
	json_number(&r->out, "bytes", (int64_t)t.bytes);
	json_number(&r->out, "most_bytes", (int64_t)o->keep.bytes);
	json_number(&r->out, "most_days", o->keep.oldest / (86400 * NANOS_PER_SECOND));
	if (t.first != NO_TIME) {
		json_number(&r->out, "first", t.first / NANOS_PER_MS);
		json_number(&r->out, "last", t.last / NANOS_PER_MS);
	}
	json_close(&r->out, '}');
	answer_json(r, 200);
}

void verdicts_get(struct request *r)
{
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "verdicts", '[');
	for (int i = 0; i < V_COUNT_; i++) {
		enum verdict v = (enum verdict)i;
		json_open(&r->out, NULL, '{');
		json_word(&r->out, "id", verdict_id(v));
		json_word(&r->out, "severity", severity_name(verdict_severity(v)));
		json_word(&r->out, "stage", stage_name(verdict_stage(v)));
		json_word(&r->out, "meaning", verdict_meaning(v));
		json_close(&r->out, '}');
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	answer_json(r, 200);
}
