/* SPDX-License-Identifier: MIT */
/* wire.h - every message that leaves on a link, byte for byte.
 *
 * WireGuard's four messages (whitepaper 5.4.2 to 5.4.7) and the frames two vtrunkd peers exchange
 * inside transport data (docs/protocol.md). All members are byte arrays: no padding, no alignment,
 * and base/bytes.h names the byte order at each access (little endian unless said otherwise).
 */
#ifndef VTRUNKD_WIRE_H
#define VTRUNKD_WIRE_H

#include <stdint.h>

#define KEY_LEN      32u
#define HASH_LEN     32u
#define AEAD_TAG_LEN 16u
#define MAC_LEN      16u
#define COOKIE_LEN   16u
#define TAI64N_LEN   12u
#define XNONCE_LEN   24u

/* First four bytes of a message, read as one little-endian word: type and three zero bytes. */
enum message_type {
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE_REPLY = 3,
	MESSAGE_TRANSPORT = 4,
};

struct message_macs {
	uint8_t mac1[MAC_LEN];
	uint8_t mac2[MAC_LEN]; /* zero without a cookie */
};

struct message_initiation {
	uint8_t type[4];
	uint8_t sender_index[4];
	uint8_t ephemeral[KEY_LEN];
	uint8_t static_sealed[KEY_LEN + AEAD_TAG_LEN];
	uint8_t timestamp_sealed[TAI64N_LEN + AEAD_TAG_LEN]; /* TAI64N is big endian */
	struct message_macs macs;
};

struct message_response {
	uint8_t type[4];
	uint8_t sender_index[4];
	uint8_t receiver_index[4];
	uint8_t ephemeral[KEY_LEN];
	uint8_t empty_sealed[AEAD_TAG_LEN];
	struct message_macs macs;
};

struct message_cookie_reply {
	uint8_t type[4];
	uint8_t receiver_index[4]; /* the sender index of the message refused */
	uint8_t nonce[XNONCE_LEN];
	uint8_t cookie_sealed[COOKIE_LEN + AEAD_TAG_LEN];
};

/* Followed by the sealed payload: an IP packet or frames, padded with zeros to 16, and a tag. */
struct message_transport {
	uint8_t type[4];
	uint8_t receiver_index[4];
	uint8_t counter[8]; /* lane << 56 | seq */
};

_Static_assert(sizeof(struct message_initiation) == 148, "whitepaper 5.4.2");
_Static_assert(sizeof(struct message_response) == 92, "whitepaper 5.4.3");
_Static_assert(sizeof(struct message_cookie_reply) == 64, "whitepaper 5.4.7");
_Static_assert(sizeof(struct message_transport) == 16, "whitepaper 5.4.6");

#define TRANSPORT_HEADER_LEN ((unsigned)sizeof(struct message_transport))
#define TRANSPORT_OVERHEAD   (TRANSPORT_HEADER_LEN + AEAD_TAG_LEN)
#define PADDING_MULTIPLE     16u

/* Lanes: sequence spaces within one session (docs/protocol.md, "Lanes"). */
enum lane {
	LANE_ORDERED = 0,   /* striped data; the only lane of a stock peer */
	LANE_UNORDERED = 1, /* data that is delivered as it comes: other modes than aggregate */
	LANE_REPAIR = 2,    /* reserved for repair symbols */
	LANE_CONTROL = 16,  /* + path id of the sender: frames of that path */
	LANE_COUNT = 32,
};

/* "VT" and version 1, in the low 24 bits of the nanoseconds of an initiation's time stamp. */
#define BONDING_MARKER      0x565401u
#define BONDING_MARKER_MASK 0xffffffu

#define FRAME_MAGIC      0xb1u /* first nibble 11: neither IPv4 nor IPv6 */
#define FRAME_HEADER_LEN 4u

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_HELLO_ACK = 2,
	FRAME_PROBE = 3,
	FRAME_ECHO = 4,
	FRAME_REPORT = 5, /* its body: sched/report.h */
	FRAME_PATH_CHALLENGE = 6,
	FRAME_PATH_RESPONSE = 7,
	FRAME_LINK_STATE = 8,
	FRAME_GOODBYE = 10,
	FRAME_LINK_STATE_ACK = 11,
};

struct frame_header {
	uint8_t magic;
	uint8_t type;
	uint8_t body_len[2];
};

/* HELLO and HELLO_ACK: what the sender can do and who it is in this run. */
struct frame_hello {
	uint8_t version;     /* 1 */
	uint8_t path_limit;  /* paths the sender is ready to keep, 1 .. PATHS_MAX */
	uint8_t replay_log2; /* width of its replay windows */
	uint8_t reserved;
	uint8_t features[4]; /* FEATURE_*, the others zero */
	uint8_t boot_id[8];  /* random, drawn when the sender started */
};

#define FEATURE_REPORTS    0x1u /* takes REPORT, and gives it to whoever takes it */
#define FEATURE_LINK_STATE 0x2u /* the same of LINK_STATE */
#define FEATURE_MTU        0x4u /* answers PROBE_WHOLE, also one longer than a frame has to be */

/* PROBE: sealed at the moment it leaves, so that time and count are those of the wire. */
struct frame_probe {
	uint8_t path_id; /* the sender's */
	uint8_t flags;   /* PROBE_* */
	uint8_t seq[2];
	uint8_t t_tx_us[4];    /* sender's clock, any origin, wraps */
	uint8_t tx_packets[4]; /* datagrams the sender put on this path before this one, wraps */
	uint8_t reserved[8];   /* zero; makes room for the answer (an ECHO is never longer) */
};

/* ECHO: the answer to a PROBE, on the path where it came in. */
struct frame_echo {
	uint8_t path_id; /* copied from the probe */
	uint8_t flags;   /* PROBE_* of the answering side */
	uint8_t seq[2];
	uint8_t t_tx_us[4];    /* copied from the probe */
	uint8_t hold_us[4];    /* from the probe's arrival to the answer's departure */
	uint8_t rx_packets[4]; /* datagrams heard there before the probe, copies too; wraps */
	uint8_t tx_packets[4]; /* copied from the probe: pairs the two counts */
};

#define PROBE_STANDBY  0x01u /* the sender does not put data on this path now */
#define PROBE_MEASURES 0x02u /* for a REPORT: not answered, and with the time of its making */
#define PROBE_TRAIN    0x04u /* with PROBE_MEASURES: one of many that were sent at once */
#define PROBE_WHOLE    0x08u /* not to be fragmented: is it too long? Also in its ECHO */

#define CHALLENGE_LEN 16u
struct frame_path_challenge { /* and PATH_RESPONSE, which copies both members */
	uint8_t path_id;      /* the sender of the challenge's */
	uint8_t reserved[3];
	uint8_t token[CHALLENGE_LEN];
};

enum goodbye_reason {
	GOODBYE_STOPPING = 1, /* the daemon ends; a new session needs a new handshake */
};

struct frame_goodbye {
	uint8_t reason;
	uint8_t reserved[3];
	uint8_t boot_id[8];
};

/* LINK_STATE: how the sender's end of each of its paths stands, and what it wants of it. */
struct frame_link_state {
	uint8_t number[4]; /* rises by one with each that says something else */
	uint8_t paths;     /* that follow, at most PATHS_MAX, none twice */
	uint8_t reserved[3];
};

struct frame_link_state_path {
	uint8_t path_id;         /* the sender's */
	uint8_t state;           /* enum link_state_word */
	uint8_t role;            /* enum link_role */
	uint8_t link;            /* of the sender: paths of one share its limit */
	uint8_t weight[4];       /* 1 .. LINK_WEIGHT_MAX */
	uint8_t receive_kbps[4]; /* what may come over the link; 0: no limit */
	uint8_t reserved[4];
};

/* Whether the path carries data; if not, why. */
enum link_state_word {
	LINK_STATE_CARRIES,
	LINK_STATE_NO_DEVICE,
	LINK_STATE_NO_ADDRESS,
	LINK_STATE_REMOVED,  /* from the configuration, or forgotten */
	LINK_STATE_REFUSED,  /* the system does not send */
	LINK_STATE_DRAINING, /* its sockets are opened anew */
	LINK_STATE_WORDS,    /* how many there are */
};

/* When a path carries data; of two ends that differ the greater holds. */
enum link_role {
	LINK_ROLE_PRIMARY,
	LINK_ROLE_OVERFLOW, /* while the primary ones are full */
	LINK_ROLE_BACKUP,   /* while none of the others works */
	LINK_ROLES,         /* how many there are */
};

#define LINK_WEIGHT_MAX 1000000u
#define LINK_KBPS_MIN   64u /* a limit below is none that anything could be sent by */

struct frame_link_state_ack {
	uint8_t number[4]; /* from the LINK_STATE */
	uint8_t reserved[4];
};

_Static_assert(sizeof(struct frame_hello) == 16, "docs/protocol.md");
_Static_assert(sizeof(struct frame_probe) == 20, "docs/protocol.md");
_Static_assert(sizeof(struct frame_echo) == 20, "docs/protocol.md");
_Static_assert(sizeof(struct frame_path_challenge) == 20, "docs/protocol.md");
_Static_assert(sizeof(struct frame_goodbye) == 12, "docs/protocol.md");
_Static_assert(sizeof(struct frame_link_state) == 8, "docs/protocol.md");
_Static_assert(sizeof(struct frame_link_state_path) == 16, "docs/protocol.md");
_Static_assert(sizeof(struct frame_link_state_ack) == 8, "docs/protocol.md");

#endif
