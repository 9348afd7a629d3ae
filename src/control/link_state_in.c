/* SPDX-License-Identifier: MIT */
#include "control/link_state_in.h"

enum link_state_news link_state_in_take(struct link_state_in *in, const uint8_t *body, size_t len)
{
	struct link_state said;
	uint32_t number;

	if (!link_state_read(body, len, &number, &said))
		return LINK_STATE_BAD;
	if (in->has_any && number == in->number)
		return LINK_STATE_AGAIN;
	if (in->has_any && (int32_t)(number - in->number) < 0)
		return LINK_STATE_OLD;
	*in = (struct link_state_in){.has_any = true, .number = number, .said = said};
	return LINK_STATE_NEWS;
}

void link_state_in_forget(struct link_state_in *in)
{
	*in = (struct link_state_in){0};
}

const struct link_state_path *link_state_in_of(const struct link_state_in *in,
                                               const struct path *path)
{
	if (!path_has_target(path) || !path->knows_remote_id || path->remote_id >= PATHS_MAX ||
	    !(in->said.paths >> path->remote_id & 1))
		return NULL;
	return &in->said.path[path->remote_id];
}

bool link_state_in_is_leaving(const struct link_state_in *in, const struct path *path)
{
	const struct link_state_path *said = link_state_in_of(in, path);

	return said && said->state != LINK_STATE_CARRIES;
}
