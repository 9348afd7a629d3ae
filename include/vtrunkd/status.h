/* SPDX-License-Identifier: MIT */
/* status.h - the members of the status object (ctl.h), each once, in their order.
 *
 * Every list names its members as X(name, type, unit, help). Whoever prints goes by them: the
 * daemon, whose facts lie in memory by these names (control/facts.h), into JSON, and `vtrunkd
 * status` from that into text (cli/status_value.h). What is unknown or does not apply is null;
 * counts are of the daemon's life, except for paths, whose counts are of the path's; packets and
 * bytes are UDP datagrams and their payload: of links all, of paths and peers the authentic ones,
 * copies in redundant mode included.
 */
#ifndef VTRUNKD_STATUS_H
#define VTRUNKD_STATUS_H

/* In JSON. */
enum status_type {
	STATUS_TEXT,
	STATUS_WORD,      /* text of a fixed set, or constant */
	STATUS_COUNT,     /* whole number that only grows */
	STATUS_NUMBER,    /* whole number */
	STATUS_REAL,      /* number with a fraction */
	STATUS_FLAG,      /* true or false */
	STATUS_ENDPOINT,  /* text: "IP:PORT" or "[IPv6]:PORT" */
	STATUS_ENDPOINTS, /* text: such with ", " between them */
	STATUS_KEY,       /* text: base64 */
	STATUS_PREFIXES,  /* array of "IP/LEN" */
	STATUS_OBJECT,    /* object with a list of its own */
	STATUS_LIST,      /* array of such */
	STATUS_COUNTS,    /* object: drop reason to COUNT */
};

enum status_unit {
	STATUS_NONE,
	STATUS_SECONDS, /* since, where it is no point in time; whole or with a fraction */
	STATUS_UNIX_TIME,
	STATUS_MILLISECONDS,
	STATUS_PACKETS,
	STATUS_BYTES,
	STATUS_PACKET_BYTES, /* of one packet: people want the last digit */
	STATUS_BPS,          /* bits per second of UDP payload */
	STATUS_PERCENT,      /* 0 .. 100 */
	STATUS_MARK,         /* 32 bits, for people hexadecimal */
};

#define STATUS_MEMBERS(X)                                                                        \
	X(version, WORD, NONE, "of the daemon")                                                  \
	X(interface, TEXT, NONE, "name of the TUN device")                                       \
	X(pid, NUMBER, NONE, "process id")                                                       \
	X(uptime_s, REAL, SECONDS, "since the daemon started")                                   \
	X(mtu, NUMBER, PACKET_BYTES, "largest packet inside the tunnel")                         \
	X(public_key, KEY, NONE, "ours")                                                         \
	X(workers, NUMBER, NONE, "crypto workers")                                               \
	X(crypto, WORD, NONE, "library that seals and opens transport data: sodium or ipsec-mb") \
	X(tun, OBJECT, NONE, "the TUN device")                                                   \
	X(links, LIST, NONE, "in the order of the configuration")                                \
	X(peers, LIST, NONE, "in the order of the configuration")                                \
	X(drops, COUNTS, PACKETS, "given up, by reason; those never met may be left out")        \
	X(ecn, OBJECT, NONE, "marks of congestion in the IP headers of what is carried")         \
	X(pool, OBJECT, NONE, "packet buffers")                                                  \
	X(log_lines_lost, COUNT, NONE,                                                           \
	  "lines of the log that nobody took in time, or that could not be written")

#define STATUS_TUN_MEMBERS(X)                                                         \
	X(queues, NUMBER, NONE, "each with a thread that reads it")                   \
	X(tcp_offload, FLAG, NONE, "whether it takes and gives super-packets of TCP") \
	X(udp_offload, FLAG, NONE, "and of UDP")                                      \
	X(kernel_drops, NUMBER, PACKETS, "to us, that the kernel dropped: its queue was full")

/* Of a link, of a path. */
#define STATUS_TRAFFIC_MEMBERS(X)                 \
	X(tx_packets, COUNT, PACKETS, "sent")     \
	X(tx_bytes, COUNT, BYTES, "sent")         \
	X(rx_packets, COUNT, PACKETS, "received") \
	X(rx_bytes, COUNT, BYTES, "received")

#define STATUS_LINK_MEMBERS(X)                                                                     \
	X(name, TEXT, NONE, "as configured")                                                       \
	X(state, WORD, NONE,                                                                       \
	  "up; waiting for a device or an address; resting after a failed send; of sockets of "    \
	  "two families the better one")                                                           \
	X(since_s, REAL, SECONDS, "since the state began")                                         \
	X(reason, TEXT, NONE, "why it has that state")                                             \
	X(bind, ENDPOINTS, NONE, "the sockets have now, one of each family that is open")          \
	X(device, TEXT, NONE, "the device the link is bound to")                                   \
	X(fwmark, NUMBER, MARK, "on what it sends")                                                \
	X(weight, NUMBER, NONE, "as configured")                                                   \
	X(role, WORD, NONE, "as configured: primary, overflow or backup")                          \
	X(tx_limit_bps, NUMBER, BPS, "as configured, of what we send")                             \
	X(rx_limit_bps, NUMBER, BPS, "as configured, of what peers send")                          \
	X(train_max_bytes, NUMBER, BYTES,                                                          \
	  "longest datagram that its device takes in trains, in any family; 0: each leaves alone") \
	STATUS_TRAFFIC_MEMBERS(X)                                                                  \
	X(tx_errors, COUNT, PACKETS, "datagrams the system refused to send")                       \
	X(kernel_drops, COUNT, PACKETS,                                                            \
	  "dropped by the kernel because the buffer of the data socket was full; datagrams, of "   \
	  "which those it had joined to a train count as one")                                     \
	X(handshake_kernel_drops, COUNT, PACKETS, "the same of the socket for handshake messages")

#define STATUS_PEER_MEMBERS(X)                                                                 \
	X(name, TEXT, NONE, "as configured")                                                   \
	X(public_key, KEY, NONE, "the peer's")                                                 \
	X(mode, WORD, NONE, "aggregate, redundant, failover, lowlat or balance")               \
	X(bonding, WORD, NONE, "bonded; stock WireGuard; unknown before a session has told")   \
	X(session, WORD, NONE, "established; handshake under way; none")                       \
	X(session_age_s, REAL, SECONDS, "since the current keypair was made")                  \
	X(session_role, WORD, NONE, "initiator or responder: ours in that handshake")          \
	X(handshakes, COUNT, NONE, "completed")                                                \
	X(last_handshake, NUMBER, UNIX_TIME, "of the latest one")                              \
	X(unanswered_initiations, NUMBER, NONE, "of ours, in the attempt under way")           \
	X(stale_initiations, NUMBER, NONE,                                                     \
	  "of the peer, refused since the last one accepted: authentic, and of an older time") \
	X(clock_behind_s, NUMBER, SECONDS,                                                     \
	  "by how much the newest of those was older than the one accepted")                   \
	X(endpoint, ENDPOINT, NONE, "where data goes now or went last")                        \
	X(allowed_ips, PREFIXES, NONE, "as configured")                                        \
	X(rx_packets, COUNT, PACKETS, "received on all paths, also former ones")               \
	X(rx_bytes, COUNT, BYTES, "received on all paths, also former ones")                   \
	X(tx_packets, COUNT, PACKETS, "sent on all paths, also former ones")                   \
	X(tx_bytes, COUNT, BYTES, "sent on all paths, also former ones")                       \
	X(staged_packets, NUMBER, PACKETS, "waiting for a session")                            \
	X(paths, LIST, NONE, "by their id")

/* Of a path away from us, learned from what the peer reports of our data and probes. */
#define STATUS_LEARNED_MEMBERS(X)                                                           \
	X(way_ms, REAL, MILLISECONDS, "one way there, more than over the shortest path")    \
	X(way_jitter_ms, REAL, MILLISECONDS, "of that, smoothed")                           \
	X(queue_ms, REAL, MILLISECONDS, "one way there, more than lately at the least")     \
	X(arrived_bps, NUMBER, BPS, "of what we sent last, with IP headers, as it arrived") \
	X(capacity_bps, NUMBER, BPS,                                                        \
	  "what it is believed to carry, with IP headers; null until that was measured")    \
	X(data_loss_percent, REAL, PERCENT, "of our data, smoothed")

#define STATUS_PATH_MEMBERS(X)                                                          \
	X(id, NUMBER, NONE, "0 .. PATHS_MAX - 1, ours")                                 \
	X(link, TEXT, NONE, "name of the link")                                         \
	X(endpoint, ENDPOINT, NONE, "of the peer on this path")                         \
	X(state, WORD, NONE, "unproven, up, suspect or down")                           \
	X(since_s, REAL, SECONDS, "since the state began")                              \
	X(reason, WORD, NONE, "why it has that state")                                  \
	X(note, WORD, NONE,                                                             \
	  "what it seems to share with another path: a device, the peer's address")     \
	X(in_use, FLAG, NONE, "whether it carries data now, by mode, state and weight") \
	X(weight, NUMBER, NONE, "preference: the greater of the two ends'")             \
	X(role, WORD, NONE, "primary, overflow or backup: the more reluctant of both")  \
	X(tx_limit_bps, NUMBER, BPS, "of what we send: the lower of the two ends'")     \
	X(mtu, NUMBER, PACKET_BYTES,                                                    \
	  "longest packet inside the tunnel that it is known to carry in one piece")    \
	X(train_max_bytes, NUMBER, BYTES,                                               \
	  "longest datagram that leaves there in trains; 0: each leaves alone")         \
	X(rtt_ms, REAL, MILLISECONDS, "round trip, smoothed")                           \
	X(jitter_ms, REAL, MILLISECONDS, "of the round trip, smoothed")                 \
	X(loss_tx_percent, REAL, PERCENT, "away from us")                               \
	X(loss_rx_percent, REAL, PERCENT, "towards us")                                 \
	X(last_heard_s, REAL, SECONDS, "since anything authentic came on it")           \
	X(doubts, COUNT, NONE,                                                          \
	  "ICMP errors and refused sends that made it suspect until it answered")       \
	STATUS_TRAFFIC_MEMBERS(X)                                                       \
	X(tx_bps, NUMBER, BPS, "sent, over about the last second")                      \
	X(rx_bps, NUMBER, BPS, "received, over about the last second")                  \
	X(share_percent, REAL, PERCENT,                                                 \
	  "of what was sent to the peer in the last second, copies included")           \
	X(why, WORD, NONE, "why it got what it got in the last second, in a sentence")  \
	STATUS_LEARNED_MEMBERS(X)

#define STATUS_ECN_MEMBERS(X)                                                                 \
	X(marked, COUNT, PACKETS, "marked by us, where others are dropped as congested")      \
	X(carried, COUNT, PACKETS, "marked on the way: the mark was carried into the packet") \
	X(unexpected, COUNT, PACKETS,                                                         \
	  "that came with a field which nobody sends: somebody on the way changes it wrongly")

#define STATUS_POOL_MEMBERS(X)                        \
	X(batches, NUMBER, NONE, "batches there are") \
	X(bytes, NUMBER, BYTES, "memory they take")

#endif
