// Running: the node that `lanes run` runs, as management and signals see it. It reads the node file
// again, makes lanes of text, and remembers what lanes that are down were. run.cc owns it, on the
// main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hh"
#include "manage/node.hh"
#include "tools/lanes_down.hh"

namespace lanes::tools {

/// Whether stderr has the report of a file already.
enum class Printed : std::uint8_t { no, yes };

/// Says in the log what is wrong with a node file.
void say_diagnostics(const config::Loaded& loaded, Printed printed);

/// Where a node is managed that says nothing of it.
std::string usual_socket(const std::string& node);

class Running final : public manage::Node {
  public:
    /// `control` has applied the spec of `file`.
    Running(std::string file, std::unique_ptr<Control> control);

    Control& control() noexcept override { return *control_; }
    const std::string& name() const noexcept override { return name_; }
    const std::string& file() const noexcept override { return file_; }
    std::uint64_t started_ns() const noexcept override { return started_ns_; }

    engine::Result<manage::ReloadPlan> plan_reload() override;
    engine::Result<manage::ReloadPlan> reload() override;
    engine::Result<void> put_lane(std::string_view text) override;
    engine::Result<void> remove_lane(std::string_view name) override;
    engine::Result<void> lane_down(std::string_view name) override;
    engine::Result<void> lane_up(std::string_view name) override;
    std::vector<std::string> lanes_down() const override { return down_.names(); }
    void stop() override;

    bool stopping() const noexcept { return stopping_; }

  private:
    engine::Result<void> take_out(std::string_view name);
    /// On a report that says that a file may not be read; or empty.
    std::string remark_on(const std::string& report) const;
    engine::Error refusal(std::string report) const;

    const std::string file_;
    std::unique_ptr<Control> control_;
    const std::string name_;
    const std::uint64_t started_ns_;
    LanesDown down_;
    bool stopping_ = false;
};

}  // namespace lanes::tools
