// Where random bytes come from. Injected, so that a simulator replays a seed and a test a published
// vector; everything else uses the kernel's. Not for the data path: it may be a system call.
#pragma once

#include <cstddef>
#include <span>

namespace lanes::crypto {

class Random {
  public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::byte> bytes) noexcept = 0;
};

/// The kernel's, by way of libsodium; from any thread.
Random& system_random() noexcept;

}  // namespace lanes::crypto
