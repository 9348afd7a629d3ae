/* SPDX-License-Identifier: MIT */
/* peer.h - what the control thread knows of one peer: keys, sessions, handshake, paths, verdict;
 * and what may happen to it.
 *
 * Whoever finds out that something has happened tells it as news to peer_hears(). What that leads
 * to is known by the conductor alone (conductor.h), who made the peer: files named peer_*.c find
 * things out and do single steps, and know nothing of who orders them.
 *
 * Everything here belongs to the control thread. What packets need is in the data plane's half
 * (dataplane/peer.h), which this one fills.
 */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include "base/bucket.h"
#include "base/deadline.h"
#include "base/log.h"
#include "control/answered.h"
#include "control/effects.h"
#include "control/endpoints.h"
#include "control/frames.h"
#include "control/handshake.h"
#include "control/link_state_in.h"
#include "control/link_state_out.h"
#include "control/last_second.h"
#include "control/paths.h"
#include "control/peer_settings.h"
#include "control/session.h"
#include "control/uplink.h"
#include "control/verdict.h"
#include "crypto/cookie.h"
#include "crypto/keypair.h"
#include "crypto/noise.h"
#include "dataplane/engine.h"
#include "sched/health.h"

/* What may happen to a peer. What each leads to is the table at the head of conductor.c. */
enum peer_news {
	NEWS_SESSION_MADE,      /* a response came to our initiation */
	NEWS_SESSION_CONFIRMED, /* the first packet came under the session that the peer began */
	NEWS_SESSION_FAILED,    /* there was no memory for the one that a response made */
	NEWS_KEYS_OLD,          /* nothing may be left of a session after so long */
	NEWS_PLAIN,             /* it shows no marker, or no HELLO came in time */
	NEWS_BONDED,            /* a HELLO or its answer came, for the first time */
	NEWS_RESTARTED,         /* it has another boot id */
	NEWS_GOODBYE,
	NEWS_VERDICT_DUE, /* no HELLO came in time */

	NEWS_SENT,           /* an initiation of ours */
	NEWS_EXTENDED,       /* the same over another path */
	NEWS_ANSWERED,       /* an initiation of the peer's */
	NEWS_ANSWERED_COPY,  /* a copy of it */
	NEWS_STALE,          /* one of a time long ago came */
	NEWS_ANSWERED_TWICE, /* ours was, and the peer may know one answer only */

	NEWS_SILENT,     /* data is unanswered for too long */
	NEWS_SPOKEN_TO,  /* data was heard and nothing sent since */
	NEWS_QUIET,      /* nothing was sent or heard for the persistent keepalive */
	NEWS_KEY_AGED,   /* ours to renew */
	NEWS_SECRET_NEW, /* the key that both know beforehand is another one */
	NEWS_RETRY_DUE,  /* an initiation is unanswered */
	NEWS_UNANSWERED, /* so many were that people are told */
	NEWS_GAVE_UP,    /* after 90 s */
	NEWS_NO_ORDER,   /* no memory to put packets in order */

	NEWS_PATH_MOVED,     /* it leads to another address now */
	NEWS_PATH_PROVED,    /* its challenge was answered */
	NEWS_PATH_CHANGED,   /* time or an event took it to another state */
	NEWS_PATH_ANSWERS,   /* an answer did */
	NEWS_PATH_FORGOTTEN, /* dead for long, or never proved */
	NEWS_PATH_REFUSED,   /* by the system, which may mean nothing */
	NEWS_PATH_RESTS,     /* refused again and again */
	NEWS_PATH_DOUBTED,   /* somebody says that it leads nowhere, which may be untrue */
	NEWS_PATH_MTU,       /* how long packets may be there has changed */
	NEWS_PATH_SHARES,    /* a line with another one, it seems */
	NEWS_SOURCE_STALE,   /* its source address is no longer the one to send from */
	NEWS_ENDPOINTS_GONE, /* of paths, and no other leads there */
	NEWS_ADDRESS_FOUND,  /* an endpoint leads to where it did not before */
	NEWS_NO_ADDRESS,     /* of an endpoint, as its name could not be resolved */
	NEWS_NAME_FAILED,    /* the same, of one with addresses known from before */
	NEWS_NO_PATH,        /* the last one that could carry data is gone */
	NEWS_TRAINS_REFUSED,
	NEWS_LINK_FAILED, /* something local made a pair of sockets useless */
	NEWS_LINK_CLOSED, /* to be opened bound or tied otherwise */
	NEWS_LINK_BACK,
	NEWS_LINK_GONE, /* for good */
	NEWS_COUNT,
};

/* What goes with the news: of these what its kind has. */
struct news {
	uint64_t now_ns;
	bool is_initiator;       /* we are, of the session */
	bool is_new;             /* it was not so before */
	struct path *path;       /* that it is about */
	const struct link *link; /* that it came over, or is about */
	const char *what;        /* the endpoint that it is about, as configured */
	const char *why;         /* for people */
	uint64_t since_ns;
	uint32_t rtt_us;
	unsigned bytes;
	int error; /* a positive errno */
};

struct peer {
	/* What news lead to: the conductor's. */
	void (*conduct)(struct peer *peer, enum peer_news news, const struct news *n);
	struct effects *fx;
	struct uplinks *uplinks; /* ours */
	struct peer_settings set;
	const struct noise_identity *identity; /* ours */
	struct stamps *stamps;                 /* where its newest is kept when it goes */
	char name[NAME_LEN];
	uint32_t id;                /* in questions to the resolver: no two have one */
	struct peer *next_changing; /* of those that come or go together */
	struct dp_peer *dp;
	struct noise_remote *remote; /* secret memory */
	struct cookie_keys cookie_keys;
	struct cookie_jar jar[LINK_PAIRS_MAX]; /* a cookie is for one address of ours */
	struct deadline deadline;              /* when there is something to do for it */

	struct handshake handshake;
	struct answered answered; /* the newest initiation of the peer */
	struct session session;
	uint64_t silence_jitter_ns;     /* on top of the time for which data may be unanswered */
	struct log_limit log_limit;     /* for lines the peer can cause */
	struct log_limit stale_limit;   /* for those that replays of old initiations cause */
	struct log_limit refusal_limit; /* for refusals of the system that lead to nothing yet */
	struct bucket replies;          /* frames sent because of frames it sent */
	struct bucket greetings;        /* of which each says something else */

	struct verdict verdict;
	struct frames frames;
	struct link_state_out link_state_out;
	struct link_state_in link_state_in;

	struct paths paths;
	bool answers_whole;         /* probes of a path's MTU */
	bool is_unreachable;        /* told so in the log */
	struct endpoints endpoints; /* none: the peer has to come to us */
	struct health_settings health_settings;
	uint64_t sampled_ns; /* when its rates were worked out */
	struct last_second *second; /* see there; or NULL */
};

/* Has the conductor take the steps that follow from it. */
static inline void peer_hears(struct peer *peer, enum peer_news news, const struct news *n)
{
	peer->conduct(peer, news, n);
}

/* One thing that is done to a peer because of news. It may find that there is nothing to do, and
 * may itself be the cause of news.
 */
#define STEP(name) void name(struct peer *peer, const struct news *n)

#endif
