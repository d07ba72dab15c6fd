/* The hosts file: its text, and a sorted list of the names in it. */
#include "net/hosts.h"
#include "net/sockaddr.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const off_t MOST = 64 << 20;

struct host {
	struct slice name;
	uint8_t ip[16];
};

struct hosts {
	uint8_t *text; /* in lower case */
	struct host *host;
	size_t count, room;
};

static struct slice read_text(const char *path)
{
	struct slice text = { 0 };
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return text;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= MOST) {
		uint8_t *at = malloc((size_t)st.st_size);
		ssize_t got = at ? read(fd, at, (size_t)st.st_size) : -1;
		if (got > 0)
			text = (struct slice){ at, (size_t)got };
		else
			free(at);
	}
	close(fd);
	return text;
}

static bool add_host(struct hosts *h, struct slice name, const struct address *a)
{
	if (h->count == h->room) {
		size_t room = h->room ? h->room * 2 : 16;
		struct host *grown = reallocarray(h->host, room, sizeof *grown);
		if (!grown)
			return false;
		h->host = grown;
		h->room = room;
	}
	struct host *to = &h->host[h->count++];
	to->name = name;
	memcpy(to->ip, a->ip, sizeof to->ip);
	return true;
}

static struct slice next_word(struct slice *line)
{
	*line = slice_trim(*line);
	size_t len = 0;
	while (len < line->len && line->at[len] != ' ' && line->at[len] != '\t')
		len++;
	struct slice word = slice_first(*line, len);
	*line = slice_from(*line, len);
	return word;
}

static bool add_line(struct hosts *h, struct slice line)
{
	struct address a;
	struct slice left = slice_cut(&line, '#'), word = next_word(&left);
	if (!address_of_literal(word, &a))
		return true;
	while ((word = next_word(&left)).len)
		if (!add_host(h, word, &a))
			return false;
	return true;
}

static int compare_names(struct slice a, struct slice b)
{
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a, const void *b)
{
	const struct host *x = a, *y = b;
	int order = compare_names(x->name, y->name);
	if (order)
		return order;
	return (x->name.at > y->name.at) - (x->name.at < y->name.at); /* as in the file */
}

struct hosts *hosts_load(const char *path)
{
	struct hosts *h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	struct slice rest = read_text(path);
	h->text = (uint8_t *)rest.at;
	for (size_t i = 0; i < rest.len; i++)
		if (h->text[i] >= 'A' && h->text[i] <= 'Z')
			h->text[i] += 'a' - 'A';
	while (rest.len) {
		if (!add_line(h, slice_line(&rest))) {
			hosts_free(h);
			return NULL;
		}
	}
	if (h->count)
		qsort(h->host, h->count, sizeof *h->host, compare);
	return h;
}

void hosts_free(struct hosts *h)
{
	if (!h)
		return;
	free(h->text);
	free(h->host);
	free(h);
}

/* The first of that name, or where it would be. */
static size_t find_first(const struct hosts *h, struct slice name)
{
	size_t low = 0, high = h->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_names(h->host[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool hosts_find(const struct hosts *h, struct slice name, enum net_family family,
		struct net_addresses *ret_addresses)
{
	size_t at = find_first(h, name);
	if (at == h->count || !slice_equal(h->host[at].name, name))
		return false;
	struct net_addresses *to = ret_addresses;
	*to = (struct net_addresses){ .status = NET_DNS_NO_ADDRESS };
	for (; at < h->count && slice_equal(h->host[at].name, name); at++) {
		struct address a = { .port = 0 };
		memcpy(a.ip, h->host[at].ip, sizeof a.ip);
		if (address_is_v4(&a) == (family == NET_V4) && to->count < NET_MAX_ADDRESSES)
			to->address[to->count++] = a;
	}
	if (to->count)
		to->status = NET_DNS_OK;
	return true;
}
