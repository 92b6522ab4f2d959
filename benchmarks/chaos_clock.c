/* Shifts the time of day that a process sees, by the nanoseconds that a file holds while the process runs.

   cc -shared -fPIC -o chaos_clock.so chaos_clock.c; LD_PRELOAD=chaos_clock.so CHAOS_CLOCK=FILE PROGRAM

   Only the time of day jumps, as when somebody sets the clock; the monotonic clock goes on. Whoever waits until
   a time of day is told it as the kernel sees it, or would wait for days. (libfaketime 0.9.10 makes Python's
   time.sleep fail.) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t SECOND = 1000000000;
static const time_t NO_MONOTONIC = 1000000000; /* more seconds than a machine runs */
static volatile const int64_t *shift;

__attribute__((constructor)) static void open_file(void) {
    const char *path = getenv("CHAOS_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *found = mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED) shift = found;
}

static struct timespec shifted(struct timespec t, int64_t by) {
    int64_t ns = (int64_t)t.tv_sec * SECOND + t.tv_nsec + by;
    return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    int failed = syscall(SYS_clock_gettime, clock, t);
    int of_day = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (!failed && of_day && shift) *t = shifted(*t, *shift);
    return failed;
}

int gettimeofday(struct timeval *t, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}

static struct timespec of_kernel(const struct timespec *until) {
    return shift && until->tv_sec > NO_MONOTONIC ? shifted(*until, -*shift) : *until;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) *(void **)&real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    struct timespec kernels = of_kernel(until);
    return real(condition, mutex, &kernels);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    static int (*real)(sem_t *, const struct timespec *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec kernels = of_kernel(until);
    return real(semaphore, &kernels);
}
