// System calls that the sandbox refused: those on no list, which are not dangerous but not expected
// either. The filter lets the kernel send SIGSYS (SECCOMP_RET_TRAP) and the handler makes EPERM of
// it and counts. Why not the others: RET_LOG lets the call pass; RET_ERRNO says nothing to anybody;
// a user notification needs a thread that answers for all others, must itself never be refused,
// and would make the caller wait. The handler costs nothing while nothing is refused, and knows
// the thread. Its price: a call that is refused while all signals are blocked ends the process,
// as a dangerous one does.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lanes::sandbox {

struct Refusal {
    std::string call;
    std::uint64_t count = 0;
    pid_t last_tid = 0;
};

/// Takes SIGSYS for the life of the process.
void count_refusals() noexcept;

/// All that were refused so far, by number of the call.
std::vector<Refusal> refusals();

/// Writes a warning for each call that was refused since the last time, at most once a minute for
/// each; costs one load when there were none. Control, at each tick.
void say_refusals(std::uint64_t now_ns);

}  // namespace lanes::sandbox
