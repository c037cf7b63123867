// See state_store.hh. An entry is a file of its own name: a line with the format and the name, the
// text, and a line with a checksum over all of that (BLAKE2b).
//
// An entry changes by RENAME_EXCHANGE with its spare, `.NAME.spare`, which then is what the entry
// was, and is written over by the next save. A fresh temporary each time, renamed over the entry,
// would make an inode and free one. Medians of 1,000 entries in one save, ext4 on a virtual disk:
// fresh temporaries with an fsync each 817 ms, with one syncfs 665 ms; spares with an fsync each
// 188 ms, with one syncfs 26 ms. And a full disk does not stop a rekey: nothing is allocated.
// syncfs waits for everybody's files, so that a few entries are rather synced one by one (1 entry:
// 0.3 ms; 8: 1.3 ms, by syncfs 0.4 ms).
//
// What is the spare now may be the entry still in the disk's eyes, until the directory has been
// synced. So spares are removed, not written over, after an error and at start.
#include "lanes/state_store.hh"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>

#include "engine/check.hh"

namespace lanes {
namespace {

using engine::Error;
using engine::Result;
using engine::system_error;

constexpr std::string_view format = "lanes state 1 ";
constexpr std::string_view checksum_key = "checksum ";
constexpr std::size_t checksum_bytes = 16;
constexpr std::size_t checksum_line_chars = checksum_key.size() + 2 * checksum_bytes + 1;
constexpr std::size_t file_bytes_max = 64 << 10;
constexpr std::size_t name_chars_max = 200;
constexpr std::size_t one_by_one_max = 8;  ///< entries; more are synced by one syncfs
constexpr std::string_view spare_end = ".spare";

class Descriptor {
  public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() { close(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Some file systems tell only now that a write failed.
    bool close() noexcept {
        const int fd = std::exchange(fd_, -1);
        return fd < 0 || ::close(fd) == 0 || errno == EINTR;
    }

  private:
    int fd_;
};

std::string checksum_line(std::string_view of) {
    unsigned char sum[checksum_bytes];
    crypto_generichash(sum, sizeof sum, reinterpret_cast<const unsigned char*>(of.data()),
                       of.size(), nullptr, 0);
    char text[2 * checksum_bytes + 1];
    sodium_bin2hex(text, sizeof text, sum, sizeof sum);
    return std::string(checksum_key) + text + '\n';
}

std::string first_line(const std::string& name) {
    return std::string(format) + name + '\n';
}

std::string wrap(const StateStore::Entry& entry) {
    std::string content = first_line(entry.name) + entry.text;
    content += checksum_line(content);
    return content;
}

/// What save() wrapped; the error says what is wrong with the file and does not name it.
Result<std::string> unwrap(const std::string& name, std::string_view content) {
    if (content.empty()) return Error{0, "is empty"};
    if (content.size() < checksum_line_chars) return Error{0, "is damaged: it was cut short"};
    const std::size_t end = content.size() - checksum_line_chars;
    if (content.substr(end, checksum_key.size()) != checksum_key) {
        return Error{0, "is damaged or cut short: its last line is no checksum"};
    }
    if (content.substr(end) != checksum_line(content.substr(0, end))) {
        return Error{0, "is damaged: its checksum is wrong"};
    }
    const std::string first = first_line(name);
    if (!content.starts_with(first)) {
        return Error{0, "is of another entry or version: its first line should be `" +
                            first.substr(0, first.size() - 1) + "`"};
    }
    return std::string(content.substr(first.size(), end - first.size()));
}

bool is_name(std::string_view name) {
    constexpr std::string_view allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return !name.empty() && name.size() <= name_chars_max && name[0] != '.' &&
           name.find_first_not_of(allowed) == std::string_view::npos;
}

std::string spare_of(const std::string& name) {
    return '.' + name + std::string(spare_end);
}

bool write_all(int fd, std::string_view content) {
    std::size_t at = 0;
    while (at < content.size()) {
        const ssize_t n =
            ::pwrite(fd, content.data() + at, content.size() - at, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return false;
        at += static_cast<std::size_t>(n);
    }
    return ::ftruncate(fd, static_cast<off_t>(at)) == 0;
}

class StateDirectory final : public StateStore {
  public:
    StateDirectory(std::string path, Descriptor directory, Descriptor lock)
        : path_(std::move(path)), directory_(std::move(directory)), lock_(std::move(lock)) {}

    Result<std::optional<std::string>> load(const std::string& name) override;
    Result<void> save(std::span<const Entry> entries) override;

    /// What a process that was killed left behind.
    Result<void> remove_spares();

  private:
    Error error(const char* doing, const std::string& name) const {
        return system_error(errno, doing + path_ + '/' + name);
    }
    Result<void> write_spare(const Entry& entry, bool sync);
    using Batch = std::map<std::string_view, const Entry*>;
    Result<void> write_spares(const Batch& batch);
    Result<void> place(const std::string& name);

    std::string path_;  ///< for messages
    Descriptor directory_;
    Descriptor lock_;
};

Result<std::optional<std::string>> StateDirectory::load(const std::string& name) {
    LANES_CHECK(is_name(name));
    const Descriptor file(
        ::openat(directory_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) {
        if (errno == ENOENT) return std::optional<std::string>();
        return error("open ", name);
    }
    std::string content(file_bytes_max + 1, '\0');
    std::size_t len = 0;
    while (len < content.size()) {
        const ssize_t n = ::read(file.get(), content.data() + len, content.size() - len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error("read ", name);
        if (n == 0) break;
        len += static_cast<std::size_t>(n);
    }
    if (len > file_bytes_max)
        return Error{0, path_ + '/' + name + " is too long to be one of ours"};
    auto text = unwrap(name, std::string_view(content).substr(0, len));
    if (!text) return Error{0, path_ + '/' + name + ' ' + text.error().message};
    return std::optional(std::move(*text));
}

Result<void> StateDirectory::write_spare(const Entry& entry, bool sync) {
    LANES_CHECK(is_name(entry.name));
    const std::string content = wrap(entry);
    LANES_CHECK(content.size() <= file_bytes_max);
    Descriptor file(::openat(directory_.get(), spare_of(entry.name).c_str(),
                             O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return error("create a file for ", entry.name);
    if (!write_all(file.get(), content)) return error("write ", entry.name);
    if (sync && ::fsync(file.get()) != 0) return error("sync ", entry.name);
    if (!file.close()) return error("write ", entry.name);
    return {};
}

Result<void> StateDirectory::write_spares(const Batch& batch) {
    const bool one_by_one = batch.size() <= one_by_one_max;
    for (const auto& [name, entry] : batch) {
        if (auto ok = write_spare(*entry, one_by_one); !ok) return ok;
    }
    if (!one_by_one && ::syncfs(directory_.get()) != 0) {
        return system_error(errno, "sync the file system of " + path_);
    }
    return {};
}

/// Makes the spare the entry, and the entry, if there is one, the spare.
Result<void> StateDirectory::place(const std::string& name) {
    const int directory = directory_.get();
    const std::string spare = spare_of(name);
    if (::renameat2(directory, spare.c_str(), directory, name.c_str(), RENAME_EXCHANGE) == 0) {
        return {};
    }
    // There is no entry yet (ENOENT), or this file system cannot exchange (EINVAL).
    if (::renameat(directory, spare.c_str(), directory, name.c_str()) == 0) return {};
    return error("rename to ", name);
}

Result<void> StateDirectory::save(std::span<const Entry> entries) {
    // To exchange one entry twice would bring the old one back: the last of a name counts.
    Batch batch;
    for (const Entry& entry : entries) batch[entry.name] = &entry;
    auto outcome = write_spares(batch);
    for (const auto& [name, entry] : batch) {
        if (!outcome) break;
        outcome = place(entry->name);
    }
    if (outcome && ::fsync(directory_.get()) != 0) {
        outcome = system_error(errno, "sync the directory " + path_);
    }
    if (outcome) return outcome;
    for (const auto& [name, entry] : batch) {
        ::unlinkat(directory_.get(), spare_of(entry->name).c_str(), 0);
    }
    return outcome;
}

Result<void> StateDirectory::remove_spares() {
    const int again = ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(again < 0 ? nullptr : ::fdopendir(again),
                                                      &::closedir);
    if (!listing) return system_error(errno, "read the directory " + path_);
    while (const dirent* found = ::readdir(listing.get())) {
        const std::string_view name = found->d_name;
        if (!name.starts_with('.') || !name.ends_with(spare_end)) continue;
        if (::unlinkat(directory_.get(), found->d_name, 0) != 0) {
            return error("remove ", found->d_name);
        }
    }
    return {};
}

class Forgetful final : public StateStore {
  public:
    Result<std::optional<std::string>> load(const std::string& name) override {
        const auto at = entries_.find(name);
        return at == entries_.end() ? std::nullopt : std::optional(at->second);
    }
    Result<void> save(std::span<const Entry> entries) override {
        for (const Entry& entry : entries) entries_[entry.name] = entry.text;
        return {};
    }

  private:
    std::map<std::string, std::string> entries_;
};

std::string parent_of(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

/// Not open for writing if that can be: a file system that somebody writes to cannot be made
/// read-only. (NFS wants it to be, and says EBADF.)
Result<Descriptor> lock_file(int directory, const std::string& what, int access = O_RDONLY) {
    Descriptor lock(::openat(directory, ".lock", access | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) return system_error(errno, what + ": create the file .lock");
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno == EBADF && access == O_RDONLY) return lock_file(directory, what, O_RDWR);
    if (errno != EWOULDBLOCK) return system_error(errno, what + ": lock the file .lock");
    return Error{EWOULDBLOCK, what + " is in use by another lanes: give each node its own"};
}

}  // namespace

Result<std::unique_ptr<StateStore>> open_state_directory(const std::string& path) {
    const std::string what = "state directory " + path;
    const bool made = ::mkdir(path.c_str(), 0700) == 0;
    if (!made && errno == ENOENT) {
        return system_error(ENOENT, what + ": its parent directory " + parent_of(path));
    }
    if (!made && errno != EEXIST) return system_error(errno, what + " cannot be made");
    Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return system_error(errno, what + " cannot be opened");
    struct stat found {};
    if (::fstat(directory.get(), &found) != 0) return system_error(errno, what);
    if ((found.st_mode & S_IWOTH) != 0) {
        return Error{EPERM, what +
                                " can be written to by everybody, who could so let old packets in "
                                "again: chmod o-w " +
                                path};
    }
    if (::faccessat(directory.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
        return system_error(errno, what + " cannot be written to");
    }
    if (made && ::syncfs(directory.get()) != 0) return system_error(errno, "sync " + what);
    auto lock = lock_file(directory.get(), what);
    if (!lock) return lock.error();
    auto store = std::make_unique<StateDirectory>(path, std::move(directory), std::move(*lock));
    if (auto ok = store->remove_spares(); !ok) return ok.error();
    return std::unique_ptr<StateStore>(std::move(store));
}

std::unique_ptr<StateStore> forgetful_store() {
    return std::make_unique<Forgetful>();
}

}  // namespace lanes
