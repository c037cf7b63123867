// See measure.hh.
#include "bench/pipeline/measure.hh"

#include <algorithm>
#include <stdexcept>

#include "bench/clocks.hh"
#include "bench/pipeline/cipher.hh"
#include "bench/pipeline/crew.hh"
#include "bench/pipeline/peace.hh"
#include "bench/statistics.hh"
#include "engine/clock.hh"
#include "lanes/wire.hh"

namespace lanes::bench {
namespace {

/// Trials in which phases are timed: each is a trial that says nothing else, and fewer do.
constexpr unsigned phase_trials = 7;
/// How often trials are begun again, at most: so often for each that was wanted, and a few are not
/// all lost to one bad moment.
constexpr unsigned attempts_per_trial = 4;
constexpr unsigned attempts_min = 100;

/// The cipher alone, on packets like those of the pipeline.
std::unique_ptr<BareCipher> bare_cipher(const Case& options) {
    if (!options.sealed()) return nullptr;
    const auto suite = options.suite == "aes-256-gcm" ? crypto::Suite::aes_256_gcm
                                                      : crypto::Suite::chacha20_poly1305;
    const auto way = options.path == PathKind::seal ? BareCipher::Way::seal : BareCipher::Way::open;
    std::vector<std::uint32_t> lens;
    for (const std::uint32_t size : options.sizes.cycle) lens.push_back(size + wire::inner_bytes);
    return std::make_unique<BareCipher>(options.backend, suite, way, lens,
                                        std::max(2048u, options.sizes.largest() + 256));
}

class Measurement {
  public:
    Measurement(const Case& options, const Effort& effort)
        : options_(options), effort_(effort), bed_(make_node_bed(options)) {
        for (unsigned i = 0; i < options.workers; ++i) {
            loops_.push_back(std::make_unique<LaneLoop>(*bed_, options, i));
        }
        crew_ = std::make_unique<Crew>(loops_, effort.cores);
        bare_ = bare_cipher(options);
    }

    Measured run(const std::function<void(const Sight&)>& watch) {
        crew_->run(std::min(effort_.bursts, 256u));  // caches, branch predictors, pages
        const std::uint64_t start_ns = engine::monotonic_ns();
        const std::uint64_t start_clock = read_clock();
        const unsigned attempts = attempts_for(effort_.trials);
        for (unsigned i = 0; i < attempts && result_.clocks.size() < effort_.trials; ++i) {
            watch({static_cast<unsigned>(result_.clocks.size()),
                   result_.clocks.empty() ? 0 : result_.clocks.back(), lost()});
            trial();
        }
        const auto spent_clocks = static_cast<double>(read_clock() - start_clock);
        const auto spent_ns = static_cast<double>(engine::monotonic_ns() - start_ns);
        result_.ticks_per_ns = spent_clocks / spent_ns;
        if (result_.clocks.empty()) give_up(attempts);
        time_phases();
        if (options_.sealed()) result_.backend = bed_->nodes[bed_->measured]->backend();
        result_.lost = lost();
        return std::move(result_);
    }

  private:
    std::uint64_t lost() const {
        std::uint64_t sum = 0;
        for (const auto& loop : loops_) sum += loop->lost();
        return sum;
    }

    static unsigned attempts_for(unsigned trials) {
        return std::max(attempts_min, trials * attempts_per_trial);
    }

    [[noreturn]] static void give_up(unsigned attempts) {
        throw std::runtime_error("not one of " + std::to_string(attempts) +
                                 " trials was undisturbed: other programs or the hypervisor "
                                 "take the processor; give it a core (--cores, taskset) or a "
                                 "real-time priority (chrt -f 20)");
    }

    double packets() const { return static_cast<double>(effort_.bursts) * engine::burst_max; }

    /// Returns whether nobody else took the processor meanwhile.
    static bool undisturbed(const std::vector<Crew::Turn>& turns) {
        return std::none_of(turns.begin(), turns.end(),
                            [](const Crew::Turn& turn) { return turn.disturbed; });
    }

    /// The pipeline and, right behind it, the cipher alone: both count, or neither.
    void trial() {
        const std::vector<Crew::Turn>& turns = crew_->run(effort_.bursts);
        bool good = undisturbed(turns);
        double run = 0;
        double call = 0;
        if (bare_ && good) {
            good = in_peace([&] {
                run = static_cast<double>(bare_->run(effort_.bursts)) / packets();
                call = static_cast<double>(bare_->run_library(effort_.bursts)) / packets();
            });
        }
        if (!good) {
            ++result_.trials_discarded;
            return;
        }
        double clocks = 0;
        double rate = 0;
        for (const Crew::Turn& turn : turns) {
            const double each = static_cast<double>(turn.clocks) / packets();
            clocks += each / static_cast<double>(turns.size());
            rate += 1 / each;
        }
        result_.clocks.push_back(clocks);
        result_.packets_per_clock.push_back(rate);
        if (run != 0) result_.run_clocks.push_back(run);
        if (call != 0) result_.call_clocks.push_back(call);
    }

    /// Means over workers, medians over trials that nobody disturbed, as in all other trials: time
    /// that was taken away in the middle of a phase would be that phase's.
    void time_phases() {
        std::array<std::vector<double>, engine::phase_count> seen;
        for (auto& loop : loops_) loop->time_phases(engine::Worker::Phases::timed);
        const unsigned wanted = std::min(phase_trials, effort_.trials);
        const unsigned attempts = attempts_for(wanted);
        for (unsigned i = 0; i < attempts && seen[0].size() < wanted; ++i) {
            const auto before = phase_ticks();
            const bool good = undisturbed(crew_->run(effort_.bursts));
            const auto after = phase_ticks();
            if (!good) {
                ++result_.trials_discarded;
                continue;
            }
            for (std::size_t phase = 0; phase < engine::phase_count; ++phase) {
                seen[phase].push_back(static_cast<double>(after[phase] - before[phase]) /
                                      (packets() * options_.workers));
            }
        }
        if (seen[0].empty()) give_up(attempts);
        for (auto& loop : loops_) loop->time_phases(engine::Worker::Phases::ignored);
        for (std::size_t phase = 0; phase < engine::phase_count; ++phase) {
            result_.phases[phase] = median(seen[phase]);
        }
    }

    std::array<std::uint64_t, engine::phase_count> phase_ticks() {
        std::array<std::uint64_t, engine::phase_count> sum{};
        for (unsigned i = 0; i < options_.workers; ++i) {
            const auto& ticks = bed_->measured_worker(i).counters().ticks;
            for (std::size_t phase = 0; phase < sum.size(); ++phase)
                sum[phase] += ticks[phase].get();
        }
        return sum;
    }

    const Case& options_;
    const Effort& effort_;
    std::unique_ptr<NodeBed> bed_;
    std::vector<std::unique_ptr<LaneLoop>> loops_;
    std::unique_ptr<Crew> crew_;
    std::unique_ptr<BareCipher> bare_;
    Measured result_;
};

}  // namespace

Measured measure(const Case& options, const Effort& effort,
                 const std::function<void(const Sight&)>& watch) {
    return Measurement(options, effort).run(watch);
}

}  // namespace lanes::bench
