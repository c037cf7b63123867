// The clocks of the engine: monotonic time for intervals, the CPU's own counter for benchmarks.
#pragma once

#include <time.h>

#include <cstdint>

namespace lanes::engine {

/// CLOCK_MONOTONIC in nanoseconds; a vDSO call, no system call.
inline std::uint64_t monotonic_ns() noexcept {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

/// CLOCK_REALTIME in nanoseconds since 1970.
inline std::uint64_t unix_ns() noexcept {
    timespec now;
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

/// CLOCK_REALTIME in milliseconds since 1970.
inline std::uint64_t unix_ms() noexcept {
    return unix_ns() / 1'000'000u;
}

/// Ticks of the CPU's time-stamp counter, whose rate is fixed and need not be the core's;
/// nanoseconds where there is none. Not a barrier: what is measured should be hundreds of
/// instructions long.
inline std::uint64_t read_ticks() noexcept {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return monotonic_ns();
#endif
}

/// Tells the core that this is a waiting loop.
inline void relax_cpu() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace lanes::engine
