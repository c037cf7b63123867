// The scenario of a soak without a file: written to a folder that others cannot look into, read as
// a user's file would be, and gone afterwards.
#include "bench/soak/default_scenario.hh"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "bench/traffic/scenario.hh"
#include "config/config.hh"

namespace lanes::bench {

TEST_CASE(
    "the default scenario and its nodes are without fault, for its owner only, and leave nothing") {
    std::filesystem::path folder;
    {
        const DefaultScenario made;
        folder = std::filesystem::path(made.file()).parent_path();
        const auto others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
        CHECK((std::filesystem::status(folder).permissions() & others) ==
              std::filesystem::perms::none);
        const LoadedScenario scenario = load_scenario(made.file());
        CHECK(to_text(scenario.diagnostics) == "");
        CHECK(scenario.scenario.profile.flows == 1000);
        REQUIRE(scenario.scenario.nodes.size() == 2);
        for (const std::string& node : scenario.scenario.nodes) {
            const config::Loaded loaded = config::load_node(node);
            CHECK(config::report(loaded) == "");
            CHECK(loaded.spec.lanes.size() == 4);
        }
    }
    CHECK_FALSE(std::filesystem::exists(folder));
}

}  // namespace lanes::bench
