// See options.hh.
#include "bench/pipeline/options.hh"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <random>
#include <stdexcept>

#include "bench/traffic/profile.hh"

namespace lanes::bench {
namespace {

constexpr std::uint32_t least = 64;
constexpr std::uint32_t most = 9000;

/// The fixed order keeps runs alike; a shuffled one keeps the branch predictor from learning it.
std::vector<std::uint32_t> imix_cycle() {
    std::vector<std::uint32_t> sizes;
    for (const SizeShare& share : bench::imix())
        sizes.insert(sizes.end(), share.weight, share.size);
    std::mt19937 random(1);
    for (std::size_t i = sizes.size() - 1; i > 0; --i)
        std::swap(sizes[i], sizes[random() % (i + 1)]);
    return sizes;
}

}  // namespace

const std::vector<std::string>& path_names() {
    static const std::vector<std::string> names = {
        "patch", "clear", "receive", "seal", "open", "open-replayed", "open-forged", "relay"};
    return names;
}

std::string_view name_of(PathKind path) noexcept {
    return path_names()[static_cast<std::size_t>(path)];
}

PathKind path_of(std::string_view name) {
    const auto& names = path_names();
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw std::runtime_error("no path named " + std::string(name));
    return static_cast<PathKind>(found - names.begin());
}

std::uint32_t Sizes::largest() const {
    return *std::max_element(cycle.begin(), cycle.end());
}

double Sizes::mean() const {
    return std::accumulate(cycle.begin(), cycle.end(), 0.0) / static_cast<double>(cycle.size());
}

Sizes sizes_of(const std::string& name) {
    if (name == "imix") return {name, imix_cycle()};
    std::uint32_t size = 0;
    const char* end = name.data() + name.size();
    const auto read = std::from_chars(name.data(), end, size);
    if (read.ec != std::errc() || read.ptr != end || size < least || size > most) {
        throw std::runtime_error("--size " + name + ": expected a number from 64 to 9000, or imix");
    }
    return {name, {size}};
}

bool Case::sealed() const noexcept {
    return path == PathKind::seal || path == PathKind::open || path == PathKind::open_replayed ||
           path == PathKind::open_forged;
}

bool Case::receives() const noexcept {
    return path == PathKind::receive || path == PathKind::open || path == PathKind::open_replayed ||
           path == PathKind::open_forged;
}

}  // namespace lanes::bench
