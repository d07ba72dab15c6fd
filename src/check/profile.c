/* Profiles: from words to goals. */
#include "check/profile.h"

#include "base/escape.h"
#include "base/nearest.h"

#include <errno.h>
#include <stdio.h>

struct reading {
	struct arena *arena;
	struct check_profile *profile;
	const struct grammar_faults *faults;
	bool faulty, full;
};

struct word {
	const char *name;
	unsigned least, most; /* words behind it */
	bool block;           /* it may have one */
	void (*take)(struct reading *r, struct check_goal *g, const struct grammar_entry *e);
};

/* ---- faults ---------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void
fault(struct reading *r, const struct grammar_word *at, const char *format, ...)
{
	char text[300];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	r->faulty = true;
	r->faults->fault(r->faults->context, at->line, at->column, text);
}

static const char *shown(const struct grammar_word *w, char *into, size_t size)
{
	return escape_into(into, size, w->text);
}

static const char *keep(struct reading *r, struct slice text)
{
	const char *kept = arena_string(r->arena, text);
	r->full = r->full || !kept;
	return kept ? kept : "";
}

/* ---- what stands in the block of a goal ------------------------------------------------------ */

/* A text of ours is shown as it is: no control characters, whatever the file holds. */
static void take_purpose(struct reading *r, struct check_goal *g, const struct grammar_entry *e)
{
	char text[120];
	g->purpose = keep(r, slice_of(shown(&e->word[1], text, sizeof text)));
}

static void take_pinned(struct reading *r, struct check_goal *g, const struct grammar_entry *e)
{
	(void)r;
	(void)e;
	g->pinned = true;
}

static void take_method(struct reading *r, struct check_goal *g, const struct grammar_entry *e)
{
	g->head = slice_equal(e->word[1].text, SLICE("HEAD"));
	if (!g->head && !slice_equal(e->word[1].text, SLICE("GET")))
		fault(r, &e->word[1], "the method is GET or HEAD");
}

static void take_status(struct reading *r, struct check_goal *g, const struct grammar_entry *e)
{
	for (size_t i = 1; i < e->words; i++) {
		uint64_t n;
		if (!slice_parse_u64(e->word[i].text, 10, &n) || n < 200 || n > 599)
			fault(r, &e->word[i], "a status is a number from 200 to 599");
		else
			g->status[g->statuses++] = (uint16_t)n;
	}
}

/* ---- the goals ------------------------------------------------------------------------------- */

static void read_block(struct reading *r, struct check_goal *g, const struct grammar_entry *first,
		       const struct word *words, size_t count);

static const struct word OF_TARGET[] = {
	{ "for", 1, 1, false, take_purpose },
	{ "pinned", 0, 0, false, take_pinned },
	{ "method", 1, 1, false, take_method },
	{ "status", 1, CHECK_MAX_STATUSES, false, take_status },
};

enum { OF_TARGET_COUNT = sizeof OF_TARGET / sizeof *OF_TARGET, OF_ALLOW_COUNT = 2 };

static struct check_goal *add_goal(struct reading *r, const struct grammar_entry *e)
{
	struct check_profile *p = r->profile;
	if (p->goals == CHECK_MAX_TARGETS) {
		fault(r, &e->word[0], "more than %d targets and hosts", CHECK_MAX_TARGETS);
		return NULL;
	}
	p->goal[p->goals] = (struct check_goal){ .purpose = "" };
	return &p->goal[p->goals++];
}

static void take_target(struct reading *r, struct check_goal *none, const struct grammar_entry *e)
{
	const struct grammar_word *w = &e->word[1];
	struct check_goal *g = add_goal(r, e);
	bool userinfo;
	char text[120];
	(void)none;
	if (!g)
		return;
	const char *url = keep(r, w->text);
	if (!check_read_target(url, &g->target, &userinfo))
		fault(r, w, "'%s' is no URL to check: https://HOST/ or http://HOST/",
		      shown(w, text, sizeof text));
	else if (userinfo)
		fault(r, w, "credentials have no place in a profile");
	g->url = url;
	g->host = keep(r, slice_of(g->target.host));
	g->port[g->ports++] = g->target.port;
	r->profile->targets++;
	read_block(r, g, e->first, OF_TARGET, OF_TARGET_COUNT);
}

static bool is_host(struct slice s)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:";
	if (slice_starts(s, SLICE("*.")))
		s = slice_from(s, 2);
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == 0 || !strchr(letters, s.at[i]))
			return false;
	return s.len > 0 && s.len <= CHECK_MAX_HOST;
}

static void take_allow(struct reading *r, struct check_goal *none, const struct grammar_entry *e)
{
	struct check_goal *g = add_goal(r, e);
	(void)none;
	if (!g)
		return;
	if (!is_host(e->word[1].text))
		fault(r, &e->word[1],
		      "that is no host name; a * stands for all below a name: "
		      "*.example.com");
	g->host = keep(r, e->word[1].text);
	for (size_t i = 2; i < e->words; i++) {
		uint64_t n;
		if (!slice_parse_u64(e->word[i].text, 10, &n) || n == 0 || n > 65535)
			fault(r, &e->word[i], "a port is a number from 1 to 65535");
		else
			g->port[g->ports++] = (uint16_t)n;
	}
	read_block(r, g, e->first, OF_TARGET, OF_ALLOW_COUNT);
}

/* ---- what a profile says of itself ----------------------------------------------------------- */

static void take_title(struct reading *r, struct check_goal *none, const struct grammar_entry *e)
{
	char text[120];
	(void)none;
	if (r->profile->title)
		fault(r, &e->word[0], "'title' stands here a second time");
	r->profile->title = keep(r, slice_of(shown(&e->word[1], text, sizeof text)));
}

static bool is_date(struct slice s)
{
	uint64_t year, month, day;
	return s.len == 10 && s.at[4] == '-' && s.at[7] == '-' &&
	       slice_parse_u64(slice_first(s, 4), 10, &year) &&
	       slice_parse_u64(slice_first(slice_from(s, 5), 2), 10, &month) &&
	       slice_parse_u64(slice_from(s, 8), 10, &day) && month >= 1 && month <= 12 &&
	       day >= 1 && day <= 31;
}

static void take_date(struct reading *r, struct check_goal *none, const struct grammar_entry *e)
{
	(void)none;
	if (r->profile->date)
		fault(r, &e->word[0], "'date' stands here a second time");
	if (!is_date(e->word[1].text))
		fault(r, &e->word[1], "a date is written as 2026-11-23");
	r->profile->date = keep(r, e->word[1].text);
}

static void take_source(struct reading *r, struct check_goal *none, const struct grammar_entry *e)
{
	struct check_profile *p = r->profile;
	char text[300];
	(void)none;
	if (p->sources == CHECK_MAX_SOURCES)
		fault(r, &e->word[0], "more than %d sources", CHECK_MAX_SOURCES);
	else
		p->source[p->sources++] = keep(r, slice_of(shown(&e->word[1], text, sizeof text)));
}

static const struct word TOP[] = {
	{ "title", 1, 1, false, take_title },
	{ "date", 1, 1, false, take_date },
	{ "source", 1, 1, false, take_source },
	{ "target", 1, 1, true, take_target },
	{ "allow", 2, 1 + CHECK_MAX_PORTS, true, take_allow },
};

enum { TOP_COUNT = sizeof TOP / sizeof *TOP };

/* ---- reading --------------------------------------------------------------------------------- */

static const struct word *find(struct reading *r, const struct grammar_word *w,
			       const struct word *words, size_t count)
{
	const char *names[TOP_COUNT];
	char text[60];
	for (size_t i = 0; i < count; i++) {
		names[i] = words[i].name;
		if (slice_equal(w->text, slice_of(words[i].name)))
			return &words[i];
	}
	const char *near = nearest_word(shown(w, text, sizeof text), names, count);
	if (near)
		fault(r, w, "there is no '%s' here; did you mean '%s'?", text, near);
	else
		fault(r, w, "there is no '%s' here", text);
	return NULL;
}

static void read_entry(struct reading *r, struct check_goal *g, const struct grammar_entry *e,
		       const struct word *words, size_t count)
{
	const struct word *w = find(r, &e->word[0], words, count);
	if (!w)
		return;
	if (e->words - 1 < w->least)
		fault(r, &e->word[0], "'%s' wants %s behind it", w->name,
		      w->least > 1 ? "a host and its ports" : "a word");
	else if (e->words - 1 > w->most)
		fault(r, &e->word[w->most + 1],
		      w->most ? "'%s' has too many words: quote what belongs together"
			      : "'%s' has no words behind it",
		      w->name);
	else if (e->block && !w->block)
		fault(r, &e->word[0], "'%s' has no { } behind it", w->name);
	else
		w->take(r, g, e);
}

static void read_block(struct reading *r, struct check_goal *g, const struct grammar_entry *first,
		       const struct word *words, size_t count)
{
	for (const struct grammar_entry *e = first; e; e = e->next)
		read_entry(r, g, e, words, count);
}

static void ask_for_the_rest(struct reading *r)
{
	static const struct grammar_word start = { .line = 1, .column = 1 };
	if (!r->profile->title)
		fault(r, &start, "'title' is missing: what the profile is about");
	if (!r->profile->date)
		fault(r, &start, "'date' is missing: when the list was true");
	if (r->profile->sources == 0)
		fault(r, &start, "'source' is missing: where the list is from");
	if (r->profile->targets == 0)
		fault(r, &start, "there is no 'target' in it");
}

int check_profile_read(struct slice text, struct arena *arena, struct check_profile *ret_profile,
		       const struct grammar_faults *faults)
{
	struct check_profile profile = { .title = NULL };
	struct reading r = { .arena = arena, .profile = &profile, .faults = faults };
	struct grammar_entry *first;
	int code = grammar_read_all(text, arena, &first, faults);
	if (code == -ENOMEM)
		return code;
	r.faulty = code < 0;
	profile.goal = arena_alloc(arena, CHECK_MAX_TARGETS * sizeof *profile.goal);
	if (!profile.goal)
		return -ENOMEM;
	read_block(&r, NULL, first, TOP, TOP_COUNT);
	if (!r.faulty)
		ask_for_the_rest(&r);
	if (r.full)
		return -ENOMEM;
	if (r.faulty)
		return -EINVAL;
	*ret_profile = profile;
	return 0;
}
