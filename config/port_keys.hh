// Which keys a port of each driver takes, and which kind of port a driver makes. The table is
// port_keys.cc; ports.cc reads ports by it, and the lanes are checked against the kinds.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/port.hh"

namespace lanes::config {

enum class PortKey : std::uint32_t {
    address = 1 << 0,
    device = 1 << 1,
    listen = 1 << 2,
    mtu = 1 << 3,
    pace = 1 << 4,
    promiscuous = 1 << 5,
    read = 1 << 6,
    repeat = 1 << 7,
    ring_frames = 1 << 8,
    source_port = 1 << 9,
    write = 1 << 10,
    busy_poll = 1 << 11,
    gateway = 1 << 12,
    mode = 1 << 13,
    take = 1 << 14,
    workers = 1 << 15,
};

/// Several PortKeys as bits.
using PortKeySet = std::uint32_t;

/// What the `device` of a driver names, and so how it is spelt.
enum class DeviceName : std::uint8_t { interface, wire, ethdev };

struct DriverKeys {
    std::string_view driver;
    engine::PortKind kind;
    PortKeySet required;
    PortKeySet optional;
    DeviceName device = DeviceName::interface;

    bool takes(PortKey key) const noexcept {
        return ((required | optional) & static_cast<PortKeySet>(key)) != 0;
    }
    bool requires_key(PortKey key) const noexcept {
        return (required & static_cast<PortKeySet>(key)) != 0;
    }
};

/// nullptr when there is no such driver.
const DriverKeys* find_driver_keys(std::string_view driver) noexcept;

/// Names of all drivers, sorted.
std::vector<std::string_view> driver_names();

struct PortKeyName {
    std::string_view name;
    PortKey key;
};

/// All keys but `driver`, sorted by name.
std::span<const PortKeyName> port_key_names() noexcept;

/// The keys that `driver` takes, `driver` among them, sorted.
std::vector<std::string_view> keys_of(const DriverKeys& driver);

/// Names of the drivers that take `key`.
std::vector<std::string_view> drivers_with(PortKey key);

}  // namespace lanes::config
