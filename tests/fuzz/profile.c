/* A profile of any bytes: it is read, or its faults are told with their places; what was read can
 * be walked and shown. */
#include "check/profile.h"

#include "inside.h"

#include <errno.h>

static void count(void *context, uint32_t line, uint32_t column, const char *text)
{
	assert(text[0] && line > 0 && column > 0);
	++*(unsigned *)context;
}

static void check_text(const char *text)
{
	assert(text);
	for (; *text; text++)
		assert((uint8_t)*text >= 0x20 && *text != 0x7f);
}

static void check_goal(const struct check_goal *g)
{
	assert(g->ports > 0 && g->ports <= CHECK_MAX_PORTS && g->statuses <= CHECK_MAX_STATUSES);
	check_text(g->host);
	check_text(g->purpose);
	if (g->url) {
		check_text(g->url);
		assert(g->target.host[0] && g->target.port == g->port[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > CHECK_MAX_PROFILE)
		return 0;
	struct arena *arena = arena_new(CHECK_PROFILE_ROOM);
	struct check_profile p;
	unsigned told = 0;
	int code = check_profile_read((struct slice){ data, size }, arena, &p,
				      &(struct grammar_faults){ count, &told });
	assert(code == -ENOMEM || (code == 0) == (told == 0));
	if (code == 0) {
		check_text(p.title);
		check_text(p.date);
		assert(p.targets > 0 && p.targets <= p.goals && p.goals <= CHECK_MAX_TARGETS);
		for (size_t i = 0; i < p.sources; i++)
			check_text(p.source[i]);
		for (size_t i = 0; i < p.goals; i++)
			check_goal(&p.goal[i]);
	}
	arena_free(arena);
	return 0;
}
