/* Comparing, and counting. */
#include "cli/check_memory.h"

#include "base/escape.h"
#include "render/targets.h"

#include <stdarg.h>
#include <stdio.h>

/* A stage is out of proportion beyond so many times what is usual, and so much more; usual is what
 * a few have shown. */
enum { TIMES = 4, A_FEW = 5, WEIGHT = 8 };

static const nanos NOTICEABLE = 200 * NANOS_PER_MS;

void memory_begin(struct memory *m, const char *url)
{
	struct buffer name;
	*m = (struct memory){ .now.at = NO_TIME, .good.at = NO_TIME, .failing_since = NO_TIME };
	buffer_init(&name, 1 << 16);
	render_target_url(&name, url);
	snprintf(m->name, sizeof m->name, "%.*s", (int)name.len, (const char *)name.at);
	buffer_done(&name);
}

/* ---- a glimpse ------------------------------------------------------------------------------- */

static void look_at_certificate(struct glimpse *g, const struct desk *d)
{
	for (size_t i = 0; i < d->exchanges && !g->issuer[0]; i++) {
		const struct trace_tls *t = d->exchange[i]->tls;
		if (t->certificates)
			escape_into(g->issuer, sizeof g->issuer, t->issuer);
	}
}

static struct glimpse glimpse_of(const struct outcome *o)
{
	struct glimpse g = { .at = o->began,
			     .reached = o->reached,
			     .judged = o->found != NULL,
			     .verdict = o->found ? o->found->verdict : V_UNCLEAR,
			     .status = o->status,
			     .took = o->took };
	for (size_t i = 0; i < MEMORY_STEPS; i++)
		g.stage[i] = NO_TIME;
	for (size_t i = 0; i < o->desk->stages; i++)
		if (o->desk->stage[i].result != CHECK_FAILED)
			g.stage[o->desk->stage[i].step] = o->desk->stage[i].took;
	for (size_t i = 0; i < o->desk->exchanges; i++)
		if (o->desk->exchange[i]->proxy.port)
			g.proxy = o->desk->exchange[i]->proxy;
	look_at_certificate(&g, o->desk);
	return g;
}

/* ---- what has changed ------------------------------------------------------------------------ */

static void add_address(struct buffer *out, const struct address *a)
{
	if (a->port)
		address_add(out, a);
	else
		buffer_add_text(out, "out of reach");
}

static void say_verdict(const struct memory *m, struct buffer *out)
{
	const struct glimpse *was = &m->good, *is = &m->now;
	if (is->judged && was->judged && is->verdict != was->verdict)
		buffer_printf(out, "the verdict is %s, it was %s\n", verdict_id(is->verdict),
			      verdict_id(was->verdict));
}

static void say_addresses(const struct memory *m, struct buffer *out)
{
	if (address_equal(&m->now.proxy, &m->good.proxy) || address_is_none(&m->now.proxy))
		return;
	buffer_add_text(out, "the proxy's address is ");
	add_address(out, &m->now.proxy);
	buffer_add_text(out, ", it was ");
	add_address(out, &m->good.proxy);
	buffer_add_text(out, "\n");
}

static void say_answer(const struct memory *m, struct buffer *out)
{
	const struct glimpse *was = &m->good, *is = &m->now;
	if (is->issuer[0] && was->issuer[0] && strcmp(is->issuer, was->issuer) != 0)
		buffer_printf(out, "the certificate is issued by %s, it was by %s\n", is->issuer,
			      was->issuer);
	if (is->status && was->status && is->status != was->status)
		buffer_printf(out, "the answer is %u, it was %u\n", is->status, was->status);
}

static bool is_out_of_proportion(const struct memory *m, size_t step)
{
	nanos took = m->now.stage[step], usual = m->usual[step];
	return took != NO_TIME && m->measured[step] >= A_FEW && took > TIMES * usual &&
	       took > usual + NOTICEABLE;
}

static void say_times(const struct memory *m, struct buffer *out)
{
	for (size_t i = 0; i < MEMORY_STEPS; i++) {
		if (!is_out_of_proportion(m, i))
			continue;
		buffer_printf(out, "%s took ", check_step_name((enum check_step)i));
		when_add_span(out, m->now.stage[i]);
		buffer_add_text(out, ", usual are ");
		when_add_span(out, m->usual[i]);
		buffer_add_text(out, "\n");
	}
}

static void say_recovery(const struct memory *m, struct buffer *out)
{
	if (!m->now.reached || m->failing_since == NO_TIME)
		return;
	buffer_add_text(out, "it works again; it did not for ");
	when_add_span(out, m->now.at > m->failing_since ? m->now.at - m->failing_since : 0);
	buffer_printf(out, " (%llu check%s)\n", (unsigned long long)m->failed,
		      m->failed == 1 ? "" : "s");
}

static uint32_t hash_of(struct slice s)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.at[i]) * 16777619u;
	return s.len ? h : 0;
}

static void say_changes(struct memory *m, struct buffer *out)
{
	say_recovery(m, out);
	if (m->good.at != NO_TIME) {
		say_verdict(m, out);
		say_addresses(m, out);
		say_answer(m, out);
	}
	uint32_t said = hash_of(buffer_slice(out)); /* without times, which always differ */
	if (said == m->said)
		buffer_reset(out);
	m->said = m->now.reached ? 0 : said;
	say_times(m, out);
}

/* ---- taking in ------------------------------------------------------------------------------- */

static void measure(struct memory *m)
{
	for (size_t i = 0; i < MEMORY_STEPS; i++) {
		nanos took = m->now.stage[i];
		if (took == NO_TIME || is_out_of_proportion(m, i))
			continue;
		unsigned n = m->measured[i] < WEIGHT ? ++m->measured[i] : WEIGHT;
		m->usual[i] += (took - m->usual[i]) / (nanos)n;
	}
}

void memory_take(struct memory *m, const struct outcome *o, struct buffer *ret_changes)
{
	m->now = glimpse_of(o);
	say_changes(m, ret_changes);
	if (m->now.judged)
		m->verdict[m->now.verdict]++;
	if (m->now.reached) {
		measure(m);
		m->good = m->now;
		m->failing_since = NO_TIME;
		m->failed = 0;
		return;
	}
	if (m->failing_since == NO_TIME)
		m->failing_since = m->now.at;
	m->failed++;
}

/* ---- Prometheus ------------------------------------------------------------------------------ */

/* In the text format a label's value has \\, \" and \n. */
static void add_label(struct buffer *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buffer_add_byte(out, '\\');
		buffer_add_byte(out, (uint8_t)*value);
	}
}

static void say_type(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_printf(out, "# HELP viaduct_check_%s %s\n# TYPE viaduct_check_%s %s\n", name, help,
		      name, type);
}

static void say(struct buffer *out, const char *name, const struct memory *m, const char *label,
		const char *value, const char *format, ...) __attribute__((format(printf, 6, 7)));

static void say(struct buffer *out, const char *name, const struct memory *m, const char *label,
		const char *value, const char *format, ...)
{
	char number[64];
	va_list ap;
	va_start(ap, format);
	vsnprintf(number, sizeof number, format, ap);
	va_end(ap);
	buffer_printf(out, "viaduct_check_%s{target=\"", name);
	add_label(out, m->name);
	if (label)
		buffer_printf(out, "\",%s=\"%s", label, value);
	buffer_printf(out, "\"} %s\n", number);
}

static void say_verdicts(const struct memory *m, size_t count, struct buffer *out)
{
	say_type(out, "verdict", "gauge",
		 "1 for the verdict of the last check, 0 for earlier ones.");
	for (size_t i = 0; i < count; i++)
		for (int v = 0; v < V_COUNT_; v++)
			if (m[i].verdict[v])
				say(out, "verdict", &m[i], "verdict", verdict_id((enum verdict)v),
				    "%d", m[i].now.judged && m[i].now.verdict == (enum verdict)v);
	say_type(out, "verdicts_total", "counter", "Checks by their verdict.");
	for (size_t i = 0; i < count; i++)
		for (int v = 0; v < V_COUNT_; v++)
			if (m[i].verdict[v])
				say(out, "verdicts_total", &m[i], "verdict",
				    verdict_id((enum verdict)v), "%llu",
				    (unsigned long long)m[i].verdict[v]);
}

static double seconds(nanos span)
{
	return (double)span / (double)NANOS_PER_SECOND;
}

static void say_stages(const struct memory *m, size_t count, struct buffer *out)
{
	say_type(out, "seconds", "gauge", "How long the last check took.");
	for (size_t i = 0; i < count; i++)
		if (m[i].now.at != NO_TIME)
			say(out, "seconds", &m[i], NULL, NULL, "%.6f", seconds(m[i].now.took));
	say_type(out, "stage_seconds", "gauge",
		 "How long each stage took that the last check passed.");
	for (size_t i = 0; i < count; i++)
		for (size_t s = 0; s < MEMORY_STEPS; s++)
			if (m[i].now.at != NO_TIME && m[i].now.stage[s] != NO_TIME)
				say(out, "stage_seconds", &m[i], "stage",
				    check_step_name((enum check_step)s), "%.6f",
				    seconds(m[i].now.stage[s]));
}

static void say_times_of(const struct memory *m, size_t count, struct buffer *out)
{
	say_type(out, "last_timestamp_seconds", "gauge", "When the last check began.");
	for (size_t i = 0; i < count; i++)
		if (m[i].now.at != NO_TIME)
			say(out, "last_timestamp_seconds", &m[i], NULL, NULL, "%.3f",
			    seconds(m[i].now.at));
	say_type(out, "last_success_timestamp_seconds", "gauge",
		 "When the last check began that reached its target.");
	for (size_t i = 0; i < count; i++)
		if (m[i].good.at != NO_TIME)
			say(out, "last_success_timestamp_seconds", &m[i], NULL, NULL, "%.3f",
			    seconds(m[i].good.at));
}

void memory_metrics(const struct memory *m, size_t count, struct buffer *out)
{
	say_type(out, "reached", "gauge", "1 where the last check reached its target.");
	for (size_t i = 0; i < count; i++)
		if (m[i].now.at != NO_TIME)
			say(out, "reached", &m[i], NULL, NULL, "%d", m[i].now.reached);
	say_type(out, "status", "gauge", "The status of the last answer.");
	for (size_t i = 0; i < count; i++)
		if (m[i].now.status)
			say(out, "status", &m[i], NULL, NULL, "%u", m[i].now.status);
	say_verdicts(m, count, out);
	say_stages(m, count, out);
	say_times_of(m, count, out);
}
