/* The console as a server: which requests come in at all, to whom they go, and what every answer
 * says about itself. */
#include "console/private.h"

#include "base/escape.h"
#include "host/file.h"
#include "net/sockaddr.h"
#include "net/socket.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	MOST_CONNECTIONS = 100,
	MOST_PEM = 1 << 18,
	STACK = 1 << 20,
	TIMEOUT_S = 60,
	ARENA = 1 << 18,
};

static const char COOKIE[] = "viaduct_session";

/* Nothing from elsewhere, no script or style but files of ours, in nobody's frame; and no text ever
 * becomes markup (https://w3c.github.io/trusted-types/). */
static const char POLICY[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
	"require-trusted-types-for 'script'; trusted-types 'none'";

static nanos now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NANOS_PER_SECOND + t.tv_nsec;
}

/* ---- answering ----------------------------------------------------------------------------- */

static void answer_header(struct request *r, struct MHD_Response *response, const char *name,
			  const char *value)
{
	r->console->mhd->MHD_add_response_header(response, name, value);
}

void answer_with(struct request *r, unsigned status, struct MHD_Response *response,
		 const char *type)
{
	static const char *const headers[][2] = {
		{ "Content-Security-Policy", POLICY },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cross-Origin-Embedder-Policy", "require-corp" },
		{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
	};
	const struct console_mhd *m = r->console->mhd;
	if (!response) {
		r->queued = MHD_NO;
		return;
	}
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		answer_header(r, response, headers[i][0], headers[i][1]);
	if (strncmp(r->path, "/api/", 5) == 0)
		answer_header(r, response, "Cache-Control", "no-store");
	if (r->console->options.cert)
		answer_header(r, response, "Strict-Transport-Security", "max-age=31536000");
	if (type)
		answer_header(r, response, "Content-Type", type);
	r->queued = (int)m->MHD_queue_response(r->connection, status, response);
	m->MHD_destroy_response(response);
	r->answered = true;
}

static struct MHD_Response *from_text(struct request *r, struct slice text)
{
	return r->console->mhd->MHD_create_response_from_buffer(text.len, (void *)text.at,
								MHD_RESPMEM_MUST_COPY);
}

void answer_error(struct request *r, unsigned status, const char *format, ...)
{
	char text[500], wait[20];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	buffer_reset(&r->out);
	json_open(&r->out, NULL, '{');
	json_word(&r->out, "error", text);
	json_close(&r->out, '}');
	struct MHD_Response *response = from_text(r, buffer_slice(&r->out));
	if (response && r->retry_after) {
		snprintf(wait, sizeof wait, "%u", r->retry_after);
		answer_header(r, response, "Retry-After", wait);
	}
	answer_with(r, status, response, "application/json");
}

void answer_trouble(struct request *r, const struct error *err)
{
	static const struct {
		int code;
		unsigned status;
	} table[] = { { -ENOENT, 404 }, { -ENOTSUP, 404 }, { -EINVAL, 422 }, { -EBADMSG, 422 },
		      { -EAGAIN, 429 }, { -EACCES, 403 },  { -EBUSY, 409 },  { -EFBIG, 413 },
		      { -E2BIG, 413 },  { -ESTALE, 412 } };
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].code == err->code) {
			answer_error(r, table[i].status, "%s", err->text);
			return;
		}
	answer_error(r, 500, "%s", err->text);
}

void answer_nothing(struct request *r)
{
	answer_with(r, 204, from_text(r, slice_of("")), NULL);
}

void answer_as(struct request *r, unsigned status, const char *type, const char *file_name)
{
	char disposition[120];
	if (r->out.failed) {
		answer_error(r, 500, "out of memory");
		return;
	}
	struct MHD_Response *response = from_text(r, buffer_slice(&r->out));
	snprintf(disposition, sizeof disposition, "attachment; filename=\"%s\"",
		 file_name ? file_name : "");
	if (response && file_name)
		answer_header(r, response, "Content-Disposition", disposition);
	answer_with(r, status, response, type);
}

void answer_json(struct request *r, unsigned status)
{
	answer_as(r, status, "application/json", NULL);
}

struct MHD_Response *answer_begin_session(struct request *r, const char *token)
{
	char cookie[200];
	struct MHD_Response *response = from_text(r, buffer_slice(&r->out));
	snprintf(cookie, sizeof cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", COOKIE,
		 token, r->console->options.cert ? "; Secure" : "", *token ? "" : "; Max-Age=0");
	if (response)
		answer_header(r, response, "Set-Cookie", cookie);
	return response;
}

/* ---- asking -------------------------------------------------------------------------------- */

const char *request_argument(const struct request *r, const char *name)
{
	return r->console->mhd->MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND,
							    name);
}

static const char *request_header(const struct request *r, const char *name)
{
	return r->console->mhd->MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

bool request_number(struct request *r, const char *name, int64_t most, int64_t *value)
{
	const char *text = request_argument(r, name);
	uint64_t number;
	if (!text)
		return true;
	if (slice_parse_u64(slice_of(text), 10, &number) && number <= (uint64_t)most) {
		*value = (int64_t)number;
		return true;
	}
	answer_error(r, 400, "%s is no number from 0 to %lld", name, (long long)most);
	return false;
}

bool request_moment(struct request *r, const char *name, nanos *ret_at)
{
	int64_t ms = -1;
	if (!request_number(r, name, INT64_MAX / NANOS_PER_MS, &ms))
		return false;
	if (ms >= 0)
		*ret_at = ms * NANOS_PER_MS;
	return true;
}

/* ---- who may ask --------------------------------------------------------------------------- */

/* "name:port", "[::1]:port": the name, without brackets. */
static struct slice host_of(struct slice value)
{
	if (slice_starts(value, SLICE("["))) {
		value = slice_from(value, 1);
		return slice_first(value, slice_find_byte(value, ']'));
	}
	return slice_first(value, slice_find_byte(value, ':'));
}

/* A page of somebody else's that has let its own name point to us comes with that name (DNS
 * rebinding). Addresses are nobody's to point. */
static bool knows_host(const struct console *c, struct slice host)
{
	struct address a;
	if (slice_equal_nocase(host, SLICE("localhost")) || address_parse(host, &a))
		return true;
	for (size_t i = 0; i < c->options.names; i++)
		if (slice_equal_nocase(host, slice_of(c->options.name[i])))
			return true;
	return false;
}

/* Browsers say where a request is from; what is from elsewhere is refused whatever it shows. */
static bool is_of_ours(const struct request *r, const char *host)
{
	char own[300];
	const char *origin = request_header(r, "Origin");
	const char *site = request_header(r, "Sec-Fetch-Site");
	if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return false;
	snprintf(own, sizeof own, "%s://%s", r->console->options.cert ? "https" : "http", host);
	return !origin || strcmp(origin, own) == 0;
}

static void find_session(struct request *r)
{
	const char *token = r->console->mhd->MHD_lookup_connection_value(r->connection,
									 MHD_COOKIE_KIND, COOKIE);
	/* a page that is left open asks each second for the connections; nobody need be there */
	bool used = strcmp(r->path, "/api/v1/connections") != 0;
	if (!token || !access_find(r->console->access, slice_of(token), r->now, used, &r->session))
		r->session.token[0] = 0;
}

static bool may(struct request *r, const char *host)
{
	bool changes = strcmp(r->method, "GET") != 0;
	const char *proof = request_header(r, "X-Viaduct-Proof");
	if (changes && !is_of_ours(r, host)) {
		answer_error(r, 403, "this request comes from a page of another site");
		return false;
	}
	find_session(r);
	if (r->route->role == NEEDS_NOTHING)
		return true;
	if (!r->session.token[0]) {
		answer_error(r, 401, "log in first");
		return false;
	}
	if (changes && !(proof && access_same(slice_of(proof), slice_of(r->session.proof)))) {
		answer_error(r, 403, "X-Viaduct-Proof is not that of the session");
		return false;
	}
	if ((int)r->session.role < r->route->role) {
		answer_error(r, 403, "'%s' may look, and change nothing", r->session.user);
		return false;
	}
	return true;
}

/* ---- pages --------------------------------------------------------------------------------- */

static void answer_page(struct request *r, const struct page *p)
{
	const char *known = request_header(r, "If-None-Match");
	bool same = known && strcmp(known, p->tag) == 0;
	struct MHD_Response *response = r->console->mhd->MHD_create_response_from_buffer(
		same ? 0 : p->len, (void *)p->bytes, MHD_RESPMEM_PERSISTENT);
	if (response) {
		answer_header(r, response, "ETag", p->tag);
		answer_header(r, response, "Cache-Control", "no-cache");
	}
	answer_with(r, same ? 304 : 200, response, p->type);
}

static bool find_page(struct request *r)
{
	const char *path = strcmp(r->path, "/") == 0 ? "/index.html" : r->path;
	for (size_t i = 0; i < CONSOLE_PAGE_COUNT; i++)
		if (strcmp(CONSOLE_PAGES[i].path, path) == 0) {
			answer_page(r, &CONSOLE_PAGES[i]);
			return true;
		}
	return false;
}

/* ---- routes -------------------------------------------------------------------------------- */

/* "/api/v1/exchanges/" and "*": one word that is not empty. */
static bool matches(struct request *r, const char *path)
{
	const char *star = strchr(path, '*');
	if (!star)
		return strcmp(r->path, path) == 0;
	size_t before = (size_t)(star - path);
	if (strncmp(r->path, path, before) != 0)
		return false;
	size_t len = strcspn(r->path + before, "/");
	if (len == 0 || len >= sizeof r->word || strcmp(r->path + before + len, star + 1) != 0)
		return false;
	memcpy(r->word, r->path + before, len);
	r->word[len] = 0;
	return true;
}

static bool find_route(struct request *r)
{
	bool there = false;
	for (size_t i = 0; i < CONSOLE_ROUTE_COUNT; i++) {
		const struct route *route = &CONSOLE_ROUTES[i];
		if (!matches(r, route->path))
			continue;
		there = true;
		if (strcmp(route->method, r->method) == 0) {
			r->route = route;
			return true;
		}
	}
	answer_error(r, there ? 405 : 404,
		     there ? "this is not to be asked so" : "there is nothing here");
	return false;
}

/* ---- one request --------------------------------------------------------------------------- */

static void request_free(struct request *r)
{
	if (r->upload)
		r->upload_free(r->upload);
	if (r->body.at) /* it may hold a password */
		explicit_bzero(r->body.at, r->body.room);
	buffer_done(&r->body);
	buffer_done(&r->out);
	arena_free(r->arena);
	free(r);
}

static struct request *request_new(struct console *c, struct MHD_Connection *connection,
				   const char *path, const char *method)
{
	const union MHD_ConnectionInfo *info =
		c->mhd->MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct request *r = calloc(1, sizeof *r);
	if (!r || !(r->arena = arena_new(ARENA))) {
		free(r);
		return NULL;
	}
	r->console = c;
	r->connection = connection;
	r->method = strcmp(method, "HEAD") == 0 ? "GET" : method;
	r->now = now();
	r->queued = MHD_YES;
	snprintf(r->path, sizeof r->path, "%s", path);
	if (info && info->client_addr)
		r->from = address_of((const union sockaddr_any *)info->client_addr);
	buffer_init(&r->body, MOST_BODY);
	buffer_init(&r->out, MOST_ANSWER);
	return r;
}

/* Whether its body is to be read; else it has been answered. */
static bool begin(struct request *r)
{
	const char *host = request_header(r, "Host"), *length = request_header(r, "Content-Length");
	uint64_t bytes;
	if (!host || !knows_host(r->console, host_of(slice_of(host)))) {
		answer_error(
			r, 421,
			"this console does not go by that name: start it with --name, or use its "
			"address");
		return false;
	}
	if (strncmp(r->path, "/api/", 5) != 0 && strcmp(r->method, "GET") == 0 && find_page(r))
		return false;
	if (!find_route(r) || !may(r, host))
		return false;
	uint64_t most = r->route->piece ? r->console->options.most_capture : MOST_BODY;
	if (length && slice_parse_u64(slice_of(length), 10, &bytes) && bytes > most) {
		answer_error(r, 413, "%llu bytes are more than %llu", (unsigned long long)bytes,
			     (unsigned long long)most);
		return false;
	}
	return true;
}

static void take(struct request *r, struct slice piece)
{
	if (r->route->piece)
		r->route->piece(r, piece);
	else
		buffer_add(&r->body, piece);
}

static void finish(struct request *r)
{
	if (r->body.failed)
		answer_error(r, 413, "the body has more than %d bytes", MOST_BODY);
	else if (r->body.len && !json_read(buffer_slice(&r->body), r->arena, &r->json))
		answer_error(r, 400, "the body is no JSON object");
	else
		r->route->handle(r);
	if (!r->answered)
		answer_error(r, 500, "out of memory");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *data, size_t *size, void **state)
{
	struct request *r = *state;
	(void)version;
	if (!r) {
		r = *state = request_new(context, connection, path, method);
		if (!r)
			return MHD_NO;
		if (!begin(r))
			return (enum MHD_Result)r->queued;
		return MHD_YES;
	}
	if (r->answered)
		return MHD_YES;
	if (*size) {
		take(r, (struct slice){ (const uint8_t *)data, *size });
		*size = 0;
		return MHD_YES;
	}
	finish(r);
	return (enum MHD_Result)r->queued;
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
		   enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	if (*state)
		request_free(*state);
	*state = NULL;
}

/* ---- beginning and end --------------------------------------------------------------------- */

static void be_quiet(void *context, const char *format, va_list ap)
{
	(void)context;
	(void)format;
	(void)ap;
}

static char *read_pem(const char *path, struct error *err)
{
	struct host_file f;
	char *text = NULL;
	if (host_file_read(path, MOST_PEM, &f, err) < 0)
		return NULL;
	if (!f.exists)
		err_set(err, -ENOENT, "%s: no such file", path);
	else if (!(text = strndup((const char *)f.text.at, f.text.len)))
		err_set(err, -ENOMEM, "out of memory");
	host_file_done(&f);
	return text;
}

static int listen_on(struct console *c, struct error *err)
{
	struct address at;
	unsigned flags =
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem more[3] = { { MHD_OPTION_END, 0, NULL } };
	int fd = net_listen(&c->options.listen, false, err);
	if (fd < 0)
		return fd;
	if (c->cert) {
		flags |= MHD_USE_TLS;
		more[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, c->cert };
		more[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, c->key };
		more[2] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	}
	if (net_local(fd, &at) == 0)
		c->port = at.port;
	c->daemon = c->mhd->MHD_start_daemon(
		flags, c->port, NULL, NULL, on_request, c, MHD_OPTION_EXTERNAL_LOGGER, be_quiet,
		NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)MOST_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_THREAD_STACK_SIZE,
		(size_t)STACK, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
	if (c->daemon)
		return 0;
	net_close(fd);
	return err_set(err, -EINVAL, "libmicrohttpd can't start%s",
		       c->cert ? ": certificate and key are no PEM, or don't fit together" : "");
}

static int make_folder(const char *path, struct error *err)
{
	int code = host_file_make_folder(path, err);
	if (code == 0 && chmod(path, 0700) != 0)
		code = err_set(err, -errno, "%s can't be closed to others: %m", path);
	return code;
}

static int begin_console(struct console *c, struct error *err)
{
	const struct console_options *o = &c->options;
	char path[PATH_MAX];
	int code = make_folder(o->folder, err);
	if (code < 0)
		return code;
	c->audit = audit_open(o->folder, err);
	if (c->audit < 0)
		return c->audit;
	if (o->cert && !((c->cert = read_pem(o->cert, err)) && (c->key = read_pem(o->key, err))))
		return err->code;
	snprintf(path, sizeof path, "%s/history", o->folder);
	c->store = store_open(path, err);
	if (!c->store)
		return err->code;
	c->access = access_new(o->folder);
	c->follower = o->log ? follower_new(o) : NULL;
	c->tests = tests_new(c);
	if (!c->access || !c->tests)
		return err_set(err, -ENOMEM, "out of memory");
	c->mhd = console_mhd_open(err);
	if (!c->mhd)
		return err->code;
	if (o->cert && c->mhd->MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
		return err_set(err, -ENOSYS, "this libmicrohttpd knows no TLS");
	return listen_on(c, err);
}

struct console *console_start(const struct console_options *options, uint16_t *ret_port,
			      struct error *err)
{
	struct console *c = calloc(1, sizeof *c);
	if (!c) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	c->options = *options;
	c->audit = -1;
	pthread_mutex_init(&c->settings_lock, NULL);
	if (begin_console(c, err) == 0) {
		*ret_port = c->port;
		return c;
	}
	console_stop(c);
	return NULL;
}

void console_stop(struct console *c)
{
	if (!c)
		return;
	if (c->tests)
		tests_end(c->tests);
	if (c->daemon)
		c->mhd->MHD_stop_daemon(c->daemon);
	tests_free(c->tests);
	access_free(c->access);
	follower_free(c->follower);
	store_close(c->store);
	if (c->key)
		explicit_bzero(c->key, strlen(c->key));
	free(c->key);
	free(c->cert);
	if (c->audit >= 0)
		close(c->audit);
	pthread_mutex_destroy(&c->settings_lock);
	free(c);
}

int console_tidy(struct console *c, nanos at, struct error *err)
{
	uint64_t gone;
	const struct store_limits *keep = &c->options.keep;
	const struct store_limits limits = {
		.oldest = keep->oldest ? at - keep->oldest : 0,
		.bytes = keep->bytes,
	};
	int code = store_flush(c->store, err);
	return code < 0 ? code : store_retain(c->store, &limits, &gone, err);
}
