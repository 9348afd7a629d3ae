/* SPDX-License-Identifier: MIT */
/* ctl.h - the control socket: how `vtrunkd status`, tests and other programs ask a running daemon.
 *
 * A stream socket DIRECTORY/INTERFACE.sock, mode 0600, where DIRECTORY is CTL_DIRECTORY or what the
 * daemon was given instead. The client sends one JSON object on one line, at most CTL_REQUEST_MAX
 * bytes with its newline; the server answers with one JSON object on one line and closes. Text is
 * UTF-8. Members that a side does not know are ignored by it.
 *
 *   request   {"request":"status"}               optional "protocol": CTL_PROTOCOL; absent means 1
 *   reply     {"ok":true,"status":{...}}
 *             {"ok":false,"error":"text for people"}
 *
 * The status object. What is unknown or does not apply is null; counts are of the daemon's life,
 * except for paths, whose counts are of the path's; "_s" are seconds since, whole or with a fraction;
 * packets and bytes are UDP datagrams and their payload: of links all, of paths and peers the authentic
 * ones, copies in redundant mode included.
 *
 *   version         text, of the daemon
 *   interface       text, name of the TUN device
 *   pid             process id
 *   uptime_s        seconds since the daemon started
 *   mtu             bytes, inner
 *   public_key      base64, ours
 *   workers         crypto workers
 *   crypto          library that seals and opens transport data: "sodium" or "ipsec-mb"
 *   tun             the TUN device
 *     queues        each with a thread that reads it
 *     tcp_offload udp_offload   whether it takes and gives super-packets
 *     kernel_drops  packets to us that the kernel dropped: its queue was full
 *   links[]         in the order of the configuration
 *     name          text
 *     state         "up"; "waiting" for a device or an address; "resting" after a failed send; of sockets
 *                   of two families the better one
 *     since_s       seconds since the state began
 *     reason        text, why it has that state
 *     bind          "IP:PORT" or "[IPv6]:PORT" the sockets have now; "IP:PORT, [IPv6]:PORT" when there
 *                   are such of both families
 *     device        text, the device the link is bound to
 *     fwmark        32-bit mark
 *     weight        as configured
 *     train_max_bytes  longest datagram that its device takes in trains, in any family; 0: each leaves
 *                   alone
 *     tx_packets tx_bytes rx_packets rx_bytes   UDP datagrams and their payload
 *     tx_errors     datagrams the system refused to send
 *     kernel_drops handshake_kernel_drops   what the kernel dropped because the buffer of the data
 *                   socket, of that for handshake messages was full; datagrams, of which those it had
 *                   joined to a train count as one
 *   peers[]         in the order of the configuration
 *     name          text
 *     public_key    base64
 *     mode          "aggregate", "redundant" or "failover"
 *     bonding       "bonded"; "stock" WireGuard; "unknown" before a session has told
 *     session       "established"; "handshake" under way; "none"
 *     session_age_s seconds since the current keypair was made
 *     session_role  "initiator" or "responder": ours in that handshake
 *     handshakes    completed
 *     last_handshake  Unix time in seconds of the latest one
 *     unanswered_initiations  of ours, in the attempt under way
 *     stale_initiations  of the peer, refused since the last one accepted: authentic, and of an older time
 *     clock_behind_s  by how much the newest of those was older than the one accepted
 *     endpoint      "IP:PORT" or "[IPv6]:PORT": where data goes now or went last
 *     allowed_ips[] "IP/LEN"
 *     rx_packets rx_bytes tx_packets tx_bytes   sums over all paths, also former ones
 *     staged_packets  waiting for a session
 *     paths[]
 *       id          0 .. PATHS_MAX - 1, ours
 *       link        name of the link
 *       endpoint    of the peer on this path
 *       state       "unproven", "up", "suspect" or "down"
 *       since_s     seconds since the state began
 *       reason      text, why it has that state
 *       note        text, what it seems to share with another path: a device, the peer's address
 *       in_use      whether it carries data now, by mode, state and weight
 *       weight      share of traffic
 *       train_max_bytes  longest datagram that leaves there in trains; 0: each leaves alone
 *       rtt_ms jitter_ms   milliseconds, smoothed
 *       loss_tx_percent loss_rx_percent   0 .. 100, away from us and towards us
 *       last_heard_s  seconds since anything authentic came on it
 *       tx_packets tx_bytes rx_packets rx_bytes   UDP datagrams and their payload
 *       tx_bps rx_bps bits per second of UDP payload, over about the last second
 *   drops           object: drop reason to packets; reasons never met may be left out
 *   pool            packet buffers
 *     batches       batches there are
 *     bytes         memory they take
 *   log_lines_lost  lines of the log that nobody took in time, or that could not be written
 */
#ifndef VTRUNKD_CTL_H
#define VTRUNKD_CTL_H

#define CTL_PROTOCOL    1
#define CTL_DIRECTORY   "/run/vtrunkd"
#define CTL_SUFFIX      ".sock"

/* Bytes: with a slash, an interface's name, the suffix and a zero they fill a socket's address. */
#define CTL_DIRECTORY_LEN_MAX 86u

#define CTL_REQUEST_MAX 65536u       /* bytes: the server refuses longer lines */
#define CTL_REPLY_MAX   (256u << 20) /* bytes: 4096 peers of 16 paths fit; clients refuse more */

#endif
