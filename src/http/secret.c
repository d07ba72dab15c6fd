/* The finder of secrets: a small automaton over lines. */
#include "http/secret.h"

#include <string.h>

enum { IS_TEXT = 16 }; /* printable bytes in a row: more than chance has in encrypted records */

enum state {
	NAME,   /* at the start of a line: the name of a field, perhaps */
	REST,   /* the rest of a line that is no secret; "://" may come */
	USER,   /* behind "://": userinfo, if an '@' comes before '/' or a space */
	BEFORE, /* the space before a secret value */
	VALUE,  /* the secret value */
};

static bool slice_ends_nocase(struct slice s, struct slice end)
{
	return s.len >= end.len && slice_equal_nocase(slice_from(s, s.len - end.len), end);
}

bool http_is_secret_field(struct slice name)
{
	static const struct slice secret[] = {
		SLICE("proxy-authorization"),
		SLICE("authorization"),
		SLICE("cookie"),
		SLICE("set-cookie"),
		SLICE("cookie2"),
		SLICE("set-cookie2"),
		SLICE("x-api-key"),
		SLICE("x-auth-token"),
		SLICE("authentication-info"),
		SLICE("proxy-authentication-info"),
	};
	for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
		if (slice_equal_nocase(name, secret[i]))
			return true;
	/* X-Amz-Security-Token, Private-Token, Api-Key, ...: whoever names it so means it */
	return slice_ends_nocase(name, SLICE("-token")) ||
	       slice_ends_nocase(name, SLICE("api-key"));
}

static void new_line(struct http_secrets *s, bool was_secret)
{
	s->state = NAME;
	s->len = 0;
	s->was_secret = was_secret;
}

/* The line began with a word and a space: a request line, or a field with a space before its colon,
 * which some take for what it means. */
static void after_word(struct http_secrets *s, struct slice word)
{
	s->state = REST;
	if (slice_equal(word, SLICE("CONNECT"))) {
		s->state = USER;
		s->mark = s->at + 1;
	} else if (http_is_secret_field(word)) {
		s->state = BEFORE;
	}
	s->len = 0;
}

static void in_name(struct http_secrets *s, uint8_t c)
{
	struct slice name = { (const uint8_t *)s->word, s->len };
	bool space = c == ' ' || c == '\t';
	if (c == '\n') {
		new_line(s, false);
	} else if (space && s->len == 0) {
		s->state = s->was_secret ? BEFORE : NAME;
	} else if (space) {
		after_word(s, name);
	} else if (c == ':' && http_is_secret_field(name)) {
		s->state = BEFORE;
	} else if (c == ':' || s->len == sizeof s->word) {
		s->state = REST;
		s->len = c == ':';
	} else {
		s->word[s->len++] = (char)c;
	}
}

/* len counts how much of "://" stands just before. */
static void in_rest(struct http_secrets *s, uint8_t c)
{
	if (c == '\n') {
		new_line(s, false);
	} else if (c == ':') {
		s->len = 1;
	} else if (c == '/' && s->len == 2) {
		s->state = USER;
		s->mark = s->at + 1;
		s->len = 0;
	} else {
		s->len = c == '/' && s->len == 1 ? 2 : 0;
	}
}

static bool ends_authority(uint8_t c)
{
	return c == '/' || c <= ' ' || c == '"' || c == '<' || c == '>' || c == 0x7f;
}

void http_find_secrets(struct http_secrets *s, struct slice bytes,
		       void (*found)(void *context, uint64_t from, uint64_t to), void *context)
{
	for (size_t i = 0; i < bytes.len; i++, s->at++) {
		uint8_t c = bytes.at[i];
		bool printable = (c >= 0x20 && c < 0x7f) || c == '\r' || c == '\n' || c == '\t';
		s->text = !printable ? 0 : s->text < UINT8_MAX ? (uint8_t)(s->text + 1) : s->text;
		switch ((enum state)s->state) {
		case NAME:
			in_name(s, c);
			break;
		case REST:
			in_rest(s, c);
			break;
		case USER:
			if (c == '@') { /* the password may hold another one */
				found(context, s->mark, s->at);
				s->mark = s->at + 1;
			} else if (c == '\n') {
				new_line(s, false);
			} else if (ends_authority(c)) {
				s->state = REST;
			}
			break;
		case BEFORE:
			if (c == '\n')
				new_line(s, true);
			else if (c != ' ' && c != '\t' && c != '\r') {
				s->state = VALUE;
				s->mark = s->at;
			}
			break;
		case VALUE:
			if (c != '\n' && c != '\r')
				break;
			found(context, s->mark, s->at);
			s->state = BEFORE;
			if (c == '\n')
				new_line(s, true);
			break;
		}
	}
	if (s->state == VALUE && s->mark < s->at) { /* what is there of it, now */
		found(context, s->mark, s->at);
		s->mark = s->at;
	}
}

/* What may be userinfo counts as such where its end is not to be seen. */
static void give_up_user(struct http_secrets *s, void (*found)(void *, uint64_t, uint64_t),
			 void *context)
{
	if (s->state == USER && s->mark < s->at)
		found(context, s->mark, s->at);
}

void http_secrets_gap(struct http_secrets *s, uint64_t len,
		      void (*found)(void *context, uint64_t from, uint64_t to), void *context)
{
	bool secret = s->state == BEFORE || s->state == VALUE || s->text >= IS_TEXT || s->at == 0;
	give_up_user(s, found, context);
	s->at += len;
	s->state = s->state == USER ? USER : secret ? VALUE : REST;
	s->mark = s->at;
	s->len = 0;
}

void http_secrets_end(struct http_secrets *s,
		      void (*found)(void *context, uint64_t from, uint64_t to), void *context)
{
	give_up_user(s, found, context);
}

static void star(void *context, uint64_t from, uint64_t to)
{
	memset((uint8_t *)context + from, '*', (size_t)(to - from));
}

static bool has_url(struct slice text)
{
	while (text.len > 0) {
		text = slice_from(text, slice_find_byte(text, ':'));
		if (slice_starts(text, SLICE("://")))
			return true;
		text = slice_from(text, 1);
	}
	return false;
}

void http_hide_userinfo(uint8_t *text, size_t len, bool cut)
{
	struct http_secrets s = { .state = REST };
	struct slice all = { text, len };
	bool lines = slice_find_byte(all, '\n') < len;
	if (!lines && !cut && slice_find_byte(all, '@') == len)
		return; /* most values: no userinfo can end in them */
	if (!lines && !has_url(all))
		return; /* no URL and no other line, so nothing to look for */
	http_find_secrets(&s, (struct slice){ text, len }, star, text);
	if (cut)
		http_secrets_end(&s, star, text);
}
