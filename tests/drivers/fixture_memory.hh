// The memory driver under the contract test: the far side is the other end of the wire.
#pragma once

#include <cstring>

#include "tests/drivers/fixture.hh"

namespace lanes::test {

class MemoryFixture : public Fixture {
  public:
    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        incoming_ = std::move(incoming);
        queues_ = queues;
        engine::PortSpec spec;
        spec.name = "near";
        spec.driver = "memory";
        static unsigned wires = 0;
        spec.device = "contract" + std::to_string(wires++);
        auto near = drivers::open_memory(spec, queues);
        spec.name = "far";
        auto far = drivers::open_memory(spec, queues);
        if (!far) return far.error();
        far_ = std::move(*far);
        return near;
    }

    void inject(std::size_t first, std::size_t count) override {
        for (std::size_t i = first; i < first + count; ++i) {
            const Bytes& frame = incoming_[i];
            const std::uint32_t flow = frame.size() < marked_len_min ? 0 : mark_of(frame).flow;
            engine::TxQueue& queue = far_->tx(flow % queues_);
            engine::Frame room;
            if (queue.claim({&room, 1}, static_cast<std::uint32_t>(frame.size())) != 1) return;
            std::memcpy(room.data, frame.data(), frame.size());
            room.len = static_cast<std::uint32_t>(frame.size());
            queue.send({&room, 1}, counters_);
            queue.flush(counters_);
        }
    }

    std::vector<Bytes> collect(std::size_t count) override {
        std::vector<Bytes> got;
        const std::size_t most = count == 0 ? ~std::size_t{0} : count;
        for (unsigned queue = 0; queue < queues_; ++queue) {
            // The wire delivers at once, so an empty queue stays empty.
            while (got.size() < most) {
                engine::Burst burst;
                if (far_->rx(queue).receive(burst, counters_) == 0) break;
                for (const engine::Frame& frame : burst) {
                    got.emplace_back(frame.data, frame.data + frame.len);
                }
                far_->rx(queue).release(burst);
            }
        }
        return got;
    }

  private:
    std::vector<Bytes> incoming_;
    unsigned queues_ = 0;
    std::unique_ptr<engine::Port> far_;
    engine::WorkerCounters counters_;
};

}  // namespace lanes::test
