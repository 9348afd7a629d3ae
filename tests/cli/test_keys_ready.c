/* SPDX-License-Identifier: MIT */
#include "cli/keys_ready.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli/exit.h"
#include "crypto/secret.h"
#include "stderr_rig.h"

Test(keys_ready, process_leaves_no_core_and_has_memory_for_keys)
{
	struct rlimit limit = {.rlim_cur = 1};
	char said[128];

	cr_assert(zero(int, prctl(PR_SET_DUMPABLE, 1)));
	stderr_catch();
	int status = keys_ready();
	stderr_release(said, sizeof said);
	cr_expect(eq(int, status, CLI_OK));
	cr_expect(eq(str, said, (char *)""));
	cr_assert(zero(int, getrlimit(RLIMIT_CORE, &limit)));
	cr_expect(zero(u64, (uint64_t)limit.rlim_cur));
	cr_expect(zero(u64, (uint64_t)limit.rlim_max));
	cr_expect(zero(int, prctl(PR_GET_DUMPABLE)));
	void *cell = secret_alloc(32);
	cr_expect(ne(ptr, cell, NULL));
	secret_free(cell);
}

/* Each subcommand calls it for itself. */
Test(keys_ready, second_time_is_as_good)
{
	cr_expect(eq(int, keys_ready(), CLI_OK));
	cr_expect(eq(int, keys_ready(), CLI_OK));
}
