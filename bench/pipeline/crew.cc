// See crew.hh.
#include "bench/pipeline/crew.hh"

#include <stdexcept>
#include <string>

#include "bench/pipeline/peace.hh"

namespace lanes::bench {

Crew::Crew(std::vector<std::unique_ptr<LaneLoop>>& loops, std::vector<unsigned> cores)
    : loops_(loops),
      cores_(std::move(cores)),
      turns_(loops.size()),
      failures_(loops.size()),
      barrier_(static_cast<std::ptrdiff_t>(loops.size())) {
    if (!cores_.empty() && cores_.size() < loops.size()) {
        throw std::runtime_error(std::to_string(loops.size()) + " workers, but only " +
                                 std::to_string(cores_.size()) + " cores: see --cores");
    }
    if (!cores_.empty()) caller_.emplace(cores_[0]);
    for (std::size_t i = 1; i < loops.size(); ++i) threads_.emplace_back([this, i] { serve(i); });
}

Crew::~Crew() {
    bursts_ = 0;
    if (!threads_.empty()) barrier_.arrive_and_wait();
    for (std::thread& thread : threads_) thread.join();
}

void Crew::serve(std::size_t index) {
    std::optional<Pinned> here;
    try {
        if (!cores_.empty()) here.emplace(cores_[index]);
    } catch (...) {
        failures_[index] = std::current_exception();
    }
    for (;;) {
        barrier_.arrive_and_wait();  // the trial begins
        if (bursts_ == 0) return;
        if (!failures_[index]) take_turn(index);
        barrier_.arrive_and_wait();  // and is over
    }
}

void Crew::take_turn(std::size_t index) {
    try {
        Turn& turn = turns_[index];
        turn.disturbed = !in_peace([&] { turn.clocks = loops_[index]->run(bursts_); });
    } catch (...) {
        failures_[index] = std::current_exception();
    }
}

const std::vector<Crew::Turn>& Crew::run(unsigned bursts) {
    bursts_ = bursts;
    if (!threads_.empty()) barrier_.arrive_and_wait();
    take_turn(0);
    if (!threads_.empty()) barrier_.arrive_and_wait();
    for (const std::exception_ptr& failure : failures_) {
        if (failure) std::rethrow_exception(failure);
    }
    return turns_;
}

}  // namespace lanes::bench
