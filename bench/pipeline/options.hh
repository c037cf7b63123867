// What `lanes-bench pipeline` measures: one Case per row, made from lists of options.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lanes::bench {

enum class PathKind : std::uint8_t {
    patch,          ///< port to port, as it is
    clear,          ///< sending half of a clear lane
    receive,        ///< receiving half of a clear lane
    seal,           ///< sending half of a sealed lane
    open,           ///< receiving half of a sealed lane
    open_replayed,  ///< the same, of packets that it has received before
    open_forged,    ///< the same, of packets with one bit changed
    relay,          ///< lane packets from one carrier to another, unopened
};

/// As the command line has it: `open-replayed`.
std::string_view name_of(PathKind path) noexcept;
/// All of them, in order.
const std::vector<std::string>& path_names();
PathKind path_of(std::string_view name);

/// Frame sizes in bytes, without FCS, each in turn.
struct Sizes {
    std::string name;                  ///< "64", "imix"
    std::vector<std::uint32_t> cycle;  ///< in the order in which frames have them
    std::uint32_t largest() const;
    double mean() const;
};

/// A number from 64 to 9000, or `imix`: 28 x 64, 16 x 570, 4 x 1518 in a fixed shuffled order.
/// Throws std::runtime_error.
Sizes sizes_of(const std::string& name);

struct Case {
    PathKind path = PathKind::clear;
    Sizes sizes;
    std::string suite = "aes-256-gcm";  ///< of sealed paths; or chacha20-poly1305
    std::string backend = "auto";       ///< of sealed paths; or ipsec-mb, libsodium
    unsigned workers = 1;
    unsigned lanes = 1;  ///< in the tables; each frame picks one at random
    unsigned rules = 0;  ///< further match rules, which take none of the frames

    bool sealed() const noexcept;
    /// Has a receiving node behind the sending one that is looked at.
    bool receives() const noexcept;
};

/// How long to measure.
struct Effort {
    unsigned trials = 31;
    unsigned bursts = 4096;       ///< of 64 frames, per worker and trial
    std::vector<unsigned> cores;  ///< of the workers; empty: where the caller runs, or 0, 1, ...
};

}  // namespace lanes::bench
