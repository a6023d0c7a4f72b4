/*
 * machine.c - see machine.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "machine.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The text behind "FIELD:" in a file of such lines; empty when there is none. */
static void read_field(const char *path, const char *field, char *text, size_t size)
{
    size_t length = strlen(field);
    char line[256];
    FILE *file = fopen(path, "re");

    text[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');

        if (colon && strncmp(line, field, length) == 0) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(text, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
            break;
        }
    }
    if (file) {
        (void)fclose(file);
    }
}

void machine_look(struct machine *machine)
{
    struct utsname name = {0};
    struct tm utc;
    time_t now = time(NULL);

    (void)strftime(machine->date, sizeof machine->date, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &utc));
    (void)uname(&name);
    (void)snprintf(machine->kernel, sizeof machine->kernel, "%s %.64s %.32s", name.sysname,
                   name.release, name.machine);
    read_field("/proc/cpuinfo", "model name", machine->cpu, sizeof machine->cpu);
    machine->cpus = sysconf(_SC_NPROCESSORS_ONLN);
    machine->memory_mb = sysconf(_SC_PHYS_PAGES) / 1024 * sysconf(_SC_PAGESIZE) / 1024;
}

long process_status(const char *field)
{
    char text[64];

    read_field("/proc/self/status", field, text, sizeof text);
    return strtol(text, NULL, 10);
}

/* proc(5): 5 resets the peak resident set size. */
void process_reset_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (write(fd, "5", 1) < 0) {
            perror("enclave-bench: /proc/self/clear_refs");
        }
        (void)close(fd);
    }
}

double process_resident_mb(void)
{
    return (double)process_status("VmRSS") / 1024;
}

double process_rest_mb(void)
{
    (void)malloc_trim(0);
    return process_resident_mb();
}

double process_cpu_ms(void)
{
    struct timespec spent = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (double)spent.tv_sec * 1e3 + (double)spent.tv_nsec / 1e6;
}
