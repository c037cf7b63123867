// See churn.hh.
#include "bench/soak/churn.hh"

#include <chrono>
#include <cmath>

namespace lanes::bench {
namespace {

constexpr double change_every = 1;
constexpr auto look_every = std::chrono::milliseconds(50);

/// Whether something that comes every `every` seconds is due; puts `next` behind `now` then.
bool due(double now, double every, double& next) {
    if (now < next) return false;
    next = every * (std::floor(now / every) + 1);
    return true;
}

}  // namespace

void Churn::step(double seconds) {
    if (lanes_ > 0 && due(seconds, change_every, next_change_)) {
        there_ = !there_;
        nodes_.set_extra_lanes(there_ ? lanes_ : 0);
        changes_.fetch_add(1, std::memory_order_relaxed);
    }
    if (reload_every_ > 0 && due(seconds, reload_every_, next_reload_)) {
        nodes_.reload();
        reloads_.fetch_add(1, std::memory_order_relaxed);
    }
}

ChurnThread::ChurnThread(Churn& churn) : churn_(churn), thread_([this] { loop(); }) {}

ChurnThread::~ChurnThread() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void ChurnThread::check() {
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
}

void ChurnThread::loop() {
    const auto begin = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, look_every, [this] { return stopping_; })) {
        lock.unlock();
        std::exception_ptr error;
        try {
            const std::chrono::duration<double> past = std::chrono::steady_clock::now() - begin;
            churn_.step(past.count());
        } catch (...) {
            error = std::current_exception();
        }
        lock.lock();
        error_ = error;
        if (error_) return;
    }
}

}  // namespace lanes::bench
