/* Whatever an origin answers, to requests of every kind. */
#include "exchange.h"

static const char *const REQUESTS[] = {
	"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"
	"GET http://a.test/2 HTTP/1.1\r\nHost: a.test\r\n\r\n",
	"HEAD http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
	"POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n"
	"Expect: 100-continue\r\n\r\nbody",
	"GET http://a.test/ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n"
	"Upgrade: websocket\r\n\r\n",
	"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\nhello",
	"GET http://b.test/ HTTP/1.0\r\n\r\n",
	"PUT http://a.test/ HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	"3\r\nabc\r\n0\r\nT: x\r\n\r\n",
	"OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 1\r\n\r\n",
};

static struct sim_peer *next_origin(void)
{
	struct sim_peer *p = NULL;
	for (int i = 0; i < 3 && !p; i++)
		p = sim_accepted(origins[i]);
	return p;
}

/* Each 0xff ends what one go brings; the last one may end in a FIN or a RST. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	begin_exchange(data);
	struct sim_peer *c = scene_client(), *o = NULL;
	struct slice rest = { data + 2, size - 2 };
	sim_say_text(c, REQUESTS[data[1] >> 5]);
	sim_pass(600 * NANOS_PER_MS);
	for (unsigned goes = 0; rest.len && goes < 64; goes++) {
		struct sim_peer *fresh = next_origin();
		o = fresh ? fresh : o;
		if (!o)
			break;
		sim_say(o, slice_cut(&rest, 0xff));
		sim_pass(20 * NANOS_PER_MS);
	}
	if (data[1] & 8)
		sim_pause(c, true);
	if (o && data[1] & 16)
		sim_finish(o);
	else if (o && data[0] & 1)
		sim_reset(o);
	sim_settle();
	sim_pause(c, false);
	end_exchange(c);
	return 0;
}
