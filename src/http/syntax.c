/* The table of character classes, and lists. */
#include "http/syntax.h"

enum {
	SEPARATOR = IN_TEXT | IN_TARGET,
	TCHAR = IN_TOKEN | IN_TEXT | IN_TARGET | IN_HOST,
	NOT_HOST = IN_TOKEN | IN_TEXT | IN_TARGET,
	NOT_TOKEN = IN_TEXT | IN_TARGET | IN_HOST,
};

/* clang-format off */
const uint8_t http_class[256] = {
	['\t'] = IN_TEXT, [' '] = IN_TEXT,
	['!'] = TCHAR, ['"'] = SEPARATOR, ['#'] = NOT_HOST, ['$' ... '\''] = TCHAR,
	['(' ... ')'] = NOT_TOKEN, ['*' ... '+'] = TCHAR, [','] = NOT_TOKEN,
	['-' ... '.'] = TCHAR, ['/'] = SEPARATOR, ['0' ... '9'] = TCHAR,
	[':'] = SEPARATOR, [';'] = NOT_TOKEN, ['<'] = SEPARATOR, ['='] = NOT_TOKEN,
	['>' ... '@'] = SEPARATOR, ['A' ... 'Z'] = TCHAR, ['[' ... ']'] = SEPARATOR,
	['^'] = NOT_HOST, ['_'] = TCHAR, ['`'] = NOT_HOST, ['a' ... 'z'] = TCHAR,
	['{'] = SEPARATOR, ['|'] = NOT_HOST, ['}'] = SEPARATOR, ['~'] = TCHAR,
	[0x80 ... 0xff] = NOT_TOKEN,
};
/* clang-format on */

static size_t find_comma(struct slice s)
{
	bool quoted = false;
	for (size_t i = 0; i < s.len; i++) {
		if (quoted && s.at[i] == '\\')
			i++;
		else if (s.at[i] == '"')
			quoted = !quoted;
		else if (s.at[i] == ',' && !quoted)
			return i;
	}
	return s.len;
}

bool http_next_item(struct slice *rest, struct slice *ret_item)
{
	while (rest->len > 0) {
		size_t comma = find_comma(*rest);
		struct slice item = slice_trim(slice_first(*rest, comma));
		*rest = slice_from(*rest, comma + 1);
		if (item.len > 0) {
			*ret_item = item;
			return true;
		}
	}
	return false;
}
