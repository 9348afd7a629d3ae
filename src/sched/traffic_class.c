/* SPDX-License-Identifier: MIT */
#include "sched/traffic_class.h"

#define PROTOCOL_ICMP   1u
#define PROTOCOL_TCP    6u
#define PROTOCOL_ICMPV6 58u
#define PORT_DNS        53u

/* RFC 4594, RFC 5865. */
static bool is_marked_urgent(uint8_t dscp)
{
	switch (dscp) {
	case 32: /* CS4: real-time interactive */
	case 40: /* CS5 */
	case 44: /* VOICE-ADMIT */
	case 46: /* EF */
	case 48: /* CS6: routing */
	case 56: /* CS7 */
		return true;
	default:
		return false;
	}
}

/* Counts @bytes, and says whether the flow is sparse with them. */
static bool is_sparse(struct traffic_flow *f, uint32_t bytes, uint64_t now_ns)
{
	if (now_ns - f->window_ns >= TRAFFIC_WINDOW_NS) {
		f->window_ns = now_ns;
		f->window_bytes = 0;
	}
	f->window_bytes += bytes > TRAFFIC_TINY_BYTES ? bytes : bytes / TRAFFIC_TINY_SHARE;
	if (bytes > TRAFFIC_SMALL_BYTES || f->window_bytes > TRAFFIC_SPARSE_BYTES)
		f->bulk_ns = now_ns;
	return !f->bulk_ns || now_ns - f->bulk_ns >= TRAFFIC_REST_NS;
}

enum traffic_class traffic_classify(struct traffic_classes *c, const struct traffic_facts *facts,
                                    uint64_t now_ns)
{
	bool is_urgent = is_marked_urgent(facts->dscp);

	switch (facts->protocol) {
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		is_urgent = true;
		break;
	case PROTOCOL_TCP:
		is_urgent |= facts->is_tcp_control;
		break;
	case TRAFFIC_UDP:
		is_urgent |= (c && is_sparse(&c->flow[facts->flow % TRAFFIC_FLOWS], facts->bytes,
		                             now_ns)) ||
		             facts->source_port == PORT_DNS || facts->destination_port == PORT_DNS;
		break;
	default:
		break;
	}
	return is_urgent ? TRAFFIC_URGENT : TRAFFIC_BULK;
}
