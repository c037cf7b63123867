// The keys of each driver: one line per driver, and the only line of config that a new driver
// touches. A key that a driver does not read must not stand in its line: config refuses it then,
// rather than let an operator believe that it does something.
#include "config/port_keys.hh"

#include <algorithm>
#include <array>

namespace lanes::config {
namespace {

using engine::PortKind;

template <typename... Keys>
constexpr PortKeySet keys(Keys... key) {
    return (PortKeySet{0} | ... | static_cast<PortKeySet>(key));
}

using enum PortKey;
using enum DeviceName;

/// What a port needs that speaks UDP itself.
constexpr PortKeySet speaks = keys(address, mtu, listen, source_port);

// clang-format off
constexpr DriverKeys drivers[] = {
    // driver     kind                required      optional
    {"af_packet", PortKind::ethernet, keys(device), speaks | keys(promiscuous, ring_frames, workers)},
    {"af_xdp",    PortKind::ethernet, keys(device),
        speaks | keys(busy_poll, gateway, mode, promiscuous, ring_frames, take, workers)},
    {"dpdk",      PortKind::ethernet, keys(device),
        speaks | keys(gateway, promiscuous, ring_frames, workers), ethdev},
    {"memory",    PortKind::ethernet, keys(device), speaks | keys(ring_frames), wire},
    {"pcap",      PortKind::ethernet, keys(),       keys(read, write, repeat, pace, mtu)},
    {"tap",       PortKind::ethernet, keys(device), keys(address, mtu)},
    {"tun",       PortKind::ip,       keys(device), keys(address, mtu)},
    {"udp",       PortKind::carrier,  keys(address), keys(mtu, listen, source_port)},
};
// clang-format on

constexpr std::array key_names = {
    PortKeyName{"address", address},
    PortKeyName{"busy_poll", busy_poll},
    PortKeyName{"device", device},
    PortKeyName{"gateway", gateway},
    PortKeyName{"listen", listen},
    PortKeyName{"mode", mode},
    PortKeyName{"mtu", mtu},
    PortKeyName{"pace", pace},
    PortKeyName{"promiscuous", promiscuous},
    PortKeyName{"read", read},
    PortKeyName{"repeat", repeat},
    PortKeyName{"ring_frames", ring_frames},
    PortKeyName{"source_port", source_port},
    PortKeyName{"take", take},
    PortKeyName{"workers", workers},
    PortKeyName{"write", write},
};

}  // namespace

const DriverKeys* find_driver_keys(std::string_view driver) noexcept {
    for (const DriverKeys& row : drivers) {
        if (row.driver == driver) return &row;
    }
    return nullptr;
}

std::vector<std::string_view> driver_names() {
    std::vector<std::string_view> names;
    for (const DriverKeys& row : drivers) names.push_back(row.driver);
    std::sort(names.begin(), names.end());
    return names;
}

std::span<const PortKeyName> port_key_names() noexcept {
    return key_names;
}

std::vector<std::string_view> keys_of(const DriverKeys& driver) {
    std::vector<std::string_view> names = {"driver"};
    for (const PortKeyName& row : key_names) {
        if (driver.takes(row.key)) names.push_back(row.name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string_view> drivers_with(PortKey key) {
    std::vector<std::string_view> names;
    for (const DriverKeys& row : drivers) {
        if (row.takes(key)) names.push_back(row.driver);
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace lanes::config
