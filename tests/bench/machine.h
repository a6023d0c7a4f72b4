/*
 * machine.h - where it was measured, and what this process takes of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

struct machine {
    char date[32];    /* UTC */
    char kernel[200]; /* system, release and architecture */
    char cpu[80];     /* model */
    long cpus;
    long memory_mb;
};

void machine_look(struct machine *machine);

/* A number of /proc/self/status: "VmRSS" and "VmHWM" (its peak) in kB, "Threads". 0: not known. */
long process_status(const char *field);
/* VmHWM begins again from what is resident now. */
void process_reset_peak(void);
double process_resident_mb(void);
/* The same after giving back what was freed and only kept for later: what growth counts from. */
double process_rest_mb(void);
/* Time on processors of this process and all its threads so far. */
double process_cpu_ms(void);

#endif
