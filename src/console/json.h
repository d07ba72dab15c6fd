/* JSON as the API needs it: written member by member into a buffer, and a small flat object read. For this
 * room, and for what writes in its name (struct console_work). */
#ifndef CONSOLE_JSON_H
#define CONSOLE_JSON_H

#include "base/arena.h"
#include "base/buffer.h"

/* Each adds a comma where one is due; name NULL: an element of a list. */
void json_open(struct buffer *out, const char *name, char bracket); /* '{' or '[' */
void json_close(struct buffer *out, char bracket);                  /* '}' or ']' */
void json_text(struct buffer *out, const char *name, struct slice text);
void json_word(struct buffer *out, const char *name, const char *text); /* NULL: left out */
void json_number(struct buffer *out, const char *name, int64_t number);
void json_big(struct buffer *out, const char *name, int64_t number); /* as a string: beyond 2^53 */
void json_bool(struct buffer *out, const char *name, bool value);
void json_raw(struct buffer *out, const char *name, struct slice json);

enum json_kind { JSON_NONE, JSON_TEXT, JSON_NUMBER, JSON_BOOL };

enum { JSON_MOST_MEMBERS = 96 };

struct json_member {
	struct slice name, text; /* text: of a number, too */
	enum json_kind kind;
	bool yes;
};

/* One object. Its strings, numbers and booleans are read, strings undone into the arena; what is nested
 * stands as JSON_NONE with its text. False where the text is anything else, or has a NUL in it. */
struct json_object {
	struct json_member member[JSON_MOST_MEMBERS];
	size_t count;
};
bool json_read(struct slice text, struct arena *arena, struct json_object *ret_object);

/* NULL where there is none of that kind. */
const struct json_member *json_find(const struct json_object *o, const char *name,
                                    enum json_kind kind);

#endif
