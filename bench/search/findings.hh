// What `search` measures for one frame size, as plain values; rows.hh makes report rows of them.
// Everything goes through a Testbed, so the tests run all of it against simulated systems.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/search/back_to_back.hh"
#include "bench/search/rate_search.hh"

namespace lanes::bench {

enum class Method : std::uint8_t { mlr, bisection };

struct SearchOptions {
    Method method = Method::mlr;
    std::vector<Goal> goals;
    double max_pps = 0;  ///< 0: what the generator can do
    double min_pps = 0;  ///< 0: one frame in the shortest trial
    double trial_seconds_max = 1200;
    bool latency = true;
    double latency_seconds = 5;
    bool loss_curve = false;
    double loss_curve_seconds = 5;
    bool back_to_back = false;
    unsigned repetitions = 50;
    double burst_seconds_max = 2;  ///< of a burst at the generator's ceiling
};

/// Loads at which latency is looked at, in percent of the rate found.
inline constexpr double latency_loads[] = {10, 50, 90};
/// What of the generator's ceiling it is asked for at most, so that it can keep to the time.
inline constexpr double share_of_ceiling = 0.99;

struct LatencyPoint {
    double load_percent = 0;
    double p50_us = 0;
    double p99_us = 0;
    double p99_9_us = 0;
    double p99_99_us = 0;
    double p99_999_us = 0;
    double max_us = 0;
};

struct BackToBackFindings {
    BackToBackResult bursts;
    double burst_pps = 0;       ///< rate within the bursts
    double throughput_pps = 0;  ///< rate without loss that the correction was made with
    Limit limit = Limit::system;
};

struct CurvePoint {
    double load_percent = 0;
    double offered_pps = 0;
    double loss_ratio = 0;
    Limit limit = Limit::system;
};

struct Findings {
    Calibration calibration;
    double frame_bits = 0;
    RateRange range;
    std::vector<Goal> goals;
    SearchOutcome search;
    double search_seconds = 0;                       ///< by the clock, waits included
    std::vector<std::vector<LatencyPoint>> latency;  ///< per goal; empty where no rate was found
    std::optional<BackToBackFindings> back_to_back;
    std::vector<CurvePoint> loss_curve;
};

/// Told what is about to be done.
using TellProgress = std::function<void(const std::string& line)>;
using ReadSeconds = std::function<double()>;

/// Calibrates, searches, and measures whatever else is asked for. Throws std::runtime_error.
Findings measure_rates(Testbed& testbed, const SearchOptions& options, const TellProgress& tell,
                       const ReadSeconds& clock);

}  // namespace lanes::bench
