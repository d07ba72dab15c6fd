/* Words of a configuration and what they stand for. */
#include "proxy/config_read.h"

#include "base/escape.h"
#include "base/nearest.h"
#include "proxy/cidr.h"

#include <stdio.h>

enum { SHOWN = 80, MAX_WORD = 64 };

static const char *shown(char into[SHOWN], const struct grammar_word *w)
{
	return escape_into(into, SHOWN, w->text);
}

void config_fault(struct config_reader *r, const struct grammar_word *at, const char *format, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	r->told++;
	if (r->faults)
		r->faults->fault(r->faults->context, at ? at->line : 0, at ? at->column : 0, text);
}

void config_out_of_memory(struct config_reader *r)
{
	config_fault(r, NULL, "out of memory, or the file has more words than there is room for");
}

void *config_room(struct config_reader *r, size_t size)
{
	void *room = arena_alloc(r->config->arena, size);
	if (!room)
		config_out_of_memory(r);
	return room;
}

const char *config_text(struct config_reader *r, const struct grammar_word *w)
{
	const char *text = arena_string(r->config->arena, w->text);
	if (!text)
		config_out_of_memory(r);
	return text;
}

const char *config_path(struct config_reader *r, const struct grammar_word *w)
{
	if (w->text.len == 0)
		config_fault(r, w, "an empty word can't name a file");
	if (w->text.len == 0 || w->text.at[0] == '/' || r->folder[0] == 0)
		return config_text(r, w);
	size_t folder = strlen(r->folder);
	char *path = config_room(r, folder + w->text.len + 2);
	if (!path)
		return NULL;
	memcpy(path, r->folder, folder);
	path[folder] = '/';
	memcpy(path + folder + 1, w->text.at, w->text.len);
	return path;
}

static const char *nearest(const struct grammar_word *w, const char *const *list, size_t count)
{
	char word[MAX_WORD];
	if (w->text.len >= sizeof word)
		return NULL;
	memcpy(word, w->text.at, w->text.len);
	word[w->text.len] = 0;
	return nearest_word(word, list, count);
}

/* ---- entries ---------------------------------------------------------------------------- */

static int find(const struct config_directive *table, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(name, slice_of(table[i].name)))
			return (int)i;
	return -1;
}

static void unknown_name(struct config_reader *r, const struct grammar_word *name,
			 const struct config_directive *table, size_t count, const char *where)
{
	const char *names[64];
	char text[SHOWN];
	for (size_t i = 0; i < count && i < 64; i++)
		names[i] = table[i].name;
	const char *near = nearest(name, names, count);
	if (near)
		config_fault(r, name, "there is no '%s'%s; is '%s' meant?", shown(text, name),
			     where, near);
	else
		config_fault(r, name, "there is no '%s'%s", shown(text, name), where);
}

static bool has_right_form(struct config_reader *r, const struct grammar_entry *e,
			   const struct config_directive *d)
{
	const struct grammar_word *last = &e->word[e->words - 1];
	if (e->words - 1 < d->least)
		config_fault(r, last, "'%s' wants more words: %s", d->name, d->usage);
	else if (d->most && e->words - 1 > d->most)
		config_fault(r, &e->word[d->most + 1], "'%s' wants fewer words: %s", d->name,
			     d->usage);
	else if (e->block && d->no_block)
		config_fault(r, last, "'%s' has no block in { }: %s", d->name, d->usage);
	else if (!e->block && d->block)
		config_fault(r, last, "'%s' wants a block in { }: %s", d->name, d->usage);
	else
		return true;
	return false;
}

static void read_entry(struct config_reader *r, void *context, const struct grammar_entry *e,
		       const struct config_directive *table, size_t count, const char *where,
		       uint64_t *seen)
{
	int row = find(table, count, e->word[0].text);
	if (row < 0) {
		unknown_name(r, &e->word[0], table, count, where);
		return;
	}
	const struct config_directive *d = &table[row];
	uint64_t bit = UINT64_C(1) << row;
	if (d->once && (*seen & bit))
		config_fault(r, &e->word[0], "'%s' stands here a second time%s", d->name, where);
	*seen |= bit;
	if (has_right_form(r, e, d))
		d->read(r, context, e);
}

/* The first word on a further line that names a directive: a ; was forgotten before it. Only words
 * that rules can't have count in rules, which are often written over several lines. */
static size_t forgotten_semicolon(const struct grammar_entry *e,
				  const struct config_directive *table, size_t count)
{
	bool rule = slice_equal(e->word[0].text, SLICE("rule"));
	for (size_t i = 1; i < e->words; i++) {
		const struct grammar_word *w = &e->word[i];
		bool in_rules = rule && slice_equal(w->text, SLICE("user"));
		if (w->line > e->word[i - 1].line && !w->quoted && !in_rules &&
		    find(table, count, w->text) >= 0)
			return i;
	}
	return 0;
}

void config_read_entries(struct config_reader *r, void *context, struct grammar_entry *first,
			 const struct config_directive *table, size_t count, const char *where,
			 uint64_t *seen)
{
	for (const struct grammar_entry *e = first; e; e = e->next) {
		struct grammar_entry rest = *e;
		size_t cut;
		while ((cut = forgotten_semicolon(&rest, table, count)) > 0) {
			struct grammar_entry part = { .word = rest.word, .words = cut };
			char text[SHOWN];
			const struct grammar_word *last = &rest.word[cut - 1];
			config_fault(r, last, "a ; is missing behind '%s'", shown(text, last));
			read_entry(r, context, &part, table, count, where, seen);
			rest.word += cut;
			rest.words -= cut;
		}
		read_entry(r, context, &rest, table, count, where, seen);
	}
}

/* ---- values ----------------------------------------------------------------------------- */

int config_choice(struct config_reader *r, const struct grammar_word *w, const char *const *choice,
		  size_t count)
{
	char text[SHOWN], list[160];
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		if (slice_equal(w->text, slice_of(choice[i])))
			return (int)i;
	list[0] = 0;
	for (size_t i = 0; i < count && len < sizeof list; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%s",
					i == 0           ? ""
					: i == count - 1 ? " or "
							 : ", ",
					choice[i]);
	const char *near = nearest(w, choice, count);
	if (near && count > 2)
		config_fault(r, w, "'%s' is none of %s; is '%s' meant?", shown(text, w), list,
			     near);
	else
		config_fault(r, w, "'%s' is not %s", shown(text, w), list);
	return -1;
}

/* A number and the unit behind it. */
static bool cut_number(struct slice s, uint64_t *ret_number, struct slice *ret_unit)
{
	size_t digits = 0;
	while (digits < s.len && s.at[digits] >= '0' && s.at[digits] <= '9')
		digits++;
	*ret_unit = slice_from(s, digits);
	return slice_parse_u64(slice_first(s, digits), 10, ret_number);
}

bool config_count(struct config_reader *r, const struct grammar_word *w, uint64_t least,
		  uint64_t most, uint64_t *ret_value)
{
	static const char units[] = "kmg";
	char text[SHOWN];
	uint64_t number;
	struct slice unit;
	unsigned shift = 0;
	bool right = cut_number(w->text, &number, &unit);
	if (right && unit.len == 1) {
		const char *at = strchr(units, unit.at[0] | 0x20);
		right = at && *at;
		shift = right ? 10 * (unsigned)(at - units + 1) : 0;
	}
	if (!right || unit.len > 1) {
		config_fault(r, w,
			     "'%s' is no number: digits, and k, m or g behind them for 1024, "
			     "1024 squared and cubed",
			     shown(text, w));
		return false;
	}
	uint64_t value = number << shift;
	if (value >> shift != number || value < least || value > most) {
		config_fault(r, w, "%s is out of range: from %llu to %llu", shown(text, w),
			     (unsigned long long)least, (unsigned long long)most);
		return false;
	}
	*ret_value = value;
	return true;
}

static nanos unit_of(struct slice unit)
{
	static const struct {
		const char *name;
		nanos span;
	} units[] = {
		{ "ms", NANOS_PER_MS },           { "s", NANOS_PER_SECOND },
		{ "m", 60 * NANOS_PER_SECOND },   { "min", 60 * NANOS_PER_SECOND },
		{ "h", 3600 * NANOS_PER_SECOND }, { "d", 86400 * NANOS_PER_SECOND },
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (slice_equal(unit, slice_of(units[i].name)))
			return units[i].span;
	return 0;
}

static void add_span(struct buffer *out, nanos span)
{
	if (span % NANOS_PER_SECOND)
		buffer_printf(out, "%lldms", (long long)(span / NANOS_PER_MS));
	else if (span % (86400 * NANOS_PER_SECOND) == 0 && span > 0)
		buffer_printf(out, "%lldd", (long long)(span / (86400 * NANOS_PER_SECOND)));
	else
		buffer_printf(out, "%llds", (long long)(span / NANOS_PER_SECOND));
}

static void span_out_of_range(struct config_reader *r, const struct grammar_word *w, nanos least,
			      nanos most)
{
	char text[SHOWN];
	struct buffer range;
	buffer_init(&range, 100);
	add_span(&range, least);
	buffer_add_text(&range, " to ");
	add_span(&range, most);
	config_fault(r, w, "%s is out of range: from %.*s", shown(text, w), (int)range.len,
		     (const char *)range.at);
	buffer_done(&range);
}

bool config_span(struct config_reader *r, const struct grammar_word *w, nanos least, nanos most,
		 nanos *ret_span)
{
	char text[SHOWN];
	uint64_t number;
	struct slice unit;
	if (!cut_number(w->text, &number, &unit) || (unit.len > 0 && !unit_of(unit))) {
		config_fault(r, w, "'%s' is no span of time: 500ms, 10s, 5m, 1h or 1d",
			     shown(text, w));
		return false;
	}
	if (unit.len == 0 && number != 0) {
		config_fault(r, w, "'%s' has no unit: %ss, or ms, m, h, d", shown(text, w), text);
		return false;
	}
	nanos each = unit.len ? unit_of(unit) : 1;
	if (number > (uint64_t)most / (uint64_t)each || (nanos)number * each < least) {
		span_out_of_range(r, w, least, most);
		return false;
	}
	*ret_span = (nanos)number * each;
	return true;
}

/* Splits host and port at the last colon, but not at one within an IPv6 address without port. */
static bool split_port(struct slice s, struct slice *ret_host, struct slice *ret_port)
{
	size_t colon = s.len;
	while (colon > 0 && s.at[colon - 1] != ':' && s.at[colon - 1] != ']')
		colon--;
	bool bracketed = s.len > 0 && s.at[0] == '[';
	bool single = slice_find_byte(s, ':') == colon - 1;
	if (colon == 0 || s.at[colon - 1] == ']' || (!bracketed && !single))
		return false;
	*ret_host = slice_first(s, colon - 1);
	*ret_port = slice_from(s, colon);
	return true;
}

bool config_address(struct config_reader *r, const struct grammar_word *w, int port,
		    struct address *ret_address)
{
	char text[SHOWN];
	struct slice host = w->text, digits = { 0 };
	uint64_t number = port < 0 ? 0 : (uint64_t)port;
	bool given = split_port(w->text, &host, &digits);
	struct address a;
	if (!cidr_read_address(host, &a)) {
		config_fault(r, w, "'%s' is no address%s", shown(text, w),
			     port < 0 ? " with a port, as 127.0.0.1:3128 or [::1]:3128"
				      : ", as 127.0.0.1 or ::1");
		return false;
	}
	if (!given && port < 0) {
		config_fault(r, w, "'%s' has no port, as 127.0.0.1:3128 or [::1]:3128",
			     shown(text, w));
		return false;
	}
	if (given && (!slice_parse_u64(digits, 10, &number) || number > 65535 ||
		      (number == 0 && port >= 0))) {
		config_fault(r, w, "'%s' has no port from 1 to 65535 behind its colon",
			     shown(text, w));
		return false;
	}
	a.port = (uint16_t)number;
	*ret_address = a;
	return true;
}

bool config_nets(struct config_reader *r, const struct grammar_word *w, size_t count,
		 struct cidr **ret_nets, size_t *ret_count)
{
	struct cidr *nets = config_room(r, (count ? count : 1) * sizeof *nets);
	bool right = nets != NULL;
	for (size_t i = 0; nets && i < count; i++) {
		struct error err;
		bool negated = slice_starts(w[i].text, SLICE("!"));
		if (cidr_read(slice_from(w[i].text, negated), &nets[i], &err) < 0) {
			config_fault(r, &w[i], "%s", err.text);
			right = false;
		}
		nets[i].negated = negated;
	}
	if (!right)
		return false;
	*ret_nets = nets;
	*ret_count = count;
	return true;
}
