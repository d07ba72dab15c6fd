/* Sessions live in memory alone: a restart ends them. The users' file is looked at with each
 * request, so that whoever is removed there, or given another password, is out at once. */
#include "console/access.h"

#include "console/users.h"

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
	MOST_SESSIONS = 64,
	MOST_SOURCES = 256,
	FREE_ATTEMPTS = 5, /* then each failure makes one wait, twice as long as before */
	FIRST_WAIT = 15,
	MOST_WAIT = 900,
};

static const nanos IDLE = 30 * 60 * NANOS_PER_SECOND;
static const nanos LONGEST = 12 * 3600 * NANOS_PER_SECOND;
static const nanos FORGIVEN = 3600 * NANOS_PER_SECOND;

/* Who failed: an address, its port left out. */
struct source {
	struct address from;
	unsigned failures;
	nanos last, until;
};

struct place {
	struct access_session session; /* token empty: free */
	char hash[CRYPT_OUTPUT_SIZE];  /* the password's, as it was */
};

struct access {
	const char *folder;
	pthread_mutex_t lock, hashing; /* one hash at a time: each takes the processor for long */
	struct place place[MOST_SESSIONS];
	struct source source[MOST_SOURCES];
	char nobody[CRYPT_OUTPUT_SIZE]; /* compared with where there is no such user: as slow */
};

bool access_same(struct slice a, struct slice b)
{
	uint8_t differs = 0;
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		differs |= (uint8_t)(a.at[i] ^ b.at[i]);
	return !differs;
}

struct access *access_new(const char *folder)
{
	struct access *a = calloc(1, sizeof *a);
	struct error ignored;
	if (!a)
		return NULL;
	a->folder = folder;
	pthread_mutex_init(&a->lock, NULL);
	pthread_mutex_init(&a->hashing, NULL);
	(void)access_hash("nobody has this password", a->nobody, sizeof a->nobody, &ignored);
	return a;
}

void access_free(struct access *a)
{
	if (!a)
		return;
	pthread_mutex_destroy(&a->lock);
	pthread_mutex_destroy(&a->hashing);
	explicit_bzero(a, sizeof *a);
	free(a);
}

/* ---- attempts ------------------------------------------------------------------------------ */

/* Its own place, or that of whoever failed longest ago. */
static struct source *source_of(struct access *a, const struct address *from, nanos now)
{
	struct source *best = &a->source[0];
	for (int i = 0; i < MOST_SOURCES; i++) {
		struct source *s = &a->source[i];
		if (address_same_host(&s->from, from) && s->failures) {
			if (now - s->last > FORGIVEN)
				s->failures = 0;
			return s;
		}
		if (s->last < best->last)
			best = s;
	}
	*best = (struct source){ .from = *from };
	return best;
}

/* Seconds to wait; 0: it may try, and is taken to have failed until it is known better. So a
 * hundred attempts at once are no more than one after the other. */
static unsigned try_from(struct access *a, const struct address *from, nanos now)
{
	pthread_mutex_lock(&a->lock);
	struct source *s = source_of(a, from, now);
	unsigned wait = s->until > now ? (unsigned)((s->until - now) / NANOS_PER_SECOND) + 1 : 0;
	if (wait == 0) {
		s->failures++;
		s->last = now;
		unsigned beyond = s->failures > FREE_ATTEMPTS ? s->failures - FREE_ATTEMPTS : 0;
		nanos pause = beyond == 0  ? 0
			      : beyond > 6 ? MOST_WAIT
					   : (nanos)FIRST_WAIT << (beyond - 1);
		s->until = now + pause * NANOS_PER_SECOND;
	}
	pthread_mutex_unlock(&a->lock);
	return wait;
}

static void forgive(struct access *a, const struct address *from, nanos now)
{
	pthread_mutex_lock(&a->lock);
	*source_of(a, from, now) = (struct source){ 0 };
	pthread_mutex_unlock(&a->lock);
}

/* ---- sessions ------------------------------------------------------------------------------ */

static bool make_token(char *into)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[ACCESS_TOKEN / 2];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return false;
	for (size_t i = 0; i < sizeof bytes; i++) {
		into[2 * i] = digits[bytes[i] >> 4];
		into[2 * i + 1] = digits[bytes[i] & 15];
	}
	into[ACCESS_TOKEN] = 0;
	return true;
}

static bool is_over(const struct access_session *s, nanos now)
{
	return !s->token[0] || now - s->used > IDLE || now - s->began > LONGEST;
}

/* A free place, or the one that was used longest ago. */
static struct place *free_place(struct access *a, nanos now)
{
	struct place *best = &a->place[0];
	for (int i = 0; i < MOST_SESSIONS; i++) {
		struct place *p = &a->place[i];
		if (is_over(&p->session, now))
			return p;
		if (p->session.used < best->session.used)
			best = p;
	}
	return best;
}

static int begin_session(struct access *a, struct slice user, enum console_role role,
			 const char *hash, nanos now, struct access_session *ret_session,
			 struct error *err)
{
	struct place p = { .session = { .role = role, .began = now, .used = now } };
	if (!make_token(p.session.token) || !make_token(p.session.proof))
		return err_set(err, -EIO, "the kernel gives no random numbers");
	memcpy(p.session.user, user.at, user.len);
	memcpy(p.hash, hash, strlen(hash) + 1);
	pthread_mutex_lock(&a->lock);
	*free_place(a, now) = p;
	pthread_mutex_unlock(&a->lock);
	*ret_session = p.session;
	return 0;
}

int access_login(struct access *a, const struct address *from, struct slice user,
		 struct slice password, nanos now, struct access_session *ret_session,
		 unsigned *ret_wait, struct error *err)
{
	char hash[CRYPT_OUTPUT_SIZE], typed[CONSOLE_MOST_PASSWORD + 1];
	enum console_role role = CONSOLE_VIEW;
	*ret_wait = try_from(a, from, now);
	if (*ret_wait)
		return err_set(err, -EAGAIN, "too many attempts: wait %u seconds", *ret_wait);
	bool fits = user.len > 0 && user.len <= CONSOLE_MOST_USER &&
		    password.len <= CONSOLE_MOST_PASSWORD;
	int known = fits ? access_find_user(a->folder, user, hash, sizeof hash, &role, err) : 0;
	if (known < 0)
		return known;
	size_t len = fits ? password.len : 0;
	memcpy(typed, password.at ? (const void *)password.at : "", len);
	typed[len] = 0;
	pthread_mutex_lock(&a->hashing);
	bool right = access_matches(typed, known ? hash : a->nobody) && known;
	pthread_mutex_unlock(&a->hashing);
	explicit_bzero(typed, sizeof typed);
	if (!right)
		return err_set(err, -EACCES, "user or password is wrong");
	forgive(a, from, now);
	return begin_session(a, user, role, hash, now, ret_session, err);
}

static struct place *place_of(struct access *a, struct slice token)
{
	struct place *found = NULL;
	for (int i = 0; i < MOST_SESSIONS; i++)
		if (a->place[i].session.token[0] &&
		    access_same(token, slice_of(a->place[i].session.token)))
			found = &a->place[i];
	return found;
}

static bool still_may(const struct access *a, struct place *p)
{
	char hash[CRYPT_OUTPUT_SIZE];
	struct error ignored;
	return access_find_user(a->folder, slice_of(p->session.user), hash, sizeof hash,
				&p->session.role, &ignored) == 1 &&
	       strcmp(hash, p->hash) == 0;
}

bool access_find(struct access *a, struct slice token, nanos now, bool used,
		 struct access_session *ret_session)
{
	bool found = false;
	pthread_mutex_lock(&a->lock);
	struct place *p = place_of(a, token);
	if (p && (is_over(&p->session, now) || !still_may(a, p))) {
		explicit_bzero(p, sizeof *p);
	} else if (p) {
		p->session.used = used ? now : p->session.used;
		*ret_session = p->session;
		found = true;
	}
	pthread_mutex_unlock(&a->lock);
	return found;
}

void access_logout(struct access *a, struct slice token)
{
	pthread_mutex_lock(&a->lock);
	struct place *p = place_of(a, token);
	if (p)
		explicit_bzero(p, sizeof *p);
	pthread_mutex_unlock(&a->lock);
}
