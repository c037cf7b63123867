// What happens to the nodes while a soak is under way: lanes that come and go, files that are read
// again, and what becomes of an error. Time is a number.
#include "bench/soak/churn.hh"

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lanes::bench {
namespace {

class FakeNodes final : public Nodes {
  public:
    void reload() override {
        if (fails) throw std::runtime_error("the reload failed");
        ++reloads;
    }
    void set_extra_lanes(unsigned lanes) override { extra.push_back(lanes); }
    std::vector<std::pair<std::string, std::uint64_t>> drops() const override { return {}; }
    void time_phases() override {}
    std::vector<Spent> spent() const override { return {}; }

    std::atomic<bool> fails{false};
    unsigned reloads = 0;
    std::vector<unsigned> extra;
};

}  // namespace

TEST_CASE("lanes come in one second and go in the next, and files are read at their own pace") {
    FakeNodes nodes;
    Churn churn(nodes, 2.5, 100);
    for (int tick = 0; tick < 100; ++tick) churn.step(tick * 0.05);
    CHECK(nodes.extra == std::vector<unsigned>{100, 0, 100, 0, 100});
    CHECK(nodes.reloads == 2);
    CHECK(churn.changes() == 5);
    churn.step(1000);  // what was missed is not made up for
    CHECK(churn.changes() == 6);
    CHECK(churn.reloads() == 3);
}

TEST_CASE("churn of nothing leaves the nodes alone") {
    FakeNodes nodes;
    Churn churn(nodes, 0, 0);
    for (int second = 0; second < 100; ++second) churn.step(second);
    CHECK(nodes.extra.empty());
    CHECK(nodes.reloads == 0);
}

TEST_CASE("an error of the churning thread comes out where the soak looks") {
    FakeNodes nodes;
    nodes.fails = true;
    Churn churn(nodes, 1, 0);
    ChurnThread thread(churn);
    const auto wait = [&] {
        for (;;) {
            thread.check();
            ::usleep(1000);
        }
    };
    CHECK_THROWS_WITH(wait(), "the reload failed");
}

}  // namespace lanes::bench
