/* Reads a rule: `rule [trial] allow|deny MATCHER WORD... MATCHER WORD...;` */
#include "proxy/config_read.h"

#include "base/escape.h"
#include "base/nearest.h"
#include "proxy/file.h"
#include "proxy/rules_table.h"

#include <stdio.h>

enum { MAX_TEXT = 120 };

static const char USAGE[] = "rule [trial] allow|deny [from NET...] [to HOST...] [to-list FILE...] "
			    "[port PORT...] [user NAME...] [method METHOD...];";

struct words {
	const struct grammar_word *at;
	size_t count;
};

static bool cut_not(struct slice *s)
{
	bool negated = slice_starts(*s, SLICE("!"));
	*s = slice_from(*s, negated);
	return negated;
}

static void read_from(struct config_reader *r, struct rule *rule, struct words w)
{
	config_nets(r, w.at, w.count, &rule->from, &rule->froms);
}

static void read_to(struct config_reader *r, struct rule *rule, struct words w)
{
	rule->to = config_room(r, w.count * sizeof *rule->to);
	for (size_t i = 0; rule->to && i < w.count; i++) {
		struct error err;
		if (pattern_read(w.at[i].text, &rule->to[rule->tos], &err) < 0)
			config_fault(r, &w.at[i], "%s", err.text);
		else
			rule->tos++;
	}
}

struct list_faults {
	struct config_reader *r;
	const struct grammar_word *at;
	const char *path;
};

static void list_fault(void *context, uint64_t line, const char *text)
{
	const struct list_faults *f = context;
	char shown[160];
	config_fault(f->r, f->at, "%s, line %llu: %s",
		     escape_into(shown, sizeof shown, slice_of(f->path)), (unsigned long long)line,
		     text);
}

/* The list in that file; read when the first rule asks for it. NULL after a fault. */
static struct domains *list_of(struct config_reader *r, const struct grammar_word *w,
			       const char *path)
{
	struct rules *rules = r->config->rules;
	for (struct rules_file *f = rules->files; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return f->domains;
	struct rules_file *f = config_room(r, sizeof *f);
	if (!f)
		return NULL;
	struct error err = { 0 };
	struct list_faults where = { r, w, path };
	*f = (struct rules_file){ path, NULL, rules->files };
	rules->files = f;
	f->domains = domains_load(path, &(struct file_faults){ list_fault, &where }, &err);
	if (!f->domains) {
		char shown[300];
		config_fault(r, w, "%s", escape_into(shown, sizeof shown, slice_of(err.text)));
	}
	return f->domains;
}

static void read_to_list(struct config_reader *r, struct rule *rule, struct words w)
{
	rule->list = config_room(r, w.count * sizeof *rule->list);
	for (size_t i = 0; rule->list && i < w.count; i++) {
		struct grammar_word file = w.at[i];
		bool negated = cut_not(&file.text);
		const char *path = config_path(r, &file);
		const struct domains *d = path ? list_of(r, &w.at[i], path) : NULL;
		if (d)
			rule->list[rule->lists++] = (struct rule_list){ d, negated };
	}
}

static bool read_port(struct slice s, uint16_t *ret_port)
{
	uint64_t port;
	if (!slice_parse_u64(s, 10, &port) || port == 0 || port > 65535)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static void read_ports(struct config_reader *r, struct rule *rule, struct words w)
{
	char shown[40];
	rule->port = config_room(r, w.count * sizeof *rule->port);
	for (size_t i = 0; rule->port && i < w.count; i++) {
		struct slice last = w.at[i].text;
		struct rule_ports p = { .negated = cut_not(&last) };
		size_t len = last.len;
		struct slice first = slice_cut(&last, '-');
		if (first.len == len)
			last = first;
		if (slice_equal(first, SLICE("*")) && first.len == len)
			p = (struct rule_ports){ 1, 65535, p.negated };
		else if (!read_port(first, &p.first) || !read_port(last, &p.last))
			config_fault(r, &w.at[i],
				     "'%s' is no port from 1 to 65535 and no range, as 8000-8999",
				     escape_into(shown, sizeof shown, w.at[i].text));
		else if (p.first > p.last)
			config_fault(r, &w.at[i], "the range %u-%u ends before it begins", p.first,
				     p.last);
		rule->port[rule->ports++] = p;
	}
}

static struct rule_word *read_words(struct config_reader *r, struct words w)
{
	struct rule_word *list = config_room(r, w.count * sizeof *list);
	for (size_t i = 0; list && i < w.count; i++) {
		list[i].text = w.at[i].text;
		list[i].negated = !w.at[i].quoted && cut_not(&list[i].text);
		if (list[i].text.len == 0)
			config_fault(r, &w.at[i], "an empty word matches nothing");
	}
	return list;
}

static void read_user(struct config_reader *r, struct rule *rule, struct words w)
{
	rule->user = read_words(r, w);
	rule->users = rule->user ? w.count : 0;
	r->config->rules->name_users = true;
	if (!r->first_user)
		r->first_user = w.at;
}

/* Methods are compared as they stand (RFC 9110 section 9.1). */
static void read_method(struct config_reader *r, struct rule *rule, struct words w)
{
	rule->method = read_words(r, w);
	rule->methods = rule->method ? w.count : 0;
	for (size_t i = 0; i < rule->methods; i++)
		for (size_t k = 0; k < rule->method[i].text.len; k++)
			if (rule->method[i].text.at[k] >= 'a' &&
			    rule->method[i].text.at[k] <= 'z') {
				config_fault(r, &w.at[i], "methods are written in capitals: GET");
				break;
			}
}

static const struct {
	const char *name;
	void (*read)(struct config_reader *r, struct rule *rule, struct words w);
} MATCHERS[] = {
	{ "from", read_from },  { "to", read_to },     { "to-list", read_to_list },
	{ "port", read_ports }, { "user", read_user }, { "method", read_method },
};

enum { MATCHER_COUNT = sizeof MATCHERS / sizeof *MATCHERS };

static int matcher(const struct grammar_word *w)
{
	for (int i = 0; i < (int)MATCHER_COUNT && !w->quoted; i++)
		if (slice_equal(w->text, slice_of(MATCHERS[i].name)))
			return i;
	return -1;
}

static void no_matcher(struct config_reader *r, const struct grammar_word *w)
{
	const char *names[MATCHER_COUNT];
	char shown[64], word[32];
	for (size_t i = 0; i < MATCHER_COUNT; i++)
		names[i] = MATCHERS[i].name;
	size_t len = w->text.len < sizeof word ? w->text.len : 0;
	memcpy(word, w->text.at, len);
	word[len] = 0;
	escape_into(shown, sizeof shown, w->text);
	const char *near = len ? nearest_word(word, names, MATCHER_COUNT) : NULL;
	if (near)
		config_fault(r, w, "rules can't match '%s'; is '%s' meant?", shown, near);
	else if (slice_equal(w->text, SLICE("all")) || slice_equal(w->text, SLICE("any")))
		config_fault(r, w, "without any matcher a rule matches everything; leave '%s' out",
			     shown);
	else
		config_fault(r, w, "'%s' is none of from, to, to-list, port, user, method: %s",
			     shown, USAGE);
}

static void read_matchers(struct config_reader *r, struct rule *rule, struct words w)
{
	unsigned seen = 0;
	while (w.count > 0) {
		int m = matcher(w.at);
		size_t n = 1;
		while (n < w.count && matcher(&w.at[n]) < 0)
			n++;
		if (m < 0) {
			no_matcher(r, w.at);
		} else if (n == 1) {
			config_fault(r, w.at, "'%s' has nothing behind it to match",
				     MATCHERS[m].name);
		} else if (seen & 1u << m) {
			config_fault(r, w.at,
				     "'%s' stands twice in one rule; one list can hold all",
				     MATCHERS[m].name);
		} else {
			seen |= 1u << m;
			MATCHERS[m].read(r, rule, (struct words){ w.at + 1, n - 1 });
		}
		w.at += n;
		w.count -= n;
	}
}

/* "rule at line 12: deny to-list /etc/blocked.txt", cut where it gets long. */
static const char *text_of(struct config_reader *r, const struct grammar_entry *e)
{
	struct buffer joined;
	char shown[MAX_TEXT], text[MAX_TEXT + 40];
	buffer_init(&joined, 1 << 20);
	for (size_t i = 1; i < e->words && joined.len < MAX_TEXT; i++) {
		buffer_add_text(&joined, i > 1 ? " " : "");
		grammar_add_word(&joined, e->word[i].text);
	}
	escape_into(shown, sizeof shown, buffer_slice(&joined));
	buffer_done(&joined);
	int len = snprintf(text, sizeof text, "rule at line %u: %s", e->word[0].line, shown);
	const char *copy =
		arena_string(r->config->arena, (struct slice){ (uint8_t *)text, (size_t)len });
	if (!copy)
		config_out_of_memory(r);
	return copy;
}

void config_read_rule(struct config_reader *r, void *context, const struct grammar_entry *e)
{
	static const char *const verbs[] = { "allow", "deny", "trial" };
	struct words w = { e->word + 1, e->words - 1 };
	struct rule *rule = config_room(r, sizeof *rule);
	(void)context;
	if (!rule)
		return;
	rule->line = e->word[0].line;
	rule->text = text_of(r, e);
	rule->trial = slice_equal(w.at->text, SLICE("trial"));
	if (rule->trial) {
		w = (struct words){ w.at + 1, w.count - 1 };
		if (w.count == 0 || !slice_equal(w.at->text, SLICE("deny"))) {
			config_fault(r, w.count ? w.at : &e->word[1],
				     "a trial is of a rule that denies: rule trial deny ...");
			return;
		}
	}
	int verb = config_choice(r, w.at, verbs, rule->trial ? 2 : 3);
	if (verb < 0)
		return;
	rule->allow = verb == 0;
	read_matchers(r, rule, (struct words){ w.at + 1, w.count - 1 });
	struct rules *rules = r->config->rules;
	*rules->tail = rule;
	rules->tail = &rule->next;
}
