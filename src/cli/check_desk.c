/* What the walk tells, kept and shown. */
#include "cli/check_desk.h"

#include "base/escape.h"
#include "cli/command.h"
#include "cli/decisive.h"
#include "render/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 1 << 20 };

enum { SEEN_AFTER = 10 + 1 + 9 + 2 }; /* the stage's name and time */

/* ---- as it passes ---------------------------------------------------------------------------- */

enum sign { MARK_OK, MARK_ODD, MARK_FAILED, MARK_LOOK };

static void announce(const struct desk *d, const char *name)
{
	if (!d->live)
		return;
	printf("  ... %s", name);
	fflush(stdout);
}

static void print_passed(const struct desk *d, enum sign m, const char *name, nanos took,
			 const char *seen)
{
	static const char *const marks[2][4] = { { "ok", "!!", "FAIL", "?" },
						 { "✓", "!", "✗", "?" } };
	static const char *const colours[] = { "\033[32m", "\033[33m", "\033[31m", "\033[36m" };
	char text[32];
	struct buffer span, lines;
	if (d->silent || d->json)
		return;
	buffer_init(&span, 64);
	when_add_span(&span, took);
	snprintf(text, sizeof text, "%.*s", (int)span.len, (const char *)span.at);
	buffer_done(&span);
	const char *mark = marks[d->style.utf8][m];
	unsigned begin = d->style.utf8 ? 2 : 5, indent = begin + SEEN_AFTER;
	buffer_init(&lines, TEXT_LIMIT);
	layout_wrap(&lines, slice_of(seen), indent, indent, layout_width(&d->style));
	printf("%s%s%s%s%*s%-10s %9s  %.*s\n", d->live ? "\r\033[K" : "",
	       d->style.colour ? colours[m] : "", mark, d->style.colour ? "\033[0m" : "",
	       (int)(begin - (d->style.utf8 ? 1 : strlen(mark))), "", name, text, (int)lines.len,
	       (const char *)lines.at);
	buffer_done(&lines);
	fflush(stdout);
}

static void on_begin(void *context, enum check_step step)
{
	const struct desk *d = context;
	if (step == CHECK_PROXY && d->reached)
		d->reached();
	announce(d, check_step_name(step));
}

static void on_stage(void *context, const struct check_stage *s)
{
	struct desk *d = context;
	if (d->stages < DESK_MAX_STAGES)
		d->stage[d->stages++] =
			(struct desk_stage){ s->step, s->result, s->took, strdup(s->seen), s->tcp };
	print_passed(d, (enum sign)s->result, check_step_name(s->step), s->took, s->seen);
}

static void on_exchange(void *context, struct exchange *x)
{
	struct desk *d = context;
	if (d->exchanges < DESK_MAX_EXCHANGES)
		d->exchange[d->exchanges++] = x;
	else
		trace_free(x);
}

static void on_tcp(void *context, const struct check_tcp *now)
{
	struct desk *d = context;
	if (d->samples < DESK_MAX_SAMPLES && now->at != NO_TIME)
		d->sample[d->samples++] = *now;
}

struct check_owner desk_owner(struct desk *d)
{
	return (struct check_owner){ .begin = on_begin,
				     .stage = on_stage,
				     .exchange = on_exchange,
				     .context = d,
				     .tcp = d->verbose || d->thorough ? on_tcp : NULL };
}

void desk_look_begins(const struct desk *d, const char *name)
{
	announce(d, name);
}

void desk_look_still(void *desk, nanos so_far)
{
	const struct desk *d = desk;
	if (!d->live)
		return;
	printf("\r\033[K  ... quiet for %.0f s (Ctrl-C ends it)",
	       (double)so_far / (double)NANOS_PER_SECOND);
	fflush(stdout);
}

void desk_look_ends(struct desk *d, const char *name, nanos took, const char *seen)
{
	if (d->looks < DESK_MAX_LOOKS)
		d->look[d->looks++] = (struct desk_look){ name, took, strdup(seen) };
	print_passed(d, MARK_LOOK, name, took, seen);
}

struct exchange *desk_decisive(const struct desk *d, struct finding *ret_finding)
{
	return check_decisive(d->exchange, d->exchanges, ret_finding);
}

/* A redirect may lead to others: those of the first count. */
const struct trace_way *desk_chain(const struct desk *d)
{
	for (size_t i = 0; i < d->exchanges; i++) {
		const struct trace_probe *p = d->exchange[i]->probe;
		if (p && p->way && p->way->links)
			return p->way;
	}
	return NULL;
}

/* ---- showing it ------------------------------------------------------------------------------ */

static void add_tcp(struct buffer *out, const struct check_tcp *t)
{
	buffer_add_text(out, "{\"at\":\"");
	when_add_rfc3339(out, t->at);
	buffer_add_text(out, "\"");
	if (t->rtt != NO_TIME)
		buffer_printf(out, ",\"rtt_ms\":%.3f", (double)t->rtt / (double)NANOS_PER_MS);
	buffer_printf(out, ",\"retrans\":%u,\"cwnd\":%u,\"mss\":%u,\"path_mtu\":%u", t->retrans,
		      t->cwnd, t->mss, t->path_mtu);
	buffer_printf(out, ",\"bytes_up\":%llu,\"bytes_down\":%llu}", (unsigned long long)t->sent,
		      (unsigned long long)t->received);
}

static void add_stages(struct buffer *out, const struct desk *d)
{
	buffer_add_text(out, ",\"stages\":[");
	for (size_t i = 0; i < d->stages; i++) {
		const struct desk_stage *s = &d->stage[i];
		buffer_printf(out, "%s{\"stage\":\"%s\",\"result\":\"%s\",\"ms\":%.3f,\"seen\":\"",
			      i ? "," : "", check_step_name(s->step), check_result_name(s->result),
			      (double)s->took / (double)NANOS_PER_MS);
		escape_json(out, slice_of(s->seen));
		buffer_add_text(out, "\"");
		if (s->tcp.at != NO_TIME) {
			buffer_add_text(out, ",\"tcp\":");
			add_tcp(out, &s->tcp);
		}
		buffer_add_text(out, "}");
	}
	buffer_add_text(out, "]");
}

static void add_samples(struct buffer *out, const struct desk *d)
{
	buffer_add_text(out, ",\"tcp\":[");
	for (size_t i = 0; i < d->samples; i++) {
		buffer_add_text(out, i ? "," : "");
		add_tcp(out, &d->sample[i]);
	}
	buffer_add_text(out, "]");
}

static void add_looks(struct buffer *out, const struct desk *d)
{
	buffer_add_text(out, ",\"looked\":[");
	for (size_t i = 0; i < d->looks; i++) {
		const struct desk_look *l = &d->look[i];
		buffer_printf(out, "%s{\"look\":\"%s\",\"ms\":%.3f,\"seen\":\"", i ? "," : "",
			      l->name, (double)l->took / (double)NANOS_PER_MS);
		escape_json(out, slice_of(l->seen));
		buffer_add_text(out, "\"}");
	}
	buffer_add_text(out, "]");
}

void desk_begin_record(struct buffer *out, const struct desk *d, const struct exchange *x,
		       const struct diagnosis *found)
{
	if (!found) {
		buffer_add_text(out, "{\"v\":1,\"source\":\"check\"");
		return;
	}
	render_json(out, x, found);
	if (!out->failed)
		out->len -= 2; /* "}\n": the rest comes before them */
	add_stages(out, d);
	if (d->looks)
		add_looks(out, d);
	if (d->samples)
		add_samples(out, d);
}

static void show_chain(struct buffer *out, const struct trace_way *way)
{
	buffer_add_text(out, "\n");
	for (size_t i = 0; i < way->links; i++) {
		const struct trace_link *l = &way->link[i];
		buffer_printf(out, "certificate %zu of %zu: ", i + 1, way->links);
		escape_text(out, l->subject);
		if (l->names.len)
			buffer_add_text(out, "\n  names ");
		escape_text(out, l->names);
		buffer_add_text(out, "\n  issuer ");
		escape_text(out, l->issuer);
		buffer_add_text(out, "\n  valid from ");
		when_add_rfc3339(out, l->not_before);
		buffer_add_text(out, " to ");
		when_add_rfc3339(out, l->not_after);
		buffer_add_text(out, "\n");
	}
}

static void show_tcp(struct buffer *out, const char *when, const struct check_tcp *t)
{
	struct buffer rtt;
	if (t->at == NO_TIME)
		return;
	buffer_init(&rtt, 64);
	if (t->rtt != NO_TIME)
		when_add_span(&rtt, t->rtt);
	buffer_printf(out, "  %-10s %9.*s %10u %6u %6u %8u %10llu %10llu\n", when, (int)rtt.len,
		      rtt.len ? (const char *)rtt.at : "", t->retrans, t->cwnd, t->mss, t->path_mtu,
		      (unsigned long long)t->sent, (unsigned long long)t->received);
	buffer_done(&rtt);
}

/* The samples of a download stand before the stage's own line, which is that of its end. */
static void show_connection(struct buffer *out, const struct desk *d)
{
	bool any = false;
	for (size_t i = 0; i < d->stages; i++)
		any |= d->stage[i].tcp.at != NO_TIME;
	if (!any)
		return;
	buffer_printf(out,
		      "\nthe connection to the proxy, as the kernel has it\n"
		      "  %-10s %9s %10s %6s %6s %8s %10s %10s\n",
		      "at", "RTT", "sent again", "cwnd", "MSS", "path MTU", "bytes up", "down");
	for (size_t i = 0; i < d->stages; i++) {
		const struct desk_stage *s = &d->stage[i];
		for (size_t k = 0; s->step == CHECK_DOWNLOAD && k < d->samples; k++) {
			char when[16];
			nanos since = d->sample[k].at - (s->tcp.at - s->took);
			snprintf(when, sizeof when, "+ %.1f s",
				 (double)since / (double)NANOS_PER_SECOND);
			show_tcp(out, when, &d->sample[k]);
		}
		show_tcp(out, check_step_name(s->step), &s->tcp);
	}
}

static void render(struct buffer *out, const struct desk *d, const struct exchange *x,
		   const struct diagnosis *found)
{
	const struct trace_way *chain = d->verbose ? desk_chain(d) : NULL;
	if (d->json) {
		desk_begin_record(out, d, x, found);
		buffer_add_text(out, "}\n");
		return;
	}
	for (size_t i = 0; d->verbose && i < d->exchanges; i++) {
		buffer_add_text(out, "\n");
		render_details(out, &d->style, d->exchange[i]);
	}
	if (chain)
		show_chain(out, chain);
	if (d->verbose)
		show_connection(out, d);
	buffer_add_text(out, "\n");
	render_card(out, &d->style, x, found);
}

/* Whatever could be made of it: it did not come to its end. */
static bool broke(const struct desk *d)
{
	for (size_t i = 0; i < d->stages; i++)
		if (d->stage[i].result == CHECK_FAILED && d->stage[i].step <= CHECK_CLOSING)
			return true;
	return false;
}

int desk_show(const struct desk *d)
{
	struct finding f;
	struct diagnosis found;
	struct exchange *x = desk_decisive(d, &f);
	struct arena *arena = arena_new(TEXT_LIMIT);
	struct buffer out;
	if (!x || !arena) {
		complain(x ? "out of memory" : "nothing was seen that could be judged");
		arena_free(arena);
		return EXIT_TROUBLE;
	}
	diagnose_explain(x, &f, arena, &found);
	buffer_init(&out, TEXT_LIMIT);
	render(&out, d, x, &found);
	fwrite(out.at, 1, out.len, stdout);
	buffer_done(&out);
	arena_free(arena);
	bool failed =
		found.severity == SEVERITY_FAILURE || (found.severity == SEVERITY_OK && broke(d));
	return failed ? EXIT_FAULT_FOUND : EXIT_FINE;
}

void desk_done(struct desk *d)
{
	for (size_t i = 0; i < d->stages; i++)
		free(d->stage[i].seen);
	for (size_t i = 0; i < d->looks; i++)
		free(d->look[i].seen);
	for (size_t i = 0; i < d->exchanges; i++)
		trace_free(d->exchange[i]);
}
