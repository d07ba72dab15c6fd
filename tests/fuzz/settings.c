/* Any text as settings: an entry that is set is read back as it was set, one that is unset is gone,
 * and what was read before in the others is read again. The first byte chooses the entry. */
#include "settings/settings.h"

#include "inside.h"

#include <errno.h>

enum { ROOM = 1 << 23 };

static const char *const VALUES[SETTINGS_NAMES] = {
	[SETTING_HOST] = "a \"b\\;#{}", [SETTING_PORT] = "81", [SETTING_ENABLED] = "no",
	[SETTING_AUTH] = "no",          [SETTING_USER] = "u",
};

static void check_set(const struct settings *before, const struct settings *after,
		      enum settings_name name)
{
	assert(name != SETTING_HOST || slice_equal(after->host, slice_of(VALUES[name])));
	assert(name == SETTING_HOST || slice_equal(after->host, before->host));
	assert(after->port == (name == SETTING_PORT ? 81 : before->port));
	assert(name != SETTING_ENABLED || !after->enabled);
	assert(name != SETTING_AUTH || !after->auth);
	assert(name == SETTING_USER ? slice_equal(after->user, SLICE("u"))
				    : slice_equal(after->user, before->user));
}

static void check_unset(const struct settings *s, enum settings_name name)
{
	assert(name != SETTING_HOST || s->host.len == 0);
	assert(name != SETTING_PORT || s->port == 0);
	assert(name != SETTING_ENABLED || s->enabled == (s->host.len > 0));
	assert(name != SETTING_AUTH || s->auth == (s->user.len > 0));
	assert(name != SETTING_USER || s->user.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > SETTINGS_MAX_TEXT / 2)
		return 0;
	enum settings_name name = (enum settings_name)(data[0] % SETTINGS_NAMES);
	struct slice text = { data + 1, size - 1 };
	struct arena *arena = arena_new(4 * ROOM);
	struct settings before, after;
	struct error err = { 0 };
	struct buffer set, unset;
	buffer_init(&set, ROOM);
	buffer_init(&unset, ROOM);
	int code = settings_read(text, arena, &before, &err);
	assert((code < 0) == (err.text[0] != 0));
	if (code == 0) {
		struct settings_remarks r;
		settings_check(&before, &r);
		assert(r.count <= SETTINGS_MAX_REMARKS);
		assert(settings_set(text, name, slice_of(VALUES[name]), &set, &err) == 0);
		assert(settings_read(buffer_slice(&set), arena, &after, &err) == 0);
		check_set(&before, &after, name);
		assert(settings_unset(buffer_slice(&set), name, &unset, &err) == 0);
		assert(settings_read(buffer_slice(&unset), arena, &after, &err) == 0);
		check_unset(&after, name);
	}
	buffer_done(&unset);
	buffer_done(&set);
	arena_free(arena);
	return 0;
}
