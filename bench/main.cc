// lanes-bench: measures the engine. The method of each number is in bench/README.md.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

#include "bench/lookup.hh"
#include "bench/pipeline.hh"

namespace {

void print(const lanes::bench::PipelineOptions& options,
           const lanes::bench::PipelineResult& result) {
    std::printf(
        "%-7s %5u B %8u lanes %5u rules  %7.1f clocks/packet  %6.1f ns/packet  "
        "%6.2f Mpps  MAD %.1f %%  lost %llu\n",
        options.path.c_str(), options.size, options.lanes, options.rules, result.clocks_per_packet,
        result.ns_per_packet, result.packets_per_second / 1e6, result.mad_percent,
        static_cast<unsigned long long>(result.lost));
    if (result.bare_clocks == 0) return;
    std::printf("        %s by %s alone  %7.1f clocks/packet, ratio %.2f (MAD %.1f %%)\n",
                options.suite.c_str(), result.backend.c_str(), result.bare_clocks,
                result.ratio_to_bare, result.ratio_mad_percent);
    if (result.library_clocks == 0) return;
    std::printf("        the library's call, packet by packet  %7.1f clocks/packet, ratio %.2f\n",
                result.library_clocks, result.ratio_to_library);
}

void print(const lanes::bench::LookupOptions& options, const lanes::bench::LookupResult& result) {
    std::printf(
        "lookup %u lanes: the only one %.1f clocks (MAD %.1f %%), a random one %.1f clocks "
        "(MAD %.1f %%), ratio %.2f\n",
        options.lanes, result.only, result.only_mad_percent, result.random,
        result.random_mad_percent, result.random / result.only);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Measures the lanes engine");
    app.require_subcommand(1);
    lanes::bench::PipelineOptions options;
    auto* pipeline = app.add_subcommand("pipeline", "the engine alone, on memory ports");
    pipeline
        ->add_option("--path", options.path,
                     "patch; clear and receive: sending and receiving half of a clear lane; seal "
                     "and open: of a sealed one")
        ->check(CLI::IsMember({"patch", "clear", "receive", "seal", "open"}))
        ->capture_default_str();
    pipeline->add_option("--suite", options.suite, "cipher of seal and open")
        ->check(CLI::IsMember({"aes-256-gcm", "chacha20-poly1305"}))
        ->capture_default_str();
    pipeline->add_option("--backend", options.backend, "cipher backend of seal and open")
        ->check(CLI::IsMember({"auto", "ipsec-mb", "libsodium"}))
        ->capture_default_str();
    pipeline->add_option("--size", options.size, "bytes of a frame")
        ->check(CLI::Range(64, 9000))
        ->capture_default_str();
    pipeline->add_option("--lanes", options.lanes, "lanes, each frame picks one at random")
        ->check(CLI::Range(1, 4000000))
        ->capture_default_str();
    pipeline->add_option("--rules", options.rules, "other match rules")->capture_default_str();
    pipeline->add_option("--trials", options.trials, "measurements to take the median of")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    pipeline->add_option("--bursts", options.bursts, "bursts of 64 frames per measurement")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
    lanes::bench::LookupOptions lookup_options;
    auto* lookup = app.add_subcommand("lookup", "finding a lane by its id among many");
    lookup->add_option("--lanes", lookup_options.lanes, "lanes in the table")
        ->check(CLI::Range(1, 8000000))
        ->capture_default_str();
    lookup->add_option("--trials", lookup_options.trials, "measurements to take the median of")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        if (*lookup) {
            print(lookup_options, lanes::bench::run_lookup(lookup_options));
            return 0;
        }
        print(options, lanes::bench::run_pipeline(options));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "lanes-bench: %s\n", error.what());
        return 1;
    }
}
