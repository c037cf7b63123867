// ReplayJudge: what the sink thinks of a frame while a capture is replayed. Its frames can be of
// any protocol, so only what lies behind the IP header (or behind the EtherType, of other
// protocols) is compared; a router may change the rest. The sequence number in the stamp says which
// frame of the capture it should be. A frame of which neither the stamp nor the payload is as it
// was cannot be told from other traffic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/traffic/replay.hh"
#include "bench/traffic/stamp.hh"
#include "bench/traffic/verdict.hh"

namespace lanes::bench {

/// Hash of what lies between the headers of a captured frame and the stamp at its end.
std::uint64_t hash_replayed(std::span<const std::byte> frame, std::uint64_t seed) noexcept;

class ReplayJudge {
  public:
    ReplayJudge(const Replay& replay, std::uint64_t seed);

    /// As FrameJudge::judge().
    Verdict judge(std::span<const std::byte> frame, Stamp& stamp) const noexcept;

  private:
    std::uint64_t seed_;
    std::vector<std::uint64_t> hashes_;  ///< in the order of the capture
    std::vector<std::uint64_t> sorted_;
};

}  // namespace lanes::bench
