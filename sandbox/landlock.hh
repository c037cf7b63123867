// Landlock: which files, TCP ports and processes this process may reach from now on, enforced by
// the kernel for each thread. Called by confine() and by nobody else. The kernel's header of the
// build machine may be older than the kernel it runs on, so what newer ABIs have is named in
// landlock.cc, after Documentation/userspace-api/landlock.rst.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/result.hh"
#include "sandbox/sandbox.hh"

namespace lanes::sandbox {

/// What the kernel's landlock can do; 0: it has none.
int landlock_abi() noexcept;

class Ruleset {
  public:
    /// Nothing is allowed but what `paths` name (those that are not there are left out) and TCP
    /// ports to listen on; no TCP connection out, no signal to others, no abstract socket of
    /// others, as far as the kernel can refuse them.
    static engine::Result<Ruleset> make(const std::vector<Path>& paths,
                                        const std::vector<std::uint16_t>& tcp_ports);
    Ruleset(Ruleset&& other) noexcept;
    Ruleset& operator=(Ruleset&&) = delete;
    ~Ruleset();

    /// Confines every thread.
    engine::Result<void> enforce() const;

    /// By name: what it refuses, and what this kernel cannot.
    const std::vector<std::string>& in_force() const noexcept { return in_force_; }
    const std::vector<std::string>& missing() const noexcept { return missing_; }

  private:
    explicit Ruleset(int fd) noexcept : fd_(fd) {}
    engine::Result<void> add(const Path& path, std::uint64_t handled);
    engine::Result<void> add_port(std::uint16_t port);

    int fd_;
    std::vector<std::string> in_force_;
    std::vector<std::string> missing_;
};

}  // namespace lanes::sandbox
