/* Finding fields, and elements in them, after a head was read. */
#include "http/head.h"

#include "http/syntax.h"

const struct http_field *http_find_next(const struct http_fields *fields, struct slice name,
					const struct http_field *after)
{
	const struct http_field *end = fields->field + fields->count;
	for (const struct http_field *f = after ? after + 1 : fields->field; f < end; f++)
		if (slice_equal_nocase(f->name, name))
			return f;
	return NULL;
}

const struct http_field *http_find(const struct http_fields *fields, struct slice name)
{
	return http_find_next(fields, name, NULL);
}

bool http_list_has(const struct http_fields *fields, struct slice name, struct slice token)
{
	const struct http_field *f = NULL;
	while ((f = http_find_next(fields, name, f)) != NULL) {
		struct slice rest = f->value, item;
		while (http_next_item(&rest, &item))
			if (slice_equal_nocase(item, token))
				return true;
	}
	return false;
}
