// The library's own AES-256-GCM call of ipsec-mb, one packet after the other, as a program calls it
// that takes packets as they come: nonce, call, next. What Backend's runs of 64 gain on it is seen
// by comparing the two.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/frame.hh"

namespace lanes::bench {

class LibraryCall {
  public:
    LibraryCall();
    ~LibraryCall();
    /// Whether this build and this machine have it.
    bool there() const noexcept { return state_ != nullptr; }

    /// Clocks for one call on each of `frames`, whose len is that of the text, placed as the
    /// pipeline has them. For timing only: when it opens, no tag is compared.
    std::uint64_t seal(std::span<const engine::Frame> frames);
    std::uint64_t open(std::span<const engine::Frame> frames);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lanes::bench
