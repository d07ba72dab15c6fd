/* Environment= and EnvironmentFile= of a unit, DefaultEnvironment= of the manager: assignments as
 * words, with quotes and escapes; %% is a %, and a % before anything else is one of systemd's
 * specifiers. An empty assignment forgets the ones before it (systemd.exec(5), systemd.syntax(7)).
 */
#include "settings/said_readers.h"

/* Joins lines that end in a backslash. */
static struct slice join_lines(struct said_lines *l, struct said_list *list)
{
	struct slice line = l->line;
	while (slice_ends(line, SLICE("\\"))) {
		struct slice head = slice_first(line, line.len - 1);
		if (!said_next_line(l))
			return head;
		struct slice tail = slice_trim(l->line);
		if (tail.len > 0 && (tail.at[0] == '#' || tail.at[0] == ';'))
			continue; /* comments may stand between */
		uint8_t *at = arena_take(list->arena, head.len + 1 + l->line.len);
		list->failed |= !at;
		if (!at)
			return head;
		memcpy(at, head.at, head.len);
		at[head.len] = ' ';
		if (l->line.len > 0)
			memcpy(at + head.len + 1, l->line.at, l->line.len);
		line = (struct slice){ at, head.len + 1 + l->line.len };
	}
	return line;
}

/* The character behind a backslash. */
static uint8_t unescape(uint8_t c)
{
	static const char FROM[] = "abfnrtvs", TO[] = "\a\b\f\n\r\t\v ";
	const char *at = c ? strchr(FROM, c) : NULL;
	return at ? (uint8_t)TO[at - FROM] : c;
}

/* One word, unquoted; *ret_specifier: there is a % in it that stands for something else. */
static struct slice take_word(struct slice *rest, struct said_list *list, bool *ret_specifier)
{
	struct buffer *t = said_value_begin(list);
	uint8_t quote = 0;
	size_t i = 0;
	*ret_specifier = false;
	for (; i < rest->len && (quote || !said_is_blank(rest->at[i])); i++) {
		uint8_t c = rest->at[i], next = i + 1 < rest->len ? rest->at[i + 1] : 0;
		if ((c == '"' || c == '\'') && (!quote || quote == c)) {
			quote = quote ? 0 : c;
		} else if (c == '\\' && i + 1 < rest->len) {
			buffer_add_byte(t, unescape(next));
			i++;
		} else {
			*ret_specifier |= c == '%' && next != '%';
			i += c == '%' && next == '%';
			buffer_add_byte(t, c);
		}
	}
	*rest = slice_from(*rest, i);
	return buffer_slice(t);
}

/* What was said at this place before is forgotten; files and assignments each for themselves. */
static void forget(struct said_list *list, bool files)
{
	for (struct said *s = list->first; s; s = s->next)
		if (s->who == list->who && slice_equal(s->group, list->group) &&
		    (s->use == SAID_FILE) == files)
			s->use = SAID_NOTHING;
}

static void take_file(struct said_list *list, uint32_t line, struct slice key, struct slice name)
{
	if (name.len == 0)
		forget(list, true);
	else
		said_add(list, line, SAID_FILE, key, name);
}

static void take_assignments(struct said_list *list, uint32_t line, struct slice rest)
{
	bool specifier;
	if (slice_trim(rest).len == 0)
		forget(list, false);
	while (rest.len > 0) {
		struct slice word = take_word(&rest, list, &specifier);
		if (slice_find_byte(word, '=') < word.len) {
			struct slice name = slice_cut(&word, '=');
			struct said *s = said_add_variable(list, line, name, word);
			if (s && specifier)
				s->broken = "systemd wants a % doubled";
		}
		while (rest.len > 0 && said_is_blank(rest.at[0]))
			rest = slice_from(rest, 1);
	}
}

void said_read_systemd(struct slice text, struct said_list *list)
{
	static const char *const KEYS[] = { "Environment", "DefaultEnvironment",
					    "ManagerEnvironment" };
	struct said_lines l = { .rest = text };
	while (said_next_line(&l) && !list->failed) {
		uint32_t number = l.number;
		struct slice rest = slice_trim(l.line);
		if (rest.len == 0 || strchr("#;[", rest.at[0]))
			continue;
		rest = slice_trim(join_lines(&l, list));
		struct slice key = slice_trim(slice_cut(&rest, '='));
		if (slice_equal(key, SLICE("EnvironmentFile")))
			take_file(list, number, key, slice_trim(rest));
		for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
			if (slice_equal(key, slice_of(KEYS[i])))
				take_assignments(list, number, slice_trim(rest));
	}
}
