// Process: what a process holds on to, read from /proc: memory, descriptors, threads. Of this
// process and of those that --watch names, a `lanes` that is soaked through real ports. Any thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace lanes::bench {

struct Usage {
    double memory_mib = 0;
    double descriptors = 0;
    double threads = 0;
};

class Process {
  public:
    /// Throws std::runtime_error when there is no such process, or it may not be looked at.
    explicit Process(pid_t pid);

    /// Nothing when the process has ended, or another one has its number by now.
    std::optional<Usage> usage() const;

    const std::string& name() const noexcept { return name_; }  ///< of its command
    pid_t pid() const noexcept { return pid_; }

    /// Whether memory is the process's share of all pages it maps (PSS), those swapped out
    /// included; else all of the resident ones (RSS), because the kernel does not tell more.
    bool proportional() const noexcept { return proportional_; }

  private:
    std::string path(const char* file) const;
    std::string started() const;

    pid_t pid_;
    std::string name_;
    std::string started_;  ///< in clock ticks since boot; tells processes of one number apart
    bool proportional_ = false;
};

}  // namespace lanes::bench
