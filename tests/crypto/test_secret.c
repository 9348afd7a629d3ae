/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../emulation.h"
#include "base/thread.h"
#include "crypto/init.h"
#include "crypto/secret.h"

#define CELLS 1000u /* several chunks */

static void init_crypto(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(secret, .init = init_crypto);

/* The sanitizers' runtimes make mlock() do nothing and say yes: tests of locking are not built
 * there.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_LOCK 0
#else
#define CAN_LOCK 1
#endif

/* What /proc/self/status says of locked memory. */
__attribute__((unused)) static unsigned long locked_kib(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char text[256];

	cr_assert(ne(ptr, status, NULL));
	while (fgets(text, sizeof text, status) && sscanf(text, "VmLck: %lu kB", &kib) != 1)
		;
	fclose(status);
	return kib;
}

/* The flags of the mapping that @at lies in, as " rd wr ... ". */
static void mapping_flags(const void *at, char flags[static 512])
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long begin, end;
	bool is_here = false;
	char text[512];

	flags[0] = 0;
	cr_assert(ne(ptr, smaps, NULL));
	while (fgets(text, sizeof text, smaps)) {
		if (sscanf(text, "%lx-%lx ", &begin, &end) == 2)
			is_here = (unsigned long)at >= begin && (unsigned long)at < end;
		else if (is_here && strncmp(text, "VmFlags:", 8) == 0)
			strcpy(flags, text + 8);
	}
	fclose(smaps);
}

static bool is_zero(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i])
			return false;
	}
	return true;
}

static void need_mapping_flags(void)
{
	if (is_emulated())
		cr_skip("the emulator does not tell how memory is mapped");
}

#if CAN_LOCK
Test(secret, memory_is_locked)
{
	char flags[512];

	need_mapping_flags();
	unsigned long before = locked_kib();
	void *cell = secret_alloc(32);

	cr_assert(ne(ptr, cell, NULL));
	cr_expect(secret_locked());
	cr_expect(ge(ulong, locked_kib(), before + 4));
	mapping_flags(cell, flags);
	cr_expect(ne(ptr, strstr(flags, " lo"), NULL), "flags: %s", flags);
	secret_free(cell);
}
#endif

Test(secret, memory_is_left_out_of_dumps)
{
	void *cell = secret_alloc(SECRET_CELL_LEN), *heap = malloc(64);
	char flags[512];

	need_mapping_flags();
	mapping_flags(cell, flags);
	cr_expect(ne(ptr, strstr(flags, " dd"), NULL), "dump flags: %s", flags);
	mapping_flags(heap, flags);
	cr_assert(ne(ptr, strstr(flags, " rd"), NULL));
	secret_free(cell);
	free(heap);
}

/* The arena stays mapped, so a freed cell can be looked at. Its first bytes link it to the next. */
Test(secret, freed_cell_is_wiped)
{
	uint8_t *cell = secret_alloc(SECRET_CELL_LEN), pattern[sizeof(void *)];

	memset(cell, 0xa5, SECRET_CELL_LEN);
	memset(pattern, 0xa5, sizeof pattern);
	secret_free(cell);
	cr_expect(ne(int, memcmp(cell, pattern, sizeof pattern), 0));
	cr_expect(is_zero(cell + sizeof(void *), SECRET_CELL_LEN - sizeof(void *)));
}

Test(secret, cells_are_zero_aligned_and_apart)
{
	static uint8_t *cells[CELLS];

	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < CELLS; i++) {
			cells[i] = secret_alloc(1 + i % SECRET_CELL_LEN);
			cr_assert(ne(ptr, cells[i], NULL));
			cr_assert(eq(sz, (uintptr_t)cells[i] % 64, 0));
			cr_assert(is_zero(cells[i], SECRET_CELL_LEN), "cell %u", i);
			memset(cells[i], (int)(i % 255 + 1), SECRET_CELL_LEN);
		}
		for (unsigned i = 0; i < CELLS; i++) {
			cr_assert(eq(u8, cells[i][0], i % 255 + 1));
			cr_assert(eq(u8, cells[i][SECRET_CELL_LEN - 1], i % 255 + 1));
			secret_free(cells[i]);
		}
	}
}

__attribute__((unused)) static void alloc_and_free_all(void)
{
	static void *cells[CELLS];

	for (unsigned i = 0; i < CELLS; i++)
		cells[i] = secret_alloc(1);
	for (unsigned i = 0; i < CELLS; i++)
		secret_free(cells[i]);
}

#if CAN_LOCK
Test(secret, arena_grows_when_it_must_and_only_then)
{
	alloc_and_free_all();
	unsigned long grown = locked_kib();

	cr_expect(ge(ulong, grown, CELLS * SECRET_CELL_LEN / 1024));
	alloc_and_free_all();
	cr_expect(eq(ulong, locked_kib(), grown));
	cr_expect(secret_locked());
}
#endif

Test(secret, more_than_a_cell_is_not_given)
{
	void *cell = secret_alloc(SECRET_CELL_LEN);

	cr_expect(ne(ptr, cell, NULL));
	cr_expect(eq(ptr, secret_alloc(SECRET_CELL_LEN + 1), NULL));
	secret_free(cell);
	secret_free(NULL);
}

#if CAN_LOCK
Test(secret, without_leave_to_lock_memory_is_given_and_told)
{
	struct rlimit none = {0, 0};

	cr_expect(secret_locked(), "nothing given yet");
	setrlimit(RLIMIT_MEMLOCK, &none);
	if (geteuid() == 0)
		cr_assert(eq(int, seteuid(65534), 0)); /* root's capability knows no limit */
	uint8_t *cell = secret_alloc(32);

	cr_assert(ne(ptr, cell, NULL));
	memset(cell, 1, 32);
	cr_expect(not(secret_locked()));
	secret_free(cell);
}
#endif

/* Takes, marks and returns cells; counts those that somebody else wrote to meanwhile. */
static void churn(void *arg)
{
	unsigned *mixed_up = arg;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned **a = secret_alloc(sizeof *a), **b = secret_alloc(sizeof *b);

		*mixed_up += *a || *b || a == b;
		*a = *b = mixed_up;
		*mixed_up += *a != mixed_up || *b != mixed_up;
		secret_free(a);
		secret_free(b);
	}
}

Test(secret, threads_never_share_a_cell)
{
	unsigned mixed_up[4] = {0};
	struct thread t[4];

	for (int i = 0; i < 4; i++)
		cr_assert(eq(int, thread_start(&t[i], "t", THREAD_HELPER, -1, churn, &mixed_up[i]),
		             0));
	for (int i = 0; i < 4; i++)
		thread_join(&t[i]);
	for (int i = 0; i < 4; i++)
		cr_expect(eq(uint, mixed_up[i], 0));
}

Test(secret, dumps_can_be_forbidden)
{
	struct rlimit core;

	cr_assert(eq(int, prctl(PR_GET_DUMPABLE), 1));
	cr_expect(eq(int, secret_forbid_dumps(), 0));
	cr_expect(eq(int, prctl(PR_GET_DUMPABLE), 0));
	getrlimit(RLIMIT_CORE, &core);
	cr_expect(eq(ulong, core.rlim_cur, 0));
	cr_expect(eq(ulong, core.rlim_max, 0));
}
