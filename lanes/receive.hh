// Receiving: from a run of lane packets of one lane to frames on the port that the lane delivers
// to. Called by the ingress stage, on whichever worker the packets reached.
#pragma once

#include <cstring>
#include <span>

#include "engine/port.hh"
#include "engine/worker.hh"
#include "lanes/egress.hh"
#include "lanes/lane.hh"
#include "lanes/reassembly.hh"
#include "lanes/workshop.hh"

namespace lanes {

/// A lane packet within a received frame.
struct LanePacket {
    engine::Frame* frame = nullptr;
    std::byte* data = nullptr;  ///< its 16-byte header
    std::uint32_t len = 0;
    wire::Type type{};  ///< data, or an announcement of the right length
    std::uint8_t epoch = 0;
    std::uint16_t subspace = 0;
    std::uint64_t sequence = 0;

    /// Type, epoch and subspace as one word: equal for packets of one key.
    std::uint32_t group() const noexcept {
        std::uint32_t word;
        std::memcpy(&word, data, sizeof word);
        return word;
    }
};

/// Delivers `packets` (at most burst_max) of `lane`. `memory` is that of the queue they came from.
void receive_run(engine::WorkerContext& worker, Workshop& workshop,
                 const engine::FrameMemory* memory, Lane& lane, const Plan& plan,
                 std::span<const LanePacket> packets, Reassembly& reassembly) noexcept;

}  // namespace lanes
