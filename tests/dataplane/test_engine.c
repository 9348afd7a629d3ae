/* SPDX-License-Identifier: MIT */
/* An engine is made and goes; what it does meanwhile is tested in tests/engine. */
#include "engine_rig.h"

TestSuite(engine, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

Test(engine, destroy_accepts_nothing_and_what_never_ran)
{
	struct rig_end end;

	engine_destroy(NULL);
	rig_create(&end, 2, 2, "127.0.0.1:0");
	engine_stop(end.engine);
	rig_expect_all_home(&end);
	rig_destroy(&end);
}

Test(engine, kick_that_nobody_heeded_is_let_go)
{
	struct rig_end end;
	struct dp_peer *peer;

	rig_create(&end, 1, 0, NULL);
	peer = engine_create_peer(end.engine, NULL);
	engine_kick(peer);
	engine_stop(end.engine);
	rig_destroy(&end);
	rig_put_peer(peer);
}

Test(engine, settings_and_workers_are_told)
{
	struct rig_end end;

	rig_create(&end, 3, 0, NULL);
	cr_expect(eq(uint, engine_settings(end.engine)->workers, 3));
	cr_expect(ge(uint, engine_auto_workers(), 1));
	cr_expect(le(uint, engine_auto_workers(), WORKERS_MAX));
	engine_stop(end.engine);
	rig_destroy(&end);
}
