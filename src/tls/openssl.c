/* Loads OpenSSL once, for good. */
#include "tls/openssl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#define TEXT_OF(x)  #x
#define TEXT(x)     TEXT_OF(x)
#define SHARED_NAME "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct openssl table;
static const struct openssl *loaded;

static const struct {
	const char *name;
	size_t at;
} FUNCTIONS[] = {
#define ROW(name) { #name, offsetof(struct openssl, name) },
	OPENSSL_FUNCTIONS(ROW)
#undef ROW
};

static void load(void)
{
	void *library = dlopen(SHARED_NAME, RTLD_LAZY | RTLD_LOCAL);
	if (!library)
		return;
	for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++) {
		void *function = dlsym(library, FUNCTIONS[i].name);
		if (!function)
			return;
		*(void **)((char *)&table + FUNCTIONS[i].at) = function;
	}
	/* Or else it reads its configuration file on the first certificate. */
	table.OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	loaded = &table;
}

const struct openssl *openssl(void)
{
	pthread_once(&once, load);
	return loaded;
}
