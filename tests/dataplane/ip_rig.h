/* SPDX-License-Identifier: MIT */
/* ip_rig.h - TCP and UDP packets built field by field, and checked, slowly and byte by byte.
 *
 * Nothing of the modules under test is used here: checksums are summed up word by word as numbers.
 */
#ifndef TESTS_IP_RIG_H
#define TESTS_IP_RIG_H

#include <inttypes.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

enum {
	IP_RIG_PACKET_MAX = 40 + 65535,
	ICMP = 1, /* protocols */
	TCP = 6,
	UDP = 17,
	FIN = 0x01, /* TCP flags */
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80,
	TCP_CHECKSUM = 16, /* offsets in the transport header */
	UDP_CHECKSUM = 6,
	GSO_UDP_L4 = 5, /* VIRTIO_NET_HDR_GSO_UDP_L4, which older headers lack */
	DF = 0x4000,
	MF = 0x2000,
};

/* ---- random numbers ---- */

/* Prints it. */
void seed_random(uint64_t seed);

/* xorshift64*: 0 .. @below - 1. */
uint32_t draw(uint32_t below);

void fill_random(uint8_t *at, size_t len);

/* ---- checksums ---- */

uint16_t slow_sum(uint16_t sum, const uint8_t *at, size_t len);

uint16_t slow_pseudo(const uint8_t *ip, uint8_t protocol, size_t len);

void set_ipv4_checksum(uint8_t *ip);

/* ---- building ---- */

struct ip_spec {
	bool is_v6;
	uint8_t protocol;
	uint8_t host[2]; /* last byte of the addresses */
	uint8_t tos, ttl;
	uint32_t flow_label;
	uint16_t id;
	uint16_t fragment;    /* IPv4: flags and offset */
	size_t ip_extra_len;  /* IPv4 options, IPv6 destination options; a multiple of 4 and 8 */
	uint16_t port[2];     /* TCP and UDP */
	bool has_no_checksum; /* UDP */
	uint32_t seq, ack;    /* TCP */
	uint8_t flags;
	uint8_t reserved; /* the four bits beside the data offset */
	uint16_t window, urgent;
	size_t options_len; /* a multiple of 4 */
	uint8_t options[40];
};

size_t ip_len_of(const struct ip_spec *spec);

size_t headers_len_of(const struct ip_spec *spec);

size_t checksum_at(const struct ip_spec *spec);

size_t build(uint8_t *dst, const struct ip_spec *spec, const uint8_t *payload, size_t payload_len);

/* As the kernel hands over a packet whose checksum is left to us, to be cut if @gso_size is not 0.
 */
size_t build_unfinished(uint8_t *dst, struct virtio_net_hdr *header, const struct ip_spec *spec,
                        const uint8_t *payload, size_t payload_len, uint16_t gso_size);

/* What the packet number @index of @count must be that comes out of such a one. */
size_t build_segment(uint8_t *dst, const struct ip_spec *whole, const uint8_t *payload,
                     size_t payload_len, size_t gso_size, unsigned index, unsigned count);

/* A packet without options. */
struct ip_spec usual_spec(bool is_v6, uint8_t protocol);

struct ip_spec random_spec(void);

/* ---- checking ---- */

/* What is wrong with the TCP or UDP packet; NULL: nothing. */
const char *fault_of(const uint8_t *ip, size_t len);

#endif
