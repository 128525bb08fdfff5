/* SPDX-License-Identifier: MIT */
#include "tests/guest/priv/lib/apic.h"

#define AP_START 0x8000
#define BASE_X2	 BIT(10)
#define BASE_ON	 BIT(11)

extern char ap_start[], ap_start_end[];
extern u32 ap_ticket;

static struct {
	void (*volatile fn)(u32 cpu);
	volatile u32 busy;
} work[CPUS_MAX];
static volatile u32 online;

bool apic_is_x2(void)
{
	return read_msr(MSR_APIC_BASE) & BASE_X2;
}

u32 apic_read(u32 reg)
{
	if (apic_is_x2())
		return (u32)read_msr(0x800 + reg / 16);
	return *(volatile u32 *)(APIC_BASE + reg);
}

void apic_write(u32 reg, u32 value)
{
	if (apic_is_x2())
		write_msr(0x800 + reg / 16, value);
	else
		*(volatile u32 *)(APIC_BASE + reg) = value;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_send(u32 dest, u32 command)
{
	if (apic_is_x2()) {
		write_msr(0x830, (u64)dest << 32 | command);
		return;
	}
	apic_write(APIC_ICR2, dest << 24);
	apic_write(APIC_ICR, command);
}

bool apic_bit(u32 reg, u32 vector)
{
	return apic_read(reg + vector / 32 * 16) >> (vector % 32) & 1;
}

void apic_enable(void)
{
	apic_write(APIC_SVR, 0x100 | SPURIOUS_VECTOR);
	apic_write(APIC_TPR, 0);
}

void apic_enable_x2(void)
{
	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | BASE_X2 | BASE_ON);
	apic_enable();
}

void pic_mask_all(void)
{
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0xa0, 0x11);
	outb(0xa1, 0x28);
	outb(0xa1, 2);
	outb(0xa1, 1);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

u64 pm_ticks(void)
{
	static u64 sum;
	static u32 last;
	u32 now = inl(PORT_PM_TIMER);

	/* 24 bits are what every one has. */
	sum += (now - last) & 0xffffff;
	last = now;
	return sum;
}

void delay_us(u32 us)
{
	u32 first = inl(PORT_PM_TIMER);
	u32 ticks = us * 4u - us / 4u; /* up to 5 % more; below 4 s */

	while (((inl(PORT_PM_TIMER) - first) & 0xffffff) < ticks)
		cpu_relax();
}

/* A deadline of ten seconds: this machine may be very busy. */
static bool late(u32 *rounds)
{
	if (++*rounds % 64)
		cpu_relax();
	else
		delay_us(100);
	return *rounds > 64 * 100000u;
}

bool wait_for(volatile u32 *value, u32 expected)
{
	u32 rounds = 0;

	while (*value != expected)
		if (late(&rounds))
			return false;
	return true;
}

bool wait_at_least(volatile u32 *value, u32 least)
{
	u32 rounds = 0;

	while (*value < least)
		if (late(&rounds))
			return false;
	return true;
}

void ap_main(void);
void ap_main(void)
{
	u32 r[4], cpu;

	cpuid(1, 0, r);
	cpu = r[1] >> 24;
	tables_load(cpu);
	apic_enable();
	__atomic_fetch_add(&online, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		while (!work[cpu].busy)
			cpu_relax();
		work[cpu].fn(cpu);
		work[cpu].busy = 0;
	}
}

bool cpus_start(u32 count)
{
	memcpy((void *)AP_START, ap_start, (size_t)(ap_start_end - ap_start));
	ap_ticket = 0;
	online = 1;
	for (u32 i = 1; i < count; i++) {
		work[i].busy = 0;
		apic_send(i, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
		apic_send(i, ICR_INIT | ICR_LEVEL);
		delay_us(200);
		apic_send(i, ICR_SIPI | ICR_ASSERT | AP_START >> 12);
		delay_us(200);
		apic_send(i, ICR_SIPI | ICR_ASSERT | AP_START >> 12);
		if (!wait_for(&online, i + 1))
			return false;
	}
	return true;
}

void cpu_run(u32 cpu, void (*fn)(u32 cpu))
{
	work[cpu].fn = fn;
	__atomic_store_n(&work[cpu].busy, 1, __ATOMIC_SEQ_CST);
}

bool cpu_wait(u32 cpu)
{
	return wait_for(&work[cpu].busy, 0);
}

void cpus_run(u32 count, void (*fn)(u32 cpu))
{
	for (u32 i = 1; i < count; i++)
		cpu_run(i, fn);
	fn(0);
	for (u32 i = 1; i < count; i++)
		if (!cpu_wait(i))
			die("a CPU does not end its work");
}
