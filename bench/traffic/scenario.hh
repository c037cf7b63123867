// Scenario: what a scenario file says, as plain checked values: ports of the generator and the
// sink, the traffic between them, and node files to run within this process. Read once, by run,
// search and soak before anything is opened, with config's tree and its readers of values, so that
// what is wrong is said as `lanes check` says it: all of it in one run, each with file, line and
// column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/traffic/port_testbed.hh"
#include "bench/traffic/profile.hh"
#include "config/diagnostics.hh"
#include "engine/port.hh"

namespace lanes::bench {

/// `traffic.rate` as written: a rate in bits is one in frames only once the sizes are known.
struct Rate {
    enum class Unit : std::uint8_t { frames, bits, max, recorded };
    Unit unit = Unit::max;
    double value = 0;  ///< per second, of frames or bits

    /// In frames per second; 0: as fast as the port takes them.
    double in_frames(double frame_bits) const noexcept;
    bool operator==(const Rate&) const = default;
};

/// The sizes of one measurement.
struct SizeCase {
    std::string name;  ///< "64", "imix", "64 x 28 + 570 x 16"
    std::vector<SizeShare> shares;
    config::Place at;
};

struct Scenario {
    std::string name;                ///< of the file, without folder and ending
    std::vector<std::string> nodes;  ///< paths of node files
    std::vector<config::Place> node_places;
    std::vector<engine::PortSpec> ports;  ///< as the file has them
    std::vector<config::Place> port_places;
    std::size_t from = 0;  ///< index into `ports`
    std::size_t to = 0;
    Rate rate;
    double seconds = 10;
    std::vector<SizeCase> sizes{{"64", {SizeShare{}}, {}}};  ///< measured one after the other
    Profile profile;                                         ///< with the first of `sizes`
    std::string replay;                                      ///< path; empty: generated frames
    config::Place replay_at;
    Cores cores;
};

struct LoadedScenario {
    Scenario scenario;                ///< complete and consistent if good(), else of no use
    config::Diagnostics diagnostics;  ///< places of the scenario are of its file 0
    bool good() const noexcept { return diagnostics.errors() == 0; }
};

LoadedScenario load_scenario(const std::string& path);

/// The same for a text; `path` is what messages call it, and its folder is that of the files that
/// it names.
LoadedScenario parse_scenario(std::string_view text, const std::string& path);

/// One line for each diagnostic.
std::string to_text(const config::Diagnostics& diagnostics);

/// "100 kpps", "1.5 Gbit/s", "max", "recorded", "5000"; or nothing, and `why` says what was
/// expected.
std::optional<Rate> parse_rate(std::string_view text, std::string& why);

/// "64" or "imix", for command lines; the same.
std::optional<SizeCase> parse_size(std::string_view text, std::string& why);

/// A positive number of seconds, with or without a fraction; the same.
std::optional<double> parse_seconds(std::string_view text, std::string& why);

}  // namespace lanes::bench
