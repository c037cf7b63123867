// ScenarioTestbed: the Testbed that open_bed() gives out: two ports opened for a scenario and the
// PortTestbed on them. `run` uses it directly, because it reads the file itself to let its command
// line override parts of it, and wants to watch and to stop trials.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "bench/traffic/open_bed.hh"
#include "bench/traffic/port_testbed.hh"
#include "bench/traffic/scenario.hh"

namespace lanes::bench {

class ScenarioTestbed final : public Testbed {
  public:
    /// `to` is nullptr where one port is both.
    ScenarioTestbed(std::unique_ptr<engine::Port> from, std::unique_ptr<engine::Port> to,
                    Profile profile, const Cores& cores, const Queues& queues);

    Trial run(double rate_pps, double seconds) override { return bed_->run(rate_pps, seconds); }
    Trial burst(std::uint64_t frames) override { return bed_->burst(frames); }
    Calibration calibrate() override { return bed_->calibrate(); }
    double frame_bits() const override { return bed_->frame_bits(); }
    void set_sizes(std::span<const SizeShare> sizes) override;

    /// See PortTestbed.
    void watch(std::function<void(const Glimpse&)> watcher);
    void stop() noexcept { bed_->stop(); }

  private:
    void make_bed();

    std::unique_ptr<engine::Port> from_;
    std::unique_ptr<engine::Port> to_;
    Profile profile_;
    Cores cores_;
    Queues queues_;
    std::function<void(const Glimpse&)> watcher_;
    std::unique_ptr<PortTestbed> bed_;  ///< closed before the ports are
};

/// Opens `loaded`, which may have errors: then, and for whatever else is wrong, it throws
/// std::runtime_error with all of it, one line each. Its testbed is a ScenarioTestbed.
Bed open_scenario(LoadedScenario& loaded);

}  // namespace lanes::bench
