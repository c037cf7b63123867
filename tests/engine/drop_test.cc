// The drop table: every reason has a name of its own and a remedy, and counts by itself.
#include "engine/drop.hh"

#include <catch2/catch.hpp>

#include <set>
#include <string>

#include "engine/counters.hh"

using namespace lanes::engine;

TEST_CASE("every drop reason has a name of its own and one line of remedy") {
    std::set<std::string_view> names;
    for (const DropText& text : drop_texts) {
        INFO(text.name);
        CHECK(names.insert(text.name).second);
        CHECK(text.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == text.name.npos);
        CHECK(text.remedy.size() > 20);
        CHECK(text.remedy.find('\n') == text.remedy.npos);
    }
    CHECK(names.size() == drop_count);
    CHECK(text_of(Drop::no_lane).name == "no_lane");
    CHECK(text_of(Drop::kind_mismatch).name == "kind_mismatch");
}

TEST_CASE("a drop counts under its own reason only") {
    for (std::size_t reason = 0; reason < drop_count; ++reason) {
        WorkerCounters counters;
        counters.drop(static_cast<Drop>(reason));
        counters.drop(static_cast<Drop>(reason), 41);
        for (std::size_t i = 0; i < drop_count; ++i) {
            CHECK(counters.drops[i].get() == (i == reason ? 42u : 0u));
        }
    }
}
