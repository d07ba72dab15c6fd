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

/* ---- all of them ----------------------------------------------------------------------------- */

static void begin(struct buffer *out, bool *any, const char *name)
{
	buffer_printf(out, "%s\"%s\":{", *any ? "}," : ",\"probe\":{", name);
	*any = true;
}

void json_add_probe(struct buffer *out, const struct trace_probe *p)
{
	bool any = false;
	if (p->mtu.looked) {
		begin(out, &any, "mtu");
		add_mtu(out, &p->mtu);
	}
	if (any)
		buffer_add_text(out, "}}");
}
