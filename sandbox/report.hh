// What is in force, read back from the kernel, thread by thread. Nothing here believes what
// confine() did: /proc/self/task says what each thread may, and landlock, of which the kernel tells
// nothing, is proved by an access that it must refuse, tried in each thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/result.hh"
#include "sandbox/refusals.hh"

namespace lanes::sandbox {

/// Of one thread, as in proc(5).
struct ThreadReport {
    pid_t tid = 0;
    std::string name;
    bool no_new_privileges = false;
    unsigned seccomp_mode = 0;  ///< 0: none, 2: filter
    unsigned seccomp_filters = 0;
    std::uint64_t effective = 0, permitted = 0, inheritable = 0, bounding = 0, ambient = 0;
    unsigned user = 0, group = 0;  ///< effective
    std::vector<unsigned> groups;
    bool landlocked = false;  ///< it was refused what everybody may read
};

struct Report {
    std::vector<ThreadReport> threads;
    bool dumpable = true;
    std::uint64_t core_bytes_max = 0;  ///< soft limit of core dumps
    std::uint64_t locked_bytes = 0;    ///< memory that is never swapped out
    std::vector<Refusal> refused;      ///< system calls, so far
};

/// Control only. Interrupts each thread for one open() that fails.
engine::Result<Report> read_report();

}  // namespace lanes::sandbox
