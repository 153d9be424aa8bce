/*
 * The wall clock of a program, and no other clock of it, so many seconds off as a file says: preloaded by the tests into servers whose
 * clock they set (test/t/SetClock.pm). libfaketime would do, but its state survives a fork that happens within one of its calls, as
 * those of the postmaster up to PostgreSQL 15 do.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *file; /* a decimal number, padded with spaces */

__attribute__((constructor)) static void open_file(void)
{
	const char *name = getenv("PG_REALTIME_CLOCK");
	int descriptor = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;

	if (descriptor < 0)
		return;
	file = mmap(NULL, 32, PROT_READ, MAP_SHARED, descriptor, 0);
	if (file == MAP_FAILED)
		file = NULL;
	close(descriptor);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int) syscall(SYS_clock_gettime, clock, now);

	if (result == 0 && clock == CLOCK_REALTIME && file != NULL)
		now->tv_sec += strtol(file, NULL, 10);
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void) zone;
	if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
		return -1;
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now)
{
	struct timespec precise;

	if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
		return -1;
	if (now != NULL)
		*now = precise.tv_sec;
	return precise.tv_sec;
}
