// See landlock.hh. Each thread gets a domain of its own out of the one ruleset: threads that were
// there before have no common ancestor in it. That matters for signals only, which kernels with
// the first scopes refused between threads of one process; they are left alone there (errata 2).
#include "sandbox/landlock.hh"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sandbox/threads.hh"

namespace lanes::sandbox {
namespace {

// Behind ABI 2, where the header of Debian 12 ends.
constexpr std::uint64_t fs_truncate = 1u << 14;   // ABI 3
constexpr std::uint64_t fs_ioctl_dev = 1u << 15;  // ABI 5
constexpr std::uint64_t net_bind_tcp = 1u << 0;   // ABI 4
constexpr std::uint64_t net_connect_tcp = 1u << 1;
constexpr std::uint64_t scope_abstract_socket = 1u << 0;  // ABI 6
constexpr std::uint64_t scope_signal = 1u << 1;
constexpr unsigned query_version = 1u << 0;
constexpr unsigned query_errata = 1u << 1;
constexpr long errata_signals_within_process = 1 << 1;
constexpr int rule_net_port = 2;

struct RulesetAttributes {
    std::uint64_t fs = 0;
    std::uint64_t net = 0;
    std::uint64_t scoped = 0;
};

struct NetPort {
    std::uint64_t allowed = 0;
    std::uint64_t port = 0;
};

constexpr std::uint64_t fs_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t fs_write = fs_read | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                                   LANDLOCK_ACCESS_FS_MAKE_SOCK | fs_truncate;
constexpr std::uint64_t fs_of_device =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | fs_ioctl_dev;
constexpr std::uint64_t fs_of_files = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                      LANDLOCK_ACCESS_FS_READ_FILE | fs_truncate | fs_ioctl_dev;

/// Every right over files that an ABI knows: bits are given out in order.
std::uint64_t fs_of(int abi) noexcept {
    const int bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
    return (std::uint64_t{1} << bits) - 1;
}

std::size_t size_of(int abi) noexcept {
    return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

std::uint64_t wanted_by(Access access) noexcept {
    switch (access) {
        case Access::read:
            return fs_read;
        case Access::write:
            return fs_write;
        case Access::device:
            return fs_of_device;
        case Access::remove:
            return LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE;
    }
    return 0;
}

long create(const RulesetAttributes* attributes, std::size_t len, unsigned flags) noexcept {
    return ::syscall(SYS_landlock_create_ruleset, attributes, len, flags);
}

int restrict_self(const void* argument) noexcept {
    const int fd = *static_cast<const int*>(argument);
    return ::syscall(SYS_landlock_restrict_self, fd, 0) == 0 ? 0 : errno;
}

}  // namespace

int landlock_abi() noexcept {
    const long abi = create(nullptr, 0, query_version);
    return abi < 0 ? 0 : static_cast<int>(abi);
}

Ruleset::Ruleset(Ruleset&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      in_force_(std::move(other.in_force_)),
      missing_(std::move(other.missing_)) {}

Ruleset::~Ruleset() {
    if (fd_ >= 0) ::close(fd_);
}

engine::Result<Ruleset> Ruleset::make(const std::vector<Path>& paths,
                                      const std::vector<std::uint16_t>& tcp_ports) {
    const int abi = landlock_abi();
    const bool signals_work = create(nullptr, 0, query_errata) > 0 &&
                              (create(nullptr, 0, query_errata) & errata_signals_within_process);
    RulesetAttributes attributes;
    attributes.fs = fs_of(abi);
    if (abi >= 4) attributes.net = net_bind_tcp | net_connect_tcp;
    if (abi >= 6) attributes.scoped = scope_abstract_socket | (signals_work ? scope_signal : 0);
    Ruleset made(static_cast<int>(create(&attributes, size_of(abi), 0)));
    if (made.fd_ < 0) return engine::system_error(errno, "make a landlock ruleset");
    for (const Path& path : paths) {
        if (auto added = made.add(path, attributes.fs); !added) return added.error();
    }
    for (const std::uint16_t port : tcp_ports) {
        if (abi < 4) break;
        if (auto added = made.add_port(port); !added) return added.error();
    }
    const auto say = [&](bool there, const char* what) {
        (there ? made.in_force_ : made.missing_).push_back(std::string("landlock: ") + what);
    };
    say(true, "files");
    say(abi >= 3, "truncation of files");
    say(abi >= 4, "TCP");
    say(abi >= 5, "control of devices");
    say(abi >= 6, "abstract sockets");
    say((attributes.scoped & scope_signal) != 0, "signals to others");
    return made;
}

engine::Result<void> Ruleset::add(const Path& path, std::uint64_t handled) {
    const int fd = ::open(path.path.c_str(), O_PATH | O_CLOEXEC);
    if (fd < 0) return {};  // what is not there needs no leave
    struct stat found {};
    ::fstat(fd, &found);
    std::uint64_t allowed = wanted_by(path.access) & handled;
    if (!S_ISDIR(found.st_mode)) allowed &= fs_of_files;
    const landlock_path_beneath_attr rule{allowed, fd};
    const long added = ::syscall(SYS_landlock_add_rule, fd_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    const int code = errno;
    ::close(fd);
    if (added == 0) return {};
    return engine::system_error(code, "landlock: allow " + path.path);
}

engine::Result<void> Ruleset::add_port(std::uint16_t port) {
    const NetPort rule{net_bind_tcp, port};
    if (::syscall(SYS_landlock_add_rule, fd_, rule_net_port, &rule, 0) == 0) return {};
    return engine::system_error(errno, "landlock: allow TCP port " + std::to_string(port));
}

engine::Result<void> Ruleset::enforce() const {
    auto outcomes = in_every_thread(&restrict_self, &fd_);
    if (!outcomes) return outcomes.error();
    for (const ThreadOutcome& outcome : *outcomes) {
        if (outcome.code == 0) continue;
        return engine::system_error(outcome.code, "landlock in thread " + thread_name(outcome.tid));
    }
    return {};
}

}  // namespace lanes::sandbox
