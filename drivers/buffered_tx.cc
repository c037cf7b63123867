// See buffered_tx.hh. A slot's number is the token of its frame.
#include "drivers/buffered_tx.hh"

#include <algorithm>

namespace lanes::drivers {

unsigned BufferedTx::claim(std::span<engine::Frame> room, std::uint32_t len) noexcept {
    if (len > max_len()) return 0;
    const auto count =
        static_cast<unsigned>(std::min<std::size_t>(room.size(), frames_max - next_slot_));
    for (unsigned i = 0; i < count; ++i) room[i] = slots_.frame(next_slot_ + i, max_len());
    return count;
}

void BufferedTx::send(std::span<const engine::Frame> frames,
                      engine::WorkerCounters& worker) noexcept {
    for (const engine::Frame& frame : frames) {
        waiting_[count_++] = frame;
        next_slot_ = static_cast<unsigned>(frame.token) + 1;
    }
    if (frames_max - next_slot_ < engine::burst_max) flush(worker);
}

void BufferedTx::flush(engine::WorkerCounters& worker) noexcept {
    if (count_ == 0) return;
    counters.bursts.add(1);
    transmit({waiting_.data(), count_}, worker);
    count_ = 0;
    next_slot_ = 0;
}

}  // namespace lanes::drivers
