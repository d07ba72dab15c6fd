/* Reading and writing the PROXY protocol's header. */
#include "proxy/proxy_header.h"

#include "base/reader.h"

enum { MAX_V1 = 107, HEAD_V2 = 16, MAX_V2 = 4096 };
enum { CMD_LOCAL = 0x20, CMD_PROXY = 0x21, TCP4 = 0x11, TCP6 = 0x21 };

#define SIGNATURE SLICE("\r\n\r\n\0\r\nQUIT\n")

/* ---- version 1 ----------------------------------------------------------------------------- */

static bool read_ip(struct slice word, bool v4, struct address *ret)
{
	return address_parse(word, ret) && ret->port == 0 && address_is_v4(ret) == v4 &&
	       slice_find_byte(word, '[') == word.len;
}

static bool read_port(struct slice word, uint16_t *ret)
{
	uint64_t value;
	bool padded = word.len > 1 && word.at[0] == '0';
	if (padded || word.len > 5 || !slice_parse_u64(word, 10, &value) || value > UINT16_MAX)
		return false;
	*ret = (uint16_t)value;
	return true;
}

static bool read_line(struct slice line, struct proxy_header *ret)
{
	struct proxy_header h = { .known = true };
	slice_cut(&line, ' ');
	struct slice family = slice_cut(&line, ' ');
	if (slice_equal(family, SLICE("UNKNOWN"))) {
		*ret = (struct proxy_header){ 0 };
		return true;
	}
	bool v4 = slice_equal(family, SLICE("TCP4"));
	if (!v4 && !slice_equal(family, SLICE("TCP6")))
		return false;
	struct slice from = slice_cut(&line, ' '), to = slice_cut(&line, ' ');
	struct slice from_port = slice_cut(&line, ' ');
	if (!read_ip(from, v4, &h.from) || !read_ip(to, v4, &h.to) ||
	    !read_port(from_port, &h.from.port) || !read_port(line, &h.to.port))
		return false;
	*ret = h;
	return true;
}

static enum http_parse read_v1(struct slice in, struct proxy_header *ret, size_t *ret_used)
{
	struct slice head = slice_first(in, MAX_V1);
	size_t end = slice_find(head, SLICE("\r\n"));
	if (end == head.len)
		return in.len >= MAX_V1 ? HTTP_BAD : HTTP_MORE;
	if (!read_line(slice_first(in, end), ret))
		return HTTP_BAD;
	*ret_used = end + 2;
	return HTTP_DONE;
}

/* ---- version 2 ----------------------------------------------------------------------------- */

static void read_v2_ip(struct reader *r, bool v4, struct address *ret)
{
	struct slice ip = read_bytes(r, v4 ? 4 : 16);
	*ret = (struct address){ 0 };
	if (v4)
		ret->ip[10] = ret->ip[11] = 0xff;
	if (!r->ran_out)
		memcpy(ret->ip + sizeof ret->ip - ip.len, ip.at, ip.len);
}

static enum http_parse read_v2(struct slice in, struct proxy_header *ret, size_t *ret_used)
{
	struct reader r = { .left = in };
	struct proxy_header h = { 0 };
	read_bytes(&r, SIGNATURE.len);
	unsigned command = read_u8(&r), family = read_u8(&r);
	struct slice rest = read_counted(&r, 2);
	if (in.len >= HEAD_V2 && ((command != CMD_LOCAL && command != CMD_PROXY) ||
				  (in.at[14] << 8 | in.at[15]) > MAX_V2))
		return HTTP_BAD;
	if (r.ran_out)
		return HTTP_MORE;
	struct reader body = { .left = rest };
	h.known = command == CMD_PROXY && (family == TCP4 || family == TCP6);
	if (h.known) {
		read_v2_ip(&body, family == TCP4, &h.from);
		read_v2_ip(&body, family == TCP4, &h.to);
		h.from.port = read_u16(&body);
		h.to.port = read_u16(&body);
	}
	if (body.ran_out)
		return HTTP_BAD;
	*ret = h;
	*ret_used = in.len - r.left.len;
	return HTTP_DONE;
}

/* ---- either -------------------------------------------------------------------------------- */

static bool begins(struct slice in, struct slice with)
{
	size_t n = in.len < with.len ? in.len : with.len;
	return slice_equal(slice_first(in, n), slice_first(with, n));
}

enum http_parse proxy_header_read(struct slice in, struct proxy_header *ret_header,
				  size_t *ret_used)
{
	if (begins(in, SIGNATURE))
		return in.len < SIGNATURE.len ? HTTP_MORE : read_v2(in, ret_header, ret_used);
	if (begins(in, SLICE("PROXY ")))
		return read_v1(in, ret_header, ret_used);
	return HTTP_BAD;
}

static void write_v1(const struct address *from, const struct address *to, bool v4,
		     struct buffer *out)
{
	if (address_is_v4(from) != address_is_v4(to)) { /* there is no line for that */
		buffer_add_text(out, "PROXY UNKNOWN\r\n");
		return;
	}
	buffer_add_text(out, v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
	address_add_host(out, from);
	buffer_add_byte(out, ' ');
	address_add_host(out, to);
	buffer_printf(out, " %u %u\r\n", from->port, to->port);
}

static void add_v2_ip(const struct address *a, bool v4, struct buffer *out)
{
	buffer_add(out, v4 ? (struct slice){ a->ip + 12, 4 } : (struct slice){ a->ip, 16 });
}

static void add_u16(uint16_t value, struct buffer *out)
{
	buffer_add_byte(out, (uint8_t)(value >> 8));
	buffer_add_byte(out, (uint8_t)value);
}

static void write_v2(const struct address *from, const struct address *to, bool v4,
		     struct buffer *out)
{
	buffer_add(out, SIGNATURE);
	buffer_add_byte(out, CMD_PROXY);
	buffer_add_byte(out, v4 ? TCP4 : TCP6);
	add_u16(v4 ? 12 : 36, out);
	add_v2_ip(from, v4, out);
	add_v2_ip(to, v4, out);
	add_u16(from->port, out);
	add_u16(to->port, out);
}

void proxy_header_write(unsigned version, const struct address *from, const struct address *to,
			struct buffer *out)
{
	bool v4 = address_is_v4(from) && address_is_v4(to);
	if (version == 1)
		write_v1(from, to, v4, out);
	else
		write_v2(from, to, v4, out);
}
