/* Reading argv by a table, and guessing what was meant. */
#include "cli/options.h"

#include "base/escape.h"
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 40 };

static const struct option *find_long(const struct option *table, size_t count, const char *name,
				      size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

static const struct option *find_letter(const struct option *table, size_t count, char letter)
{
	for (size_t i = 0; i < count; i++)
		if (letter && table[i].letter == letter)
			return &table[i];
	return NULL;
}

static void unknown_option(const struct option *table, size_t count, const char *name)
{
	const char *names[64];
	char shown[MAX_WORD * 4];
	for (size_t i = 0; i < count && i < 64; i++)
		names[i] = table[i].name;
	const char *near = nearest_word(name, names, count < 64 ? count : 64);
	escape_into(shown, sizeof shown, slice_of(name));
	if (near)
		complain("there is no option --%s; did you mean --%s?", shown, near);
	else
		complain("there is no option --%s; --help lists them", shown);
}

/* One "--name[=value]"; *i moves over a value that stands by itself. */
static bool read_long(int argc, char **argv, int *i, const struct option *table, size_t count,
		      option_taker *take, void *context)
{
	const char *name = argv[*i] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option *o = find_long(table, count, name, len);
	if (!o) {
		char word[MAX_WORD + 1];
		snprintf(word, sizeof word, "%.*s", (int)len, name);
		unknown_option(table, count, word);
		return false;
	}
	const char *value = equals ? equals + 1 : NULL;
	if (o->kind == OPTION_FLAG && value) {
		complain("--%s takes no value", o->name);
		return false;
	}
	if (o->kind == OPTION_VALUE && !value) {
		if (*i + 1 >= argc) {
			complain("--%s needs a value: --%s %s", o->name, o->name, o->value);
			return false;
		}
		value = argv[++*i];
	}
	return take(context, o, value);
}

static bool read_letters(int argc, char **argv, int *i, const struct option *table, size_t count,
			 option_taker *take, void *context)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct option *o = find_letter(table, count, *p);
		if (!o) {
			char shown[8];
			escape_into(shown, sizeof shown, (struct slice){ (const uint8_t *)p, 1 });
			complain("there is no option -%s; --help lists them", shown);
			return false;
		}
		if (o->kind != OPTION_VALUE) {
			if (!take(context, o, NULL))
				return false;
			continue;
		}
		if (!p[1] && *i + 1 >= argc) {
			complain("-%c needs a value: -%c %s", *p, *p, o->value);
			return false;
		}
		return take(context, o, p[1] ? p + 1 : argv[++*i]);
	}
	return true;
}

int options_read(int argc, char **argv, const struct option *table, size_t count,
		 option_taker *take, void *context)
{
	int operands = 0;
	bool over = false;
	for (int i = 1; i < argc; i++) {
		bool fine = true;
		if (over || argv[i][0] != '-' || !argv[i][1])
			argv[operands++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			over = true;
		else if (argv[i][1] == '-')
			fine = read_long(argc, argv, &i, table, count, take, context);
		else
			fine = read_letters(argc, argv, &i, table, count, take, context);
		if (!fine)
			return -1;
	}
	return operands;
}

void options_unknown_word(const char *word, const char *trouble, const char *const *names,
			  size_t count, const char *hint)
{
	char shown[80];
	const char *near = nearest_word(word, names, count);
	escape_into(shown, sizeof shown, slice_of(word));
	if (near)
		complain("'%s' %s; did you mean '%s'?", shown, trouble, near);
	else
		complain("'%s' %s; %s", shown, trouble, hint);
}

void options_print(const struct option *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char left[64];
		const struct option *o = &table[i];
		snprintf(left, sizeof left, "%c%c%c --%s%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
			 o->kind == OPTION_OPTIONAL ? "[="
			 : o->value                 ? " "
						    : "",
			 o->value ? o->value : "", o->kind == OPTION_OPTIONAL ? "]" : "");
		printf("  %-28s %s\n", left, o->help);
	}
}

bool options_read_size(const char *value, uint64_t *ret_bytes)
{
	static const char units[] = "kmgt";
	struct slice s = slice_of(value);
	const char *unit = s.len ? strchr(units, s.at[s.len - 1] | 0x20) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	uint64_t n;
	s.len -= unit != NULL;
	if (!slice_parse_u64(s, 10, &n) || n > (uint64_t)INT64_MAX >> shift)
		return false;
	*ret_bytes = n << shift;
	return true;
}
