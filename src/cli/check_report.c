/* viaduct check --report: one page of a walk, to attach to a ticket. All of it has passed
 * trace/publish.h, or is named here. */
#include "base/escape.h"
#include "check/connect.h"
#include "cli/check.h"
#include "cli/command.h"
#include "cli/new_file.h"
#include "cli/version.h"
#include "render/report.h"
#include "trace/publish.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PAGE_LIMIT = 16 << 20, WORDS_LIMIT = 1 << 20 };

struct sheet {
	const struct check_options *options;
	struct desk *desk;
	struct buffer out;
	struct arena *words; /* of all cells */
};

/* What was put together in a buffer, as a text that stays; the buffer is done with. */
static const char *kept(struct sheet *s, struct buffer *text)
{
	const char *word = text->failed ? NULL : arena_string(s->words, buffer_slice(text));
	buffer_done(text);
	return word ? word : "";
}

static const char *kept_url(struct sheet *s, const char *text)
{
	struct buffer b;
	buffer_init(&b, 1 << 16);
	trace_publish_text(&b, slice_of(text));
	return kept(s, &b);
}

/* Foreign: escaped here. */
static const char *kept_foreign(struct sheet *s, struct slice text)
{
	struct buffer b;
	buffer_init(&b, 1 << 16);
	escape_text(&b, text);
	return kept(s, &b);
}

static const char *kept_time(struct sheet *s, nanos at)
{
	struct buffer b;
	buffer_init(&b, 100);
	if (at != NO_TIME)
		when_add_rfc3339(&b, at);
	return kept(s, &b);
}

static const char *kept_span(struct sheet *s, nanos span)
{
	struct buffer b;
	buffer_init(&b, 100);
	if (span != NO_TIME)
		when_add_span(&b, span);
	return kept(s, &b);
}

static const char *kept_number(struct sheet *s, uint64_t n)
{
	struct buffer b;
	buffer_init(&b, 100);
	buffer_add_u64(&b, n);
	return kept(s, &b);
}

/* ---- where and when -------------------------------------------------------------------------- */

static const char *this_host(struct sheet *s)
{
	char name[256] = "";
	struct utsname u;
	struct buffer b;
	if (gethostname(name, sizeof name - 1) != 0)
		name[0] = 0;
	buffer_init(&b, 1 << 12);
	escape_text(&b, slice_of(name));
	if (uname(&u) == 0) {
		buffer_printf(&b, "%s%s ", name[0] ? ", " : "", u.sysname);
		escape_text(&b, slice_of(u.release));
		buffer_printf(&b, " %s", u.machine);
	}
	return kept(s, &b);
}

static const char *from_where(struct sheet *s)
{
	struct buffer b;
	buffer_init(&b, 200);
	for (size_t i = 0; i < s->desk->exchanges && b.len == 0; i++)
		if (s->desk->exchange[i]->client.port)
			address_add_host(&b, &s->desk->exchange[i]->client);
	return kept(s, &b);
}

static const char *which_proxy(struct sheet *s)
{
	const struct check_proxy *p = s->options->proxy;
	struct buffer b;
	buffer_init(&b, 1 << 12);
	buffer_printf(&b, strchr(p->host, ':') ? "%s://[" : "%s://", p->secure ? "https" : "http");
	escape_text(&b, slice_of(p->host));
	buffer_printf(&b, strchr(p->host, ':') ? "]:%u, %s" : ":%u, %s", p->port, p->said);
	if (s->options->user) {
		buffer_add_text(&b, ", as user ");
		escape_text(&b, slice_of(s->options->user));
	}
	return kept(s, &b);
}

static void put_environment(struct sheet *s)
{
	const char *cells[] = {
		"URL",   kept_url(s, kept_foreign(s, slice_of(s->options->url))),
		"Proxy", which_proxy(s),
		"From",  from_where(s),
		"Host",  this_host(s),
		"When",  kept_time(s, check_now()),
		"With",  "viaduct " VIADUCT_VERSION " (commit " VIADUCT_COMMIT "), viaduct check",
	};
	render_html_table(&s->out, &(struct render_table){ .heading = "This check",
							   .columns = 2,
							   .rows = sizeof cells / sizeof *cells / 2,
							   .cell = cells,
							   .first = true });
}

/* ---- what the walk told ---------------------------------------------------------------------- */

static void put_stages(struct sheet *s)
{
	static const char *const columns[] = { "Stage", "Time", "What was seen" };
	static const enum severity of[] = { SEVERITY_OK, SEVERITY_WARNING, SEVERITY_FAILURE };
	const char *cell[3 * (DESK_MAX_STAGES + DESK_MAX_LOOKS)];
	const char *result[DESK_MAX_STAGES + DESK_MAX_LOOKS];
	enum severity severity[DESK_MAX_STAGES + DESK_MAX_LOOKS];
	size_t n = 0;
	for (size_t i = 0; i < s->desk->stages; i++, n++) {
		const struct desk_stage *stage = &s->desk->stage[i];
		cell[3 * n] = check_step_name(stage->step);
		cell[3 * n + 1] = kept_span(s, stage->took);
		cell[3 * n + 2] = kept_url(s, stage->seen);
		result[n] = check_result_name(stage->result);
		severity[n] = of[stage->result];
	}
	for (size_t i = 0; i < s->desk->looks; i++, n++) {
		const struct desk_look *look = &s->desk->look[i];
		cell[3 * n] = look->name;
		cell[3 * n + 1] = kept_span(s, look->took);
		cell[3 * n + 2] = kept_url(s, look->seen);
		result[n] = "looked";
		severity[n] = SEVERITY_WARNING;
	}
	render_html_table(&s->out, &(struct render_table){ "Stages", columns, 3, n, cell, result,
							   severity, true });
}

static void put_chain(struct sheet *s)
{
	static const char *const columns[] = { "Subject", "Issuer", "Valid from", "to" };
	const char *cell[4 * TRACE_MOST_LINKS];
	const struct trace_way *way = desk_chain(s->desk);
	if (!way)
		return;
	for (size_t i = 0; i < way->links; i++) {
		const struct trace_link *l = &way->link[i];
		cell[4 * i] = kept_foreign(s, l->subject);
		cell[4 * i + 1] = kept_foreign(s, l->issuer);
		cell[4 * i + 2] = kept_time(s, l->not_before);
		cell[4 * i + 3] = kept_time(s, l->not_after);
	}
	render_html_table(&s->out,
			  &(struct render_table){ .heading = "Certificates, the target's first",
						  .column = columns,
						  .columns = 4,
						  .rows = way->links,
						  .cell = cell });
}

enum { TCP_COLUMNS = 8 };

static void fill_tcp(struct sheet *s, const char **cell, const char *when,
		     const struct check_tcp *t)
{
	cell[0] = when;
	cell[1] = kept_span(s, t->rtt);
	cell[2] = kept_number(s, t->retrans);
	cell[3] = kept_number(s, t->cwnd);
	cell[4] = kept_number(s, t->mss);
	cell[5] = kept_number(s, t->path_mtu);
	cell[6] = kept_number(s, t->sent);
	cell[7] = kept_number(s, t->received);
}

static void put_connection(struct sheet *s)
{
	static const char *const columns[TCP_COLUMNS] = { "At the end of", "RTT", "Sent again",
							  "cwnd",          "MSS", "Path MTU",
							  "Bytes up",      "down" };
	const char *cell[TCP_COLUMNS * (DESK_MAX_STAGES + DESK_MAX_SAMPLES)];
	size_t n = 0;
	for (size_t i = 0; i < s->desk->stages; i++) {
		const struct desk_stage *stage = &s->desk->stage[i];
		for (size_t k = 0; stage->step == CHECK_DOWNLOAD && k < s->desk->samples; k++, n++)
			fill_tcp(s, &cell[TCP_COLUMNS * n], kept_time(s, s->desk->sample[k].at),
				 &s->desk->sample[k]);
		if (stage->tcp.at == NO_TIME)
			continue;
		fill_tcp(s, &cell[TCP_COLUMNS * n], check_step_name(stage->step), &stage->tcp);
		n++;
	}
	if (n)
		render_html_table(
			&s->out,
			&(struct render_table){
				.heading = "The connection to the proxy, as the kernel had it",
				.column = columns,
				.columns = TCP_COLUMNS,
				.rows = n,
				.cell = cell });
}

/* ---- the exchanges --------------------------------------------------------------------------- */

/* Judged before anything is taken out, put into words after. */
static void put_exchange(struct sheet *s, struct exchange *x, const struct render_style *style)
{
	struct finding f;
	struct diagnosis found;
	struct arena *arena = arena_new(WORDS_LIMIT);
	if (!arena)
		return;
	diagnose_judge(x, &f);
	trace_publish(x);
	diagnose_explain(x, &f, arena, &found);
	render_html_exchange(&s->out, style, x, &found, true);
	arena_free(arena);
}

static void put_exchanges(struct sheet *s)
{
	const struct render_style style = { .width = 80, .utf8 = true };
	for (size_t i = 0; i < s->desk->exchanges; i++)
		put_exchange(s, s->desk->exchange[i], &style);
}

bool check_write_report(const struct check_wish *w, const struct check_options *o, struct desk *d)
{
	struct sheet s = { .options = o, .desk = d, .words = arena_new(WORDS_LIMIT) };
	struct error err;
	buffer_init(&s.out, PAGE_LIMIT);
	int code = s.words ? 0 : err_set(&err, -1, "out of memory");
	if (code == 0) {
		struct buffer title;
		buffer_init(&title, 1 << 16);
		buffer_printf(&title, "viaduct check %s", kept_url(&s, o->url));
		render_html_head(&s.out, kept(&s, &title));
		put_environment(&s);
		put_stages(&s);
		put_exchanges(&s);
		put_chain(&s);
		put_connection(&s);
		render_html_end(&s.out);
		code = s.out.failed ? err_set(&err, -1, "out of memory")
				    : new_file_write(w->report, buffer_slice(&s.out), &err);
	}
	buffer_done(&s.out);
	arena_free(s.words);
	if (code < 0)
		complain("%s", err.text);
	return code == 0;
}
