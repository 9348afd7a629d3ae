/* SPDX-License-Identifier: MIT */
#include "route_rig.h"

#include <stdarg.h>

#include "../namespace_rig.h"

void ip(const char *fmt, ...)
{
	char command[256] = "ip ";
	size_t at = strlen(command);
	va_list args;

	va_start(args, fmt);
	vsnprintf(command + at, sizeof command - at, fmt, args);
	va_end(args);
	cr_assert(eq(int, system(command), 0), "%s", command);
}

void route_rig_start(void)
{
	static const char *const names[] = {"wan0", "wan1", "vt"};
	static const char *const nets[] = {"1", "2", "9"};

	enter_namespace();
	if (system("ip link add one type veth peer name other 2>/dev/null && ip link del one"))
		cr_skip("no veth devices");
	ip("link set lo up");
	for (unsigned i = 0; i < 3; i++) {
		ip("link add %s type veth peer name far%u", names[i], i);
		ip("link set %s up", names[i]);
		ip("link set far%u up", i);
		ip("address add 10.%s.0.2/24 dev %s", nets[i], names[i]);
		ip("address add fd0%s::2/64 dev %s nodad", nets[i], names[i]);
	}
}

int index_of(const char *name)
{
	return (int)if_nametoindex(name);
}

struct endpoint address(const char *text)
{
	struct endpoint ep;

	cr_assert(eq(int, endpoint_parse(text, 1, &ep), 0), "%s", text);
	endpoint_set_port(&ep, 0);
	return ep;
}

bool shows_route(const char *family, const char *one, const char *other)
{
	char command[128], line[512];
	bool found = false;

	snprintf(command, sizeof command, "ip %s route show table main", family);
	FILE *out = popen(command, "r");
	while (fgets(line, sizeof line, out))
		found |= strstr(line, one) && strstr(line, other);
	pclose(out);
	return found;
}
