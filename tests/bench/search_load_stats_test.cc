// The classification of loads against the numbers of RFC 9971's example search.
#include <catch2/catch.hpp>

#include "bench/search/load_stats.hh"

using namespace lanes::bench;

namespace {

void add(std::vector<LoadTrial>& trials, unsigned count, LoadTrial trial) {
    trials.insert(trials.end(), count, trial);
}

/// The four goals of the example: like RFC 2544, like TST009, short trials only, 20 % may exceed.
const Target rfc2544{0, 0, 60, 60};
const Target tst009{0, 0.5, 60, 120};
const Target one_second{0.005, 0.5, 1, 120};
const Target fifth{0.005, 0.2, 60, 60};

struct Expected {
    Bound rfc2544, tst009, one_second, fifth;
};

void check(const std::vector<LoadTrial>& trials, const Expected& expected) {
    CHECK(LoadStats(trials, rfc2544).bound() == expected.rfc2544);
    CHECK(LoadStats(trials, tst009).bound() == expected.tst009);
    CHECK(LoadStats(trials, one_second).bound() == expected.one_second);
    CHECK(LoadStats(trials, fifth).bound() == expected.fifth);
}

}  // namespace

TEST_CASE("a load is classified as at the six points of the example search of RFC 9971") {
    constexpr Bound unknown = Bound::undecided;
    constexpr Bound lower = Bound::lower;
    constexpr Bound upper = Bound::upper;
    std::vector<LoadTrial> trials;
    check(trials, {unknown, unknown, unknown, unknown});

    add(trials, 59, {1, 0});
    check(trials, {unknown, unknown, unknown, unknown});
    CHECK(LoadStats(trials, one_second).pessimistic_exceed_ratio() ==
          Approx(0.50833).epsilon(1e-4));

    add(trials, 1, {1, 0.01});
    check(trials, {upper, unknown, unknown, unknown});
    CHECK(LoadStats(trials, rfc2544).optimistic_exceed_ratio() == Approx(0.01667).epsilon(1e-3));

    add(trials, 59, {1, 0.01});
    check(trials, {upper, unknown, unknown, upper});
    CHECK(LoadStats(trials, tst009).optimistic_exceed_ratio() == Approx(0.00833).epsilon(1e-3));
    CHECK(LoadStats(trials, fifth).optimistic_exceed_ratio() == Approx(0.75417).epsilon(1e-4));

    add(trials, 1, {1, 0});
    check(trials, {upper, unknown, lower, upper});
    CHECK(LoadStats(trials, fifth).optimistic_exceed_ratio() == Approx(0.75));

    add(trials, 1, {60, 0.001});
    // 42.857 % and then 27.273 % exceed, which is more than the fourth goal's 20 %: by the rules an
    // upper bound, although the example's own tables call it a lower one at its last two points.
    check(trials, {upper, unknown, lower, upper});
    CHECK(LoadStats(trials, one_second).optimistic_exceed_ratio() == Approx(0.33333).epsilon(1e-4));
    CHECK(LoadStats(trials, fifth).pessimistic_exceed_ratio() == Approx(0.42857).epsilon(1e-4));

    add(trials, 1, {60, 0});
    check(trials, {upper, lower, lower, upper});
    CHECK(LoadStats(trials, rfc2544).optimistic_exceed_ratio() == Approx(0.66667).epsilon(1e-4));
    CHECK(LoadStats(trials, fifth).pessimistic_exceed_ratio() == Approx(0.27273).epsilon(1e-4));
}

TEST_CASE("conditional throughput is that of the example search of RFC 9971") {
    std::vector<LoadTrial> trials;
    add(trials, 60, {1, 0});
    add(trials, 60, {1, 0.01});
    add(trials, 1, {60, 0.001});
    add(trials, 1, {60, 0});
    CHECK(conditional_throughput(1e6, trials, tst009) == Approx(1e6));
    CHECK(conditional_throughput(1e6, trials, one_second) == Approx(1e6));
    CHECK(conditional_throughput(1e6, trials, fifth) == Approx(999e3));
}

TEST_CASE("short good trials alone make no lower bound, and short bad ones do make an upper one") {
    const Target target{0, 0.5, 10, 10};
    std::vector<LoadTrial> trials;
    add(trials, 1000, {1, 0});
    CHECK(LoadStats(trials, target).bound() == Bound::undecided);
    CHECK(conditional_throughput(1e6, trials, target) == 0);
    trials.clear();
    add(trials, 5, {1, 0.1});
    CHECK(LoadStats(trials, target).bound() == Bound::undecided);
    add(trials, 1, {1, 0.1});
    CHECK(LoadStats(trials, target).bound() == Bound::upper);
}

TEST_CASE("with 21 trials of one second the eleventh of a kind decides") {
    const Target target{0.005, 0.5, 1, 21};
    for (const double loss : {0.005, 0.0051}) {
        std::vector<LoadTrial> trials;
        add(trials, 10, {1, loss});
        CHECK(LoadStats(trials, target).bound() == Bound::undecided);
        add(trials, 10, {1, loss > 0.005 ? 0 : 0.5});
        CHECK(LoadStats(trials, target).bound() == Bound::undecided);
        add(trials, 1, {1, loss});
        CHECK(LoadStats(trials, target).bound() == (loss > 0.005 ? Bound::upper : Bound::lower));
    }
}

TEST_CASE("durations that binary fractions cannot hold do not cost a further trial") {
    const Target target{0, 0.5, 0.1, 2};
    std::vector<LoadTrial> trials;
    add(trials, 10, {0.1, 0});
    CHECK(LoadStats(trials, target).bound() == Bound::lower);
}
