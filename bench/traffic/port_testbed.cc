// See port_testbed.hh. One Bench holds generator and sink; a trial steps them in turn in the
// caller's thread (SteppedTime), or each in a thread of its own (trial_threads.hh). What both
// counted becomes a Trial here, and here alone.
#include "bench/traffic/port_testbed.hh"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bench/traffic/frames.hh"
#include "bench/traffic/generator.hh"
#include "bench/traffic/profile_check.hh"
#include "bench/traffic/sink.hh"
#include "bench/traffic/trial_threads.hh"

namespace lanes::bench {
namespace {

constexpr double calibration_seconds = 0.5;

std::uint64_t to_ns(double seconds) {
    return static_cast<std::uint64_t>(std::llround(seconds * 1e9));
}

/// The profile, checked, with the MAC addresses that it left to the ports.
Profile complete(Profile profile, engine::Port& from, engine::Port& to) {
    check_profile(profile, from, to);
    const engine::MacAddress none;
    if (profile.source_mac == none) profile.source_mac = from.info().mac;
    if (profile.destination_mac == none) profile.destination_mac = to.info().mac;
    return profile;
}

/// Where a trial of this testbed starts counting: trials of other processes rarely have the same.
std::uint8_t first_tag(std::uint64_t seed, std::uint64_t now_ns) {
    const std::uint64_t mixed = (seed ^ now_ns) * 0x9e3779b97f4a7c15u;  // Knuth's golden ratio
    return static_cast<std::uint8_t>(mixed >> 56);
}

std::vector<engine::TxQueue*> tx_queues(engine::Port& port, unsigned count) {
    std::vector<engine::TxQueue*> queues;
    for (unsigned i = 0; i < count; ++i) queues.push_back(&port.tx(i));
    return queues;
}

std::vector<engine::RxQueue*> rx_queues(engine::Port& port, unsigned count) {
    std::vector<engine::RxQueue*> queues;
    for (unsigned i = 0; i < count; ++i) queues.push_back(&port.rx(i));
    return queues;
}

}  // namespace

class PortTestbed::Bench {
  public:
    Bench(engine::Port& from, engine::Port& to, const Profile& profile, const Cores& cores,
          SteppedTime* stepped, const Queues& queues)
        : from_(from),
          to_(to),
          profile_(complete(profile, from, to)),
          cores_(cores),
          stepped_(stepped),
          maker_(profile_, from.info().kind),
          generator_(tx_queues(from, queues.from), maker_, profile_, time()),
          sink_(rx_queues(to, queues.to), to.info().kind, profile_, time()),
          tag_(first_tag(profile.seed, time().now_ns())) {}

    Trial trial(const Offer& offer) {
        const engine::DeviceLoss from_before = from_.loss();
        const engine::DeviceLoss to_before = to_.loss();
        const std::uint64_t epoch_ns = time().now_ns();
        ++tag_;
        sink_.begin(tag_, epoch_ns);
        generator_.begin(offer, tag_, epoch_ns);
        if (stepped_ != nullptr) {
            generator_.start(epoch_ns);
            step();
        } else {
            stop_.store(false, std::memory_order_relaxed);
            run_trial_threads({generator_, sink_, real_time_, stop_}, cores_, watcher_);
        }
        Trial trial = collect(offer.rate_pps);
        const std::uint64_t unsent = from_.loss().tx_lost - from_before.tx_lost;
        settle(trial, unsent, to_.loss().rx_lost - to_before.rx_lost);
        return trial;
    }

    const Profile& profile() const noexcept { return profile_; }
    void watch(std::function<void(const Glimpse&)> watcher) { watcher_ = std::move(watcher); }
    void stop() noexcept { stop_.store(true, std::memory_order_relaxed); }

  private:
    const TimeSource& time() const noexcept {
        return stepped_ != nullptr ? static_cast<const TimeSource&>(*stepped_) : real_time_;
    }

    void drain_sink() noexcept {
        while (sink_.poll() != 0) {
        }
    }

    void step() noexcept {
        while (!generator_.done()) {
            // At a rate all that is due leaves now; as fast as possible means a burst at a time.
            unsigned sent;
            do {
                sent = generator_.poll(stepped_->now_ns());
                drain_sink();
            } while (sent != 0 && generator_.paced());
            if (!generator_.done()) stepped_->pass(generator_.due_ns());
        }
        Stragglers stragglers(stepped_->now_ns());
        drain_sink();
        while (!stragglers.over(stepped_->now_ns(), sink_.last_ns())) {
            stepped_->pass(stragglers.until_ns(sink_.last_ns()));
            drain_sink();
        }
    }

    Trial collect(double rate_pps) {
        Trial trial;
        const Tally& tally = sink_.tally();
        trial.rate_pps = rate_pps;
        trial.seconds = generator_.seconds();
        trial.sent = generator_.sent();
        trial.refused = generator_.refused();
        trial.received = tally.received;
        trial.corrupt = tally.corrupt;
        trial.duplicates = tally.duplicates;
        trial.reordered = tally.reordered;
        trial.reorder_extent = tally.reorder_extent;
        trial.foreign = sink_.foreign();
        trial.sent_bits = generator_.sent_bits();
        trial.received_bits = sink_.received_bits();
        trial.latency_ns = sink_.take_latency();
        trial.variation_ns = sink_.take_variation();
        trial.lateness_ns = generator_.take_lateness();
        return trial;
    }

    /// `unsent`: frames that the sending device took and then lost before they left;
    /// `missed`: frames that the receiving device lost before the sink could see them.
    void settle(Trial& trial, std::uint64_t unsent, std::uint64_t missed) const noexcept {
        // What arrived did leave, whatever the device says.
        const std::uint64_t doubtful = trial.sent - std::min(trial.sent, trial.received);
        unsent = std::min(unsent, doubtful);
        trial.sent -= unsent;
        trial.refused += unsent;
        const double unsent_bits = mean_frame_bits(profile_) * static_cast<double>(unsent);
        trial.sent_bits -= static_cast<std::uint64_t>(unsent_bits);
        // Copies of one frame whose stamps are gone cannot be told from several frames; there are
        // never more damaged frames than such as did not arrive whole.
        const std::uint64_t arrived = std::min(trial.received, trial.sent);
        const std::uint64_t corrupt = std::min(trial.corrupt, trial.sent - arrived);
        trial.duplicates += trial.corrupt - corrupt;
        trial.corrupt = corrupt;
        trial.lost = trial.sent - arrived - corrupt;
        trial.sink_lost = std::min(trial.lost, missed + sink_.dropped());
    }

    engine::Port& from_;
    engine::Port& to_;
    const Profile profile_;
    const Cores cores_;
    SteppedTime* const stepped_;
    const RealTime real_time_{};
    const FrameMaker maker_;
    Generator generator_;
    Sink sink_;
    std::uint8_t tag_;
    /// Writer: anybody. Reader: the generator's thread, which asks no more than "now?" (relaxed).
    std::atomic<bool> stop_{false};
    std::function<void(const Glimpse&)> watcher_;
};

PortTestbed::PortTestbed(engine::Port& from, engine::Port& to, const Profile& profile,
                         const Cores& cores, const Queues& queues)
    : bench_(std::make_unique<Bench>(from, to, profile, cores, nullptr, queues)) {}

PortTestbed::PortTestbed(engine::Port& from, engine::Port& to, const Profile& profile,
                         SteppedTime& time, const Queues& queues)
    : bench_(std::make_unique<Bench>(from, to, profile, Cores{}, &time, queues)) {}

PortTestbed::~PortTestbed() = default;

Trial PortTestbed::run(double rate_pps, double seconds) {
    if (!(rate_pps >= 0) || !std::isfinite(rate_pps)) {
        throw std::runtime_error(
            "rate: a number of frames per second, or 0 for all the port takes");
    }
    if (!(seconds > 0) || !std::isfinite(seconds)) {
        throw std::runtime_error("seconds: more than 0");
    }
    Offer offer;
    offer.rate_pps = rate_pps;
    offer.length_ns = std::max<std::uint64_t>(to_ns(seconds), 1);
    return bench_->trial(offer);
}

Trial PortTestbed::burst(std::uint64_t frames) {
    if (frames == 0) throw std::runtime_error("frames of a burst: at least 1");
    Offer offer;
    offer.frames = frames;
    return bench_->trial(offer);
}

Calibration PortTestbed::calibrate() {
    Calibration calibration;
    calibration.ceiling_pps = run(0, calibration_seconds).offered_pps();
    if (calibration.ceiling_pps <= 0) {
        throw std::runtime_error("calibration: the port that sends took no frame at all");
    }
    const Trial half = run(calibration.ceiling_pps / 2, calibration_seconds);
    calibration.lateness_p50_ns = static_cast<double>(half.lateness_ns.percentile(50));
    calibration.lateness_p99_ns = static_cast<double>(half.lateness_ns.percentile(99));
    calibration.lateness_max_ns = static_cast<double>(half.lateness_ns.max());
    return calibration;
}

double PortTestbed::frame_bits() const {
    return mean_frame_bits(bench_->profile());
}

const Profile& PortTestbed::profile() const noexcept {
    return bench_->profile();
}

void PortTestbed::watch(std::function<void(const Glimpse&)> watcher) {
    bench_->watch(std::move(watcher));
}

void PortTestbed::stop() noexcept {
    bench_->stop();
}

}  // namespace lanes::bench
