// The simulator as a test: many seeds hold all promises (promises.hh), and each mutation breaks the
// promise that it is meant to break (mutation.hh), which proves that the simulator can fail. Prints
// the command that replays a seed. LANES_SIM_SEEDS=N runs N seeds instead of the usual number.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/sim/world.hh"

using namespace lanes;
using namespace lanes::sim;

namespace {

#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
constexpr bool fast_build = true;
#else
constexpr bool fast_build = false;
#endif
constexpr std::uint64_t usual_seeds = fast_build ? 2000 : 60;
constexpr std::uint64_t canary_seeds = 1000;

std::uint64_t seeds_to_run() {
    const char* wanted = std::getenv("LANES_SIM_SEEDS");
    return wanted == nullptr ? usual_seeds : std::strtoull(wanted, nullptr, 0);
}

crypto::Backend& backend() {
    static const auto only = [] {
        auto made = crypto::select_backend("libsodium");
        REQUIRE(made);
        return std::move(*made);
    }();
    return *only;
}

/// `sim` lies beside this program.
std::string replay(std::uint64_t seed) {
    const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return (here / "sim").string() + " --verbose --seed " + std::to_string(seed);
}

std::uint64_t count_of(const Summary& summary, End end) {
    return summary.counts.get(end);
}

/// The first seed with which `mutation` breaks `promise`; 0: none.
std::uint64_t caught_by(Mutation mutation, std::string_view promise) {
    for (std::uint64_t seed = 1; seed <= canary_seeds; ++seed) {
        const Verdict verdict = run_seed(seed, mutation, backend(), false);
        if (!verdict.held && verdict.breach.promise == promise) return seed;
    }
    return 0;
}

}  // namespace

TEST_CASE("every promise holds, whatever befalls the network, the clocks, the disks and the ends") {
    Summary all;
    const std::uint64_t seeds = seeds_to_run();
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const Verdict verdict = run_seed(seed, Mutation::none, backend(), false);
        INFO("replay: " << replay(seed));
        INFO(verdict.seconds << " s: " << verdict.breach.what);
        REQUIRE(verdict.breach.promise == "");
        all.add(verdict.summary);
    }
    if (seeds < 1000) return;
    // Nothing of what the simulator is for may quietly not happen any more. Terms that do not fit
    // come from a sender that is set up otherwise, and there is none.
    for (std::size_t i = 0; i < end_names.size(); ++i) {
        const auto end = static_cast<End>(i);
        INFO("packets that ended as " << end_names[i]);
        CHECK((count_of(all, end) > 0) == (end != End::wrong_terms));
    }
    CHECK(all.stopped > 0);
    CHECK(all.waited > 0);
    CHECK(all.prompt > 0);
    CHECK(all.prompt + all.waited < all.receivers);
    CHECK(all.attacked_at_last > 0);
}

TEST_CASE("each mutation breaks the promise that it is meant to break") {
    for (const MutationText& text : mutation_texts) {
        // Those that take hundreds of seeds would take minutes in a checked build.
        if (!fast_build && text.mutation != Mutation::no_window &&
            text.mutation != Mutation::reused_secret && text.mutation != Mutation::one_session) {
            continue;
        }
        INFO(text.name << ": " << text.what << "; expected to break: " << text.promise);
        CHECK(caught_by(text.mutation, text.promise) != 0);
    }
}

TEST_CASE("a seed makes the same run every time") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        const Verdict first = run_seed(seed, Mutation::none, backend(), false);
        const Verdict second = run_seed(seed, Mutation::none, backend(), false);
        CHECK(first.summary.counts == second.summary.counts);
        CHECK(first.summary.payloads == second.summary.payloads);
        CHECK(first.summary.seconds == second.summary.seconds);
    }
}
