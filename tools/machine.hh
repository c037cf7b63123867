// Machine: what `lanes ports` and `lanes doctor` look at: the files of /proc, /sys and /dev, below
// a folder that a test may choose, and the few things that only a system call tells of an
// interface. Nothing here changes anything, and nothing needs a privilege: what cannot be read is
// not there.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lanes::tools {

/// What the kernel's driver of an interface is and does by itself (ethtool).
struct Offloads {
    std::string driver;  ///< "veth", "ice"
    bool gro = false;
    bool lro = false;
    bool tso = false;
    bool tx_checksum = false;
    bool rx_vlan = false;
};

/// What an interface says of itself, in this network namespace.
struct InterfaceState {
    bool up = false;  ///< set up by the administrator
    std::uint32_t mtu = 0;
    unsigned type = 0;  ///< ARPHRD_ETHER and so on
};

class Machine {
  public:
    /// `root` is put before every path; "" is the machine itself.
    explicit Machine(std::string root = "") : root_(std::move(root)) {}
    virtual ~Machine() = default;
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    bool exists(const std::string& path) const;
    /// Whether this process may read and write it.
    bool usable(const std::string& path) const;
    /// The whole of a file of at most 1 MiB; empty if it cannot be read.
    std::string text(const std::string& path) const;
    /// The first line; nothing if the file cannot be read.
    std::optional<std::string> line(const std::string& path) const;
    std::optional<std::int64_t> number(const std::string& path) const;
    /// What "NAME: VALUE" or "NAME  VALUE" lines of a file say of `name`.
    std::optional<std::string> field(const std::string& path, std::string_view name) const;
    /// Names in a folder, sorted.
    std::vector<std::string> entries(const std::string& folder) const;
    /// The last part of what a symbolic link points to; empty if it is none.
    std::string target(const std::string& link) const;

    /// Interfaces of this network namespace, sorted.
    std::vector<std::string> interfaces() const;
    /// Nothing where there is no interface of that name.
    std::optional<InterfaceState> state(const std::string& interface) const;
    /// Its folder in /sys, or a path that is not there: /sys may show another network namespace,
    /// with another interface of this name.
    std::string folder(const std::string& interface) const;
    /// Cores that are online.
    std::set<unsigned> cores() const;
    /// NUMA node of a core; -1 if the machine has but one.
    int node_of_core(unsigned core) const;
    bool capable(unsigned capability) const;

    /// What ethtool says of an interface; nothing where it says nothing.
    virtual std::optional<Offloads> offloads(const std::string& interface) const;

  private:
    std::string root_;
};

/// "0-3,8" as a set; what is not of this form ends it.
std::set<unsigned> parse_list(std::string_view text);

/// The numbers of linux/capability.h that matter here.
namespace capability {
inline constexpr unsigned net_admin = 12;
inline constexpr unsigned net_raw = 13;
inline constexpr unsigned ipc_lock = 14;
inline constexpr unsigned sys_admin = 21;
inline constexpr unsigned bpf = 39;
}  // namespace capability

}  // namespace lanes::tools
