/* Strings and the samples that they are told by. A sample is owned by its place on the shelf, while
 * it has one, and by each string that needs it. */
#include "proxy/shelf.h"

#include "base/delta.h"

#include <stdlib.h>

/* Tunnels come in kinds (with TLS or without, with credentials or without): one sample for each. */
enum { SAMPLES = 4, MOST = 64 << 10 };

struct sample {
	uint32_t users, len;
	uint8_t at[];
};

struct kept {
	struct sample *sample;
	uint32_t len;
	uint8_t delta[];
};

struct shelf {
	struct sample *sample[SAMPLES]; /* NULL: none yet */
	size_t next;                    /* to be replaced */
	struct buffer delta;
};

struct shelf *shelf_new(void)
{
	struct shelf *s = calloc(1, sizeof *s);
	if (s)
		buffer_init(&s->delta, MOST);
	return s;
}

static void leave(struct sample *sample)
{
	if (sample && --sample->users == 0)
		free(sample);
}

void shelf_free(struct shelf *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SAMPLES; i++)
		leave(s->sample[i]);
	buffer_done(&s->delta);
	free(s);
}

static struct slice bytes_of(const struct sample *sample)
{
	return (struct slice){ sample->at, sample->len };
}

/* Is it told in less than half of its bytes? That is left in s->delta. */
static bool is_like(struct shelf *s, const struct sample *sample, struct slice string)
{
	if (!sample)
		return false;
	buffer_reset(&s->delta);
	delta_add(&s->delta, bytes_of(sample), string);
	return !s->delta.failed && s->delta.len < string.len / 2;
}

static struct sample *find_like(struct shelf *s, struct slice string)
{
	for (size_t i = 0; i < SAMPLES; i++)
		if (is_like(s, s->sample[i], string))
			return s->sample[i];
	return NULL;
}

/* It is like no other: now others may be like it. */
static struct sample *add_sample(struct shelf *s, struct slice string)
{
	struct sample *sample = malloc(sizeof *sample + string.len);
	if (!sample)
		return NULL;
	*sample = (struct sample){ .users = 1, .len = (uint32_t)string.len };
	if (string.len > 0)
		memcpy(sample->at, string.at, string.len);
	leave(s->sample[s->next]);
	s->sample[s->next] = sample;
	s->next = (s->next + 1) % SAMPLES;
	buffer_reset(&s->delta);
	delta_add(&s->delta, bytes_of(sample), string);
	return sample;
}

struct kept *shelf_put(struct shelf *s, struct slice string)
{
	struct sample *sample = find_like(s, string);
	if (!sample)
		sample = add_sample(s, string);
	struct kept *k = NULL;
	if (sample && !s->delta.failed)
		k = malloc(sizeof *k + s->delta.len);
	if (!k)
		return NULL;
	*k = (struct kept){ sample, (uint32_t)s->delta.len };
	if (k->len > 0)
		memcpy(k->delta, s->delta.at, k->len);
	sample->users++;
	return k;
}

bool shelf_read(const struct kept *k, struct buffer *out)
{
	return delta_apply(bytes_of(k->sample), (struct slice){ k->delta, k->len }, out);
}

void shelf_drop(struct kept *k)
{
	if (!k)
		return;
	leave(k->sample);
	free(k);
}
