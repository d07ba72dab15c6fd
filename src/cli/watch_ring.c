/* The last packets on disk: files that follow one another, the oldest removed as new ones are
 * begun. And, out of them, those of each failure, redacted as `viaduct read --slice` does it.
 *
 *   DIR/ring-00000017.pcapng
 *       as they came, secrets and all: for us alone (0600)
 *   DIR/failure-20261123T151024.117-ID-denied-a.example_443.pcapng
 *
 * A disk may be slow for seconds, and the kernel's ring holds out for less: a thread writes what
 * the main one gives it, through a bounded queue; what finds that full is missing on disk, and
 * counted. Cutting a slice out takes reading the ring twice, so another thread, of low priority,
 * does that, several at a time where failures come faster. The writer alone makes and removes files
 * of the ring; what goes while it is read is passed over. */
#include "base/escape.h"
#include "capture/write.h"
#include "cli/command.h"
#include "cli/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILES = 16,     /* of the ring, at most */
	SHARES = FILES, /* of all the room: a file has one, a quarter is for failures */
	RING_SHARES = 12,
	MAX_WAITING = 64, /* failures */
	MAX_NAME = 256,
	QUEUE_LIMIT = 32 << 20, /* bytes; there are two, one fills while the other is written */
};

struct ring_file {
	char path[PATH_MAX];
	_Atomic nanos last; /* of its packets; the writer sets it while the cutter may look */
};

struct watch_ring {
	const char *folder; /* borrowed */
	uint64_t share;
	uint64_t unheard; /* failures that there was no place to wait for */
	pthread_t writing, cutting;
	bool writes, cuts; /* these threads were made */

	/* the writer's */
	struct capture_writer *writer; /* of the last of `file`; NULL: none yet */
	uint64_t number;
	bool failed; /* it said so, and writes no more */

	pthread_mutex_t lock;
	pthread_cond_t given, written;
	/* under `lock` */
	struct buffer queue; /* each: a struct capture_packet, and its bytes */
	uint64_t missed;     /* packets that found it full */
	bool wanted;         /* what the failures that wait need is to be on disk */
	uint64_t ready, cut; /* so many failures, since the start, have it there; were taken up */
	bool over, closed;   /* no packet comes any more; and all are written */
	struct ring_file file[FILES]; /* some may be gone */
	size_t files;
	struct redact_slice waiting[MAX_WAITING];
	bool reused[MAX_WAITING]; /* its connection began earlier: in whichever file */
	size_t waits;
};

/* ---- what is in the folder ------------------------------------------------------------------- */

struct entry {
	char name[MAX_NAME];
	uint64_t bytes;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Those that begin so, in order of their names, which is that of time. The caller frees it. */
static struct entry *list(const struct watch_ring *r, const char *prefix, size_t *ret_count)
{
	struct entry *entry = NULL;
	size_t room = 0;
	DIR *d = opendir(r->folder);
	*ret_count = 0;
	for (struct dirent *e; d && (e = readdir(d));) {
		struct stat st;
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
		    !slice_ends(slice_of(e->d_name), SLICE(".pcapng")) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (*ret_count == room) {
			void *grown = realloc(entry, (room + 64) * sizeof *entry);
			if (!grown)
				break;
			entry = grown;
			room += 64;
		}
		struct entry *one = &entry[(*ret_count)++];
		snprintf(one->name, sizeof one->name, "%s", e->d_name);
		one->bytes = (uint64_t)st.st_size;
	}
	if (d)
		closedir(d);
	if (entry)
		qsort(entry, *ret_count, sizeof *entry, by_name);
	return entry;
}

/* The oldest go until the rest fits. */
static void keep_within(const struct watch_ring *r, const char *prefix, uint64_t bytes)
{
	char path[PATH_MAX];
	size_t count;
	struct entry *entry = list(r, prefix, &count);
	uint64_t sum = 0;
	for (size_t i = count; i > 0; i--) {
		sum += entry[i - 1].bytes;
		snprintf(path, sizeof path, "%s/%s", r->folder, entry[i - 1].name);
		if (sum > bytes)
			unlink(path);
	}
	free(entry);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void give_up(struct watch_ring *r, const struct error *err)
{
	if (!r->failed)
		complain("%s; no packets are kept from now on", err->text);
	r->failed = true;
}

static void close_file(struct watch_ring *r)
{
	struct error err;
	if (r->writer && capture_finish(r->writer, &err) < 0)
		give_up(r, &err);
	r->writer = NULL;
}

/* The oldest make room, an earlier run's first. */
static bool begin_file(struct watch_ring *r, struct error *err)
{
	keep_within(r, "ring-", r->share * (RING_SHARES - 1));
	pthread_mutex_lock(&r->lock);
	if (r->files == FILES)
		memmove(r->file, r->file + 1, --r->files * sizeof *r->file);
	struct ring_file *f = &r->file[r->files++];
	f->last = NO_TIME;
	snprintf(f->path, sizeof f->path, "%s/ring-%08llu.pcapng", r->folder,
		 (unsigned long long)++r->number);
	pthread_mutex_unlock(&r->lock);
	r->writer = capture_create(f->path, "the last packets, kept by viaduct watch", err);
	return r->writer != NULL;
}

static void write_packet(struct watch_ring *r, const struct capture_packet *p)
{
	struct error err;
	if (r->writer && capture_written(r->writer) + p->data.len >= r->share)
		close_file(r);
	if (!r->failed && !r->writer && !begin_file(r, &err))
		give_up(r, &err);
	if (r->failed)
		return;
	struct ring_file *f = &r->file[r->files - 1];
	if (p->at > f->last)
		f->last = p->at;
	capture_write(r->writer, p, NULL);
}

static void write_queue(struct watch_ring *r, struct slice queue)
{
	struct capture_packet p;
	while (queue.len >= sizeof p) {
		memcpy(&p, queue.at, sizeof p);
		p.data.at = queue.at + sizeof p;
		write_packet(r, &p);
		queue = slice_from(queue, sizeof p + p.data.len);
	}
}

static void *write_on(void *context)
{
	struct watch_ring *r = context;
	struct buffer taken;
	struct error err;
	buffer_init(&taken, QUEUE_LIMIT);
	pthread_mutex_lock(&r->lock);
	while (!r->over || r->queue.len > 0) {
		if (!r->wanted && !r->over && r->queue.len == 0) {
			pthread_cond_wait(&r->given, &r->lock);
			continue;
		}
		struct buffer full = r->queue;
		bool wanted = r->wanted;
		uint64_t ready = r->cut + r->waits;
		r->queue = taken;
		r->wanted = false;
		pthread_mutex_unlock(&r->lock);
		write_queue(r, buffer_slice(&full));
		if (wanted && r->writer && capture_flush(r->writer, &err) < 0)
			give_up(r, &err);
		buffer_reset(&full);
		taken = full;
		pthread_mutex_lock(&r->lock);
		r->ready = wanted ? ready : r->ready;
		pthread_cond_signal(&r->written);
	}
	pthread_mutex_unlock(&r->lock);
	buffer_done(&taken);
	close_file(r);
	return NULL;
}

void watch_ring_packets(struct watch_ring *r, const struct capture_batch *b)
{
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < b->count; i++) {
		const struct capture_packet *p = &b->packet[i];
		if (r->queue.len + sizeof *p + p->data.len > QUEUE_LIMIT) {
			r->missed++;
			continue;
		}
		buffer_add(&r->queue, (struct slice){ (const uint8_t *)p, sizeof *p });
		buffer_add(&r->queue, p->data);
	}
	pthread_cond_signal(&r->given);
	pthread_mutex_unlock(&r->lock);
}

/* failure-20261123T151024.117-0123456789abcdef-denied-a.example_443.pcapng */
static void name_failure(const struct watch_ring *r, struct redact_slice *s)
{
	const struct reported *what = &s->what;
	struct when w = when_split(what->first);
	char target[sizeof what->target];
	redact_safe_name(target, what->target);
	snprintf(s->path, sizeof s->path,
		 "%s/failure-%04d%02d%02dT%02d%02d%02d.%03u-%s-%s%s%s.pcapng", r->folder, w.year,
		 w.month, w.day, w.hour, w.minute, w.second, w.nanosecond / 1000000, what->id,
		 verdict_id(what->verdict), *target ? "-" : "", target);
}

void watch_ring_failure(struct watch_ring *r, const struct exchange *x, const struct diagnosis *d)
{
	pthread_mutex_lock(&r->lock);
	if (r->waits < MAX_WAITING) {
		struct redact_slice *s = &r->waiting[r->waits];
		s->what = report_note(x, d);
		name_failure(r, s);
		r->reused[r->waits++] = x->reused || x->began_late;
	} else {
		r->unheard++;
	}
	pthread_mutex_unlock(&r->lock);
}

/* Its packets came before it, so they stand before this in the queue. */
void watch_ring_tick(struct watch_ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->wanted |= r->waits > 0;
	if (r->wanted)
		pthread_cond_signal(&r->given);
	pthread_mutex_unlock(&r->lock);
}

/* ---- cutting --------------------------------------------------------------------------------- */

struct job {
	struct redact_slice slice[MAX_WAITING];
	size_t slices;
	char path[FILES][PATH_MAX];
	const char *file[FILES];
	size_t files;
};

/* The first so many that wait, and the files that may hold their connections from the beginning
 * on. */
static void take_job(struct watch_ring *r, struct job *j, size_t count)
{
	nanos first = INT64_MAX;
	j->slices = count;
	j->files = 0;
	for (size_t i = 0; i < count; i++) {
		j->slice[i] = r->waiting[i];
		if (r->reused[i])
			first = INT64_MIN;
		else if (j->slice[i].what.first < first)
			first = j->slice[i].what.first;
	}
	r->waits -= count;
	r->cut += count;
	memmove(r->waiting, r->waiting + count, r->waits * sizeof *r->waiting);
	memmove(r->reused, r->reused + count, r->waits * sizeof *r->reused);
	for (size_t i = 0; i < r->files; i++) {
		if (r->file[i].last < first)
			continue;
		memcpy(j->path[j->files], r->file[i].path, PATH_MAX);
		j->file[j->files] = j->path[j->files];
		j->files++;
	}
}

static void *cut(void *context)
{
	struct watch_ring *r = context;
	struct job *j = malloc(sizeof *j);
	setpriority(PRIO_PROCESS, 0, 10); /* of this thread, on Linux */
	pthread_mutex_lock(&r->lock);
	while (j) {
		while (!r->closed && r->ready == r->cut)
			pthread_cond_wait(&r->written, &r->lock);
		if (r->waits == 0)
			break;
		take_job(r, j, r->closed ? r->waits : (size_t)(r->ready - r->cut));
		pthread_mutex_unlock(&r->lock);
		redact_cut(j->file, j->files, j->slice, j->slices, r->share);
		keep_within(r, "failure-", r->share * (SHARES - RING_SHARES));
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	free(j);
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What an earlier run left goes on counting, so that no name comes twice. */
static void find_number(struct watch_ring *r)
{
	size_t count;
	struct entry *entry = list(r, "ring-", &count);
	uint64_t n;
	for (size_t i = 0; i < count; i++) {
		struct slice name = slice_from(slice_of(entry[i].name), strlen("ring-"));
		if (slice_parse_u64(slice_cut(&name, '.'), 10, &n) && n > r->number)
			r->number = n;
	}
	free(entry);
}

struct watch_ring *watch_ring_new(const char *folder, uint64_t bytes, struct error *err)
{
	struct watch_ring *r = calloc(1, sizeof *r);
	char shown[160];
	if (!r || strlen(folder) >= PATH_MAX - MAX_NAME || access(folder, W_OK | X_OK) != 0) {
		err_set(err, -EACCES, "packets can't be kept in %s: %m",
			escape_into(shown, sizeof shown, slice_of(folder)));
		free(r);
		return NULL;
	}
	r->folder = folder;
	r->share = bytes / SHARES;
	find_number(r);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->given, NULL);
	pthread_cond_init(&r->written, NULL);
	buffer_init(&r->queue, QUEUE_LIMIT);
	r->writes = pthread_create(&r->writing, NULL, write_on, r) == 0;
	r->cuts = pthread_create(&r->cutting, NULL, cut, r) == 0;
	if (r->writes && r->cuts)
		return r;
	err_set(err, -EAGAIN, "no threads can be made for the ring");
	watch_ring_free(r);
	return NULL;
}

static void end_thread(struct watch_ring *r, bool *over, pthread_cond_t *told, pthread_t thread)
{
	pthread_mutex_lock(&r->lock);
	*over = true;
	pthread_cond_signal(told);
	pthread_mutex_unlock(&r->lock);
	pthread_join(thread, NULL);
}

void watch_ring_free(struct watch_ring *r)
{
	if (!r)
		return;
	if (r->writes)
		end_thread(r, &r->over, &r->given, r->writing);
	if (r->cuts)
		end_thread(r, &r->closed, &r->written, r->cutting);
	if (r->missed)
		complain("%llu packets came too fast for the disk, and are missing there",
			 (unsigned long long)r->missed);
	if (r->unheard)
		complain("%llu failures came too fast for their packets to be cut out",
			 (unsigned long long)r->unheard);
	pthread_cond_destroy(&r->given);
	pthread_cond_destroy(&r->written);
	pthread_mutex_destroy(&r->lock);
	buffer_done(&r->queue);
	free(r);
}
