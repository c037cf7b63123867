// LANES_CHECK stops the program when the program itself is wrong. Input, however strange, is
// never a reason to call it: input gets a Result on the set-up path and a Drop on the data path.
#pragma once

namespace lanes::engine {

/// Prints `file:line: check failed: condition` to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace lanes::engine

#define LANES_CHECK(condition) \
    ((condition) ? void(0) : ::lanes::engine::check_failed(#condition, __FILE__, __LINE__))
