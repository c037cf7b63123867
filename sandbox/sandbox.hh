// The sandbox: what a node gives up once its ports are open and before a worker moves the first
// packet, so that whoever gets hold of it through a packet gets hold of little. In this order: no
// core dumps and no reading by others, no new privileges, user and groups, capabilities, landlock,
// system calls (seccomp); each in every thread that there is, those of libraries too, and in all
// that start later. Nothing of it can be undone.
//
// A kernel that lacks a part is no error: the part is named in Confinement::missing. A part that
// the kernel has and refuses is one, and then the node must not run.
//
// tools/confine.cc makes the Rules of a node; the Control thread calls, once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/port.hh"
#include "engine/result.hh"

namespace lanes::sandbox {

enum class Access : std::uint8_t {
    read,    ///< files, and what is beneath a folder
    write,   ///< the same, and make, change and remove files and sockets in it
    device,  ///< read, write and control
    remove,  ///< list a folder, and remove files and sockets from it
};

struct Path {
    std::string path;
    Access access = Access::read;
};

/// Whether ports may be opened that need privileges, after the start.
enum class Reopen : std::uint8_t { never, allowed };

struct Rules {
    std::vector<engine::PortSpec> ports;  ///< as they are open
    std::vector<Path> paths;  ///< what the node itself needs; libraries' are added by the drivers
    std::vector<std::uint16_t> tcp_ports;  ///< that it may listen on, later
    std::string user;                      ///< empty: stays who it is
    std::string group;                     ///< empty: the user's own
    Reopen reopen = Reopen::never;
};

/// What came of it. Lists are sentences for an operator, one for each part.
struct Confinement {
    bool enforced = false;
    std::vector<std::string> in_force;
    std::vector<std::string> missing;  ///< what this kernel, or this build, does not have
    std::vector<std::string> drivers;
    std::vector<std::string> capabilities;  ///< kept, in the Control thread only
    std::vector<Path> paths;                ///< files that may be used, all others may not
    Reopen reopen = Reopen::never;
    bool landlock = false;
    bool seccomp = false;

    /// Whether a port may still be opened. The error names the port and says `needs restart`.
    engine::Result<void> may_open(const engine::PortSpec& port) const;
};

/// Confines this process. On an error some of it may be in force: end the process.
engine::Result<Confinement> confine(const Rules& rules);

/// How this process is confined; for what shows it. Before confine() nothing is in force.
const Confinement& confinement() noexcept;

}  // namespace lanes::sandbox
