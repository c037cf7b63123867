// A node that writes down what was asked of it: the other side of the commands. Its Control is a
// real one, over a port of the test's bed, so that views have something to look at.
#pragma once

#include <string>
#include <vector>

#include "manage/node.hh"
#include "tests/lanes/bed.hh"

namespace lanes::manage::test {

class FakeNode final : public Node {
  public:
    Control& control() noexcept override { return *bed.control; }
    const std::string& name() const noexcept override { return own_name; }
    const std::string& file() const noexcept override { return own_file; }
    std::uint64_t started_ns() const noexcept override { return 0; }

    engine::Result<ReloadPlan> plan_reload() override { return answer("plan"); }
    engine::Result<ReloadPlan> reload() override { return answer("reload"); }
    engine::Result<void> put_lane(std::string_view text) override { return done("put", text); }
    engine::Result<void> remove_lane(std::string_view name) override {
        return done("remove", name);
    }
    engine::Result<void> lane_down(std::string_view name) override { return done("down", name); }
    engine::Result<void> lane_up(std::string_view name) override { return done("up", name); }
    std::vector<std::string> lanes_down() const override { return {}; }
    void stop() override { asked.emplace_back("stop"); }

    lanes::test::Node bed;
    std::string own_name = "texas";
    std::string own_file = "texas.yaml";
    std::vector<std::string> asked;
    ReloadPlan plan;
    std::string failure;  ///< not empty: all that may fail does

  private:
    engine::Result<ReloadPlan> answer(const char* what) {
        asked.emplace_back(what);
        if (!failure.empty()) return engine::Error{0, failure};
        return plan;
    }
    engine::Result<void> done(const std::string& what, std::string_view with) {
        asked.push_back(what + " " + std::string(with));
        if (!failure.empty()) return engine::Error{0, failure};
        return {};
    }
};

}  // namespace lanes::manage::test
