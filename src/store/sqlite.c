/* Opening SQLite by name; sqlite.h says why. */
#include "store/sqlite.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

static struct store_sqlite calls;
static struct error trouble;

static bool find(void *from, const char *name, void **ret_function)
{
	*ret_function = dlsym(from, name);
	if (!*ret_function)
		err_set(&trouble, -ENOSYS, "libsqlite3.so.0 lacks %s: it is too old", name);
	return *ret_function != NULL;
}

static void open_once(void)
{
	void *opened = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
	bool found = opened != NULL;
	if (!opened) {
		err_set(&trouble, -ENOENT, "SQLite can't be opened (%s): install libsqlite3-0",
			dlerror());
		return;
	}
#define FIND(name) found = found && find(opened, #name, (void **)&calls.name);
	STORE_SQLITE_CALLS(FIND)
#undef FIND
}

const struct store_sqlite *store_sqlite_open(struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_once);
	if (trouble.code == 0)
		return &calls;
	err_set(err, trouble.code, "%s", trouble.text);
	return NULL;
}
