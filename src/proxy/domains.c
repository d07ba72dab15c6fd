/* Fingerprints in an open hash table. While lines are read they stand in a plain array; then that
 * is sorted, and laid out so that each is at the place its value says, or soon behind it.
 * Fingerprints are evenly spread, so a place is fingerprint * slots / 2^64, and the order stays. */
#include "proxy/domains.h"

#include "base/buffer.h"
#include "proxy/cidr.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_NAME = 253, MAX_LINE = 1024, MAX_LABELS = 127, MAX_TOLD = 5, MAX_COUNT = 32 << 20 };

struct domains {
	uint64_t *print;    /* building: a list; then: a table, 0 is an empty place */
	size_t count, room; /* in use, places */
	bool built;
	uint64_t line, faults;
	char held[MAX_LINE]; /* a line of which not all is there */
	size_t held_len;
	bool too_long;
};

/* ---- fingerprints: SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") - */

static uint64_t key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	if (getrandom(key, sizeof key, 0) != sizeof key)
		abort(); /* cannot be: so few bytes are never cut short */
}

static uint64_t turn(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = turn(v[1], 13) ^ v[0];
	v[0] = turn(v[0], 32);
	v[2] += v[3];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = turn(v[1], 17) ^ v[2];
	v[2] = turn(v[2], 32);
}

static uint64_t little_endian(const uint8_t *at, size_t len)
{
	uint64_t word = 0;
	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)at[i] << (8 * i);
	return word;
}

/* Of a name in lower case; never 0, which is an empty place. */
static uint64_t fingerprint(struct slice s)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			  key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)s.len << 56;
	for (; s.len >= 8; s = slice_from(s, 8)) {
		uint64_t word = little_endian(s.at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	last |= little_endian(s.at, s.len);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	uint64_t print = v[0] ^ v[1] ^ v[2] ^ v[3];
	return print ? print : 1;
}

/* The name in lower case, in `into` of MAX_NAME; the empty slice for one that is too long. */
static struct slice fold(struct slice name, uint8_t *into)
{
	if (name.len > MAX_NAME)
		return (struct slice){ 0 };
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.at[i];
		into[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	return (struct slice){ into, name.len };
}

/* ---- lines ------------------------------------------------------------------------------ */

static int keep(struct domains *d, struct slice name)
{
	uint8_t folded[MAX_NAME];
	if (d->count == d->room) {
		size_t room = d->room ? 2 * d->room : 64;
		if (room > MAX_COUNT)
			return -E2BIG;
		uint64_t *more = realloc(d->print, room * sizeof *more);
		if (!more)
			return -ENOMEM;
		d->print = more;
		d->room = room;
	}
	d->print[d->count++] = fingerprint(fold(name, folded));
	return 0;
}

static int keep_address(struct domains *d, const struct address *a)
{
	struct buffer text;
	buffer_init(&text, 64);
	address_add_host(&text, a);
	int code = text.failed ? -ENOMEM : keep(d, buffer_slice(&text));
	buffer_done(&text);
	return code;
}

static void tell(struct domains *d, const struct file_faults *faults, const char *text)
{
	if (d->faults++ < MAX_TOLD && faults)
		faults->fault(faults->context, d->line, text);
}

/* What hosts files say of the host itself. */
static bool is_own_name(struct slice name)
{
	static const char *const own[] = {
		"localhost",     "localhost.localdomain", "local",        "broadcasthost",
		"ip6-localhost", "ip6-loopback",          "ip6-localnet", "ip6-mcastprefix",
		"ip6-allnodes",  "ip6-allrouters",        "ip6-allhosts", "0.0.0.0"
	};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (slice_equal_nocase(name, slice_of(own[i])))
			return true;
	return false;
}

/* Whatever may stand in a host; a URL or a pattern may not, for it would never match. */
static const char *name_fault(struct slice name)
{
	if (name.len == 0)
		return "no domain is left when dots and * are taken off";
	if (name.len > MAX_NAME)
		return "longer than a domain can be (253 bytes)";
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.at[i];
		if (c < 0x21 || c == 0x7f || strchr("/:*?@[]|^$!\"'()<>,;\\", c))
			return "no domain: a line is a domain, an address, or a line of a hosts "
			       "file";
		if (c == '.' && (i == 0 || name.at[i - 1] == '.'))
			return "no domain: a label of it is empty";
	}
	return NULL;
}

static struct slice strip(struct slice name)
{
	if (slice_starts(name, SLICE("*.")))
		name = slice_from(name, 2);
	else if (slice_starts(name, SLICE(".")))
		name = slice_from(name, 1);
	if (slice_ends(name, SLICE(".")))
		name = slice_first(name, name.len - 1);
	return name;
}

static struct slice next_word(struct slice *rest)
{
	*rest = slice_trim(*rest);
	size_t n = 0;
	while (n < rest->len && rest->at[n] != ' ' && rest->at[n] != '\t')
		n++;
	struct slice word = slice_first(*rest, n);
	*rest = slice_from(*rest, n);
	return word;
}

static int take_name(struct domains *d, struct slice word, const struct file_faults *faults)
{
	struct slice name = strip(word);
	const char *wrong = name_fault(name);
	if (!wrong)
		return keep(d, name);
	tell(d, faults, wrong);
	return 0;
}

static int take_line(struct domains *d, struct slice line, const struct file_faults *faults)
{
	d->line++;
	if (d->line == 1 && slice_starts(line, SLICE("\xef\xbb\xbf")))
		line = slice_from(line, 3);
	struct slice rest = slice_first(line, slice_find_byte(line, '#'));
	struct slice first = next_word(&rest), next = next_word(&rest);
	struct address a;
	if (first.len == 0)
		return 0;
	bool digits = (first.at[0] >= '0' && first.at[0] <= '9') ||
		      slice_find_byte(first, ':') < first.len; /* most lines are spared the look */
	bool address = digits && cidr_read_address(first, &a);
	if (next.len == 0)
		return address ? keep_address(d, &a) : take_name(d, first, faults);
	if (!address) {
		tell(d, faults, "several words, and the first is no address: one domain a line");
		return 0;
	}
	int code = 0;
	for (; next.len > 0 && code == 0; next = next_word(&rest))
		if (!is_own_name(next))
			code = take_name(d, next, faults);
	return code;
}

static void hold(struct domains *d, struct slice part)
{
	if (part.len > sizeof d->held - d->held_len) {
		d->too_long = true;
		part = slice_first(part, sizeof d->held - d->held_len);
	}
	if (part.len > 0)
		memcpy(d->held + d->held_len, part.at, part.len);
	d->held_len += part.len;
}

/* The end of a line whose beginning was held. A long one is no fault where it is a comment. */
static int take_held(struct domains *d, const struct file_faults *faults)
{
	struct slice line = { (const uint8_t *)d->held, d->held_len };
	bool comment = slice_find_byte(line, '#') < line.len;
	bool too_long = d->too_long && !comment;
	d->held_len = 0;
	d->too_long = false;
	if (!too_long)
		return take_line(d, line, faults);
	d->line++;
	tell(d, faults, "a line longer than 1024 bytes");
	return 0;
}

/* ---- the table -------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

static size_t place(uint64_t print, size_t slots)
{
	return (size_t)((unsigned __int128)print * slots >> 64);
}

/* Spreads the sorted list over its own memory, last ones first: each goes to its place or, where
 * that is taken by a smaller one, as far behind as these need. */
static int spread(struct domains *d)
{
	size_t slots = d->count + d->count / 4 + 1, behind = 0;
	for (size_t i = 0; i < d->count; i++) {
		size_t at = place(d->print[i], slots);
		behind = (at > behind ? at : behind) + 1;
	}
	size_t room = behind > slots ? behind : slots;
	uint64_t *table = calloc(room + 1, sizeof *table); /* an empty place ends every run */
	if (!table)
		return -ENOMEM;
	size_t next = 0;
	for (size_t i = 0; i < d->count; i++) {
		size_t at = place(d->print[i], slots);
		next = at > next ? at : next;
		table[next++] = d->print[i];
	}
	free(d->print);
	d->print = table;
	d->room = slots;
	return 0;
}

static void drop_doubles(struct domains *d)
{
	size_t kept = 0;
	for (size_t i = 0; i < d->count; i++)
		if (kept == 0 || d->print[kept - 1] != d->print[i])
			d->print[kept++] = d->print[i];
	d->count = kept;
}

/* ---- the door --------------------------------------------------------------------------- */

struct domains *domains_new(void)
{
	pthread_once(&key_once, make_key);
	return calloc(1, sizeof(struct domains));
}

void domains_free(struct domains *d)
{
	if (!d)
		return;
	free(d->print);
	free(d);
}

int domains_add(struct domains *d, struct slice bytes, const struct file_faults *faults)
{
	int code = 0;
	while (bytes.len > 0 && code == 0) {
		size_t end = slice_find_byte(bytes, '\n');
		struct slice line = slice_first(bytes, end);
		bool whole = end < bytes.len;
		bytes = slice_from(bytes, end + 1);
		if (whole && d->held_len == 0) {
			code = take_line(d, line, faults);
			continue;
		}
		hold(d, line);
		if (whole)
			code = take_held(d, faults);
	}
	return code;
}

int domains_end(struct domains *d, const struct file_faults *faults)
{
	int code = d->held_len > 0 ? take_held(d, faults) : 0;
	if (code < 0)
		return code;
	if (d->count > 0)
		qsort(d->print, d->count, sizeof *d->print, compare);
	drop_doubles(d);
	code = spread(d);
	d->built = code == 0;
	return code;
}

static int read_all(struct domains *d, int fd, const struct file_faults *faults)
{
	enum { PIECE = 1 << 16 };
	uint8_t *piece = malloc(PIECE);
	ssize_t n = 0;
	int code = piece ? 0 : -ENOMEM;
	while (code == 0 && (n = read(fd, piece, PIECE)) > 0)
		code = domains_add(d, (struct slice){ piece, (size_t)n }, faults);
	if (code == 0 && n < 0)
		code = -errno;
	free(piece);
	return code == 0 ? domains_end(d, faults) : code;
}

static int open_regular(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int code = fstat(fd, &st) != 0   ? -errno
		   : S_ISDIR(st.st_mode) ? -EISDIR
		   : S_ISREG(st.st_mode) ? 0
					 : -EINVAL;
	if (code == 0)
		return fd;
	close(fd);
	return code;
}

struct domains *domains_load(const char *path, const struct file_faults *faults, struct error *err)
{
	struct domains *d = domains_new();
	int fd = d ? open_regular(path) : -ENOMEM;
	int code = fd < 0 ? fd : read_all(d, fd, faults);
	if (fd >= 0)
		close(fd);
	if (code == -E2BIG)
		err_set(err, code, "%s lists more than 32 million domains", path);
	else if (code < 0)
		err_set(err, code, "%s can't be read: %s", path,
			code == -EINVAL ? "it is no regular file" : strerror(-code));
	else if (d->faults > 0)
		code = err_set(err, -EINVAL, "%s has %llu line%s that can't be understood", path,
			       (unsigned long long)d->faults, d->faults > 1 ? "s" : "");
	if (code == 0)
		return d;
	domains_free(d);
	return NULL;
}

static bool is_kept(const struct domains *d, uint64_t print)
{
	const uint64_t *at = d->print + place(print, d->room);
	while (*at != 0 && *at < print)
		at++;
	return *at == print;
}

bool domains_hold(const struct domains *d, struct slice name)
{
	uint8_t folded[MAX_NAME];
	uint64_t print[MAX_LABELS];
	size_t prints = 0;
	name = fold(name, folded);
	if (!d->built || d->count == 0 || name.len == 0)
		return false;
	/* all fingerprints first: the memory of one is under way while the next is made */
	for (size_t at = 0; prints < MAX_LABELS; at++) {
		print[prints] = fingerprint(slice_from(name, at));
		__builtin_prefetch(d->print + place(print[prints++], d->room));
		at += slice_find_byte(slice_from(name, at), '.');
		if (at >= name.len)
			break;
	}
	for (size_t i = 0; i < prints; i++)
		if (is_kept(d, print[i]))
			return true;
	return false;
}

bool domains_hold_exactly(const struct domains *d, struct slice name)
{
	uint8_t folded[MAX_NAME];
	name = fold(name, folded);
	return d->built && d->count > 0 && name.len > 0 && is_kept(d, fingerprint(name));
}

size_t domains_count(const struct domains *d)
{
	return d->count;
}

size_t domains_bytes(const struct domains *d)
{
	return sizeof *d + (d->room + 1) * sizeof *d->print;
}
