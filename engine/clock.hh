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

/// Tells the core that this is a waiting loop.
inline void relax_cpu() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace lanes::engine
