/* Words, numbers and times in a line of text: the small tools of those who read lines. */
#include "packet/text_lines.h"

struct slice text_word(struct slice *rest)
{
	size_t at = 0, end;
	while (at < rest->len && text_is_blank(rest->at[at]))
		at++;
	for (end = at; end < rest->len && !text_is_blank(rest->at[end]); end++)
		;
	struct slice word = slice_first(slice_from(*rest, at), end - at);
	*rest = slice_from(*rest, end);
	return word;
}

bool text_number(struct slice *rest, uint32_t *ret_number)
{
	uint32_t n = 0;
	size_t i = 0;
	for (; i < rest->len && text_is_digit(rest->at[i]); i++)
		n = n * 10 + (rest->at[i] - '0');
	if (i == 0)
		return false;
	*rest = slice_from(*rest, i);
	*ret_number = n;
	return true;
}

bool text_after(struct slice s, struct slice key, struct slice *ret_rest)
{
	size_t at = slice_find(s, key);
	if (at == s.len)
		return false;
	*ret_rest = slice_from(s, at + key.len);
	return true;
}

bool text_is_arrow(struct slice word)
{
	return slice_equal(word, SLICE("→")) || slice_equal(word, SLICE(">")) ||
	       slice_equal(word, SLICE("->"));
}

bool text_port(struct slice word, uint16_t *ret_port)
{
	static const struct {
		const char *name;
		uint16_t port;
	} known[] = {
		{ "http", 80 },        { "www", 80 },
		{ "https", 443 },      { "http-alt", 8080 },
		{ "webcache", 8080 },  { "http-proxy", 8080 },
		{ "squid", 3128 },     { "ssh", 22 },
		{ "smtp", 25 },        { "domain", 53 },
		{ "socks", 1080 },     { "privoxy", 8118 },
		{ "tproxy", 8081 },    { "sunproxyadmin", 8081 },
		{ "ndl-aas", 3128 },   { "ddi-tcp-1", 8888 },
		{ "https-alt", 8443 }, { "pcsync-https", 8443 },
	};
	uint64_t port;
	if (slice_parse_u64(word, 10, &port)) {
		*ret_port = (uint16_t)port;
		return port > 0 && port < 65536;
	}
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (slice_equal(word, slice_of(known[i].name))) {
			*ret_port = known[i].port;
			return true;
		}
	}
	return false;
}

/* ".123456" as nanoseconds; digits beyond nine are dropped. */
static nanos read_fraction(struct slice *rest)
{
	nanos value = 0, unit = NANOS_PER_SECOND;
	if (rest->len < 2 || (rest->at[0] != '.' && rest->at[0] != ',') ||
	    !text_is_digit(rest->at[1]))
		return 0;
	*rest = slice_from(*rest, 1);
	for (; rest->len > 0 && text_is_digit(rest->at[0]); *rest = slice_from(*rest, 1)) {
		unit /= 10;
		value += (rest->at[0] - '0') * unit;
	}
	return value;
}

bool text_take(struct slice *rest, uint8_t byte)
{
	if (rest->len == 0 || rest->at[0] != byte)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

/* "11:30:08.972535", all of the word. */
static bool read_clock(struct slice word, nanos *ret_span)
{
	uint32_t h, m, s;
	if (!text_number(&word, &h) || !text_take(&word, ':') || !text_number(&word, &m) ||
	    !text_take(&word, ':') || !text_number(&word, &s) || h > 9999 || m > 59 || s > 60)
		return false;
	nanos fraction = read_fraction(&word);
	text_take(&word, 'Z');
	*ret_span = ((nanos)h * 3600 + m * 60 + s) * NANOS_PER_SECOND + fraction;
	return word.len == 0;
}

static bool read_date(struct slice word, nanos *ret_at)
{
	uint32_t y, m, d;
	if (!text_number(&word, &y) || !text_take(&word, '-') || !text_number(&word, &m) ||
	    !text_take(&word, '-') || !text_number(&word, &d) || word.len || y < 1970 || y > 2200 ||
	    m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	struct when w = { .year = (int)y, .month = (int)m, .day = (int)d };
	*ret_at = when_join(&w);
	return true;
}

/* "Mar 14, 2025", of which `month` is the first word. */
static bool read_month(struct slice month, struct slice *rest, nanos *ret_at)
{
	static const char NAMES[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint32_t d, y;
	size_t at = slice_find(slice_of(NAMES), month);
	struct slice ahead = *rest, day = text_word(&ahead), year = text_word(&ahead);
	if (month.len != 3 || at % 3 != 0 || at >= 36 || !text_number(&day, &d) ||
	    !text_take(&day, ',') || day.len || !text_number(&year, &y) || year.len || d < 1 ||
	    d > 31 || y < 1970 || y > 2200)
		return false;
	struct when w = { .year = (int)y, .month = (int)at / 3 + 1, .day = (int)d };
	*ret_at = when_join(&w);
	*rest = ahead;
	return true;
}

/* "1700000000.123456" or "0.020687". */
static bool read_seconds(struct slice word, nanos *ret_at)
{
	struct slice whole = slice_cut(&word, '.');
	uint64_t seconds;
	if (word.len == 0 || whole.len > 10 || !slice_parse_u64(whole, 10, &seconds) ||
	    seconds > 8000000000u)
		return false;
	struct slice fraction = { word.at - 1, word.len + 1 };
	*ret_at = (nanos)seconds * NANOS_PER_SECOND + read_fraction(&fraction);
	return fraction.len == 0;
}

bool text_time(struct slice *rest, nanos *ret_at, bool *ret_clock_only)
{
	struct slice ahead = *rest;
	struct slice word = text_word(&ahead);
	nanos day = 0, span;
	bool dated = false;
	size_t t = slice_find_byte(word, 'T');
	if (t < word.len && read_date(slice_first(word, t), &day)) {
		dated = true;
		word = slice_from(word, t + 1);
	} else if (read_date(word, &day) || read_month(word, &ahead, &day)) {
		dated = true;
		word = text_word(&ahead);
	}
	if (!read_clock(word, &span) && (dated || !read_seconds(word, &span)))
		return false;
	*ret_clock_only = !dated && slice_find_byte(word, ':') < word.len;
	*ret_at = day + span;
	*rest = ahead;
	if (dated && slice_equal(text_word(&ahead), SLICE("UTC")))
		*rest = ahead;
	return true;
}
