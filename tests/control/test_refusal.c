/* SPDX-License-Identifier: MIT */
#include "control/refusal.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

Test(refusal, reason_names_the_error_and_is_constant)
{
	static const struct {
		int error;
		const char *words;
	} cases[] = {
		{EPERM, "operation not permitted (a firewall"},
		{ENETUNREACH, "network is unreachable"},
		{EHOSTUNREACH, "no route to host"},
		{ENETDOWN, "network is down"},
		{ENODEV, "no such device"},
		{EADDRNOTAVAIL, "cannot assign requested address"},
		{EXDEV, "an unusual error"},
		{0, "an unusual error"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *reason = refusal_reason(cases[i].error);

		cr_expect(ne(ptr, strstr(reason, cases[i].words), NULL), "%s", reason);
		cr_expect(zero(int, strncmp(reason, "the system refused to send: ", 28)));
		cr_expect(eq(ptr, (void *)reason, (void *)refusal_reason(cases[i].error)));
	}
}

Test(refusal, hint_says_what_is_there_or_what_to_do)
{
	char buf[REFUSAL_HINT_LEN];

	for (const int *error = (const int[]){ENODEV, EADDRNOTAVAIL, 0}; *error; error++)
		cr_expect(zero(int, strncmp(refusal_hint(*error, buf),
		                            "; the devices of this machine: ", 31)),
		          "%s", buf);
	cr_expect(ne(ptr, strstr(refusal_hint(EADDRINUSE, buf), "ss -ulpn"), NULL));
	cr_expect(ne(ptr, strstr(refusal_hint(EACCES, buf), "CAP_NET_BIND_SERVICE"), NULL));
	cr_expect(eq(str, (char *)refusal_hint(ENOBUFS, buf), (char *)""));
}
