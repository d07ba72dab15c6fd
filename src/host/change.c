/* Keeps, then writes. A kept set counts when its list is there, which is written last. */
#include "host/change.h"

#include "base/grammar.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char KEPT[] = "/var/lib/viaduct/applied";
static const char LIST[] = "list";

enum { MAX_LIST = 1 << 17, ARENA = 1 << 20 };

/* ---- paths --------------------------------------------------------------------------------- */

static int join(char *into, const char *a, const char *b, struct error *err)
{
	if (snprintf(into, PATH_MAX, "%s%s", a, b) < PATH_MAX)
		return 0;
	return err_set(err, -ENAMETOOLONG, "a path is too long: %.100s...", b);
}

/* Whether the path, or what there is of it, lies in the root when its links are followed. */
static bool lies_within(const char *root, const char *path)
{
	char real_root[PATH_MAX], real[PATH_MAX], part[PATH_MAX];
	struct stat st;
	snprintf(part, sizeof part, "%s", path);
	if (!realpath(root, real_root))
		return false;
	while (!realpath(part, real)) {
		if (errno != ENOENT || lstat(part, &st) == 0) /* a link to nothing */
			return false;
		dirname(part); /* cut in place: our paths have a slash in them */
	}
	size_t len = strcmp(real_root, "/") == 0 ? 0 : strlen(real_root);
	return strncmp(real, real_root, len) == 0 && (real[len] == '/' || real[len] == 0);
}

static int stay_within(const char *root, const char *path, struct error *err)
{
	if (*root == 0 || lies_within(root, path))
		return 0;
	if (access(root, F_OK) < 0)
		return err_set(err, -errno, "%s: %s", root, strerror(errno));
	return err_set(err, -EXDEV, "%s leads out of %s", path, root);
}

int host_change_name(char *into, const char *root, const char *path, struct error *err)
{
	const char *home = *root ? "/root" : getenv("HOME");
	if (path[0] != '~')
		return join(into, "", path, err);
	if (!home || home[0] != '/')
		return err_set(err, -EINVAL, "there is no HOME for %s", path);
	return join(into, home, path + 1, err);
}

int host_change_open(struct host_change *c, const char *root, const char *name, struct error *err)
{
	*c = (struct host_change){ 0 };
	int code = join(c->name, "", name, err);
	if (code == 0)
		code = join(c->path, root, name, err);
	if (code == 0)
		code = stay_within(root, c->path, err);
	if (code == 0)
		code = host_file_read(c->path, HOST_MAX_TEXT, &c->now, err);
	if (code < 0)
		return code;
	c->to = c->now;
	c->to.text = (struct slice){ 0 };
	return 0;
}

void host_change_done(struct host_change *c)
{
	host_file_done(&c->now);
	host_file_done(&c->to);
}

int host_change_set(struct host_change *c, struct slice text, struct error *err)
{
	uint8_t *copy = malloc(text.len + 1);
	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	c->to.text = (struct slice){ copy, text.len };
	return 0;
}

/* ---- what is kept -------------------------------------------------------------------------- */

static int part_path(char *into, const char *folder, size_t index, const char *which,
		     struct error *err)
{
	char name[40];
	snprintf(name, sizeof name, "/%zu.%s", index, which);
	return join(into, folder, name, err);
}

static void forget(const char *folder)
{
	char path[PATH_MAX];
	struct error ignored;
	if (join(path, folder, "/list", &ignored) == 0)
		unlink(path); /* first: without it the rest counts for nothing */
	for (size_t i = 0; i < HOST_MAX_CHANGES; i++) {
		if (part_path(path, folder, i, "before", &ignored) == 0)
			unlink(path);
		if (part_path(path, folder, i, "after", &ignored) == 0)
			unlink(path);
	}
	rmdir(folder);
}

static int keep_text(const char *folder, size_t index, const char *which, struct slice text,
		     struct error *err)
{
	char path[PATH_MAX];
	struct host_file own = { .mode = 0600, .owner = geteuid(), .group = getegid() };
	int code = part_path(path, folder, index, which, err);
	return code < 0 ? code : host_file_write(path, text, &own, err);
}

static void add_state(struct buffer *out, const struct host_file *f)
{
	buffer_printf(out, " %s %u %u %u", f->exists ? "file" : "none", (unsigned)f->mode, f->owner,
		      f->group);
}

static int keep_list(const char *folder, const struct host_change *c, size_t count,
		     struct error *err)
{
	char path[PATH_MAX];
	struct buffer list;
	struct host_file own = { .mode = 0600, .owner = geteuid(), .group = getegid() };
	buffer_init(&list, MAX_LIST);
	int code =
		snprintf(path, sizeof path, "%s/%s", folder, LIST) < PATH_MAX ? 0 : -ENAMETOOLONG;
	for (size_t i = 0; code == 0 && i < count; i++) {
		buffer_add_text(&list, "change ");
		if (!grammar_add_word(&list, slice_of(c[i].name)))
			code = -EINVAL;
		add_state(&list, &c[i].now);
		add_state(&list, &c[i].to);
		buffer_add_text(&list, ";\n");
	}
	if (list.failed)
		code = -ENOMEM;
	code = code < 0 ? err_set(err, code, "what is replaced can't be kept in %s: %s", folder,
				  strerror(-code))
			: host_file_write(path, buffer_slice(&list), &own, err);
	buffer_done(&list);
	return code;
}

static int keep(const char *folder, const struct host_change *c, size_t count, struct error *err)
{
	int code = 0;
	for (size_t i = 0; code == 0 && i < count; i++) {
		code = keep_text(folder, i, "before", c[i].now.text, err);
		if (code == 0)
			code = keep_text(folder, i, "after", c[i].to.text, err);
	}
	return code < 0 ? code : keep_list(folder, c, count, err);
}

/* The number of the last kept set; 0: there is none. `complete`: only of those that count. */
static unsigned last_number(const char *kept, bool complete)
{
	char path[PATH_MAX];
	unsigned last = 0;
	DIR *dir = opendir(kept);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		uint64_t number;
		if (!slice_parse_u64(slice_of(d->d_name), 10, &number) || number > 1000000)
			continue;
		if (snprintf(path, sizeof path, "%s/%s/%s", kept, d->d_name, LIST) >= PATH_MAX)
			continue;
		if (number > last && (!complete || access(path, F_OK) == 0))
			last = (unsigned)number;
	}
	if (dir)
		closedir(dir);
	return last;
}

/* A folder of our own for what is replaced this time. */
static int make_folder(const char *root, char *into, struct error *err)
{
	char kept[PATH_MAX];
	int code = join(kept, root, KEPT, err);
	if (code == 0)
		code = stay_within(root, kept, err);
	if (code == 0)
		code = host_file_make_folder(kept, err);
	if (code < 0)
		return code;
	chmod(kept, 0700);
	for (unsigned n = last_number(kept, false) + 1;; n++) {
		if (snprintf(into, PATH_MAX, "%s/%u", kept, n) >= PATH_MAX)
			return err_set(err, -ENAMETOOLONG, "the path of the root is too long");
		if (mkdir(into, 0700) == 0)
			return 0;
		if (errno != EEXIST) /* somebody else's, just now */
			return err_set(err, -errno, "%s can't be made: %s", into, strerror(errno));
	}
}

/* ---- doing --------------------------------------------------------------------------------- */

static int put(const char *path, const struct host_file *f, struct error *err)
{
	return f->exists ? host_file_write(path, f->text, f, err) : host_file_remove(path, err);
}

/* All of them, or, where one can't be, none. */
static int put_all(const struct host_change *c, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		int code = put(c[i].path, &c[i].to, err);
		if (code == 0)
			continue;
		struct error ignored; /* the first is the one to be heard of */
		while (i-- > 0)
			put(c[i].path, &c[i].now, &ignored);
		return code;
	}
	return 0;
}

int host_change_apply(const char *root, const struct host_change *c, size_t count,
		      struct error *err)
{
	char folder[PATH_MAX];
	int code = make_folder(root, folder, err);
	if (code < 0)
		return code;
	code = keep(folder, c, count, err);
	if (code == 0)
		code = put_all(c, count, err);
	if (code < 0)
		forget(folder);
	return code;
}

/* ---- undoing ------------------------------------------------------------------------------- */

static int read_state(const struct grammar_word *w, struct host_file *f)
{
	uint64_t mode, owner, group;
	if (!slice_parse_u64(w[1].text, 10, &mode) || mode > 07777 ||
	    !slice_parse_u64(w[2].text, 10, &owner) || owner > UINT32_MAX ||
	    !slice_parse_u64(w[3].text, 10, &group) || group > UINT32_MAX)
		return -EINVAL;
	f->exists = slice_equal(w[0].text, SLICE("file"));
	f->mode = (mode_t)mode;
	f->owner = (uid_t)owner;
	f->group = (gid_t)group;
	return 0;
}

static int read_part(const char *folder, size_t index, const char *which, struct host_file *f,
		     struct error *err)
{
	char path[PATH_MAX];
	int code = part_path(path, folder, index, which, err);
	return code < 0 ? code : host_file_read(path, HOST_MAX_TEXT, f, err);
}

/* One entry of the list: file, how it was, how it became. */
static int read_change(const char *root, struct host_kept *kept, const struct grammar_entry *e,
		       struct error *err)
{
	struct host_file before = { 0 }, after = { 0 };
	char name[PATH_MAX];
	if (kept->count == HOST_MAX_CHANGES || e->words != 10 || e->word[1].text.len >= PATH_MAX)
		return err_set(err, -EINVAL, "%s/%s is not what we wrote", kept->folder, LIST);
	snprintf(name, sizeof name, "%.*s", (int)e->word[1].text.len, e->word[1].text.at);
	struct host_change *c = &kept->change[kept->count];
	int code = host_change_open(c, root, name, err);
	kept->count++;
	if (code == 0)
		code = read_part(kept->folder, kept->count - 1, "after", &after, err);
	if (code == 0)
		code = read_part(kept->folder, kept->count - 1, "before", &before, err);
	if (code == 0 &&
	    (read_state(&e->word[2], &before) < 0 || read_state(&e->word[6], &after) < 0))
		code = err_set(err, -EINVAL, "%s/%s is not what we wrote", kept->folder, LIST);
	c->touched = c->now.exists != after.exists || !slice_equal(c->now.text, after.text);
	c->to = before;
	host_file_done(&after);
	return code;
}

int host_change_last(const char *root, struct host_kept *ret_kept, struct error *err)
{
	char kept[PATH_MAX], path[PATH_MAX];
	struct host_file list = { 0 };
	struct grammar_entry *first = NULL;
	*ret_kept = (struct host_kept){ 0 };
	int code = join(kept, root, KEPT, err);
	unsigned number = code == 0 ? last_number(kept, true) : 0;
	if (code == 0 && number == 0)
		code = err_set(err, -ENOENT, "nothing was applied that could be undone");
	if (code < 0)
		return code;
	if (snprintf(ret_kept->folder, PATH_MAX, "%s/%u", kept, number) >= PATH_MAX ||
	    snprintf(path, PATH_MAX, "%s/%u/%s", kept, number, LIST) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "the path of the root is too long");
	struct arena *arena = arena_new(ARENA);
	code = arena ? host_file_read(path, MAX_LIST, &list, err)
		     : err_set(err, -ENOMEM, "out of memory");
	if (code == 0)
		code = grammar_read(list.text, arena, &first, err);
	for (const struct grammar_entry *e = first; code == 0 && e; e = e->next)
		code = read_change(root, ret_kept, e, err);
	host_file_done(&list);
	arena_free(arena);
	return code;
}

int host_change_undo(const struct host_kept *kept, struct error *err)
{
	int code = put_all(kept->change, kept->count, err);
	if (code == 0)
		forget(kept->folder);
	return code;
}
