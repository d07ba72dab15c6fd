/* A Proxy-Authorization of any bytes: never right, for nobody's password is guessed; and a users'
 * file of the same bytes. */
#include "proxy/auth.h"
#include "proxy/auth_settings.h"

#include "inside.h"

static const char USERS[] = "alice:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\n"
			    "alice:r:0123456789abcdef0123456789abcdef\n"
			    "bob:r:0123456789abcdef0123456789abcdef\n";

static void ignore(void *context, uint64_t line, const char *text)
{
	(void)context;
	(void)line;
	assert(text[0]);
}

static struct auth *make(void)
{
	struct auth_settings s = { .scheme = { HTTP_AUTH_DIGEST, HTTP_AUTH_BASIC },
				   .schemes = 2,
				   .realm = "r",
				   .nonce = 300 * NANOS_PER_SECOND,
				   .userhash = true };
	s.users = users_read(slice_of(USERS), SLICE("r"), NULL, NULL);
	return auth_new(&s, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct auth *a;
	if (!a)
		a = make();
	static struct http_request request;
	request = (struct http_request){ .method = SLICE("GET"), .target = SLICE("http://x/") };
	request.form = HTTP_FORM_ABSOLUTE;
	request.fields.count = 1;
	request.fields.field[0] =
		(struct http_field){ SLICE("Proxy-Authorization"), { data, size } };
	struct address client = { .port = 1 };
	struct auth_check check = { 0 };
	enum auth_result r = auth_ask(a, NULL, &request, &client, NANOS_PER_SECOND, &check);
	assert(r == AUTH_WRONG && memchr(check.user, 0, sizeof check.user) && !check.job);
	struct users *u = users_read((struct slice){ data, size }, SLICE("r"),
				     &(struct file_faults){ ignore, NULL }, NULL);
	for (size_t i = 0; u && i < users_count(u); i++)
		assert(users_find(u, users_at(u, i)->name) == users_at(u, i));
	users_free(u);
	return 0;
}
