/* Two flows between libcurl's end and the network, each with room for one read. */
#include "check/wire.h"

#include "observe/observe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ROOM = 64 << 10, PACED_ROOM = 16 << 10 };

enum { ASK_AFTER = 2 }; /* seconds of silence, until the proxy's host is asked for a sign of life */

struct flow {
	size_t begin, end;
	bool over;   /* its sender ended it */
	bool passed; /* ... and its receiver was told */
	uint8_t at[ROOM];
};

struct wire {
	struct wire_options options;
	struct conversation *talk; /* NULL: the observation has ended */
	struct exchange *x;
	int fd, inner, door;     /* inner: to libcurl, -1 until it has come in at the door */
	bool reset, reset_first; /* reset_first: no FIN of the proxy's side came before */
	bool broken; /* a write was told of a reset: a read is not told again, but of an end */
	nanos active, last[2], closed_at[2];
	nanos paced_since; /* and so many bytes were read since then: */
	uint64_t paced;
	enum event_kind closed[2]; /* EV_FIN, EV_RST; EV_SYN: not closed */
	struct address client;
	struct flow up, down;
};

static struct mark moment(void)
{
	return (struct mark){ .at = check_now() };
}

/* ---- what observe tells ---------------------------------------------------------------------- */

void wire_note_attempt(struct exchange *x, const struct check_attempt *made)
{
	x->proxy = made->to;
	x->links.proxy_named = true;
	x->rtt = NO_TIME;
	x->syn.at = x->first.at = made->begun;
	x->syns = made->syns;
	trace_add(x, EV_SYN, CLIENT, &x->syn, 1);
	if (made->how != REACH_CONNECTED)
		return;
	x->syn_ack.at = made->ended;
	trace_add(x, EV_SYN_ACK, PROXY, &x->syn_ack, 0);
}

static void on_begin(void *context, struct exchange *x)
{
	struct wire *w = context;
	if (x->reused)
		x->proxy = w->options.made.to;
	else
		wire_note_attempt(x, &w->options.made);
	x->links.proxy_named = true;
	x->client = w->client;
	w->x = x;
}

static void note_side(const struct wire *w, struct exchange *x, enum trace_side side)
{
	struct trace_path *p = &x->path[side];
	const struct mark *first = side == CLIENT ? &x->request_start : &x->response_start;
	p->bytes = x->bytes[side];
	p->first_data = *first;
	p->last_data.at = p->bytes ? w->last[side] : NO_TIME;
	if (w->closed[side] == EV_FIN)
		p->fin.at = w->closed_at[side];
	if (w->closed[side] == EV_RST) {
		p->rst.at = w->closed_at[side];
		p->rsts = 1;
	}
}

/* Two probes at least had the time for an answer: a host that lives has answered one of the last.
 */
static void note_life(const struct wire *w, const struct net_facts *f, struct exchange *x)
{
	if (w->options.quiet || check_now() - w->last[PROXY] < 5 * NANOS_PER_SECOND || w->reset ||
	    !trace_open_probe(x))
		return;
	x->probe->path_asked = true;
	x->probe->path_answers = f->since_ack < 2 * ASK_AFTER * NANOS_PER_SECOND;
}

/* A request is acknowledged where the kernel has nothing more to send again. */
static void note_facts(const struct wire *w, struct exchange *x)
{
	struct net_facts f;
	if (net_facts(w->fd, &f) != 0)
		return;
	struct trace_path *up = &x->path[CLIENT];
	note_life(w, &f, x);
	x->rtt = f.rtt_min != NO_TIME ? f.rtt_min : f.rtt;
	up->retrans = f.retrans;
	up->unacked = f.bytes_sent - f.retrans > f.bytes_acked && f.unacked ? f.unacked : 0;
	if (up->unacked == 0) {
		x->request_acked = x->request_end;
		x->tls->hello_acked = mark_is(&x->hello);
	} else {
		up->stuck_times = f.retrans + 1;
		up->stuck_first.at = w->last[CLIENT];
	}
	if (f.bytes_received >= f.mss_in) /* before, it is the kernel's guess */
		x->path[PROXY].largest = x->path[PROXY].largest_passed = f.mss_in;
	if (f.mss_out && x->tls->hello_bytes)
		x->tls->hello_segments = (x->tls->hello_bytes + f.mss_out - 1) / f.mss_out;
}

static void on_facts(void *context, struct exchange *x)
{
	const struct wire *w = context;
	if ((!x->path && !trace_open_path(x)) || !trace_open_tls(x))
		return;
	x->both_ways = true;
	note_side(w, x, CLIENT);
	note_side(w, x, PROXY);
	note_facts(w, x);
}

static void on_done(void *context, struct exchange *x)
{
	struct wire *w = context;
	if (w->x == x)
		w->x = NULL;
	w->options.done(w->options.context, x);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void listen_in(struct wire *w, enum trace_side side, struct slice bytes)
{
	struct mark now = moment();
	w->active = w->last[side] = now.at;
	if (w->talk)
		observe_data(w->talk, side, &now, bytes);
}

static void note_end(struct wire *w, enum trace_side side, enum event_kind kind)
{
	struct mark now = moment();
	if (w->closed[side] == EV_SYN) {
		w->closed_at[side] = now.at;
		w->reset_first = side == PROXY && kind == EV_RST;
	}
	w->closed[side] = kind;
	w->active = now.at;
	if (w->talk)
		observe_event(w->talk, kind, side, &now, 0);
}

/* As net_recv and net_send, through the TLS with the proxy where there is one. */
static ssize_t outer_result(const struct wire *w, int n)
{
	switch (w->options.libs->ssl.SSL_get_error(w->options.outer, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_SYSCALL:
		return errno ? -errno : 0;
	default: /* close_notify; or an alert, and then it is over */
		return 0;
	}
}

static ssize_t receive(struct wire *w, void *into, size_t len)
{
	if (!w->options.outer)
		return net_recv(w->fd, into, len);
	errno = 0;
	int n = w->options.libs->ssl.SSL_read(w->options.outer, into, (int)len);
	return n > 0 ? n : outer_result(w, n);
}

static ssize_t transmit(struct wire *w, const void *bytes, size_t len)
{
	if (!w->options.outer)
		return net_send(w->fd, bytes, len, false);
	errno = 0;
	int n = w->options.libs->ssl.SSL_write(w->options.outer, bytes, (int)len);
	return n > 0 ? n : outer_result(w, n);
}

/* Whoever comes in must be this very process: other users could find the door. */
static void let_in(struct wire *w)
{
	struct ucred who;
	socklen_t len = sizeof who;
	int fd = accept4(w->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 || who.pid != getpid()) {
		close(fd);
		return;
	}
	w->inner = fd;
	close(w->door);
	w->door = -1;
}

static void read_up(struct wire *w)
{
	struct flow *f = &w->up;
	if (w->inner < 0 || f->over || f->begin < f->end)
		return;
	ssize_t n = recv(w->inner, f->at, ROOM, MSG_DONTWAIT);
	if (n > 0) {
		f->begin = 0;
		f->end = (size_t)n;
		listen_in(w, CLIENT, (struct slice){ f->at, f->end });
		/* an end right behind it goes with it, or else the proxy's would seem the first */
		f->over = recv(w->inner, &(char){ 0 }, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		f->over = true; /* ECONNRESET: libcurl left bytes unread when it closed */
	}
}

static void proxy_reset(struct wire *w)
{
	w->reset = w->up.over = w->down.over = true;
	w->up.begin = w->up.end;
	note_end(w, PROXY, EV_RST);
}

static void write_up(struct wire *w)
{
	struct flow *f = &w->up;
	while (f->begin < f->end) {
		ssize_t n = transmit(w, f->at + f->begin, f->end - f->begin);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			/* what made it fail comes to light in reading, behind what came before */
			w->broken |= n == -ECONNRESET;
			f->begin = f->end;
			return;
		}
		f->begin += (size_t)n;
	}
	if (!f->over || f->passed || w->reset)
		return;
	f->passed = true;
	if (w->options.outer)
		w->options.libs->ssl.SSL_shutdown(w->options.outer);
	net_shut(w->fd);
	note_end(w, CLIENT, EV_FIN);
}

/* How much may be read now. */
static size_t allowance(const struct wire *w)
{
	if (w->options.pace == 0)
		return ROOM;
	double since = (double)(check_now() - w->paced_since) / (double)NANOS_PER_SECOND;
	double may = since * (double)w->options.pace - (double)w->paced;
	return may < 1 ? 0 : may > PACED_ROOM ? PACED_ROOM : (size_t)may;
}

nanos wire_due(const struct wire *w)
{
	if (w->options.pace == 0 || w->down.over)
		return INT64_MAX;
	uint64_t least = w->options.pace / 20 + 1; /* a twentieth of a second's worth at a time */
	return w->paced_since + (nanos)((double)(w->paced + least) / (double)w->options.pace *
					(double)NANOS_PER_SECOND);
}

static void read_down(struct wire *w)
{
	struct flow *f = &w->down;
	size_t room = allowance(w);
	if (f->over || f->begin < f->end || room == 0)
		return;
	ssize_t n = receive(w, f->at, room);
	if (n > 0) {
		w->paced += (uint64_t)n;
		f->begin = 0;
		f->end = (size_t)n;
		listen_in(w, PROXY, (struct slice){ f->at, f->end });
	} else if (n == 0 && !w->broken) {
		f->over = true;
		note_end(w, PROXY, EV_FIN);
	} else if (n != -EAGAIN) {
		proxy_reset(w);
	}
}

static void write_down(struct wire *w)
{
	struct flow *f = &w->down;
	if (w->inner < 0)
		return;
	while (f->begin < f->end) {
		ssize_t n = send(w->inner, f->at + f->begin, f->end - f->begin,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			f->begin = f->end; /* libcurl wants no more of it */
		else
			f->begin += (size_t)n;
	}
	if (f->over && !f->passed) {
		f->passed = true;
		shutdown(w->inner, w->reset ? SHUT_RDWR : SHUT_WR);
	}
}

void wire_pump(struct wire *w)
{
	if (w->inner < 0 && w->door >= 0)
		let_in(w);
	read_up(w);
	write_up(w);
	do {
		read_down(w);
		write_down(w);
	} while (w->options.outer && w->down.begin == w->down.end && !w->down.over &&
		 w->options.libs->ssl.SSL_pending(w->options.outer) > 0);
}

bool wire_say(struct wire *w, struct slice bytes)
{
	struct flow *f = &w->up;
	if (f->over || f->begin < f->end || bytes.len > ROOM)
		return false;
	memcpy(f->at, bytes.at, bytes.len);
	f->begin = 0;
	f->end = bytes.len;
	listen_in(w, CLIENT, bytes);
	write_up(w);
	return true;
}

unsigned wire_waits(const struct wire *w, struct curl_waitfd *ret_fds)
{
	const struct flow *up = &w->up, *down = &w->down;
	short inner = 0, net = 0;
	if (!up->over && up->begin == up->end)
		inner |= CURL_WAIT_POLLIN;
	if (down->begin < down->end)
		inner |= CURL_WAIT_POLLOUT;
	if (!down->over && down->begin == down->end &&
	    (w->options.pace == 0 || wire_due(w) <= check_now()))
		net |= CURL_WAIT_POLLIN;
	if (up->begin < up->end)
		net |= CURL_WAIT_POLLOUT;
	unsigned n = 0;
	if (inner)
		ret_fds[n++] = (struct curl_waitfd){ .fd = w->inner >= 0 ? w->inner : w->door,
						     .events = inner };
	if (net)
		ret_fds[n++] = (struct curl_waitfd){ .fd = w->fd, .events = net };
	return n;
}

/* ---- life ------------------------------------------------------------------------------------ */

nanos wire_active(const struct wire *w)
{
	return w->active;
}

nanos wire_heard(const struct wire *w)
{
	return w->last[PROXY];
}

bool wire_closed(const struct wire *w, bool *ret_reset)
{
	bool ours = w->closed[CLIENT] != EV_SYN && w->closed_at[CLIENT] < w->closed_at[PROXY];
	*ret_reset = w->reset_first;
	return w->closed[PROXY] != EV_SYN && !ours;
}

bool wire_unacknowledged(const struct wire *w)
{
	struct net_facts f;
	return net_facts(w->fd, &f) == 0 && f.unacked > 0;
}

bool wire_over(const struct wire *w)
{
	return w->reset || (w->up.passed && w->down.over);
}

struct exchange *wire_now(const struct wire *w)
{
	return w->x;
}

bool wire_facts(const struct wire *w, struct net_facts *ret_facts)
{
	return net_facts(w->fd, ret_facts) == 0;
}

void wire_whole(struct wire *w)
{
	struct mark now = moment();
	if (w->talk && w->x)
		observe_whole(w->talk, PROXY, &now);
}

void wire_end(struct wire *w, bool gave_up)
{
	if (!w->talk)
		return;
	bool open = w->closed[CLIENT] == EV_SYN && w->closed[PROXY] == EV_SYN;
	if (gave_up && open)
		note_end(w, CLIENT, EV_FIN);
	struct conversation *talk = w->talk;
	w->talk = NULL;
	observe_end(talk, open && !gave_up ? TRACE_END_OVER : TRACE_END_CLOSED, moment().at);
	observe_free(talk);
}

/* A name that the kernel picks, of no file. (A pair of sockets would be simpler, but libcurl 7.88
 * connects even what it is told is connected.) */
static bool open_door(struct wire *w)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	w->door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return w->door >= 0 &&
	       bind(w->door, (const struct sockaddr *)&any, sizeof any.sun_family) == 0 &&
	       listen(w->door, 1) == 0;
}

struct wire *wire_new(const struct wire_options *options)
{
	struct wire *w = calloc(1, sizeof *w);
	if (!w) {
		net_close(options->made.fd);
		return NULL;
	}
	w->options = *options;
	w->fd = options->made.fd;
	w->inner = w->door = -1;
	w->closed[CLIENT] = w->closed[PROXY] = EV_SYN;
	w->active = w->last[CLIENT] = w->last[PROXY] = w->paced_since = check_now();
	net_prompt(w->fd);
	if (!options->quiet)
		net_ask_alive(w->fd, ASK_AFTER);
	if (options->pace)
		net_limit_buffers(w->fd, PACED_ROOM, 0);
	net_local(w->fd, &w->client);
	struct observe_owner owner = {
		.begin = on_begin, .facts = on_facts, .done = on_done, .context = w
	};
	w->talk = observe_new(&(struct observe_options){ .source = TRACE_CHECK,
							 .keep_heads = options->keep_heads,
							 .page = WIRE_PAGE,
							 .any_request = true },
			      &owner);
	if (w->talk && open_door(w))
		return w;
	wire_free(w);
	return NULL;
}

int wire_take_end(struct wire *w, struct curl_sockaddr *address)
{
	struct sockaddr_un at;
	socklen_t len = sizeof at;
	if (getsockname(w->door, (struct sockaddr *)&at, &len) != 0 || len > sizeof address->addr)
		return -errno;
	memcpy(&address->addr, &at, len);
	address->addrlen = len;
	address->family = AF_UNIX;
	address->protocol = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

void wire_free(struct wire *w)
{
	if (!w)
		return;
	wire_end(w, false);
	if (w->options.outer)
		w->options.libs->ssl.SSL_free(w->options.outer);
	net_close(w->fd);
	if (w->inner >= 0)
		close(w->inner);
	if (w->door >= 0)
		close(w->door);
	free(w);
}
