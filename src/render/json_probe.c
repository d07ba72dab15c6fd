/* The facts that looking around brought. */
#include "render/json_probe.h"

#include "base/escape.h"

/* A member behind others; nothing where it is not known. */
static void add_text(struct buffer *out, const char *name, const char *text)
{
	if (!text)
		return;
	buffer_printf(out, ",\"%s\":\"", name);
	escape_json(out, slice_of(text));
	buffer_add_text(out, "\"");
}

/* ---- mtu ------------------------------------------------------------------------------------- */

static void add_size(struct buffer *out, const char *way, const struct trace_size *s,
		     unsigned header)
{
	static const char *const names[] = { [SIZE_UNKNOWN] = "unknown",
					     [SIZE_ALL_PASS] = "all-pass",
					     [SIZE_BOUNDARY] = "large-vanish",
					     [SIZE_NONE_PASSES] = "none-pass" };
	buffer_printf(out, "\"%s\":{\"size\":\"%s\"", way, names[s->how]);
	if (s->passes)
		buffer_printf(out, ",\"mss\":%u", s->passes);
	if (s->how == SIZE_BOUNDARY)
		buffer_printf(out, ",\"mtu\":%u", s->passes + header);
	add_text(out, "why", s->why);
	buffer_add_text(out, "}");
}

static void add_mtu(struct buffer *out, const struct trace_mtu *m)
{
	add_size(out, "up", &m->way[CLIENT], m->header);
	buffer_add_text(out, ",");
	add_size(out, "down", &m->way[PROXY], m->header);
}

/* ---- tls ------------------------------------------------------------------------------------- */

static void add_hellos(struct buffer *out, const struct trace_hellos *h)
{
	static const char *const shapes[SHAPE_COUNT_] = { "small", "split", "large", "pieces",
							  "nameless" };
	static const char *const heard[] = {
		[HEARD_UNKNOWN] = "unknown", [HEARD_HELLO] = "server-hello",
		[HEARD_ALERT] = "alert",     [HEARD_OTHER] = "not-tls",
		[HEARD_SILENCE] = "silence", [HEARD_RESET] = "reset",
		[HEARD_END] = "closed",      [HEARD_LOST] = "lost",
	};
	const char *between = "";
	for (int i = 0; i < SHAPE_COUNT_; i++) {
		if (h->of[i].bytes == 0)
			continue;
		buffer_printf(out, "%s\"%s\":{\"answer\":\"%s\",\"bytes\":%u}", between, shapes[i],
			      heard[h->of[i].how], h->of[i].bytes);
		between = ",";
	}
}

/* Where a certificate was turned down the hello had been answered: it is the one or the other. */
static void add_shown(struct buffer *out, enum trace_shown shown)
{
	static const char *const names[] = {
		[SHOWN_NONE] = "none",
		[SHOWN_SAME] = "same",
		[SHOWN_OTHER] = "other",
		[SHOWN_OTHER_GOOD] = "other-trusted",
	};
	buffer_printf(out, "\"certificate\":\"%s\"", names[shown]);
}

/* ---- download -------------------------------------------------------------------------------- */

static double in_ms(nanos span)
{
	return (double)span / (double)NANOS_PER_MS;
}

static void add_fetch(struct buffer *out, const struct trace_fetch *f)
{
	static const char *const ends[] = { [CUT_NOT] = "whole",
					    [CUT_FIN] = "fin",
					    [CUT_RST] = "rst",
					    [CUT_STALLED] = "silence",
					    [CUT_NO_BODY] = "no-body" };
	buffer_printf(out, "{\"end\":\"%s\"", f->enough ? "enough" : ends[f->how]);
	if (f->status)
		buffer_printf(out, ",\"status\":%u", f->status);
	if (f->promised != UINT64_MAX)
		buffer_printf(out, ",\"promised\":%llu", (unsigned long long)f->promised);
	buffer_printf(out, ",\"body\":%llu,\"carried\":%llu,\"age_ms\":%.3f",
		      (unsigned long long)f->body, (unsigned long long)f->carried, in_ms(f->age));
	if (f->flow.pause)
		buffer_printf(out, ",\"pause_ms\":%.3f,\"pause_at\":%llu", in_ms(f->flow.pause),
			      (unsigned long long)f->flow.pause_at);
	if (f->path_asked)
		buffer_printf(out, ",\"path_answers\":%s", f->path_answers ? "true" : "false");
	buffer_printf(out, "%s}", f->paced ? ",\"paced\":true" : "");
}

static void add_download(struct buffer *out, const struct trace_download *d)
{
	static const char *const resumes[] = {
		[RESUME_IGNORED] = "ignored",   [RESUME_REFUSED] = "refused",
		[RESUME_CHANGED] = "changed",   [RESUME_WRONG_RANGE] = "wrong-range",
		[RESUME_HONOURED] = "honoured", [RESUME_FAILED] = "no-answer",
	};
	buffer_add_text(out, "\"fetches\":[");
	for (size_t i = 0; i < d->fetches; i++) {
		buffer_add_text(out, i ? "," : "");
		add_fetch(out, &d->fetch[i]);
	}
	buffer_add_text(out, "]");
	if (d->resume == RESUME_NOT_TRIED)
		return;
	add_text(out, "resume", resumes[d->resume]);
	buffer_printf(out, ",\"resume_from\":%llu,\"resume_came\":%llu,\"completed\":%s",
		      (unsigned long long)d->resume_from, (unsigned long long)d->resume_came,
		      d->completed ? "true" : "false");
}

/* ---- auth, idle, path ------------------------------------------------------------------------ */

static void add_trial(struct buffer *out, const struct trace_trial *t)
{
	buffer_printf(out, "\"refusals\":%u", t->refusals);
	if (t->bare)
		buffer_printf(out, ",\"without\":%u", t->bare);
	if (t->with)
		buffer_printf(out, ",\"with\":%u", t->with);
	if (t->again)
		buffer_printf(out, ",\"with_basic\":%u", t->again);
	add_text(out, "algorithm", t->algorithm);
	if (t->spared)
		buffer_add_text(out, ",\"spared\":true");
}

static void add_idle(struct buffer *out, const struct trace_idle *i)
{
	static const char *const ends[] = { [IDLE_HELD] = "held",
					    [IDLE_INTERRUPTED] = "interrupted",
					    [IDLE_FIN] = "fin",
					    [IDLE_RST] = "rst" };
	static const char *const tests[] = {
		[IDLE_NOT_TESTED] = NULL,
		[IDLE_ANSWERED] = "answered",
		[IDLE_ACKNOWLEDGED] = "acknowledged",
		[IDLE_UNANSWERED] = "unanswered",
		[IDLE_TEST_RST] = "rst",
		[IDLE_TEST_FIN] = "fin",
	};
	buffer_printf(out, "\"end\":\"%s\",\"quiet_ms\":%.3f", ends[i->how], in_ms(i->quiet));
	if (i->how == IDLE_FIN || i->how == IDLE_RST)
		buffer_printf(out, ",\"closing_alert\":%s", i->said_goodbye ? "true" : "false");
	add_text(out, "then", tests[i->test]);
}

static void add_doors(struct buffer *out, const struct trace_way *w)
{
	static const char *const reach[] = { [TRACE_CONNECTED] = "connected",
					     [TRACE_REFUSED] = "refused",
					     [TRACE_UNREACHABLE] = "unreachable",
					     [TRACE_UNANSWERED] = "unanswered" };
	buffer_add_text(out, "\"addresses\":[");
	for (size_t i = 0; i < w->doors; i++) {
		const struct trace_door *d = &w->door[i];
		buffer_add_text(out, i ? ",{\"address\":\"" : "{\"address\":\"");
		address_add(out, &d->at);
		buffer_printf(out, "\",\"reach\":\"%s\"", reach[d->reach]);
		if (d->reach == TRACE_CONNECTED)
			buffer_printf(out, ",\"tcp_ms\":%.3f", in_ms(d->took));
		if (d->status)
			buffer_printf(out, ",\"status\":%u", d->status);
		buffer_add_text(out, "}");
	}
	buffer_add_text(out, "]");
}

static void add_time(struct buffer *out, const char *name, nanos at)
{
	if (at == NO_TIME)
		return;
	buffer_printf(out, ",\"%s\":\"", name);
	when_add_rfc3339(out, at);
	buffer_add_text(out, "\"");
}

static void add_link(struct buffer *out, const struct trace_link *l)
{
	buffer_add_text(out, "{\"subject\":\"");
	escape_json(out, l->subject);
	buffer_add_text(out, "\",\"issuer\":\"");
	escape_json(out, l->issuer);
	if (l->names.len)
		buffer_add_text(out, "\",\"names\":\"");
	escape_json(out, l->names);
	buffer_add_text(out, "\"");
	add_time(out, "not_before", l->not_before);
	add_time(out, "not_after", l->not_after);
	buffer_add_text(out, "}");
}

/* What the walk itself saw of it. */
static void add_seen(struct buffer *out, const struct trace_probe *p)
{
	if (p->page.len) {
		buffer_add_text(out, ",\"page\":\"");
		escape_json(out, p->page);
		buffer_add_text(out, "\"");
	}
	if (!p->way || p->way->links == 0)
		return;
	buffer_add_text(out, ",\"chain\":[");
	for (size_t i = 0; i < p->way->links; i++) {
		buffer_add_text(out, i ? "," : "");
		add_link(out, &p->way->link[i]);
	}
	buffer_add_text(out, "]");
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void begin(struct buffer *out, bool *any, const char *name)
{
	buffer_printf(out, "%s\"%s\":{", *any ? "}," : ",\"probe\":{", name);
	*any = true;
}

void json_add_probe(struct buffer *out, const struct trace_probe *p)
{
	bool any = false;
	add_seen(out, p);
	if (p->mtu.looked) {
		begin(out, &any, "mtu");
		add_mtu(out, &p->mtu);
	}
	if (p->hellos.looked) {
		begin(out, &any, "tls");
		add_hellos(out, &p->hellos);
	}
	if (p->shown) {
		begin(out, &any, "tls");
		add_shown(out, p->shown);
	}
	if (p->trial) {
		begin(out, &any, "auth");
		add_trial(out, p->trial);
	}
	if (p->download) {
		begin(out, &any, "download");
		add_download(out, p->download);
	}
	if (p->way && p->way->doors) {
		begin(out, &any, "path");
		add_doors(out, p->way);
	}
	if (p->idle) {
		begin(out, &any, "idle");
		add_idle(out, p->idle);
	}
	if (any)
		buffer_add_text(out, "}}");
}
