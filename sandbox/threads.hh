// Doing something in every thread of this process. Capabilities, no_new_privs and landlock belong
// to a thread, not to the process, and at the time of confinement the workers and the threads of
// libraries (DPDK's) are already there. Starting all of them later would leave the latter out, so
// each thread does it itself, in the handler of a real-time signal: what glibc does for setuid().
#pragma once

#include <sys/types.h>

#include <vector>

#include "engine/result.hh"

namespace lanes::sandbox {

/// What a thread does in the signal handler: system calls only. Returns 0 or an errno value.
using ThreadJob = int (*)(const void* argument) noexcept;

struct ThreadOutcome {
    pid_t tid;
    int code;  ///< what the job returned
};

/// Runs `job` once in each thread, the calling one first; threads that start meanwhile too. Fails
/// when a thread does not answer within two seconds (it has the signal blocked, or never runs).
/// One caller at a time: Control.
engine::Result<std::vector<ThreadOutcome>> in_every_thread(ThreadJob job, const void* argument);

/// The thread's name, such as `worker-0`.
std::string thread_name(pid_t tid);

}  // namespace lanes::sandbox
