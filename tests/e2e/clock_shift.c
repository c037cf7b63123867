// For LD_PRELOAD: the time of day of one process, as far off as the file $CLOCK_SHIFT says (seconds,
// a 64-bit integer), which may change at any time. All other clocks are left alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void start(void) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("CLOCK_SHIFT");
    const int fd = path != NULL ? open(path, O_RDONLY) : -1;
    if (fd < 0) return;
    void *page = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) shift = page;
    close(fd);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    if (real == NULL) start();
    const int result = real(which, now);
    if (result == 0 && which == CLOCK_REALTIME && shift != NULL) now->tv_sec += *shift;
    return result;
}
