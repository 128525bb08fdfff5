/* SPDX-License-Identifier: MIT */
/*
 * Running a machine and stopping it: what vCPUs and devices ask for as events,
 * what its user asks for, and who is told.
 */
#include <assert.h>

#include "vmm/machine/machine_internal.h"

/* ---- running and pausing ---- */

void machine_pause(struct machine *m)
{
	mutex_lock(&m->lock);
	__atomic_store_n(&m->pause_wanted, true, __ATOMIC_RELEASE);
	for (u32 i = 0; i < m->started_count; i++)
		if (!m->vcpu[i].parked)
			vcpu_kick(&m->vcpu[i]);
	while (m->parked_count < m->started_count)
		cond_wait(&m->changed, &m->lock);
	mutex_unlock(&m->lock);
	if (m->state == MACHINE_RUNNING)
		m->state = MACHINE_PAUSED;
}

/* Unless something waits to be done before: the event's end comes here again. */
static void machine_resume(struct machine *m)
{
	assert(m->state == MACHINE_PAUSED && m->wanted == MACHINE_RUNS);
	mutex_lock(&m->lock);
	if (m->event == EVENT_NONE && !m->debug_waits) {
		m->state = MACHINE_RUNNING;
		__atomic_store_n(&m->pause_wanted, false, __ATOMIC_RELEASE);
		cond_wake_all(&m->changed);
	}
	mutex_unlock(&m->lock);
}

static void tell(struct machine *m, const struct machine_news *news)
{
	list_for_each_safe(it, &m->watches) {
		struct machine_watch *watch =
			list_entry(it, struct machine_watch, link);

		watch->tell(watch, news);
	}
}

static void machine_over(struct machine *m, int status, enum machine_cause cause)
{
	m->state = MACHINE_OVER;
	tell(m,
	     &(struct machine_news){.kind = MACHINE_NEWS_END, .cause = cause});
	m->config.ended(m->config.ctx, status);
}

/* ---- events ---- */

static bool ask(struct machine *m, enum machine_event event, int status,
		struct vcpu *at, enum machine_cause cause)
{
	bool first;

	mutex_lock(&m->lock);
	first = m->event == EVENT_NONE;
	if (first) {
		m->event = event;
		m->exit_status = status;
		m->at = at;
		m->cause = cause;
		/* The vCPU that asks executes nothing more. */
		__atomic_store_n(&m->pause_wanted, true, __ATOMIC_RELEASE);
	}
	mutex_unlock(&m->lock);
	if (first)
		loop_post(m->config.loop, &m->event_work);
	return first;
}

bool machine_ask(struct machine *m, enum machine_event event, int status,
		 struct vcpu *at)
{
	return ask(m, event, status, at, CAUSE_GUEST);
}

/* Beside the events: a debugger must not cost the guest its power-off. */
void machine_ask_debug(struct vcpu *vcpu)
{
	struct machine *m = vcpu->machine;

	mutex_lock(&m->lock);
	vcpu->met = m->debug_waits = true;
	/* It executes nothing more. */
	__atomic_store_n(&m->pause_wanted, true, __ATOMIC_RELEASE);
	mutex_unlock(&m->lock);
	loop_post(m->config.loop, &m->event_work);
}

static void forget_debug(struct machine *m)
{
	mutex_lock(&m->lock);
	m->debug_waits = false;
	for (u32 i = 0; i < m->config.cpu_count; i++)
		m->vcpu[i].met = false;
	mutex_unlock(&m->lock);
}

static bool is_to_stop(struct machine *m, u32 vcpu)
{
	list_for_each(it, &m->watches) {
		struct machine_watch *watch =
			list_entry(it, struct machine_watch, link);

		if (watch->met && !watch->met(watch, vcpu))
			return false;
	}
	return true;
}

/* Of several in the same moment the first one to stop for is told; watches hear
 * of all. -1: there is none. All vCPUs are parked. */
static int debug_stop(struct machine *m)
{
	int first = -1;

	for (u32 i = 0; i < m->config.cpu_count; i++)
		if (m->vcpu[i].met && is_to_stop(m, i) && first < 0)
			first = (int)i;
	forget_debug(m);
	return first;
}

static void reset_due(struct machine *m)
{
	const struct machine_news news = {.kind = MACHINE_NEWS_RESET,
					  .cause = m->cause};
	struct fault fault = {};

	forget_debug(m);
	if (m->config.no_reboot) {
		machine_over(m, 0, m->cause);
	} else if (machine_restart(m, &fault)) {
		fault_print(&fault, "keel: reset");
		machine_over(m, 1, CAUSE_GUEST_CRASH);
	} else {
		tell(m, &news);
	}
}

static void failed(struct machine *m)
{
	chardev_drain(m->config.serial);
	chardev_drain(m->config.debug_console);
	vcpu_dump(m->at);
	machine_over(m, 1, CAUSE_GUEST_CRASH);
}

static void stop_as(struct machine *m, enum machine_status status, u32 vcpu)
{
	m->wanted = status;
	tell(m, &(struct machine_news){.kind = MACHINE_NEWS_STOP, .vcpu = vcpu});
}

static void debug_due(struct machine *m)
{
	int vcpu = debug_stop(m);

	if (vcpu >= 0)
		stop_as(m, MACHINE_DEBUGGED, (u32)vcpu);
}

void machine_event_due(struct loop_work *work)
{
	struct machine *m = work->ctx;
	enum machine_event event;

	machine_pause(m);
	mutex_lock(&m->lock);
	event = m->event;
	m->event = EVENT_NONE;
	mutex_unlock(&m->lock);
	if (m->state == MACHINE_OVER)
		return;
	switch (event) {
	case EVENT_NONE:
		debug_due(m);
		break;
	case EVENT_OFF:
		machine_over(m, 0, CAUSE_GUEST);
		break;
	case EVENT_RESET:
		reset_due(m);
		break;
	case EVENT_EXIT:
		machine_over(m, m->exit_status, CAUSE_GUEST);
		break;
	case EVENT_FAILED:
		failed(m);
		break;
	}
	if (m->state == MACHINE_PAUSED && m->wanted == MACHINE_RUNS)
		machine_resume(m);
}

/* ---- control ---- */

enum machine_status machine_status(const struct machine *m)
{
	return m->state == MACHINE_OVER ? MACHINE_ENDED : m->wanted;
}

/* One stop, whoever else has asked for it in the same moment. */
void machine_stop(struct machine *m)
{
	int vcpu;

	if (machine_status(m) != MACHINE_RUNS)
		return;
	machine_pause(m);
	vcpu = debug_stop(m);
	if (vcpu >= 0)
		stop_as(m, MACHINE_DEBUGGED, (u32)vcpu);
	else
		stop_as(m, MACHINE_STOPPED, 0);
}

void machine_cont(struct machine *m)
{
	if (m->state == MACHINE_OVER || m->wanted == MACHINE_RUNS)
		return;
	m->wanted = MACHINE_RUNS;
	tell(m, &(struct machine_news){.kind = MACHINE_NEWS_CONT});
	/* Who was told may have stopped it again. */
	if (m->wanted == MACHINE_RUNS)
		machine_resume(m);
}

void machine_reset(struct machine *m)
{
	(void)ask(m, EVENT_RESET, 0, NULL, CAUSE_CONTROL);
}

void machine_end(struct machine *m, enum machine_cause why)
{
	if (m->state == MACHINE_OVER)
		return;
	machine_pause(m);
	machine_over(m, 0, why);
}

void machine_power_button(struct machine *m)
{
	acpi_pm_power_button(&m->board.pm);
	tell(m, &(struct machine_news){.kind = MACHINE_NEWS_POWER_BUTTON});
}

void machine_watch_add(struct machine *m, struct machine_watch *watch)
{
	list_add_tail(&m->watches, &watch->link);
}

void machine_watch_del(struct machine_watch *watch)
{
	list_del(&watch->link);
}

const struct machine_config *machine_config(const struct machine *m)
{
	return &m->config;
}

struct engine_vcpu *machine_vcpu(struct machine *m, u32 index)
{
	assert(index < m->config.cpu_count);
	return m->vcpu[index].engine;
}

int machine_vcpu_thread(const struct machine *m, u32 index)
{
	assert(index < m->config.cpu_count);
	return __atomic_load_n(&m->vcpu[index].thread_number, __ATOMIC_RELAXED);
}

void machine_print_vcpu(struct machine *m, u32 index, struct buf *out)
{
	bool was_running = m->state == MACHINE_RUNNING;

	assert(index < m->config.cpu_count);
	machine_pause(m);
	vcpu_print(&m->vcpu[index], out);
	if (was_running)
		machine_resume(m);
}

void machine_vcpu_hold(struct machine *m, u32 index, bool held)
{
	assert(index < m->config.cpu_count && m->state != MACHINE_RUNNING);
	mutex_lock(&m->lock);
	m->vcpu[index].held = held;
	mutex_unlock(&m->lock);
}

struct guest_mem *machine_mem(struct machine *m)
{
	return &m->mem;
}

struct input *machine_input(struct machine *m)
{
	return &m->board.input;
}
