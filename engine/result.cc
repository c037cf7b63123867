// See result.hh.
#include "engine/result.hh"

#include <cstring>

namespace lanes::engine {

Error system_error(int code, std::string what) {
    what += ": ";
    what += ::strerrordesc_np(code) != nullptr ? ::strerrordesc_np(code) : "unknown error";
    return Error{code, std::move(what)};
}

}  // namespace lanes::engine
