// DpdkRx: one receive queue of a dpdk port. There is no descriptor to sleep on: a worker that
// sleeps looks every millisecond. What concerns the port alone, the queue has answered by its
// station.
#pragma once

#include <cstdint>
#include <memory>

#include "drivers/dpdk/pool.hh"
#include "drivers/station/station.hh"
#include "engine/port.hh"

namespace lanes::drivers {

class DpdkRx final : public engine::RxQueue {
  public:
    /// Queue `queue` of device `device`. `station` answers through `tx`; nullptr: nobody does.
    DpdkRx(std::uint16_t device, std::uint16_t queue, MbufPool& pool, Station* station,
           engine::TxQueue& tx) noexcept
        : device_(device), queue_(queue), pool_(pool), station_(station), tx_(tx) {}

    unsigned receive(engine::Burst& burst, engine::WorkerCounters& worker) noexcept override;
    void release(engine::Burst& burst) noexcept override;
    engine::FrameMemory* memory() const noexcept override { return &pool_; }

  private:
    void poll(engine::Burst& burst, engine::WorkerCounters& worker) noexcept;
    void serve(engine::Burst& burst, unsigned first, engine::WorkerCounters& worker) noexcept;

    const std::uint16_t device_;
    const std::uint16_t queue_;
    MbufPool& pool_;
    Station* station_;
    engine::TxQueue& tx_;
};

}  // namespace lanes::drivers
