/* SPDX-License-Identifier: MIT */
/* frame.h - walk through the frames of a payload, and append frames to one (docs/protocol.md). */
#ifndef DATAPLANE_FRAME_H
#define DATAPLANE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

/* The longest payload of frames that is looked at: it fits the slots of every pool. */
#define FRAMES_LEN_MAX 1504u

/* The UDP payload of a datagram with @len bytes of frames, padding included. */
static inline unsigned frames_datagram_len(size_t len)
{
	return (unsigned)((len + PADDING_MULTIPLE - 1) / PADDING_MULTIPLE * PADDING_MULTIPLE) +
	       TRANSPORT_OVERHEAD;
}

struct frame {
	uint8_t type;
	uint16_t body_len;
	const uint8_t *body;
};

/* What frame_next() found. */
enum frame_result {
	FRAME_FOUND,
	FRAME_END, /* a zero byte or the end of the payload */
	FRAME_BAD, /* cut short, or wrong magic: nothing behind it can be trusted */
};

/* Reads the frame at *@offset of @payload and moves *@offset behind it. */
enum frame_result frame_next(const uint8_t *payload, size_t len, size_t *offset, struct frame *ret);

/* The least body length of a type we know, or 0 for a type unknown. A longer body is read as far as
 * known, a shorter one is an error.
 */
size_t frame_body_len(uint8_t type);

/* Appends a frame behind @len bytes of @payload, which has room for @size bytes. Returns the new
 * length. The caller knows that it fits.
 */
size_t frame_append(uint8_t *payload, size_t len, size_t size, enum frame_type type,
                    const void *body, size_t body_len);

#endif
