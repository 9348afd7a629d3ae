/* SPDX-License-Identifier: MIT */
/* The count of finished batches doubles as the lock of the emitting role: who raises it from zero
 * has the role and goes on until it has seen every finish that was counted meanwhile. A batch that
 * is not at the head yet is left to the finisher of the head, whose count comes later.
 */
#include "dataplane/sequencer.h"

#include <stddef.h>

void sequencer_init(struct sequencer *seq, unsigned slot)
{
	__cds_wfcq_init(&seq->head, &seq->tail);
	seq->slot = slot;
	atomic_init(&seq->finished, 0);
}

void sequencer_enter(struct sequencer *seq, struct in_order *at)
{
	atomic_store_explicit(&at->is_done, false, memory_order_relaxed);
	cds_wfcq_node_init(&at->node[seq->slot]);
	cds_wfcq_enqueue(&seq->head, &seq->tail, &at->node[seq->slot]);
}

static struct in_order *place_of(const struct sequencer *seq, struct cds_wfcq_node *node)
{
	return caa_container_of(node - seq->slot, struct in_order, node[0]);
}

/* The head, if the work on it is done. An entering that is half done hides the nodes behind it for
 * a moment; the one that enters has still to finish, and that finish looks again.
 */
static struct in_order *done_head(struct sequencer *seq)
{
	struct cds_wfcq_node *node = __cds_wfcq_first_nonblocking(&seq->head, &seq->tail);
	struct in_order *at;

	if (!node || node == CDS_WFCQ_WOULDBLOCK)
		return NULL;
	at = place_of(seq, node);
	return atomic_load_explicit(&at->is_done, memory_order_acquire) ? at : NULL;
}

static struct in_order *take_done(struct sequencer *seq)
{
	struct cds_wfcq_node *node;

	if (!done_head(seq))
		return NULL;
	/* The last node cannot be taken off while another is being linked behind it. */
	node = __cds_wfcq_dequeue_nonblocking(&seq->head, &seq->tail);
	if (!node || node == CDS_WFCQ_WOULDBLOCK)
		return NULL;
	return place_of(seq, node);
}

/* Goes on with the role. @seen: finishes that were counted when it began. */
static bool emit_all(struct sequencer *seq, struct dp_thread *self, unsigned seen,
                     sequencer_emit emit)
{
	unsigned emitted = 0;
	struct in_order *at;

	do {
		while ((at = take_done(seq))) {
			emit(self, at, seq->slot);
			if (++emitted == SEQUENCER_TURN)
				return false;
		}
		seen = atomic_fetch_sub_explicit(&seq->finished, seen, memory_order_acq_rel) - seen;
	} while (seen);
	return true;
}

void sequencer_mark(struct in_order *at)
{
	atomic_store_explicit(&at->is_done, true, memory_order_release);
}

bool sequencer_finish_marked(struct sequencer *seq, struct dp_thread *self, sequencer_emit emit)
{
	if (atomic_fetch_add_explicit(&seq->finished, 1, memory_order_acq_rel) != 0)
		return true; /* whoever has the role will see our count and look again */
	return emit_all(seq, self, 1, emit);
}

bool sequencer_finish(struct sequencer *seq, struct dp_thread *self, struct in_order *at,
                      sequencer_emit emit)
{
	sequencer_mark(at);
	return sequencer_finish_marked(seq, self, emit);
}

/* At least one finish is counted, or the role would have been given up; those above are seen later.
 */
bool sequencer_go_on(struct sequencer *seq, struct dp_thread *self, sequencer_emit emit)
{
	return emit_all(seq, self, 1, emit);
}
