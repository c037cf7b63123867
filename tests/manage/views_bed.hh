// What the tests of views stand on: a node of tests/lanes' beds as management sees it, answers
// taken apart, and a lane each way over memory ports.
//
//   lan (the test) == [ node ] == wan (the test)
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "manage/command.hh"
#include "tests/lanes/bed.hh"

namespace lanes::test {

using Json = nlohmann::ordered_json;

/// A node that can be looked at, and no more.
class SeenNode final : public manage::Node {
  public:
    explicit SeenNode(Control& control) : control_(control) {}

    Control& control() noexcept override { return control_; }
    const std::string& name() const noexcept override { return name_; }
    const std::string& file() const noexcept override { return file_; }
    std::uint64_t started_ns() const noexcept override { return 990 * ns_per_second; }
    engine::Result<manage::ReloadPlan> plan_reload() override { return none(); }
    engine::Result<manage::ReloadPlan> reload() override { return none(); }
    engine::Result<void> put_lane(std::string_view) override { return none(); }
    engine::Result<void> remove_lane(std::string_view) override { return none(); }
    engine::Result<void> lane_down(std::string_view) override { return none(); }
    engine::Result<void> lane_up(std::string_view) override { return none(); }
    std::vector<std::string> lanes_down() const override { return down; }
    void stop() override {}

    std::vector<std::string> down;

  private:
    static engine::Error none() { return {0, "this node can only be looked at"}; }

    Control& control_;
    std::string name_ = "bed";
    std::string file_ = "bed.yaml";
};

using View = manage::Answer (*)(manage::Node&, const manage::Request&);

inline manage::Answer ask(View view, manage::Node& node, std::vector<std::string> arguments = {}) {
    return view(node, {std::move(arguments), false, false});
}

/// The object that a view answers; its schema comes first, and strict JSON it is.
inline Json ask_json(View view, manage::Node& node, std::vector<std::string> arguments = {},
                     int status = 0) {
    const auto answer = view(node, {std::move(arguments), true, false});
    INFO(answer.text);
    REQUIRE(answer.status == status);
    REQUIRE(answer.text.starts_with(R"({"schema":"lanes/1",)"));
    REQUIRE(std::count(answer.text.begin(), answer.text.end(), '\n') == 1);
    REQUIRE(answer.text.back() == '\n');
    return Json::parse(answer.text);
}

/// A node with lanes `out` (id 101) and `in` (id 102), both clear, over wan.
struct ClearBed {
    explicit ClearBed(bool resolved = true) {
        NodeSpec spec = node.spec();
        spec.ports = {port_spec("lan", lan_wire), port_spec("wan", wan_wire, {"192.0.2.1/24"})};
        spec.lanes =
            lanes_of(lane_spec("out", 101, Role::send, 0, {over_resolved(1, "192.0.2.2:4790")}),
                     lane_spec("in", 102, Role::receive, 0, {over(1)}));
        if (resolved) node.knobs.neighbours[*engine::parse_ip("192.0.2.2")] = wan.mac();
        node.apply(std::move(spec));
        node.pass(200 * ns_per_ms);
    }
    engine::MacAddress wan_mac() { return node.control->ports().at(1).port->info().mac; }
    /// Gives the node a packet of lane `in`.
    void give(std::uint64_t sequence) {
        const Bytes inner = inner_packet(3, ethernet_frame(60, 1));
        wan.send(
            carry_ipv4(lane_packet(102, sequence, inner), wan_mac(), "192.0.2.2", "192.0.2.1"));
        node.run();
    }

    test::Node node;
    std::string lan_wire = fresh_wire(), wan_wire = fresh_wire();
    Far lan{lan_wire}, wan{wan_wire};
    SeenNode seen{*node.control};
};

}  // namespace lanes::test
