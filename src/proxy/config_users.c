/* What a configuration says of its users, without reading them: they may not be there yet. */
#include "proxy/config.h"

#include "proxy/file.h"

#include <errno.h>

enum { MAX_FILE = 4 << 20 };

static const struct grammar_entry *find(const struct grammar_entry *e, struct slice name)
{
	while (e && !slice_equal(e->word[0].text, name))
		e = e->next;
	return e;
}

static const char *join(struct arena *arena, const char *path, struct slice file)
{
	const char *slash = strrchr(path, '/');
	size_t folder = slash && file.at[0] != '/' ? (size_t)(slash - path) + 1 : 0;
	char *joined = arena_alloc(arena, folder + file.len + 1);
	if (!joined)
		return NULL;
	memcpy(joined, path, folder);
	memcpy(joined + folder, file.at, file.len);
	return joined;
}

static int read_auth(const char *path, struct arena *arena, struct slice text,
		     const char **ret_users, const char **ret_realm, struct error *err)
{
	struct grammar_entry *first;
	struct error inner;
	if (grammar_read(text, arena, &first, &inner) < 0)
		return err_set(err, inner.code, "%s: %s", path, inner.text);
	const struct grammar_entry *auth = find(first, SLICE("auth"));
	const struct grammar_entry *users = auth ? find(auth->first, SLICE("users")) : NULL;
	const struct grammar_entry *realm = auth ? find(auth->first, SLICE("realm")) : NULL;
	if (!users || users->words < 2 || users->word[1].text.len == 0)
		return err_set(err, -ENOENT, "%s has no 'auth' with 'users FILE;'", path);
	*ret_users = join(arena, path, users->word[1].text);
	*ret_realm = arena_string(arena, realm && realm->words > 1 ? realm->word[1].text
								   : SLICE("viaduct"));
	return *ret_users && *ret_realm ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int config_find_users(const char *path, struct arena *arena, const char **ret_users,
		      const char **ret_realm, struct error *err)
{
	struct error why;
	struct slice text = file_read(path, MAX_FILE, &why);
	if (!text.at)
		return err_set(err, why.code, "%s %s", path, why.text);
	int code = read_auth(path, arena, text, ret_users, ret_realm, err);
	file_forget(text);
	return code;
}
