// Churn: what happens to nodes while they are soaked: they read their files again, and lanes come
// and go. Churn says when, by any clock; ChurnThread does it beside the traffic.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

#include "bench/traffic/open_bed.hh"

namespace lanes::bench {

class Churn {
  public:
    /// Every `reload_every` seconds a reload (0: none); every second `lanes` more lanes, or those
    /// gone again (0: none).
    Churn(Nodes& nodes, double reload_every, unsigned lanes)
        : nodes_(nodes), reload_every_(reload_every), lanes_(lanes) {}

    /// Does what is due `seconds` after the beginning. What was missed is not made up for. Throws.
    void step(double seconds);

    std::uint64_t reloads() const noexcept { return reloads_.load(std::memory_order_relaxed); }
    std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_relaxed); }

  private:
    Nodes& nodes_;
    const double reload_every_;
    const unsigned lanes_;
    double next_reload_ = 0;
    double next_change_ = 0;
    bool there_ = false;  ///< the extra lanes are
    /// Writer: whoever calls step(), relaxed; readers: anybody, relaxed.
    std::atomic<std::uint64_t> reloads_{0};
    std::atomic<std::uint64_t> changes_{0};
};

class ChurnThread {
  public:
    explicit ChurnThread(Churn& churn);
    ~ChurnThread();
    ChurnThread(const ChurnThread&) = delete;
    ChurnThread& operator=(const ChurnThread&) = delete;

    /// Throws what step() threw; the thread has ended then.
    void check();

  private:
    void loop();

    Churn& churn_;
    std::mutex mutex_;  ///< of what follows
    std::condition_variable wake_;
    bool stopping_ = false;
    std::exception_ptr error_;
    std::thread thread_;
};

}  // namespace lanes::bench
