/* SPDX-License-Identifier: MIT */
#include "dataplane/frame.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "sched/report.h"

enum frame_result frame_next(const uint8_t *payload, size_t len, size_t *offset, struct frame *ret)
{
	const uint8_t *at = payload + *offset;
	size_t left = len - *offset, body_len;

	if (left == 0 || at[0] == 0)
		return FRAME_END;
	if (left < FRAME_HEADER_LEN || at[0] != FRAME_MAGIC)
		return FRAME_BAD;
	body_len = load_le16(at + offsetof(struct frame_header, body_len));
	if (body_len > left - FRAME_HEADER_LEN)
		return FRAME_BAD;
	*ret = (struct frame){
		.type = at[1], .body_len = (uint16_t)body_len, .body = at + FRAME_HEADER_LEN};
	*offset += FRAME_HEADER_LEN + body_len;
	return FRAME_FOUND;
}

size_t frame_body_len(uint8_t type)
{
	switch (type) {
	case FRAME_HELLO:
	case FRAME_HELLO_ACK:
		return sizeof(struct frame_hello);
	case FRAME_PROBE:
		return sizeof(struct frame_probe);
	case FRAME_ECHO:
		return sizeof(struct frame_echo);
	case FRAME_REPORT:
		return REPORT_HEAD_BYTES;
	case FRAME_PATH_CHALLENGE:
	case FRAME_PATH_RESPONSE:
		return sizeof(struct frame_path_challenge);
	case FRAME_LINK_STATE:
		return sizeof(struct frame_link_state);
	case FRAME_LINK_STATE_ACK:
		return sizeof(struct frame_link_state_ack);
	case FRAME_GOODBYE:
		return sizeof(struct frame_goodbye);
	default:
		return 0;
	}
}

size_t frame_append(uint8_t *payload, size_t len, size_t size, enum frame_type type,
                    const void *body, size_t body_len)
{
	struct frame_header head = {.magic = FRAME_MAGIC, .type = (uint8_t)type};

	assert(len + FRAME_HEADER_LEN + body_len <= size);
	(void)size;
	store_le16(head.body_len, (uint16_t)body_len);
	memcpy(payload + len, &head, sizeof head);
	memcpy(payload + len + sizeof head, body, body_len);
	return len + sizeof head + body_len;
}
