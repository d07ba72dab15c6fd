/* Profiles by name: where they are installed, or, of a program that was built and not installed, in
 * its source. */
#include "base/escape.h"
#include "check/profile.h"
#include "cli/check.h"
#include "cli/command.h"
#include "cli/version.h"
#include "host/file.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { PLACES = 3 };

#define SUFFIX ".profile"

struct places {
	char folder[PLACES][PATH_MAX + 64];
};

static void find_places(struct places *p)
{
	char self[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = 0;
	const char *folder = dirname(self);
	snprintf(p->folder[0], sizeof p->folder[0], "%s/../share/viaduct/profiles", folder);
	snprintf(p->folder[1], sizeof p->folder[1], "%s/../share/profiles", folder);
	snprintf(p->folder[2], sizeof p->folder[2], "%s", VIADUCT_PROFILES);
}

/* Those that are installed: of the first place that has any. */
static glob_t list_all(void)
{
	struct places p;
	glob_t found = { .gl_pathc = 0 };
	find_places(&p);
	for (size_t i = 0; i < PLACES && found.gl_pathc == 0; i++) {
		char pattern[sizeof p.folder[0] + 20];
		snprintf(pattern, sizeof pattern, "%s/*" SUFFIX, p.folder[i]);
		globfree(&found);
		glob(pattern, 0, NULL, &found);
	}
	return found;
}

static struct slice name_of(const char *path)
{
	struct slice base = slice_of(strrchr(path, '/') + 1);
	return slice_first(base, base.len - strlen(SUFFIX));
}

/* "cisco-fmc, debian, ..." */
static void say_which(struct buffer *out)
{
	glob_t all = list_all();
	for (size_t i = 0; i < all.gl_pathc; i++) {
		buffer_add_text(out, i ? ", " : "");
		escape_text(out, name_of(all.gl_pathv[i]));
	}
	globfree(&all);
}

static void complain_none(const char *name)
{
	char shown[100];
	struct buffer which;
	buffer_init(&which, 4096);
	say_which(&which);
	complain("there is no profile '%s'; there are: %.*s; a file of your own is named by its "
		 "path",
		 escape_into(shown, sizeof shown, slice_of(name)), (int)which.len,
		 which.len ? (const char *)which.at : "");
	buffer_done(&which);
}

static bool find_path(const char *name, char *into, size_t size)
{
	struct places p;
	if (strchr(name, '/') || slice_ends(slice_of(name), SLICE(SUFFIX))) {
		snprintf(into, size, "%s", name);
		return true;
	}
	find_places(&p);
	for (size_t i = 0; i < PLACES; i++) {
		snprintf(into, size, "%s/%s" SUFFIX, p.folder[i], name);
		if (access(into, F_OK) == 0)
			return true;
	}
	complain_none(name);
	return false;
}

static void tell_fault(void *context, uint32_t line, uint32_t column, const char *text)
{
	complain("%s:%u:%u: %s", (const char *)context, line, column, text);
}

bool check_find_profile(const char *name, struct arena *arena, struct check_profile *ret_profile,
			const char **ret_name)
{
	char path[2 * PATH_MAX], shown[300];
	struct host_file file;
	struct error err;
	if (!find_path(name, path, sizeof path))
		return false;
	escape_into(shown, sizeof shown, slice_of(path));
	if (host_file_read(path, CHECK_MAX_PROFILE, &file, &err) < 0) {
		complain("%s", err.text);
		return false;
	}
	if (!file.exists) {
		complain("%s: %s", shown, "there is no such file");
		return false;
	}
	struct slice text = arena_copy(arena, file.text);
	bool empty = file.text.len == 0;
	host_file_done(&file);
	int code = text.len || empty
			   ? check_profile_read(text, arena, ret_profile,
						&(struct grammar_faults){ tell_fault, shown })
			   : -ENOMEM;
	if (code == -ENOMEM)
		complain("%s: out of memory", shown);
	struct slice word = slice_of(basename(path));
	if (slice_ends(word, SLICE(SUFFIX)))
		word = slice_first(word, word.len - strlen(SUFFIX));
	*ret_name = arena_string(arena, word);
	return code == 0 && *ret_name;
}

static void pass_over(void *context, uint32_t line, uint32_t column, const char *text)
{
	(void)context;
	(void)line;
	(void)column;
	(void)text;
}

static void tell_one(const char *path, check_profile_teller *tell, void *context)
{
	struct host_file file;
	struct check_profile p;
	struct error ignored;
	char name[100];
	const struct grammar_faults faults = { pass_over, NULL };
	struct arena *arena = arena_new(CHECK_PROFILE_ROOM);
	if (arena && host_file_read(path, CHECK_MAX_PROFILE, &file, &ignored) == 0) {
		struct slice text = arena_copy(arena, file.text);
		host_file_done(&file);
		escape_into(name, sizeof name, name_of(path));
		if (text.len && check_profile_read(text, arena, &p, &faults) == 0)
			tell(context, name, &p);
	}
	arena_free(arena);
}

void check_each_profile(check_profile_teller *tell, void *context)
{
	glob_t all = list_all();
	for (size_t i = 0; i < all.gl_pathc; i++)
		tell_one(all.gl_pathv[i], tell, context);
	globfree(&all);
}
