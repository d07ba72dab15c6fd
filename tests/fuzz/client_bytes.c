/* Whatever a client says to the proxy, with origins that answer each request alike. */
#include "exchange.h"

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static struct sim_peer *heard[MOST_ORIGINS_HEARD];
static bool is_http[MOST_ORIGINS_HEARD], checked[MOST_ORIGINS_HEARD];
static size_t count;

/* The first head that a connection brings: nothing in it may be read in two ways (RFC 9112
 * sections 2.2, 5.2, 6.3), and nothing that was the proxy's alone. */
static void check_head(size_t which)
{
	struct slice all = sim_heard(heard[which]);
	size_t end = slice_find(all, SLICE("\r\n\r\n"));
	struct slice rest = slice_first(all, end), line = slice_line(&rest);
	unsigned framings = 0, hosts = 0, vias = 0;
	if (end == all.len || checked[which] || !is_http[which])
		return;
	checked[which] = true;
	assert(slice_ends(line, SLICE(" HTTP/1.1")) && slice_find_byte(line, '\r') == line.len);
	while (rest.len) {
		line = slice_line(&rest);
		struct slice value = line, name = slice_cut(&value, ':');
		assert(name.len > 0 && name.len < line.len);
		assert(slice_find_byte(line, '\r') == line.len &&
		       slice_find_byte(line, 0) == line.len);
		assert(slice_find_byte(name, ' ') == name.len &&
		       slice_find_byte(name, '\t') == name.len);
		framings += slice_equal_nocase(name, SLICE("Content-Length")) ||
			    slice_equal_nocase(name, SLICE("Transfer-Encoding"));
		hosts += slice_equal_nocase(name, SLICE("Host"));
		vias += slice_equal_nocase(name, SLICE("Via"));
		assert(!slice_starts_nocase(name, SLICE("Proxy-")));
	}
	assert(framings <= 1 && hosts == 1 && vias >= 1);
}

static void serve_origins(void)
{
	for (int i = 0; i < 3; i++)
		for (struct sim_peer *p; (p = sim_accepted(origins[i])) != NULL;)
			if (count < MOST_ORIGINS_HEARD) {
				is_http[count] = i != 1;
				checked[count] = false;
				heard[count++] = p;
			}
	for (size_t i = 0; i < count; i++) {
		if (sim_heard(heard[i]).len == 0)
			continue;
		check_head(i);
		sim_forget(heard[i]);
		sim_say_text(heard[i], ANSWER);
	}
}

/* A pause where the bytes have 0xff, which no head may hold; that tries what comes in two goes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	begin_exchange(data);
	struct sim_peer *c = scene_client();
	struct slice rest = { data + 2, size - 2 };
	count = 0;
	for (unsigned goes = 0; rest.len && goes < 64; goes++) {
		sim_say(c, slice_cut(&rest, 0xff));
		sim_pass(20 * NANOS_PER_MS);
		serve_origins();
		sim_pass(20 * NANOS_PER_MS);
	}
	if (data[1] & 8)
		sim_pause(c, true);
	if (data[1] & 16)
		sim_finish(c);
	if (data[1] & 32)
		sim_reset(c);
	for (int i = 0; i < 3; i++) {
		sim_settle();
		serve_origins();
	}
	sim_pause(c, false);
	if (!(data[1] & 32)) {
		end_exchange(c);
		return 0;
	}
	sim_pass(3600 * NANOS_PER_SECOND);
	assert(scene_end() == 0);
	return 0;
}
