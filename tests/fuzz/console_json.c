/* Any bytes as the body of a request to the console, or as a line of the proxy's log: what is read
 * of its strings is written and read again the same. */
#include "console/json.h"

#include "inside.h"

enum { ROOM = 1 << 22, MOST = 1 << 24 };

static void write_strings(struct buffer *out, const struct json_object *o)
{
	json_open(out, NULL, '{');
	for (size_t i = 0; i < o->count; i++)
		if (o->member[i].kind == JSON_TEXT)
			json_text(out, "text", o->member[i].text);
	json_close(out, '}');
}

static void compare(const struct json_object *before, const struct json_object *after)
{
	size_t at = 0;
	for (size_t i = 0; i < before->count; i++) {
		if (before->member[i].kind != JSON_TEXT)
			continue;
		assert(at < after->count && after->member[at].kind == JSON_TEXT);
		assert(slice_equal(before->member[i].text, after->member[at].text));
		at++;
	}
	assert(at == after->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(ROOM);
	struct json_object o, again;
	struct buffer out;
	buffer_init(&out, MOST);
	if (arena && json_read((struct slice){ data, size }, arena, &o)) {
		assert(o.count <= JSON_MOST_MEMBERS);
		write_strings(&out, &o);
		assert(out.failed || json_read(buffer_slice(&out), arena, &again));
		if (!out.failed)
			compare(&o, &again);
	}
	buffer_done(&out);
	arena_free(arena);
	return 0;
}
