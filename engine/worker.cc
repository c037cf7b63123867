// See worker.hh. The thread's whole life is in loop(); everything that may sleep is in sleep().
#include "engine/worker.hh"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "engine/clock.hh"

namespace lanes::engine {
namespace {

/// How long an adaptive worker spins after the last frame: longer than the gap between packets of
/// a busy flow, much shorter than what a person would call load.
constexpr std::uint64_t spin_ns = 100'000;
/// Empty rounds between two looks at the clock.
constexpr unsigned rounds_per_look = 32;
/// A descriptor that is watched costs the kernel a call for each frame it hands over, whether or
/// not anybody sleeps. After so many rounds with frames and no sleep the worker watches none.
constexpr unsigned rounds_watched = 64;
/// How long stop() lets a worker empty its queues.
constexpr std::uint64_t drain_ns = 200'000'000;
/// Rounds without a frame after which a draining worker takes its queues for empty.
constexpr unsigned drain_rounds = 64;

}  // namespace

std::uint64_t Program::next_serial() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

Worker::Worker(unsigned index, unsigned core, PollMode poll, Quiescent& quiescent)
    : index_(index), core_(core), poll_(poll), quiescent_(quiescent) {
    LANES_CHECK(index < workers_max);
}

Worker::~Worker() {
    stop();
    if (wake_fd_ >= 0) ::close(wake_fd_);
    if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

Result<void> Worker::start() {
    const std::string who = "worker " + std::to_string(index_);
    wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd_ < 0) return system_error(errno, who + ": eventfd");
    thread_ = std::thread([this] { loop(); });
    char name[16];
    std::snprintf(name, sizeof name, "worker-%u", index_);
    ::pthread_setname_np(thread_.native_handle(), name);
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core_, &cores);
    const int failed = ::pthread_setaffinity_np(thread_.native_handle(), sizeof cores, &cores);
    if (failed != 0) {
        stop();
        return system_error(failed, who + ": pin to core " + std::to_string(core_) +
                                        " (see `lscpu --extended` for the cores there are)");
    }
    return {};
}

Worker::Place Worker::hold_core() noexcept {
    if (!thread_.joinable()) return Place::own_core;
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(core_, &own);
    cpu_set_t found;
    const pthread_t thread = thread_.native_handle();
    if (::pthread_getaffinity_np(thread, sizeof found, &found) != 0) return Place::own_core;
    if (CPU_EQUAL(&found, &own)) return Place::own_core;
    const bool back = ::pthread_setaffinity_np(thread, sizeof own, &own) == 0;
    return back ? Place::brought_back : Place::elsewhere;
}

void Worker::stop() noexcept {
    if (!thread_.joinable()) return;
    stopping_.store(true, std::memory_order_release);
    ::eventfd_write(wake_fd_, 1);
    thread_.join();
}

void Worker::publish(const Program* program) noexcept {
    program_.store(program, std::memory_order_release);
    if (wake_fd_ >= 0) ::eventfd_write(wake_fd_, 1);
}

void Worker::loop() noexcept {
    quiescent_.online(index_);
    while (!stopping_.load(std::memory_order_acquire)) {
        // Here and nowhere else: whatever the last round looked at, this one looks at it afresh.
        quiescent_.announce(index_);
        const Program* program = program_.load(std::memory_order_acquire);
        if (program == nullptr) {
            static const Program nothing;
            program = &nothing;
        }
        if (serve(*program) == 0) {
            idle(*program);
        } else {
            idle_rounds_ = 0;
            if (++served_rounds_ == rounds_watched) unwatch();
        }
    }
    drain();
    quiescent_.offline(index_);
}

unsigned Worker::round() noexcept {
    const Program* program = program_.load(std::memory_order_acquire);
    return program == nullptr ? 0 : serve(*program);
}

unsigned Worker::serve(const Program& program) noexcept {
    if (phases_.load(std::memory_order_relaxed) == Phases::ignored) [[likely]] {
        return serve(program, nullptr);
    }
    PhaseClock clock;
    clock.start(Phase::receive);
    const unsigned received = serve(program, &clock);
    clock.enter(Phase::receive);
    if (received == 0) return 0;
    for (std::size_t i = 0; i < phase_count; ++i) counters_.ticks[i].add(clock.spent()[i]);
    return received;
}

unsigned Worker::serve(const Program& program, PhaseClock* phases) noexcept {
    unsigned received = 0;
    Burst burst;
    for (const Program::Input& input : program.inputs) {
        burst.clear();
        const unsigned n = input.queue->receive(burst, counters_);
        if (n == 0) continue;
        received += n;
        std::uint64_t bytes = 0;
        for (const Frame& frame : burst) bytes += frame.len;
        QueueCounters& seen = input.queue->counters;
        seen.frames.add(n);
        seen.bytes.add(bytes);
        seen.bursts.add(1);
        counters_.received.add(n);
        WorkerContext context{index_, counters_, monotonic_ns(), phases};
        {
            const InPhase classify(phases, Phase::classify);
            input.stage->run(context, *input.queue, burst);
        }
        input.queue->release(burst);
    }
    counters_.rounds.add(1);
    if (received != 0) {
        const InPhase transmit(phases, Phase::transmit);
        for (TxQueue* queue : program.outputs) queue->flush(counters_);
    } else {
        counters_.idle.add(1);
    }
    return received;
}

void Worker::idle(const Program& program) noexcept {
    ++idle_rounds_;
    if (poll_ == PollMode::busy) {
        if (idle_rounds_ % rounds_per_look == 0) {
            for (TxQueue* queue : program.outputs) {
                if (queue->pending()) queue->flush(counters_);
            }
        }
        return relax_cpu();
    }
    if (poll_ == PollMode::sleep) return sleep(program);
    if (idle_rounds_ == 1) idle_since_ns_ = monotonic_ns();
    if (idle_rounds_ % rounds_per_look == 0 && monotonic_ns() - idle_since_ns_ > spin_ns) {
        return sleep(program);
    }
    relax_cpu();
}

void Worker::watch(const Program& program) noexcept {
    // A fresh set each time: descriptors of a former program may be closed and their numbers
    // used again.
    unwatch();
    epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd_ < 0) {
        pollable_ = false;  // out of descriptors: look once a millisecond, and try again
        lacks_descriptors_.store(true, std::memory_order_relaxed);
        return;
    }
    const auto add = [this](int fd) noexcept {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        return fd >= 0 && ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
    };
    pollable_ = add(wake_fd_);
    for (const Program::Input& input : program.inputs) {
        if (!add(input.queue->wake_fd())) pollable_ = false;
        if (input.queue->asked_fd() >= 0 && !add(input.queue->asked_fd())) pollable_ = false;
    }
    watched_ = program.serial;
    lacks_descriptors_.store(false, std::memory_order_relaxed);
}

void Worker::unwatch() noexcept {
    if (epoll_fd_ >= 0) ::close(epoll_fd_);
    epoll_fd_ = -1;
    watched_ = 0;
}

// Waits for a queue or for Control; whether it was Control.
bool Worker::wait(int timeout_ms) noexcept {
    if (epoll_fd_ < 0) {
        pollfd control{wake_fd_, POLLIN, 0};
        return ::poll(&control, 1, timeout_ms) > 0;
    }
    epoll_event event{};
    return ::epoll_wait(epoll_fd_, &event, 1, timeout_ms) > 0 && event.data.fd == wake_fd_;
}

void Worker::sleep(const Program& program) noexcept {
    if (watched_ != program.serial) watch(program);
    int timeout_ms = pollable_ ? -1 : 1;
    for (TxQueue* queue : program.outputs) {
        if (queue->pending()) queue->flush(counters_);
        if (queue->pending()) timeout_ms = 1;
    }
    for (const Program::Input& input : program.inputs) {
        if (!input.queue->prepare_sleep()) return;
    }
    counters_.sleeps.add(1);
    quiescent_.offline(index_);
    const bool rung = wait(timeout_ms);
    quiescent_.online(index_);
    if (rung) {
        eventfd_t count;
        ::eventfd_read(wake_fd_, &count);
    }
    idle_rounds_ = 0;
    served_rounds_ = 0;
}

void Worker::drain() noexcept {
    const Program* program = program_.load(std::memory_order_acquire);
    if (program == nullptr) return;
    const std::uint64_t deadline = monotonic_ns() + drain_ns;
    for (unsigned empty = 0; empty < drain_rounds && monotonic_ns() < deadline;) {
        empty = serve(*program) == 0 ? empty + 1 : 0;
    }
    bool pending = true;
    while (pending && monotonic_ns() < deadline) {
        pending = false;
        for (TxQueue* queue : program->outputs) {
            queue->flush(counters_);
            pending = pending || queue->pending();
        }
    }
}

}  // namespace lanes::engine
