// The filter of system calls: an allow-list for the drivers in use. What nothing here has any use
// for and what an intruder would reach for first (programs, other processes, the kernel,
// identities) ends the process; what is merely on no list is refused with EPERM and counted
// (refusals.hh).
#pragma once

#include <string_view>
#include <vector>

#include "engine/result.hh"
#include "sandbox/rights.hh"

namespace lanes::sandbox {

/// What this build needs beyond what the program does.
enum class Build : std::uint8_t {
    plain,
    sanitized,  ///< ASan, TSan: LeakSanitizer stops and looks at all threads at the end
};
Build build() noexcept;

/// Whether the program runs under valgrind, whose own work a filter would stop.
bool under_valgrind() noexcept;

/// Puts the filter in force in every thread. `count_refusals()` was called before.
engine::Result<void> filter_calls(const Rights& rights, Build build);

/// Names of all calls that end the process, whatever their arguments.
std::vector<std::string_view> deadly_calls();

}  // namespace lanes::sandbox
