/* SPDX-License-Identifier: MIT */
#include "control/link_scope.h"

#include "config/desired.h"

static bool has_link_local_address(const struct desired *config)
{
	for (size_t i = 0; i < config->address_count; i++) {
		const struct prefix *address = &config->addresses[i];

		if (address->family == AF_INET6 && address->addr[0] == 0xfe &&
		    (address->addr[1] & 0xc0) == 0x80)
			return true;
	}
	return false;
}

size_t link_scope_exclude(const struct desired *config,
                          struct allowedips_entry entries[static LINK_SCOPE_ENTRIES_MAX])
{
	static const struct prefix prefixes[LINK_SCOPE_ENTRIES_MAX] = {
		{AF_INET, 24, {224}},
		{AF_INET, 32, {255, 255, 255, 255}},
		{AF_INET6, 10, {0xfe, 0x80}},
		{AF_INET6, 16, {0xff, 0x01}},
		{AF_INET6, 16, {0xff, 0x02}},
		{AF_INET6, 16, {0xff, 0x12}}, /* groups that nobody registered */
	};
	bool has_fe80 = has_link_local_address(config);
	size_t n = 0;

	if (!config->allows_everything)
		return 0;
	for (size_t i = 0; i < LINK_SCOPE_ENTRIES_MAX; i++) {
		if (prefixes[i].family == AF_INET || !has_fe80)
			entries[n++] = (struct allowedips_entry){.prefix = prefixes[i]};
	}
	return n;
}
