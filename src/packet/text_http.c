/* HTTP heads as they stand in text: whole lines, or behind what tcpdump -A prints of the TCP
 * header. Judging them properly is `http`'s work; here it is only: is this one? */
#include "packet/text_lines.h"

static const char *const METHODS[] = { "CONNECT", "GET",    "HEAD",  "POST", "PUT",
				       "OPTIONS", "DELETE", "PATCH", "TRACE" };
enum { METHOD_COUNT = sizeof METHODS / sizeof METHODS[0] };

static bool is_version(struct slice s)
{
	return s.len == 8 && slice_starts(s, SLICE("HTTP/1.")) &&
	       (s.at[7] == '0' || s.at[7] == '1');
}

bool text_http_version_alone(struct slice line)
{
	return is_version(slice_trim(line));
}

static bool is_status_line(struct slice line)
{
	uint64_t status;
	struct slice code = slice_first(slice_from(line, 9), 3);
	return line.len >= 12 && is_version(slice_first(line, 8)) && line.at[8] == ' ' &&
	       slice_parse_u64(code, 10, &status) && status >= 100 && status <= 999 &&
	       (line.len == 12 || line.at[12] == ' ');
}

/* Index of the method that `word` ends with, and nothing but a letter less before it. */
static int method_at_end(struct slice word)
{
	for (int i = 0; i < METHOD_COUNT; i++)
		if (slice_ends(word, slice_of(METHODS[i])))
			return i;
	return -1;
}

/* "METHOD target HTTP/1.1" where `version` is the offset of the last; where it begins, or
 * line.len. */
static size_t request_start(struct slice line, size_t version)
{
	size_t at = version;
	if (at < 2 || line.at[at - 1] != ' ')
		return line.len;
	size_t target = --at;
	while (target > 0 && line.at[target - 1] != ' ')
		target--;
	if (target == at || target < 2)
		return line.len;
	int method = method_at_end(slice_first(line, target - 1));
	return method < 0 ? line.len : target - 1 - slice_of(METHODS[method]).len;
}

enum text_http text_http_find(struct slice line, struct slice *ret_line)
{
	size_t at = slice_find(line, SLICE("HTTP/1."));
	struct slice here = slice_trim(slice_from(line, at));
	if (is_status_line(here)) {
		*ret_line = here;
		return TEXT_HTTP_RESPONSE;
	}
	if (at == line.len || !is_version(here))
		return TEXT_HTTP_NONE;
	size_t start = request_start(line, at);
	if (start == line.len)
		return TEXT_HTTP_NONE;
	*ret_line = slice_trim(slice_from(line, start));
	return TEXT_HTTP_REQUEST;
}

enum text_http text_http_start(struct slice line)
{
	struct slice found = { 0 };
	enum text_http kind = text_http_find(line, &found);
	return found.at == line.at ? kind : TEXT_HTTP_NONE;
}

static bool is_token(uint8_t c)
{
	uint8_t letter = c | 0x20;
	return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool text_http_header(struct slice line)
{
	size_t colon = slice_find_byte(slice_first(line, 64), ':');
	if (colon == 0 || colon >= 64 || colon >= line.len ||
	    (colon + 1 < line.len && line.at[colon + 1] != ' ' && line.at[colon + 1] != '\t'))
		return false;
	for (size_t i = 0; i < colon; i++)
		if (!is_token(line.at[i]))
			return false;
	return true;
}

bool text_http_content_length(struct slice head, uint64_t *ret_length)
{
	while (head.len > 0) {
		struct slice line = slice_line(&head);
		if (slice_starts_nocase(line, SLICE("Content-Length:")))
			return slice_parse_u64(slice_trim(slice_from(line, 15)), 10, ret_length);
	}
	return false;
}
