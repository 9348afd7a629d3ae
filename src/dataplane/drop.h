/* SPDX-License-Identifier: MIT */
/* drop.h - why a packet was given up. One list yields the enum, the counter names and the texts. */
#ifndef DATAPLANE_DROP_H
#define DATAPLANE_DROP_H

/* X(enum suffix, name in status and metrics, what it means) */
#define DROP_REASONS(X)                                                                          \
	X(NO_PEER, "no_peer", "no peer's allowed IPs hold the destination")                      \
	X(LINK_SCOPE, "link_scope", "link-local multicast or address that no allowed IPs name")  \
	X(ROUTING_LOOP, "routing_loop", "our own datagram, whose route leads into the tunnel")   \
	X(STAGED_FULL, "staged_full", "no session or path yet, and enough packets wait for one") \
	X(STAGED_EXPIRED, "staged_expired", "waited in vain for a session or a path")            \
	X(CONGESTED, "congested", "waited for the links too long: a sign to slow down")          \
	X(NO_SESSION, "no_session", "the session ended while the packet was on its way")         \
	X(NO_PATH, "no_path", "the path was closed while the packet was on its way")             \
	X(COUNTER_LIMIT, "counter_limit", "the session's counters are used up")                  \
	X(TOO_BIG, "too_big", "longer than one datagram can carry")                              \
	X(POOL_EMPTY, "pool_empty", "all packet memory is in use")                               \
	X(SEND_BUFFER, "send_buffer", "the socket's send buffer or the device queue is full")    \
	X(SEND_ERROR, "send_error", "the system refused to send on the link")                    \
	X(MALFORMED, "malformed", "a datagram that is no WireGuard message")                     \
	X(UNKNOWN_INDEX, "unknown_index", "transport data for a session we do not have")         \
	X(KEY_EXPIRED, "key_expired", "transport data under a key too old")                      \
	X(NOT_AUTHENTIC, "not_authentic", "forged or damaged transport data")                    \
	X(REPLAY, "replay", "seen before or too late: replays, and copies in redundant mode")    \
	X(INNER_MALFORMED, "inner_malformed", "the inner packet is no whole IP packet")          \
	X(ECN_NOT_ECT, "ecn_not_ect", "marked (ECN) on the way, and its sender knows no marks")  \
	X(ALLOWED_IPS, "allowed_ips", "the inner source address is not the peer's")              \
	X(TUN_READ, "tun_read", "a read of the TUN device failed")                               \
	X(TUN_FULL, "tun_full", "the TUN device refused the packet")                             \
	X(FRAME_MALFORMED, "frame_malformed", "a control frame that is cut short")               \
	X(FRAME_UNKNOWN, "frame_unknown", "a control frame of a type we do not know")            \
	X(ANSWER_LIMITED, "answer_limited", "an answer beyond what a peer may cause")            \
	X(CONTROL_BUSY, "control_busy", "the control thread's inbox is full")                    \
	X(HANDSHAKE_INVALID, "handshake_invalid", "a handshake message that proves nothing")     \
	X(HANDSHAKE_LIMITED, "handshake_limited", "handshakes beyond the rate limit under load") \
	X(BONDING_REQUIRED, "bonding_required", "a plain peer where bonding is required")

enum drop_reason {
#define X(suffix, name, text) DROP_##suffix,
	DROP_REASONS(X)
#undef X
	DROP_REASON_COUNT,
};

/* The name used in status, and the sentence for people. */
const char *drop_name(enum drop_reason reason);
const char *drop_text(enum drop_reason reason);

#endif
