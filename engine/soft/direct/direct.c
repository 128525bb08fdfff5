/* SPDX-License-Identifier: MIT */
/* See direct.h. */
#include "engine/soft/direct/direct.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <x86gprintrin.h>

#include "engine/core/exception/exception.h"
#include "engine/core/paging/paging.h"
#include "engine/soft/direct/shadow.h"
#include "engine/soft/direct/state.h"
#include "engine/soft/direct/stub.h"
#include "engine/soft/run.h"
#include "engine/soft/soft.h"
#include "engine/soft/ticker.h"

#define SPACES_MAX     4u  /* address spaces with a stub, per vCPU */
#define CANDIDATES_MAX 8u  /* address spaces that are looked at */
#define RENEWED_MIN    8u  /* pages that tell something of a program */
#define SHORT_TURNS    8u  /* one after the other: not now */
#define QUIET_MAX      12u /* entries to the kernel in a sample that ends that */
#define BUSY_TRANSFERS 32u  /* more entries to the kernel make a sample bad */
#define TURNS_JUDGED   16u  /* turns over which their length is averaged */
#define TURN_MIN_US    45u  /* with what a turn costs; less is demoted */
#define GRACE_TURNS    64u  /* after promotion: pages must come in first */
#define BACKOFF_MAX    100  /* samples that a demoted space waits at most */
#define DETOURS_MAX    8u   /* pages on such steps until the kernel returns */
#define STEPS_MAX      400u /* of tier 0 in a page that must not run directly */
#define KICK_WAIT_MS   2000
#define SAME_MAX       3u /* times a page may be asked for in vain */

struct space {
	u64 root;	       /* CR3's address; 0: not in use */
	struct stub *stub;     /* owned */
	struct shadow *shadow; /* owned */
	bool tsc_free;	       /* as the stub was made */
	bool on;	       /* to be run directly */
	bool stale;	       /* all mappings must go first */
	u64 used;	       /* for the choice of whom to replace */
	u32 grace, turns;      /* not judged yet; judged since */
	u64 ticks;	       /* of the host's TSC in the judged turns */
	s32 backoff;	       /* score it begins from when demoted next */
};

struct candidate {
	u64 root;
	s32 score;
};

struct direct {
	struct soft_vcpu *vcpu; /* borrowed */
	struct space space[SPACES_MAX];
	struct space *current; /* the one of CR3; NULL: none is promoted */
	struct candidate candidate[CANDIDATES_MAX];
	u32 candidate_next;
	u64 uses;
	u64 transfers_seen;
	u64 step_page; /* tier 0 runs what is in it; 0: none */
	u32 steps;
	u32 detours; /* into such pages since the kernel has returned */
	u64 fault_rip, fault_address; /* the last page asked for */
	u32 faults;
	u32 asked_how; /* ... and for what; of the guest's kernel, if asked */
	bool asked;
	bool refused;	 /* the host gives no stubs */
	bool busy;	 /* turns were short: until a sample is quiet */
	u32 short_turns; /* the last ones */
	u64 ticks;	 /* of the host's TSC that the last turn took */
	u64 turn_min;	 /* in ticks of the host's TSC, of all judged turns */
};

bool direct_possible(void)
{
	return stub_possible();
}

struct direct *direct_create(struct soft_vcpu *vcpu)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->vcpu = vcpu;
	d->turn_min = (u64)vcpu->vm->engine->tsc_khz * TURN_MIN_US *
		      TURNS_JUDGED / 1000;
	return d;
}

static void space_clear(struct space *space)
{
	shadow_free(space->shadow);
	stub_free(space->stub);
	*space = (struct space){};
}

void direct_free(struct direct *d)
{
	if (!d)
		return;
	for (u32 i = 0; i < SPACES_MAX; i++)
		space_clear(&d->space[i]);
	free(d);
}

/* ---- which address spaces ---- */

static u64 root_now(const struct direct *d)
{
	return d->vcpu->cpu.cr3 & 0xffffffffff000ull;
}

void direct_space_changed(struct direct *d)
{
	u64 root = root_now(d);

	d->current = NULL;
	for (u32 i = 0; i < SPACES_MAX; i++)
		if (d->space[i].root == root && root)
			d->current = &d->space[i];
	d->vcpu->direct_on = d->current && d->current->on;
}

static struct candidate *candidate_of(struct direct *d, u64 root)
{
	struct candidate *c;

	for (u32 i = 0; i < CANDIDATES_MAX; i++)
		if (d->candidate[i].root == root)
			return &d->candidate[i];
	c = &d->candidate[d->candidate_next++ % CANDIDATES_MAX];
	*c = (struct candidate){.root = root};
	return c;
}

/* A place for one more; the one used longest ago goes. */
static struct space *space_new(struct direct *d)
{
	struct space *oldest = &d->space[0];

	for (u32 i = 1; i < SPACES_MAX; i++)
		if (d->space[i].used < oldest->used)
			oldest = &d->space[i];
	space_clear(oldest);
	return oldest;
}

/* Is the guest's TSC the host's? */
static bool tsc_free(const struct soft_vcpu *vcpu)
{
	return !vcpu->tsc_offset && !vcpu->tsc_ratio;
}

static bool space_make(struct direct *d, struct space *space)
{
	if (stub_create(d->vcpu->vm->ram_fd, tsc_free(d->vcpu), &space->stub))
		return false;
	space->tsc_free = tsc_free(d->vcpu);
	space->shadow = shadow_create(d->vcpu, space->stub);
	return space->shadow;
}

static void promote(struct direct *d, u64 root)
{
	struct space *space = NULL;

	for (u32 i = 0; i < SPACES_MAX; i++)
		if (d->space[i].root == root)
			space = &d->space[i];
	if (!space) {
		space = space_new(d);
		if (!space_make(d, space)) {
			space_clear(space);
			d->refused = true;
			return;
		}
		space->root = root;
	}
	space->on = true;
	space->grace = GRACE_TURNS;
	space->turns = 0;
	space->ticks = 0;
	space->used = ++d->uses;
	direct_space_changed(d);
}

static void demote(struct direct *d, struct space *space)
{
	space->backoff = MIN(MAX(space->backoff * 2, 20), BACKOFF_MAX);
	candidate_of(d, space->root)->score = -space->backoff;
	space->on = false;
	direct_space_changed(d);
}

/*
 * What was mapped is no longer what the tables say, nearly all of it: another
 * program has this CR3. Nobody knows it yet.
 */
static void renew(struct direct *d, struct space *space)
{
	space->on = false;
	space->backoff = 0;
	candidate_of(d, space->root)->score = 0;
	direct_space_changed(d);
}

/* It cannot go on: what it has is worth nothing any more. */
static void space_lose(struct direct *d, struct space *space)
{
	candidate_of(d, space->root)->score = -BACKOFF_MAX;
	space_clear(space);
	direct_space_changed(d);
}

/* False: the host refuses. */
static bool space_sync(struct direct *d, struct space *space)
{
	u32 before = shadow_pages(space->shadow);

	if (space->stale && !shadow_drop(space->shadow))
		return false;
	space->stale = false;
	if (!shadow_sync(space->shadow))
		return false;
	if (before >= RENEWED_MIN && shadow_pages(space->shadow) <= before / 4)
		renew(d, space);
	return true;
}

void direct_sample(struct direct *d)
{
	struct soft_vcpu *vcpu = d->vcpu;
	u64 transfers = vcpu->transfers - d->transfers_seen;
	struct candidate *c;

	d->transfers_seen = vcpu->transfers;
	if (d->refused || !state_fits(vcpu))
		return;
	direct_space_changed(d);
	if (vcpu->direct_on) {
		if (d->busy && transfers <= QUIET_MAX)
			d->busy = vcpu->direct_held = false;
		return;
	}
	c = candidate_of(d, root_now(d));
	if (c->score < 0 && d->current)
		(void)space_sync(d, d->current);
	if (transfers > BUSY_TRANSFERS)
		c->score = MAX(c->score - 2, MIN(c->score, 0));
	else if (++c->score >= vcpu->vm->engine->promote)
		promote(d, c->root);
}

/* For tests: whatever can have a stub gets one at once. */
static void always(struct direct *d)
{
	if (!d->vcpu->direct_on && !d->refused && state_fits(d->vcpu)) {
		translator_fpu_sync(d->vcpu);
		promote(d, root_now(d));
	}
}

/* How long turns are, when there have been some. */
static void judge(struct direct *d, struct space *space)
{
	if (space->grace) {
		space->grace--;
		return;
	}
	space->ticks += d->ticks;
	if (++space->turns < TURNS_JUDGED)
		return;
	if (space->ticks < d->turn_min && d->vcpu->vm->engine->promote)
		demote(d, space);
	else if (space->backoff)
		space->backoff -= (space->backoff + 15) / 16;
	space->turns = 0;
	space->ticks = 0;
}

bool direct_returned(struct direct *d)
{
	d->vcpu->direct_held = d->busy;
	d->step_page = 0;
	d->detours = 0;
	if (!d->vcpu->vm->engine->promote)
		always(d);
	return d->vcpu->direct_on && !d->busy;
}

void direct_rest(struct direct *d)
{
	for (u32 i = 0; i < SPACES_MAX; i++)
		space_clear(&d->space[i]);
	direct_space_changed(d);
}

void direct_memory_changed(struct direct *d)
{
	for (u32 i = 0; i < SPACES_MAX; i++)
		d->space[i].stale = true;
}

void direct_page_close(struct direct *d, u64 host_page)
{
	for (u32 i = 0; i < SPACES_MAX; i++)
		if (d->space[i].shadow &&
		    !shadow_page_close(d->space[i].shadow, host_page))
			d->space[i].stale = true;
}

/* ---- a turn ---- */

/* What ended it. */
enum end {
	END_SIGNAL, /* the frame tells */
	END_KICKED, /* ... of the kick, or of what came before it */
	END_LOST,   /* the stub is no more */
	END_UNRUN,  /* somebody wanted the vCPU before it began */
	END_GONE,   /* the stub was no more before it began */
};

/* Until the stub stops, or somebody wants the vCPU: then the stub is made to. */
static enum end wait_for(struct direct *d, struct stub *stub)
{
	struct soft_vcpu *vcpu = d->vcpu;
	struct pollfd fds[2] = {[1] = {.fd = stub_fd(stub), .events = POLLIN}};
	int n = soft_poll(vcpu, fds, 2, soft_next_deadline(vcpu));

	if (n < 0)
		vcpu->interrupted = true;
	if (n > 0 && fds[1].revents)
		return END_SIGNAL;
	stub_kick(stub);
	do
		n = poll(&fds[1], 1, KICK_WAIT_MS);
	while (n < 0 && errno == EINTR);
	return n > 0 ? END_KICKED : END_LOST;
}

/* Lets the stub run. Requests that come while it does end it. */
static enum end turn(struct direct *d, struct space *space)
{
	struct soft_vcpu *vcpu = d->vcpu;
	enum end end = END_UNRUN;

	__atomic_store_n(&vcpu->sleeping, true, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&vcpu->request, __ATOMIC_SEQ_CST))
		end = stub_resume(space->stub) ? END_GONE
					       : wait_for(d, space->stub);
	__atomic_store_n(&vcpu->sleeping, false, __ATOMIC_SEQ_CST);
	ticker_wake(vcpu->vm->ticker);
	if ((end == END_SIGNAL || end == END_KICKED) && stub_stopped(space->stub))
		end = END_LOST;
	if (end != END_SIGNAL)
		vcpu->budget = 0; /* look at everything */
	return end;
}

/* Who has killed the stub has killed the guest's process, in the guest's eyes:
 * nobody knows what its registers were. */
static int lost(struct direct *d, struct space *space)
{
	space_lose(d, space);
	d->vcpu->cpu.insn_len = 0;
	return raise_gp0(&d->vcpu->cpu);
}

static int on_tier0(struct direct *d)
{
	d->fault_rip = 0;
	return soft_insn_step(d->vcpu);
}

/* From here to where the code leaves this page it is tier 0's. */
static int step_in_page(struct direct *d)
{
	struct soft_vcpu *vcpu = d->vcpu;

	if (++d->steps > STEPS_MAX) {
		vcpu->direct_held = true; /* until the kernel returns */
		d->step_page = 0;
	}
	return soft_block_step(vcpu);
}

/* The turn ended in the guest's kernel. When that happens often in a moment, as
 * where a program touches its memory for the first time, a moment is waited. */
static void kernel_entered(struct direct *d)
{
	if (d->ticks * TURNS_JUDGED > d->turn_min ||
	    !d->vcpu->vm->engine->promote)
		d->short_turns = 0;
	else if (++d->short_turns == SHORT_TURNS)
		d->busy = d->vcpu->direct_held = true;
	if (d->busy)
		d->short_turns = 0;
}

/* The host's CPU has found no page at `address`. */
static int on_page(struct direct *d, struct space *space, u64 address, u64 error)
{
	struct soft_vcpu *vcpu = d->vcpu;
	u64 rip = RIP(&vcpu->cpu);
	u32 how = error & PF_FETCH   ? WALK_FETCH
		  : error & PF_WRITE ? WALK_WRITE
				     : 0u;

	if (shadow_just_filled(space->shadow, address, how))
		return X86_OK;
	if (rip == d->fault_rip && address == d->fault_address) {
		if (++d->faults > SAME_MAX)
			return on_tier0(d);
	} else {
		d->fault_rip = rip;
		d->fault_address = address;
		d->faults = 0;
	}
	switch (shadow_fill(space->shadow, address, how)) {
	case SHADOW_DONE:
		return X86_OK;
	case SHADOW_NOT:
		kernel_entered(d);
		d->asked = true;
		d->asked_how = how;
		return soft_insn_step(vcpu);
	case SHADOW_SENSITIVE:
		if (++d->detours > DETOURS_MAX) {
			vcpu->direct_held = true;
			return X86_OK;
		}
		d->step_page = rip & ~0xfffull;
		d->steps = 0;
		return step_in_page(d);
	case SHADOW_BROKEN:
		break;
	}
	space_lose(d, space);
	return X86_OK;
}

static int on_signal(struct direct *d, struct space *space,
		     const struct state_end *end)
{
	switch (end->kind) {
	case STATE_KICK:
		return X86_OK;
	case STATE_PAGE:
		return on_page(d, space, end->address, end->error);
	case STATE_STEPPED:
		return debug_raise(&d->vcpu->cpu, DR6_BS, true);
	case STATE_OTHER:
		kernel_entered(d);
		break;
	}
	return on_tier0(d);
}

/* Everything as the guest's tables and the host's slots have it now. */
static bool space_ready(struct direct *d, struct space *space)
{
	if (space->tsc_free != tsc_free(d->vcpu))
		return false;
	if (!space_sync(d, space))
		return false;
	/* The kernel has been asked for a page: it may be there now. */
	if (d->asked && RIP(&d->vcpu->cpu) == d->fault_rip &&
	    shadow_fill(space->shadow, d->fault_address, d->asked_how) ==
		    SHADOW_BROKEN)
		return false;
	d->asked = false;
	return true;
}

static int run_directly(struct direct *d, struct space *space)
{
	struct soft_vcpu *vcpu = d->vcpu;
	struct stub_frame frame;
	struct state_end how;
	enum end end;
	u64 begun;

	translator_fpu_sync(vcpu);
	if (!space_ready(d, space) || !stub_frame(space->stub, &frame) ||
	    !state_put(vcpu, &frame)) {
		space_lose(d, space);
		return X86_OK;
	}
	if (!space->on) /* another program's, as it turns out */
		return X86_OK;
	begun = __rdtsc();
	end = turn(d, space);
	if (end == END_GONE) /* with the thread that made it, perhaps */
		space_lose(d, space);
	if (end == END_UNRUN || end == END_GONE)
		return X86_OK;
	if (end == END_LOST || !stub_frame(space->stub, &frame) ||
	    !state_take(vcpu, &frame, &how))
		return lost(d, space);
	d->ticks = __rdtsc() - begun;
	judge(d, space);
	vcpu->cpu.insn_len = 0;
	return on_signal(d, space, &how);
}

int direct_step(struct direct *d)
{
	struct soft_vcpu *vcpu = d->vcpu;

	if (unlikely(!d->current || d->current->root != root_now(d))) {
		direct_space_changed(d);
		return X86_OK;
	}
	if (d->step_page) {
		if (d->step_page == (RIP(&vcpu->cpu) & ~0xfffull)) {
			translator_fpu_sync(vcpu);
			return step_in_page(d);
		}
		d->step_page = 0;
	}
	if (!state_fits(vcpu)) {
		vcpu->direct_held = true;
		return X86_OK;
	}
	d->current->used = ++d->uses;
	return run_directly(d, d->current);
}
