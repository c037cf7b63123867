// The line of RFC 5424 (the syslog protocol) that a message becomes.
#pragma once

#include <cstddef>
#include <string>

#include "engine/log_message.hh"
#include "engine/log_sink.hh"

namespace lanes::engine {

/// `message` is harmless already. The text is cut short for the whole to fit `bytes_max`.
std::string rfc5424(const LogOrigin& origin, const Message& message, std::size_t bytes_max);

}  // namespace lanes::engine
