// What the tests of Worker share (worker_test.cc, publish_test.cc): memory ports where traffic is
// enough, and queues and stages of the test's own where the test must hold the worker at one place.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <thread>

#include "drivers/open.hh"
#include "engine/worker.hh"

namespace lanes::test {

/// Waits for `condition`, five seconds at most.
template <typename Condition>
bool soon(Condition&& condition) {
    for (unsigned i = 0; i < 5000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
}

inline std::unique_ptr<engine::Port> memory_port(const std::string& wire) {
    engine::PortSpec spec;
    spec.name = wire;
    spec.driver = "memory";
    spec.device = "worker-test-" + wire;
    auto port = drivers::open_memory(spec, 1);
    REQUIRE(port);
    return std::move(*port);
}

/// Hands every frame on to `out`.
class Forward final : public engine::Stage {
  public:
    explicit Forward(engine::TxQueue& out) : out_(out) {}
    void run(engine::WorkerContext& worker, engine::RxQueue&,
             engine::Burst& burst) noexcept override {
        index = worker.index;
        if (worker.now_ns == 0) bad_time = true;
        const unsigned taken = out_.pass(burst.frames(), worker.counters);
        for (unsigned i = 0; i < taken; ++i) burst[i].data = nullptr;
        worker.counters.drop(engine::Drop::tx_full, burst.size() - taken);
    }
    std::atomic<unsigned> index{~0u};
    std::atomic<bool> bad_time{false};

  private:
    engine::TxQueue& out_;
};

/// Two wires with a forwarding program between their near ends.
struct Bed {
    explicit Bed(const std::string& name)
        : in(memory_port(name + "-in")),
          out(memory_port(name + "-out")),
          source(memory_port(name + "-in")),
          sink(memory_port(name + "-out")),
          forward(out->tx(0)) {
        program.inputs.push_back({&in->rx(0), &forward});
        program.outputs.push_back(&out->tx(0));
    }

    void send(std::uint32_t number) {
        engine::Frame room;
        REQUIRE(source->tx(0).claim({&room, 1}, 64) == 1);
        std::memset(room.data, 0, 64);
        std::memcpy(room.data, &number, 4);
        room.len = 64;
        source->tx(0).send({&room, 1}, counters);
        source->tx(0).flush(counters);
    }

    /// Counts what arrived, and checks its order.
    std::uint32_t collect() {
        engine::Burst burst;
        while (sink->rx(0).receive(burst, counters) != 0) {
            for (const engine::Frame& frame : burst) {
                std::uint32_t number;
                std::memcpy(&number, frame.data, 4);
                REQUIRE(number == arrived++);
            }
            sink->rx(0).release(burst);
            burst.clear();
        }
        return arrived;
    }

    std::unique_ptr<engine::Port> in, out, source, sink;
    Forward forward;
    engine::Program program;
    engine::WorkerCounters counters;
    std::uint32_t arrived = 0;
};

/// Whether an epoll set of this process holds `fd` (proc(5), fdinfo).
inline bool watched(int fd) {
    const std::string wanted = std::to_string(fd);
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream info(entry.path());
        for (std::string line; std::getline(info, line);) {
            if (!line.starts_with("tfd:")) continue;
            std::string number;
            std::istringstream(line.substr(4)) >> number;
            if (number == wanted) return true;
        }
    }
    return false;
}

/// A receive queue that the test steers.
class SteeredRx final : public engine::RxQueue {
  public:
    SteeredRx()
        : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          asked_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~SteeredRx() override {
        ::close(fd_);
        ::close(asked_fd_);
    }
    unsigned receive(engine::Burst& burst, engine::WorkerCounters&) noexcept override {
        receives.fetch_add(1);
        if (waiting.load() == 0) return 0;
        waiting.fetch_sub(always ? 0 : 1);
        engine::Frame frame;
        frame.data = bytes_;
        frame.len = sizeof bytes_;
        burst.push(frame);
        return 1;
    }
    void release(engine::Burst&) noexcept override {}
    int wake_fd() const noexcept override { return with_fd ? fd_ : -1; }
    int asked_fd() const noexcept override { return asked_fd_; }
    bool prepare_sleep() noexcept override {
        if (hold) {
            held = true;
            for (unsigned i = 0; i < 300 && hold; ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            held = false;
        }
        eventfd_t count;
        ::eventfd_read(asked_fd_, &count);
        return waiting.load() == 0;
    }
    void arrive() {
        waiting.fetch_add(1);
        ::eventfd_write(fd_, 1);
    }
    /// What a Control does that has something for the queue.
    void ask() const { ::eventfd_write(asked_fd_, 1); }
    std::atomic<int> waiting{0};
    std::atomic<unsigned> receives{0};
    std::atomic<bool> always{false};
    std::atomic<bool> hold{false};
    std::atomic<bool> held{false};
    bool with_fd = true;

  private:
    int fd_;
    int asked_fd_;
    std::byte bytes_[64]{};
};

/// A transmit queue that keeps what it was given until it has been flushed `stubborn` times.
class StubbornTx final : public engine::TxQueue {
  public:
    unsigned claim(std::span<engine::Frame>, std::uint32_t) noexcept override { return 0; }
    void send(std::span<const engine::Frame>, engine::WorkerCounters&) noexcept override {}
    void flush(engine::WorkerCounters&) noexcept override {
        if (left.load() > 0) left.fetch_sub(1);
    }
    bool pending() const noexcept override { return left.load() > 0; }
    std::uint32_t max_len() const noexcept override { return 64; }
    std::atomic<int> left{0};
};

class Count final : public engine::Stage {
  public:
    void run(engine::WorkerContext& worker, engine::RxQueue&,
             engine::Burst& burst) noexcept override {
        worker.counters.drop(engine::Drop::no_lane, burst.size());
        frames.fetch_add(burst.size());
        if (tx != nullptr) tx->left = 20;
    }
    std::atomic<unsigned> frames{0};
    StubbornTx* tx = nullptr;
};

}  // namespace lanes::test
