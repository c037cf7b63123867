// sim: the simulator by hand: one seed with everything that happens in it, or as many as there is
// time for.
//
//   sim --seed 17 --verbose           replays what a failing test has printed
//   sim --seeds 100000 [--from N]     the long mode; stops at the first broken promise
//   sim --seeds 500 --mutation no_window
#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/world.hh"

using namespace lanes;
using namespace lanes::sim;

namespace {

constexpr std::uint64_t progress_seeds = 10'000;

struct Options {
    std::uint64_t from = 1;
    std::uint64_t seeds = 1;
    bool verbose = false;
    bool keep_going = false;
    Mutation mutation = Mutation::none;
};

void usage() {
    std::puts(
        "sim --seed N [--verbose] | --seeds COUNT [--from N] [--keep-going]\n"
        "    [--mutation NAME]; mutations:");
    for (const MutationText& text : mutation_texts) {
        std::printf("  %-18s %-10s %s\n", text.name.data(), text.promise.data(), text.what.data());
    }
}

bool parse(int count, char** words, Options& options) {
    static const option known[] = {{"seed", required_argument, nullptr, 'o'},
                                   {"from", required_argument, nullptr, 'o'},
                                   {"seeds", required_argument, nullptr, 'n'},
                                   {"verbose", no_argument, nullptr, 'v'},
                                   {"mutation", required_argument, nullptr, 'm'},
                                   {"keep-going", no_argument, nullptr, 'k'},
                                   {nullptr, 0, nullptr, 0}};
    for (int found; (found = ::getopt_long(count, words, "", known, nullptr)) != -1;) {
        switch (found) {
            case 'o':
                options.from = std::strtoull(optarg, nullptr, 0);
                break;
            case 'n':
                options.seeds = std::strtoull(optarg, nullptr, 0);
                break;
            case 'v':
                options.verbose = true;
                break;
            case 'k':
                options.keep_going = true;
                break;
            case 'm': {
                const auto mutation = mutation_of(optarg);
                if (!mutation) return false;
                options.mutation = *mutation;
                break;
            }
            default:
                return false;
        }
    }
    return optind == count;
}

void print(const Verdict& verdict) {
    std::printf("seed %lu breaks `%s` at %.3f s: %s\n", verdict.seed,
                verdict.breach.promise.c_str(), verdict.seconds, verdict.breach.what.c_str());
    std::fflush(stdout);
}

void print(const Summary& all, std::uint64_t seeds) {
    std::printf(
        "%lu seeds, %.0f s of true time, %lu sessions, %lu payloads, %lu packets handed over, "
        "%lu payloads refused at the limit\n%u receivers: %u had to recover at once, %u had to "
        "wait for true time; longest recovery %.0f s; the attacker alone in %u runs\n",
        seeds, all.seconds, all.sessions, all.payloads, all.handed, all.stopped, all.receivers,
        all.prompt, all.waited, all.longest_recovery, all.attacked_at_last);
    for (std::size_t i = 0; i < end_names.size(); ++i) {
        std::printf("  %-18s %12lu\n", end_names[i].data(), all.counts.get(static_cast<End>(i)));
    }
}

}  // namespace

int main(int count, char** words) {
    Options options;
    if (!parse(count, words, options)) return usage(), 2;
    auto backend = crypto::select_backend("libsodium");
    if (!backend) return std::fprintf(stderr, "%s\n", backend.message().c_str()), 2;
    Summary all;
    std::uint64_t broken = 0;
    for (std::uint64_t i = 0; i < options.seeds; ++i) {
        const Verdict verdict =
            run_seed(options.from + i, options.mutation, **backend, options.verbose);
        all.add(verdict.summary);
        if ((i + 1) % progress_seeds == 0) std::fprintf(stderr, "%lu seeds\n", i + 1);
        if (verdict.held) continue;
        ++broken;
        print(verdict);
        if (!options.keep_going) return 1;
    }
    print(all, options.seeds);
    return broken == 0 ? 0 : 1;
}
