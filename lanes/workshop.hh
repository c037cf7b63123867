// Workshop: what a worker has for sealing and opening, all its own: a cipher backend, which is
// state of one thread; a bench, where packets of lanes with several paths are sealed once before
// they are copied to each; and its notes to Control.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "crypto/aead.hh"
#include "engine/limits.hh"
#include "engine/region.hh"
#include "engine/result.hh"
#include "lanes/notes.hh"

namespace lanes {

struct alignas(engine::cache_line) Workshop {
    /// A burst of packets of 4 KiB; longer ones go by fewer at a time, one always fits.
    static constexpr std::size_t bench_bytes = engine::burst_max * std::size_t{4096};
    static_assert(bench_bytes > engine::frame_bytes_max + engine::cache_line);

    std::unique_ptr<crypto::Backend> backend;
    engine::Region bench;
    Notes notes;
    unsigned workers = 1;  ///< of the node
};

/// Packets of up to `len` bytes that go through the cipher at a time: few enough that what was
/// written before it is still in the first-level cache behind it, enough to fill the lanes of a
/// vector unit.
constexpr unsigned cipher_run(std::uint32_t len) noexcept {
    return len <= 512 ? engine::burst_max : engine::burst_max / 4;
}

using Workshops = std::vector<std::unique_ptr<Workshop>>;

/// One for each of `workers`, with the backend of that name.
engine::Result<Workshops> open_workshops(unsigned workers, const std::string& backend);

}  // namespace lanes
