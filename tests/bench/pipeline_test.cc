// The pipeline on few packets: numbers are not looked at, but every packet must end where its path
// says, in every phase some time must be seen, and nothing may be invented.
#include "bench/pipeline/measure.hh"

#include <sched.h>

#include <catch2/catch.hpp>
#include <stdexcept>
#include <vector>

#include "bench/command.hh"
#include "bench/progress.hh"
#include "bench/report.hh"

using namespace lanes::bench;

namespace {

constexpr Effort little{2, 16, {}};

Measured measured(Case options) {
    return measure(options, little, [](const Sight&) {});
}

/// Those that the calling thread may run on.
std::vector<unsigned> own_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
    std::vector<unsigned> cores;
    for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    }
    return cores;
}

}  // namespace

TEST_CASE("every path takes every packet where it belongs, for every size") {
    for (const std::string& name : path_names()) {
        for (const char* size : {"64", "1420", "9000", "imix"}) {
            CAPTURE(name, size);
            Case options;
            options.path = path_of(name);
            options.sizes = sizes_of(size);
            const Measured result = measured(options);
            CHECK(result.lost == 0);
            REQUIRE(result.clocks.size() == 2);
            for (const double clocks : result.clocks) CHECK(clocks > 0);
            for (const double phase : result.phases) CHECK(phase > 0);
            CHECK(result.run_clocks.size() == (options.sealed() ? 2 : 0));
            CHECK(result.backend.empty() != options.sealed());
        }
    }
}

TEST_CASE("each suite and backend can be measured, and the library's own call where it has one") {
    for (const char* suite : {"aes-256-gcm", "chacha20-poly1305"}) {
        for (const char* backend : {"auto", "libsodium"}) {
            CAPTURE(suite, backend);
            Case options;
            options.path = PathKind::open;
            options.sizes = sizes_of("64");
            options.suite = suite;
            options.backend = backend;
            const Measured result = measured(options);
            CHECK(result.lost == 0);
            const bool call = result.backend == "ipsec-mb" && options.suite == "aes-256-gcm";
            CHECK(result.call_clocks.size() == (call ? 2 : 0));
        }
    }
}

TEST_CASE("many lanes, rules and workers are taken through too") {
    for (const PathKind path : {PathKind::patch, PathKind::seal, PathKind::open,
                                PathKind::open_replayed, PathKind::relay}) {
        CAPTURE(name_of(path));
        Case options;
        options.path = path;
        options.sizes = sizes_of("imix");
        options.workers = 2;
        options.lanes = 50;
        options.rules = path == PathKind::patch ? 7 : 0;
        const Measured result = measured(options);
        CHECK(result.lost == 0);
        CHECK(result.packets_per_clock.size() == 2);
    }
}

TEST_CASE("a backend that is not there and a size that is none are named") {
    Case options;
    options.path = PathKind::seal;
    options.sizes = sizes_of("64");
    options.backend = "abacus";
    CHECK_THROWS_WITH(measured(options), Catch::Contains("abacus"));
    for (const char* size : {"63", "9001", "imax", "64x", "", "-64", "99999999999"}) {
        CHECK_THROWS_AS(sizes_of(size), std::runtime_error);
    }
}

TEST_CASE("too few cores for the workers are refused") {
    Case options;
    options.sizes = sizes_of("64");
    options.workers = 2;
    CHECK_THROWS_WITH(measure(options, {1, 1, {0}}, [](const Sight&) {}),
                      Catch::Contains("2 workers, but only 1 cores"));
}

TEST_CASE("a case that was given cores leaves the caller's thread on those that it had before") {
    const std::vector<unsigned> before = own_cores();
    if (before.size() < 2) {
        WARN("skipped: a single core cannot be left");
        return;
    }
    Case options;
    options.sizes = sizes_of("64");
    const unsigned last = before.back();
    unsigned looks = 0;
    const auto pinned = [&](const Sight&) {
        ++looks;
        CHECK(own_cores() == std::vector<unsigned>{last});
    };
    measure(options, {2, 16, {last}}, pinned);
    CHECK(looks >= 2);
    CHECK(own_cores() == before);

    options.workers = 2;
    measure(options, {2, 16, {last, before.front()}}, pinned);
    CHECK(own_cores() == before);

    // One whose second core is none fails in its first round.
    CHECK_THROWS_WITH(measure(options, {2, 16, {last, CPU_SETSIZE}}, pinned),
                      Catch::Contains("core 1024"));
    CHECK(own_cores() == before);
    options.workers = 1;
    CHECK_THROWS_WITH(measure(options, {2, 16, {CPU_SETSIZE}}, pinned),
                      Catch::Contains("core 1024"));
    CHECK(own_cores() == before);
}

TEST_CASE("IMIX has the shares that its name stands for") {
    const Sizes sizes = sizes_of("imix");
    const auto count = [&](std::uint32_t size) {
        return std::count(sizes.cycle.begin(), sizes.cycle.end(), size);
    };
    CHECK(count(64) == 28);
    CHECK(count(570) == 16);
    CHECK(count(1518) == 4);
    CHECK(sizes.cycle.size() == 48);
    CHECK(sizes.mean() == Approx(353.833).epsilon(1e-5));
}
