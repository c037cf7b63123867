// What a number depends on besides the code: the machine, its kernel, how the program was built and
// called, and how much of the machine others took meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/report.hh"

namespace lanes::bench {

/// CPU model and the flags that matter here, cores, NUMA nodes, TSC rate, kernel, governor,
/// hypervisor, memory, compiler and its options, commit, version, date, and `arguments`. What a
/// machine does not tell is null, not left out.
Json describe_environment(const std::vector<std::string>& arguments);

/// Of the program; the build gives it.
std::string version();

/// Time that was taken from this machine or this thread by others; differences count.
struct StolenTime {
    double steal_seconds = 0;    ///< by the hypervisor, of all cores (/proc/stat)
    double waiting_seconds = 0;  ///< this thread was runnable but did not run (schedstat)
    static StolenTime now();     ///< of the calling thread
};

/// Adds `steal_seconds` since describe_environment() to `environment`.
void finish_environment(Json& environment);

}  // namespace lanes::bench
