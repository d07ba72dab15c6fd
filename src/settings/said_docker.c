/* Docker's JSON: of the client, what containers and builds are given; of the daemon, its own. */
#include "settings/json.h"
#include "settings/said_readers.h"

struct name {
	const char *name;
	enum said_use use;
};

static void add_strings(struct slice object, const struct name *names, size_t count,
			struct slice scope, struct said_list *list)
{
	struct json_members m;
	struct slice name, value;
	for (json_begin(&m, object); json_next(&m, &name, &value);)
		for (size_t i = 0; i < count; i++) {
			struct buffer *t = said_value_begin(list);
			if (!slice_equal(name, slice_of(names[i].name)) || !json_string(value, t))
				continue;
			struct said *s = said_add(list, 0, names[i].use, name, buffer_slice(t));
			if (s)
				s->scope = scope;
		}
}

#define COUNT(table) (sizeof table / sizeof *table)

/* proxies.default, or proxies.HOST for the daemon at HOST */
void said_read_docker(struct slice text, struct said_list *list)
{
	static const struct name NAMES[] = {
		{ "httpProxy", SAID_HTTP },
		{ "httpsProxy", SAID_HTTPS },
		{ "allProxy", SAID_ALL },
		{ "noProxy", SAID_EXCEPT },
	};
	struct json_members top, proxies;
	struct slice name, value, host, object;
	for (json_begin(&top, text); json_next(&top, &name, &value);) {
		if (!slice_equal(name, SLICE("proxies")))
			continue;
		for (json_begin(&proxies, value); json_next(&proxies, &host, &object);) {
			bool all = slice_equal(host, SLICE("default"));
			add_strings(object, NAMES, COUNT(NAMES),
				    all ? (struct slice){ 0 } : arena_copy(list->arena, host),
				    list);
		}
	}
}

void said_read_docker_daemon(struct slice text, struct said_list *list)
{
	static const struct name NAMES[] = {
		{ "http-proxy", SAID_HTTP },
		{ "https-proxy", SAID_HTTPS },
		{ "no-proxy", SAID_EXCEPT },
	};
	struct json_members top;
	struct slice name, value;
	for (json_begin(&top, text); json_next(&top, &name, &value);)
		if (slice_equal(name, SLICE("proxies")))
			add_strings(value, NAMES, COUNT(NAMES), (struct slice){ 0 }, list);
}
