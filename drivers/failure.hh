// The shape of every message with which a driver refuses to open a port: which port, what failed
// and the kernel's reason, and then what the operator can do about it.
#pragma once

#include <string>
#include <string_view>

#include "engine/port.hh"

namespace lanes::drivers {

/// "port wan: bind 192.0.2.1:4790: Address already in use; REMEDY". `code` 0: no reason is added;
/// an empty remedy adds nothing.
inline engine::Error failure(const engine::PortSpec& spec, int code, std::string_view what,
                             std::string_view remedy) {
    std::string text = "port " + spec.name + ": ";
    text += what;
    engine::Error error =
        code == 0 ? engine::Error{0, std::move(text)} : engine::system_error(code, std::move(text));
    if (!remedy.empty()) {
        error.message += "; ";
        error.message += remedy;
    }
    return error;
}

}  // namespace lanes::drivers
