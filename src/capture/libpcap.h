/* libpcap, opened by name when somebody watches an interface, for the reason that check/libs.h gives: an
 * idle proxy must not carry it. Private to the room. */
#ifndef CAPTURE_LIBPCAP_H
#define CAPTURE_LIBPCAP_H

#include "base/error.h"

#include <pcap/pcap.h>

#define CAPTURE_PCAP_CALLS(CALL)                                                                   \
	CALL(pcap_create)                                                                          \
	CALL(pcap_set_snaplen)                                                                     \
	CALL(pcap_set_promisc)                                                                     \
	CALL(pcap_set_timeout)                                                                     \
	CALL(pcap_set_buffer_size)                                                                 \
	CALL(pcap_set_tstamp_precision)                                                            \
	CALL(pcap_get_tstamp_precision)                                                            \
	CALL(pcap_activate)                                                                        \
	CALL(pcap_set_datalink)                                                                    \
	CALL(pcap_datalink)                                                                        \
	CALL(pcap_setnonblock)                                                                     \
	CALL(pcap_compile)                                                                         \
	CALL(pcap_setfilter)                                                                       \
	CALL(pcap_freecode)                                                                        \
	CALL(pcap_get_selectable_fd)                                                               \
	CALL(pcap_next_ex)                                                                         \
	CALL(pcap_stats)                                                                           \
	CALL(pcap_geterr)                                                                          \
	CALL(pcap_statustostr)                                                                     \
	CALL(pcap_close)

#define CAPTURE_MEMBER(name) __typeof__(name) *name;
struct libpcap {
	CAPTURE_PCAP_CALLS(CAPTURE_MEMBER)
};
#undef CAPTURE_MEMBER

/* NULL with err: not installed. Opened once; it stays. */
const struct libpcap *libpcap_open(struct error *err);

#endif
