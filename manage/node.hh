// Node: a running node as management sees it: what may be asked of it and done to it. The server
// and the commands know this and nothing of files, signals or YAML; tools/run implements it.
// Everything here runs on the Control thread, between two of its ticks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/result.hh"
#include "lanes/control.hh"

namespace lanes::manage {

/// What reading the node file again would do, or did.
struct ReloadPlan {
    std::vector<std::string> add, change, remove;  ///< names of lanes
    std::size_t keep = 0;                          ///< lanes that go on as they are
    std::vector<std::string> ports;    ///< ports that are opened, changed or closed, each with how
    std::vector<std::string> restart;  ///< what cannot change while the node runs, and why
};

class Node {
  public:
    virtual ~Node() = default;

    virtual Control& control() noexcept = 0;
    virtual const std::string& name() const noexcept = 0;
    /// The node file, as it was given.
    virtual const std::string& file() const noexcept = 0;
    /// CLOCK_BOOTTIME when the node began to run, ns.
    virtual std::uint64_t started_ns() const noexcept = 0;

    /// What reload() would do. An error is the whole report on the file: nothing can be done.
    virtual engine::Result<ReloadPlan> plan_reload() = 0;
    /// Reads the node file again and makes it true, or changes nothing.
    virtual engine::Result<ReloadPlan> reload() = 0;

    /// Adds a lane, or replaces the one of its name. `text` is what stands in `lanes:` of a node
    /// file, on one line: `{name: a, id: 1, send: lan, over: {port: wan, to: "192.0.2.2:4790"}}`.
    /// It lasts until the next reload or restart.
    virtual engine::Result<void> put_lane(std::string_view text) = 0;
    virtual engine::Result<void> remove_lane(std::string_view name) = 0;
    /// Takes a lane out of service and keeps what it is; its packets are refused as if it were not.
    virtual engine::Result<void> lane_down(std::string_view name) = 0;
    virtual engine::Result<void> lane_up(std::string_view name) = 0;
    /// Names of the lanes that are down, in order.
    virtual std::vector<std::string> lanes_down() const = 0;

    /// Ends the node, when the answer has been sent.
    virtual void stop() = 0;
};

}  // namespace lanes::manage
