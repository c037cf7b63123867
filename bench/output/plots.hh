// Which plots a report's rows call for. Rows are looked at by their fields, not by the command that
// made them, so that a new command gets its plots by naming its fields as the others do.
#pragma once

#include <string>
#include <vector>

#include "bench/report.hh"

namespace lanes::bench {

/// Lines of more than so many series in one plot cannot be told apart: they become several plots.
inline constexpr std::size_t lines_max = 10;
/// Plots of one kind; what is left out is said.
inline constexpr std::size_t plots_max = 40;

/// Packets and bits per second by frame size, a line for each case that differs in the size only;
/// bars where there is one size.
std::vector<std::string> throughput_plots(const Report& report);

/// Latency, and its variation, by percentile (`latency_us` and its like, also by load).
std::vector<std::string> latency_plots(const Report& report);

/// Bars of `stages`.
std::vector<std::string> stage_plots(const Report& report);

/// `loss_percent` by `load_percent` or the offered rate: a frame-loss curve (RFC 2544, 26.3).
std::vector<std::string> loss_plots(const Report& report);

/// `series` over time with the fitted slope and its bounds.
std::vector<std::string> trend_plots(const Report& report);

/// The text of a row's case without the part that says `part`: "seal, 64 B" without "64".
std::string case_without(const std::string& name, const std::vector<std::string>& parts);

}  // namespace lanes::bench
