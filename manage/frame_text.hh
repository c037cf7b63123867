// A frame in a line for people: what its headers say of it, from its first bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "engine/port.hh"
#include "lanes/wire.hh"

namespace lanes::manage {

/// "52:54:00:00:00:01 > ff:ff:ff:ff:ff:ff, IPv4 10.8.0.1 > 10.8.0.2, UDP 53 > 4096"
std::string frame_text(std::span<const std::byte> bytes, engine::PortKind kind);

/// The header of the lane packet that a frame of a tunnel carries; nothing: it has none that is
/// whole. Looks at no address: the frame is known to be ours.
std::optional<wire::Header> lane_header(std::span<const std::byte> bytes, engine::PortKind kind);

/// "epoch 3, subspace 0, number 1042", or what else it is.
std::string lane_text(const wire::Header& header);

}  // namespace lanes::manage
