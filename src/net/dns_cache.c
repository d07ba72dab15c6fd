/* A hash table with a list by last use through it. */
#include "net/dns_cache.h"

#include <stdlib.h>
#include <sys/random.h>

bool dns_cache_init(struct dns_cache *c, size_t most)
{
	size_t buckets = 64;
	while (buckets < most / 2)
		buckets *= 2;
	*c = (struct dns_cache){ .buckets = buckets, .most = most };
	/* Clients choose the names: which of them meet in a bucket is not for them to know. */
	if (getrandom(&c->seed, sizeof c->seed, GRND_NONBLOCK) < 0)
		c->seed = (uint32_t)(uintptr_t)c;
	c->bucket = calloc(buckets, sizeof *c->bucket);
	return c->bucket != NULL;
}

static void free_entry(struct dns_entry *e)
{
	free(e->address);
	free(e);
}

void dns_cache_done(struct dns_cache *c)
{
	for (size_t i = 0; c->bucket && i < c->buckets; i++) {
		for (struct dns_entry *e = c->bucket[i], *next; e; e = next) {
			next = e->same_hash;
			free_entry(e);
		}
	}
	free(c->bucket);
	c->bucket = NULL;
}

static uint32_t hash_of(const struct dns_cache *c, struct slice name, enum net_family family)
{
	uint32_t h = c->seed + family;
	for (size_t i = 0; i < name.len; i++) {
		h = (h ^ name.at[i]) * 0x9e3779b1u;
		h ^= h >> 15;
	}
	return h;
}

struct dns_entry *dns_cache_find(const struct dns_cache *c, struct slice name,
				 enum net_family family)
{
	uint32_t hash = hash_of(c, name, family);
	for (struct dns_entry *e = c->bucket[hash % c->buckets]; e; e = e->same_hash)
		if (e->hash == hash && e->family == family && e->len == name.len &&
		    memcmp(e->name, name.at, name.len) == 0)
			return e;
	return NULL;
}

struct dns_entry *dns_cache_add(struct dns_cache *c, struct slice name, enum net_family family)
{
	if (c->count == c->most) {
		if (!c->oldest)
			return NULL;
		dns_cache_remove(c, c->oldest);
	}
	struct dns_entry *e = calloc(1, sizeof *e + name.len + 1);
	if (!e)
		return NULL;
	e->state = DNS_ASKING;
	e->family = (uint8_t)family;
	e->len = (uint8_t)name.len;
	memcpy(e->name, name.at, name.len);
	e->hash = hash_of(c, name, family);
	struct dns_entry **bucket = &c->bucket[e->hash % c->buckets];
	e->same_hash = *bucket;
	*bucket = e;
	c->count++;
	return e;
}

void dns_cache_unkeep(struct dns_cache *c, struct dns_entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	e->state = DNS_ASKING;
}

void dns_cache_keep(struct dns_cache *c, struct dns_entry *e)
{
	if (e->state == DNS_KEPT)
		dns_cache_unkeep(c, e);
	e->newer = NULL;
	e->older = c->newest;
	*(e->older ? &e->older->newer : &c->oldest) = e;
	c->newest = e;
	e->state = DNS_KEPT;
}

void dns_cache_remove(struct dns_cache *c, struct dns_entry *e)
{
	struct dns_entry **at = &c->bucket[e->hash % c->buckets];
	if (e->state == DNS_KEPT)
		dns_cache_unkeep(c, e);
	while (*at != e)
		at = &(*at)->same_hash;
	*at = e->same_hash;
	c->count--;
	free_entry(e);
}

void dns_cache_forget_kept(struct dns_cache *c)
{
	for (struct dns_entry *e = c->oldest, *next; e; e = next) {
		next = e->newer;
		dns_cache_remove(c, e);
	}
}
