// Counts: where each packet that was handed to a receiver has ended. One of these for each, no
// more and no less.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>

namespace lanes::sim {

// The verdicts stand first and in the order of Acceptor::Verdict.
#define LANES_SIM_ENDS(X) \
    X(accepted)           \
    X(repeat)             \
    X(stale)              \
    X(bad_mac)            \
    X(rate_limited)       \
    X(bad_auth)           \
    X(clock)              \
    X(wrong_terms)        \
    X(delivered)          \
    X(heartbeat)          \
    X(malformed_packet)   \
    X(unknown_lane)       \
    X(no_session)         \
    X(bad_subspace)       \
    X(replay_old)         \
    X(replay_duplicate)   \
    X(not_authentic)      \
    X(malformed_inner)    \
    X(bad_padding)        \
    X(unknown_kind)

enum class End : std::uint8_t {
#define LANES_SIM_END(name) name,
    LANES_SIM_ENDS(LANES_SIM_END)
#undef LANES_SIM_END
};

inline constexpr std::array<std::string_view, 20> end_names = {
#define LANES_SIM_END(name) #name,
    LANES_SIM_ENDS(LANES_SIM_END)
#undef LANES_SIM_END
};

class Counts {
  public:
    bool operator==(const Counts&) const = default;
    void add(End end) noexcept { ++counts_[static_cast<std::size_t>(end)]; }
    void add(const Counts& more) noexcept {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += more.counts_[i];
    }
    std::uint64_t get(End end) const noexcept { return counts_[static_cast<std::size_t>(end)]; }
    std::uint64_t sum() const noexcept {
        return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
    }

  private:
    std::array<std::uint64_t, end_names.size()> counts_{};
};

}  // namespace lanes::sim
