/* SPDX-License-Identifier: MIT */
/* What the threads count each for itself is told as one sum. */
#include "engine_rig.h"

TestSuite(statistics, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

Test(statistics, memory_is_that_of_all_pools)
{
	struct rig_end end;
	struct engine_memory none, one;
	uint32_t slot = 1600; /* 1504 bytes, padding, header and tag, in whole cache lines */
	const struct batch_pool *dispatcher;

	rig_create(&end, 3, 1, "127.0.0.1:0");
	none = engine_memory(end.engine);
	rig_start(&end);
	one = engine_memory(end.engine);
	cr_expect(lt(uint, 0, none.batches));
	cr_expect(lt(uint, none.batches, one.batches)); /* the RX thread's */
	/* An RX thread's hold a train each, the dispatcher's lie in its chunks, the others hold one
	 * packet.
	 */
	cr_expect(
		eq(sz, one.bytes - none.bytes, (size_t)(one.batches - none.batches) * TRAIN_BYTES));
	dispatcher = &end.engine->dispatcher[0].self.pool;
	cr_expect(lt(uint, 0, dispatcher->chunks.count));
	cr_expect(eq(sz, none.bytes,
	             (size_t)dispatcher->chunks.count * dispatcher->chunks.bytes +
	                     (size_t)(none.batches - dispatcher->count) * slot));
	engine_stop(end.engine);
	rig_destroy(&end);
}

/* One of each role; what is counted for another reason is no part of it. */
Test(statistics, drops_of_all_threads_are_one_sum)
{
	struct rig_end end;

	rig_create(&end, 3, 1, "127.0.0.1:0");
	cr_expect(eq(u64, engine_drops(end.engine, DROP_REPLAY), 0));
	dp_drop(&end.engine->dispatcher[0].self, DROP_REPLAY, 1);
	dp_drop(&end.engine->work.worker[0].self, DROP_REPLAY, 10);
	dp_drop(&end.engine->work.worker[2].self, DROP_REPLAY, 100);
	dp_drop(&engine_link(end.engine, LINK_PAIRS_MAX - 1)->rx, DROP_REPLAY, 1000);
	engine_count_drop(end.engine, DROP_REPLAY);
	engine_count_drop(end.engine, DROP_MALFORMED);
	cr_expect(eq(u64, engine_drops(end.engine, DROP_REPLAY), 1112));
	cr_expect(eq(u64, engine_drops(end.engine, DROP_MALFORMED), 1));
	engine_stop(end.engine);
	rig_destroy(&end);
}

Test(statistics, marks_of_all_threads_are_one_sum)
{
	struct rig_end end;

	rig_create(&end, 3, 1, "127.0.0.1:0");
	counter_add(&end.engine->dispatcher[0].self.marks[MARKS_MADE], 1);
	counter_add(&end.engine->work.worker[2].self.marks[MARKS_MADE], 10);
	counter_add(&engine_link(end.engine, 0)->rx.marks[MARKS_MADE], 100);
	counter_add(&engine_link(end.engine, 0)->rx.marks[MARKS_CARRIED], 3);
	cr_expect(eq(u64, engine_marks(end.engine, MARKS_MADE), 111));
	cr_expect(eq(u64, engine_marks(end.engine, MARKS_CARRIED), 3));
	cr_expect(eq(u64, engine_marks(end.engine, MARKS_UNEXPECTED), 0));
	engine_stop(end.engine);
	rig_destroy(&end);
}
