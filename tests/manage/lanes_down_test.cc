// LanesDown: whatever goes down and comes back, the order of matches is in the end what it was. The
// naive twin keeps the whole order and marks who is down.
#include "tools/lanes_down.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using namespace lanes;
using tools::LanesDown;

namespace {

/// The lanes in service, in order, as Control would have them, beside the truth.
struct Twin {
    std::vector<std::string> service;
    std::vector<std::string> all;  ///< those that are down among them

    std::string behind(const std::string& name) const {
        const auto at = std::find(service.begin(), service.end(), name);
        return at + 1 == service.end() ? "" : *(at + 1);
    }
    void leave(const std::string& name) { std::erase(service, name); }
    void enter(const std::string& name, const std::string& before) {
        service.insert(std::find(service.begin(), service.end(), before), name);
    }
};

LaneSpec lane(const std::string& name) {
    LaneSpec spec;
    spec.name = name;
    return spec;
}

}  // namespace

TEST_CASE("lanes that go down and up in any order stand where they stood") {
    for (unsigned seed = 1; seed <= 300; ++seed) {
        INFO("seed " << seed);
        std::mt19937 engine(seed);
        const auto random = [&] { return static_cast<unsigned>(engine()); };
        Twin twin;
        for (char c = 'a'; c < 'i'; ++c) twin.all.emplace_back(1, c);
        twin.service = twin.all;
        LanesDown down;
        unsigned made = 0;
        for (int step = 0; step < 200; ++step) {
            const std::string name = twin.all.empty() ? "" : twin.all[random() % twin.all.size()];
            const bool up = std::count(twin.service.begin(), twin.service.end(), name) != 0;
            const unsigned what = random() % 10;
            if (what == 0 || twin.all.empty()) {  // a new one, behind all others
                const std::string fresh = "n" + std::to_string(made++);
                down.came(fresh);
                twin.service.push_back(fresh);
                twin.all.push_back(fresh);
            } else if (what == 1) {  // removed
                const std::string behind = up ? twin.behind(name) : "";
                twin.leave(name);
                if (up) down.left(name, behind);
                down.forget(name);
                std::erase(twin.all, name);
            } else if (up) {
                const std::string behind = twin.behind(name);
                twin.leave(name);
                down.add(lane(name), behind);
            } else {
                REQUIRE(down.find(name) != nullptr);
                twin.enter(name, down.find(name)->before);
                down.back(name);
            }
            std::vector<std::string> wanted;
            for (const std::string& one : twin.all) {
                if (down.find(one) == nullptr) wanted.push_back(one);
            }
            REQUIRE(twin.service == wanted);
        }
    }
}
