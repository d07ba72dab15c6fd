/* apt.conf: names with ::, blocks, values with or without quotes, each ended by a ';'
 * (apt.conf(5)). A comment begins at // also in a URL that has no quotes. */
#include "settings/said_readers.h"

enum { MAX_DEPTH = 16, MAX_NAME = 512 };

struct apt {
	struct said_list *list;
	struct slice text;
	size_t at;
	uint32_t line, word_line;     /* where we are; where the last word began */
	struct slice name[MAX_DEPTH]; /* of each block that is open */
	size_t depth, too_deep;
};

static bool is_next(const struct apt *a, const char *what)
{
	return slice_starts(slice_from(a->text, a->at), slice_of(what));
}

static void skip_to(struct apt *a, const char *end)
{
	while (a->at < a->text.len && !is_next(a, end)) {
		a->line += a->text.at[a->at] == '\n';
		a->at++;
	}
}

/* "#clear" and "#include" are said of other names and files than we ask for. */
static bool skip_comment(struct apt *a)
{
	if (is_next(a, "//") || is_next(a, "#")) {
		skip_to(a, "\n");
		return true;
	}
	if (!is_next(a, "/*"))
		return false;
	skip_to(a, "*/");
	a->at += is_next(a, "*/") ? 2 : 0;
	return true;
}

static void skip_blanks(struct apt *a)
{
	while (a->at < a->text.len) {
		if (skip_comment(a))
			continue;
		uint8_t c = a->text.at[a->at];
		if (!said_is_blank(c) && c != '\n' && c != '\r')
			return;
		a->line += c == '\n';
		a->at++;
	}
}

static bool ends_word(uint8_t c)
{
	return said_is_blank(c) || c == '\n' || c == '\r' || c == ';' || c == '{' || c == '}' ||
	       c == '"';
}

/* A word or what is in quotes; *ret_cut: a comment ended it. */
static struct slice take_word(struct apt *a, bool *ret_cut)
{
	*ret_cut = false;
	skip_blanks(a);
	a->word_line = a->line;
	size_t begin = a->at;
	if (is_next(a, "\"")) {
		a->at++;
		skip_to(a, "\"");
		struct slice s = slice_from(slice_first(a->text, a->at), begin + 1);
		a->at += a->at < a->text.len;
		return s;
	}
	while (a->at < a->text.len && !ends_word(a->text.at[a->at]) && !*ret_cut)
		if (is_next(a, "//"))
			*ret_cut = true;
		else
			a->at++;
	return slice_from(slice_first(a->text, a->at), begin);
}

/* Acquire::http::Proxy::HOST to its parts, the blocks' names before it. */
static bool is_proxy(const struct apt *a, struct slice word, enum said_use *ret_use,
		     struct slice *ret_host)
{
	static const char *const PARTS[] = { "Acquire", "", "Proxy" };
	size_t part = 0;
	*ret_host = (struct slice){ 0 };
	for (size_t i = 0; i <= a->depth; i++) {
		struct slice rest = i < a->depth ? a->name[i] : word;
		while (rest.len > 0) {
			size_t end = slice_find(rest, SLICE("::"));
			struct slice one = slice_first(rest, end);
			rest = slice_from(rest, end + 2);
			if (part == 1)
				*ret_use = slice_equal_nocase(one, SLICE("http"))    ? SAID_HTTP
					   : slice_equal_nocase(one, SLICE("https")) ? SAID_HTTPS
										     : SAID_NOTHING;
			else if (part < 3 && !slice_equal_nocase(one, slice_of(PARTS[part])))
				return false;
			if (part == 3)
				*ret_host = one;
			part++;
		}
	}
	return *ret_use != SAID_NOTHING && (part == 3 || part == 4);
}

static void add(struct apt *a, struct slice name, uint32_t line, struct slice value, bool cut)
{
	enum said_use use = SAID_NOTHING;
	struct slice host;
	if (!is_proxy(a, name, &use, &host))
		return;
	struct said *s = said_add(a->list, line, use,
				  use == SAID_HTTP ? SLICE("Acquire::http::Proxy")
						   : SLICE("Acquire::https::Proxy"),
				  value);
	if (s)
		s->scope = arena_copy(a->list->arena, host);
	if (s && cut)
		s->broken = "without quotes the // of the URL begins a comment";
}

static void open_block(struct apt *a, struct slice name)
{
	if (a->depth < MAX_DEPTH && a->too_deep == 0)
		a->name[a->depth++] = name;
	else
		a->too_deep++;
}

static void close_block(struct apt *a)
{
	if (a->too_deep > 0)
		a->too_deep--;
	else if (a->depth > 0)
		a->depth--;
}

static void take_statement(struct apt *a)
{
	bool cut;
	struct slice name = take_word(a, &cut);
	uint32_t line = a->word_line;
	skip_blanks(a);
	if (is_next(a, "{")) {
		a->at++;
		open_block(a, name);
		return;
	}
	bool valued = a->at < a->text.len && (is_next(a, "\"") || !ends_word(a->text.at[a->at]));
	if (name.len > 0 && valued) {
		struct slice value = take_word(a, &cut);
		add(a, name, line, value, cut);
	}
	while (a->at < a->text.len && !is_next(a, ";") && !is_next(a, "}") && !is_next(a, "{")) {
		size_t before = a->at;
		take_word(a, &cut);
		skip_blanks(a);
		a->at += a->at == before;
	}
}

void said_read_apt(struct slice text, struct said_list *list)
{
	struct apt a = { .list = list, .text = text, .line = 1 };
	for (skip_blanks(&a); a.at < text.len && !list->failed; skip_blanks(&a)) {
		if (is_next(&a, "}"))
			close_block(&a);
		if (is_next(&a, "}") || is_next(&a, ";"))
			a.at++;
		else
			take_statement(&a);
	}
}
