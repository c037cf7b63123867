// WrittenLines: which cache lines of this process each of two workers writes, found by looking: the
// process is frozen by fork() before and after a round of one of them, and the two copies are
// compared line by line. The workers run on threads of their own, in turn, so that their stacks are
// apart; what the test's own thread writes meanwhile is found in a round in which nobody works, and
// left out.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <thread>

namespace lanes::test {

class WrittenLines {
  public:
    using Lines = std::set<std::uintptr_t>;  ///< addresses of cache lines

    WrittenLines();
    ~WrittenLines();
    WrittenLines(const WrittenLines&) = delete;
    WrittenLines& operator=(const WrittenLines&) = delete;

    /// Why this machine, or this build, does not let it look; empty: it does.
    std::string unavailable();

    /// Runs `work` on thread `worker`, 0 or 1, and adds what was written to that worker's lines.
    void watch(unsigned worker, const std::function<void()>& work);
    const Lines& of(unsigned worker) const { return lines_[worker]; }
    /// Lines that both wrote.
    Lines shared() const;

  private:
    struct alignas(64) Turn {
        std::atomic<const std::function<void()>*> work{nullptr};
        std::atomic<bool> ends{false};
    };
    static void serve(Turn& turn);
    Lines changed(const std::function<void()>& work);

    std::array<Turn, 2> turns_;
    std::array<Lines, 2> lines_;
    Lines noise_;
    std::array<std::thread, 2> threads_;
};

}  // namespace lanes::test
