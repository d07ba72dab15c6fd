/* One string in a JSON text is set or removed; all the rest of the text stays as it is. For this room
 * alone. */
#ifndef SETTINGS_JSON_H
#define SETTINGS_JSON_H

#include "base/buffer.h"

/* path: names of members, outermost first, NULL at its end; what is missing on the way is made.
 * value: ASCII without quotes, backslashes and controls; at NULL: the member goes. An empty text is
 * taken for {}. False, and nothing written, where the text is no JSON object or a name on the way is
 * something else than an object. */
bool json_set_string(struct slice text, const char *const *path, struct slice value,
		     struct buffer *out);

#endif
