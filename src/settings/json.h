/* A JSON text: its members one after the other; or one string in it set or removed, with all the rest
 * of the text as it was. For this room alone. */
#ifndef SETTINGS_JSON_H
#define SETTINGS_JSON_H

#include "base/buffer.h"

/* path: names of members, outermost first, NULL at its end; what is missing on the way is made.
 * value: ASCII without quotes, backslashes and controls; at NULL: the member goes. An empty text is
 * taken for {}. False, and nothing written, where the text is no JSON object or a name on the way is
 * something else than an object. */
bool json_set_string(struct slice text, const char *const *path, struct slice value,
		     struct buffer *out);

/* The members of an object, in order. None of a text that is no object, or none after a fault. */
struct json_members {
	struct slice text;
	size_t at;
	bool over;
};

void json_begin(struct json_members *m, struct slice object);

/* Name and value as they are written, the name without its quotes. */
bool json_next(struct json_members *m, struct slice *ret_name, struct slice *ret_value);

/* The text of a string, without quotes and escapes. False: the value is no string. */
bool json_string(struct slice value, struct buffer *out);

#endif
