/* What the walk tells, kept and shown. */
#include "cli/check_desk.h"

#include "base/escape.h"
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 1 << 20 };

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
	struct buffer span;
	if (d->silent || d->json)
		return;
	buffer_init(&span, 64);
	when_add_span(&span, took);
	snprintf(text, sizeof text, "%.*s", (int)span.len, (const char *)span.at);
	buffer_done(&span);
	const char *mark = marks[d->style.utf8][m];
	printf("%s%s%s%s%*s%-10s %9s  %s\n", d->live ? "\r\033[K" : "",
	       d->style.colour ? colours[m] : "", mark, d->style.colour ? "\033[0m" : "",
	       d->style.utf8 ? 1 : 5 - (int)strlen(mark), "", name, text, seen);
	fflush(stdout);
}

static void on_begin(void *context, enum check_step step)
{
	announce(context, check_step_name(step));
}

static void on_stage(void *context, const struct check_stage *s)
{
	struct desk *d = context;
	if (d->stages < DESK_MAX_STAGES)
		d->stage[d->stages++] =
			(struct desk_stage){ s->step, s->result, s->took, strdup(s->seen) };
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

struct check_owner desk_owner(struct desk *d)
{
	return (struct check_owner){
		.begin = on_begin, .stage = on_stage, .exchange = on_exchange, .context = d
	};
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

/* ---- the verdict ----------------------------------------------------------------------------- */

static bool is_inside(const struct exchange *x)
{
	return x->probe && x->probe->inside;
}

/* The first that failed: what follows is its consequence. But how a transfer failed, the exchange
 * inside of a tunnel tells better than the tunnel. Where none did, the worst, or else the last. */
struct exchange *desk_decisive(const struct desk *d, struct finding *ret_finding)
{
	struct exchange *chosen = NULL;
	enum severity worst = SEVERITY_OK;
	bool of_tunnel = false;
	for (size_t i = 0; i < d->exchanges; i++) {
		struct exchange *x = d->exchange[i];
		struct finding f;
		diagnose_judge(x, &f);
		enum severity severity = diagnose_severity(&f);
		bool better = of_tunnel && severity == SEVERITY_FAILURE && is_inside(x);
		bool good = severity == SEVERITY_OK && worst == SEVERITY_OK && !is_inside(x);
		if (severity > worst || good || better) {
			chosen = x;
			*ret_finding = f;
			worst = severity;
			of_tunnel = x->tunnel.open && f.stage == STAGE_TRANSFER;
		}
	}
	return chosen;
}

/* ---- showing it ------------------------------------------------------------------------------ */

static void add_stages(struct buffer *out, const struct desk *d)
{
	buffer_add_text(out, ",\"stages\":[");
	for (size_t i = 0; i < d->stages; i++) {
		const struct desk_stage *s = &d->stage[i];
		buffer_printf(out, "%s{\"stage\":\"%s\",\"result\":\"%s\",\"ms\":%.3f,\"seen\":\"",
			      i ? "," : "", check_step_name(s->step), check_result_name(s->result),
			      (double)s->took / (double)NANOS_PER_MS);
		escape_json(out, slice_of(s->seen));
		buffer_add_text(out, "\"}");
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

static void add_certificate(struct buffer *out, const struct exchange *x)
{
	const struct trace_tls *t = x->tls;
	if (t->certificates == 0)
		return;
	buffer_printf(out, "certificate 1 of %zu: ", t->certificates);
	escape_text(out, t->subject);
	buffer_add_text(out, "\n  names ");
	escape_text(out, t->names);
	buffer_add_text(out, "\n  issuer ");
	escape_text(out, t->issuer);
	buffer_add_text(out, "\n  valid from ");
	when_add_rfc3339(out, t->not_before);
	buffer_add_text(out, " to ");
	when_add_rfc3339(out, t->not_after);
	buffer_add_text(out, "\n");
}

static void render(struct buffer *out, const struct desk *d, const struct exchange *x,
		   const struct diagnosis *found)
{
	if (d->json) {
		render_json(out, x, found);
		if (!out->failed)
			out->len -= 2; /* "}\n": the stages come last */
		add_stages(out, d);
		if (d->looks)
			add_looks(out, d);
		buffer_add_text(out, "}\n");
		return;
	}
	for (size_t i = 0; d->verbose && i < d->exchanges; i++) {
		buffer_add_text(out, "\n");
		render_details(out, &d->style, d->exchange[i]);
		add_certificate(out, d->exchange[i]);
	}
	buffer_add_text(out, "\n");
	render_card(out, &d->style, x, found);
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
	return found.severity == SEVERITY_FAILURE ? EXIT_FAULT_FOUND : EXIT_FINE;
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
