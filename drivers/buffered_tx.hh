// BufferedTx: the transmit queue of devices that take frames by system call (tap, tun, udp, pcap).
// A claim hands out slots of the queue's own memory, send() remembers which of them go out, and
// flush() gives them to the device all at once. There are two bursts of slots: when fewer than one
// burst is left, send() flushes by itself, so a claim of one burst never finds the queue full.
#pragma once

#include <array>
#include <span>

#include "drivers/slots.hh"
#include "engine/port.hh"

namespace lanes::drivers {

class BufferedTx : public engine::TxQueue {
  public:
    /// Most frames that one transmit() gets.
    static constexpr unsigned frames_max = 2 * engine::burst_max;

    unsigned claim(std::span<engine::Frame> room, std::uint32_t len) noexcept final;
    void send(std::span<const engine::Frame> frames, engine::WorkerCounters& worker) noexcept final;
    void flush(engine::WorkerCounters& worker) noexcept final;
    std::uint32_t max_len() const noexcept final { return slots_.frame_bytes(); }

  protected:
    /// `slots` has frames_max slots; their size is max_len().
    explicit BufferedTx(Slots slots) noexcept : slots_(std::move(slots)) {}

    /// Gives `frames` (1 to frames_max) to the device and counts each as sent or dropped.
    virtual void transmit(std::span<const engine::Frame> frames,
                          engine::WorkerCounters& worker) noexcept = 0;

    void count_sent(std::uint64_t frames, std::uint64_t bytes,
                    engine::WorkerCounters& worker) noexcept {
        worker.sent.add(frames);
        counters.frames.add(frames);
        counters.bytes.add(bytes);
    }

  private:
    Slots slots_;
    unsigned next_slot_ = 0;  ///< slots before this one are in waiting_, or were left out
    unsigned count_ = 0;
    std::array<engine::Frame, frames_max> waiting_;
};

}  // namespace lanes::drivers
