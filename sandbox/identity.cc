// See identity.hh.
#include "sandbox/identity.hh"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace lanes::sandbox {
namespace {

using engine::Error;
using engine::Result;

struct Identity {
    uid_t user;
    gid_t group;
};

Result<Identity> find(const std::string& user, const std::string& group) {
    errno = 0;
    const passwd* const found = ::getpwnam(user.c_str());
    if (found == nullptr) {
        return Error{errno, "no user `" + user + "`: make it by `useradd --system " + user +
                                "`, or correct `sandbox: {user: }`"};
    }
    Identity identity{found->pw_uid, found->pw_gid};
    if (group.empty()) return identity;
    const ::group* const found_group = ::getgrnam(group.c_str());
    if (found_group == nullptr) {
        return Error{errno, "no group `" + group + "`: make it by `groupadd --system " + group +
                                "`, or correct `sandbox: {group: }`"};
    }
    identity.group = found_group->gr_gid;
    return identity;
}

void give(int folder, const char* name, const Identity& to) {
    struct stat found {};
    if (::fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) return;
    const bool ours = S_ISREG(found.st_mode) && found.st_uid == 0 && found.st_nlink == 1 &&
                      (found.st_mode & 0077) == 0;
    if (ours) ::fchownat(folder, name, to.user, to.group, AT_SYMLINK_NOFOLLOW);
}

/// A folder that root made for the node alone goes to the user, with the files that nobody else
/// may read. Any other is left as it is, and refused below if it cannot be used.
void hand_over(const std::string& path, const Identity& to) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    struct stat found {};
    const bool ours = ::fstat(fd, &found) == 0 && found.st_uid == 0 && (found.st_mode & 0077) == 0;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(fd), &::closedir);
    if (!listing || !ours) return;
    while (const dirent* entry = ::readdir(listing.get())) give(fd, entry->d_name, to);
    ::fchown(fd, to.user, to.group);
}

Result<void> check_paths(const std::string& user, Confinement& all) {
    for (const Path& path : all.paths) {
        if (path.access == Access::device || path.access == Access::remove) continue;
        const bool writes = path.access == Access::write;
        if (::access(path.path.c_str(), F_OK) != 0 && errno == ENOENT) continue;
        if (::faccessat(AT_FDCWD, path.path.c_str(), writes ? W_OK : R_OK, AT_EACCESS) == 0)
            continue;
        if (writes) {
            return Error{EACCES, path.path + ": the user " + user + " cannot write there: chown " +
                                     user + " " + path.path};
        }
        all.missing.push_back("user " + user + " cannot read " + path.path +
                              ": a reload will not either");
    }
    return {};
}

}  // namespace

Result<void> become(const std::string& user, const std::string& group, Confinement& all) {
    if (::geteuid() != 0) {
        if (user.empty()) return {};
        auto wanted = find(user, group);
        if (!wanted) return wanted.error();
        if (wanted->user == ::geteuid()) return {};
        return Error{EPERM, "only root can become the user " + user +
                                ": start the node as root, or as " + user};
    }
    Identity identity{0, ::getegid()};
    if (!user.empty()) {
        auto found = find(user, group);
        if (!found) return found.error();
        identity = *found;
        for (const Path& path : all.paths) {
            if (path.access == Access::write) hand_over(path.path, identity);
        }
    }
    if (::setgroups(0, nullptr) != 0) {
        if (!user.empty()) return engine::system_error(errno, "drop supplementary groups");
        all.missing.push_back("supplementary groups: not dropped, CAP_SETGID is missing");
    } else {
        all.in_force.push_back("supplementary groups dropped");
    }
    if (user.empty()) return {};
    if (::setresgid(identity.group, identity.group, identity.group) != 0) {
        return engine::system_error(errno, "become the group of " + user);
    }
    if (::setresuid(identity.user, identity.user, identity.user) != 0) {
        return engine::system_error(errno, "become the user " + user);
    }
    all.in_force.push_back("user " + user + " (" + std::to_string(identity.user) + "), group " +
                           std::to_string(identity.group));
    return check_paths(user, all);
}

}  // namespace lanes::sandbox
