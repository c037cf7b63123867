// The list of drivers: what `driver:` in a node file may say. Adding a driver touches this list,
// the source list in drivers/meson.build and the key list in config/port_keys.cc, and nothing else.
#pragma once

#include <span>
#include <string_view>

#include "engine/port.hh"

namespace lanes::drivers {

struct Driver {
    std::string_view name;
    engine::OpenPort open;
    std::string_view summary;  ///< one line for people
};

std::span<const Driver> all_drivers() noexcept;

/// Whether this program can open its ports; the libraries of some may be left out of a build.
bool built(const Driver& driver) noexcept;

/// nullptr when there is none of that name.
const Driver* find_driver(std::string_view name) noexcept;

}  // namespace lanes::drivers
