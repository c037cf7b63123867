// The state directory when things go wrong: disks without room or inodes, read-only disks, system
// calls that fail, and a process that is killed between any two steps. Power that fails cannot be
// had in a test, so the promise to survive it is checked where it is kept: a tracer follows the
// system calls of a save and sees that nothing is renamed before it is synced.
#include "lanes/state_store.hh"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <functional>

#include "tests/lanes/scratch_directory.hh"

using namespace lanes;
using namespace lanes::test;
using Entry = StateStore::Entry;

namespace {

/// A small file system in memory, in a mount namespace that nobody else is in.
class SmallDisk {
  public:
    SmallDisk(std::string at, const char* options) : at_(std::move(at)) {
        REQUIRE(::mkdir(at_.c_str(), 0700) == 0);
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
            WARN("skipped: a mount namespace of our own: " << std::strerror(errno));
            return;
        }
        mounted_ = ::mount("lanes-test", at_.c_str(), "tmpfs", 0, options) == 0;
        if (!mounted_) WARN("skipped: a tmpfs of our own: " << std::strerror(errno));
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
    }

    explicit operator bool() const { return mounted_; }
    void remount(unsigned long flags) const {
        REQUIRE(::mount(nullptr, at_.c_str(), nullptr, MS_REMOUNT | flags, nullptr) == 0);
    }
    /// Until there is no room for a byte; returns the file that took it all.
    std::string fill() const {
        const std::string path = at_ + "/filler";
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        REQUIRE(fd >= 0);
        const std::string page(4096, 'x');
        while (::write(fd, page.data(), page.size()) > 0) {
        }
        ::close(fd);
        return path;
    }

  private:
    std::string at_;
    bool mounted_ = false;
};

std::vector<Entry> numbered(unsigned count, const std::string& text) {
    std::vector<Entry> entries;
    for (unsigned i = 0; i < count; ++i) entries.push_back({"lane-" + std::to_string(i), text});
    return entries;
}

std::string loaded(StateStore& store, const std::string& name) {
    auto text = store.load(name);
    if (!text) return "error: " + text.error().message;
    return text->value_or("(none)");
}

std::unique_ptr<StateStore> open(const std::string& path) {
    auto store = open_state_directory(path);
    REQUIRE(store);
    return std::move(*store);
}

std::string outcome_of(const engine::Result<void>& saved) {
    return saved ? "saved" : saved.error().message;
}

bool has_spares(const std::string& path) {
    for (const auto& name : names_in(path)) {
        if (name.ends_with(".spare")) return true;
    }
    return false;
}

/// Calls `body` in a child that is stopped at every entry to and return from a system call, and
/// `look(child)` at each of them, which says whether it may go on; if not it is killed there.
/// False: this is not allowed here.
bool trace(const std::function<bool()>& body, const std::function<bool(pid_t)>& look,
           bool& finished) {
    finished = false;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
        ::raise(SIGSTOP);
        ::_exit(body() ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (!WIFSTOPPED(status)) return false;
    REQUIRE(::ptrace(PTRACE_SETOPTIONS, child, nullptr,
                     PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) == 0);
    for (;;) {
        REQUIRE(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0);
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (WIFEXITED(status)) {
            finished = WEXITSTATUS(status) == 0;
            return true;
        }
        REQUIRE(WIFSTOPPED(status));
        REQUIRE(WSTOPSIG(status) == (SIGTRAP | 0x80));
        if (look(child)) continue;
        REQUIRE(::kill(child, SIGKILL) == 0);
        REQUIRE(::waitpid(child, &status, 0) == child);
        return true;
    }
}

/// What a save says in a child in which these system calls fail with `code`. "(skipped)" where
/// there is no seccomp.
std::string save_failing(StateStore& store, const std::vector<Entry>& entries,
                         const std::vector<long>& calls, int code) {
    std::vector<sock_filter> program = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const long call : calls) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
        program.push_back(
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
    int answer[2];
    REQUIRE(::pipe(answer) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::string said = "(skipped)";
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
            ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) {
            said = outcome_of(store.save(entries));
        }
        ::_exit(::write(answer[1], said.data(), said.size()) > 0 ? 0 : 1);
    }
    ::close(answer[1]);
    std::string said(1000, '\0');
    const ssize_t len = ::read(answer[0], said.data(), said.size());
    ::close(answer[0]);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    REQUIRE(len > 0);
    said.resize(static_cast<std::size_t>(len));
    return said;
}

/// Follows the calls of a save: which files have bytes that are not synced, and whether the
/// directory has names that are not.
class SyncWatcher {
  public:
    void look(pid_t child) {
        __ptrace_syscall_info info = {};
        REQUIRE(::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0);
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
            number_ = info.entry.nr;
            file_ = static_cast<int>(info.entry.args[0]);
        } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.rval >= 0) {
            done(static_cast<int>(info.exit.rval));
        }
    }

    bool clean() const { return dirty_.empty() && closed_dirty_ == 0 && !names_dirty_; }
    unsigned renames = 0;
    unsigned early_renames = 0;  ///< while something was not synced
    unsigned syncs = 0;

  private:
    void done(int result) {
        switch (number_) {
            case SYS_openat:
                dirty_.erase(result);
                break;
            case SYS_write:
            case SYS_pwrite64:
            case SYS_ftruncate:
                dirty_.insert(file_);
                break;
            case SYS_close:
                closed_dirty_ += static_cast<unsigned>(dirty_.erase(file_));
                break;
            case SYS_fsync:
            case SYS_fdatasync:
                ++syncs;
                if (dirty_.erase(file_) == 0) names_dirty_ = false;
                break;
            case SYS_syncfs:
                ++syncs;
                dirty_.clear();
                closed_dirty_ = 0;
                break;
            case SYS_rename:
            case SYS_renameat:
            case SYS_renameat2:
                ++renames;
                if (!dirty_.empty() || closed_dirty_ > 0) ++early_renames;
                names_dirty_ = true;
                break;
            default:
                break;
        }
    }

    std::uint64_t number_ = 0;
    int file_ = -1;
    std::set<int> dirty_;
    unsigned closed_dirty_ = 0;
    bool names_dirty_ = false;
};

}  // namespace

TEST_CASE("a full disk is an error that names the file, and what was there stays whole") {
    const ScratchDirectory scratch;
    const SmallDisk disk(scratch / "disk", "size=256k,mode=0700");
    if (!disk) return;
    const std::string path = scratch / "disk/state";
    auto store = open(path);
    REQUIRE(store->save(numbered(2, "old")));
    const auto before = content_of(path + "/lane-0");
    const std::string filler = disk.fill();
    const unsigned count = GENERATE(3u, 40u);  // one by one, and together
    CHECK(outcome_of(store->save(numbered(count, "new"))) ==
          "write " + path + "/lane-0: No space left on device");
    CHECK_FALSE(has_spares(path));
    CHECK(content_of(path + "/lane-0") == before);
    CHECK(loaded(*store, "lane-0") == "old");
    CHECK(loaded(*store, "lane-1") == "old");
    CHECK(loaded(*store, "lane-2") == "(none)");
    // When there is room again, nothing needs to be started anew.
    REQUIRE(::truncate(filler.c_str(), 0) == 0);
    CHECK(outcome_of(store->save(numbered(count, "new"))) == "saved");
    CHECK(loaded(*store, "lane-0") == "new");
    CHECK(loaded(*store, "lane-2") == "new");
}

TEST_CASE("a disk that fills in the middle of a batch leaves every entry as it was") {
    const ScratchDirectory scratch;
    const SmallDisk disk(scratch / "disk", "size=64k,mode=0700");
    if (!disk) return;
    auto store = open(scratch / "disk/state");
    REQUIRE(store->save(numbered(5, "old")));
    const std::string message = outcome_of(store->save(numbered(30, "new")));
    CHECK_THAT(message, Catch::StartsWith("write ") && Catch::EndsWith("No space left on device"));
    CHECK_FALSE(has_spares(scratch / "disk/state"));
    for (unsigned i = 0; i < 30; ++i) {
        CHECK(loaded(*store, "lane-" + std::to_string(i)) == (i < 5 ? "old" : "(none)"));
    }
}

TEST_CASE("a full disk does not stop entries that have changed before") {
    const ScratchDirectory scratch;
    const SmallDisk disk(scratch / "disk", "size=256k,mode=0700");
    if (!disk) return;
    auto store = open(scratch / "disk/state");
    REQUIRE(store->save(numbered(20, "one")));
    REQUIRE(store->save(numbered(20, "two")));
    disk.fill();
    CHECK(outcome_of(store->save(numbered(20, "three"))) == "saved");
    CHECK(outcome_of(store->save(numbered(2, "four"))) == "saved");
    CHECK(loaded(*store, "lane-1") == "four");
    CHECK(loaded(*store, "lane-19") == "three");
}

TEST_CASE("a disk without inodes is an error that names the file, and nothing is lost") {
    const ScratchDirectory scratch;
    const SmallDisk disk(scratch / "disk", "size=1m,nr_inodes=8,mode=0700");
    if (!disk) return;
    auto store = open(scratch / "disk/state");  // the root, the directory and its lock: 3
    REQUIRE(store->save(numbered(2, "old")));   // 5
    const std::string message = outcome_of(store->save(numbered(7, "new")));
    CHECK_THAT(message, Catch::StartsWith("create a file for " + scratch / "disk/state/lane-") &&
                            Catch::EndsWith("No space left on device"));
    CHECK_FALSE(has_spares(scratch / "disk/state"));
    CHECK(loaded(*store, "lane-0") == "old");
    CHECK(outcome_of(store->save(numbered(2, "new"))) == "saved");
    CHECK(loaded(*store, "lane-0") == "new");
}

TEST_CASE("a disk without room for a state directory is refused in words") {
    const ScratchDirectory scratch;
    const SmallDisk disk(scratch / "disk", "size=1m,nr_inodes=2,mode=0700");
    if (!disk) return;
    auto store = open_state_directory(scratch / "disk/state");
    REQUIRE_FALSE(store);
    CHECK(store.error().message == "state directory " + scratch / "disk/state" +
                                       ": create the file .lock: No space left on device");
}

TEST_CASE("a read-only disk is refused in words, and taken when it is writable again") {
    const ScratchDirectory scratch;
    const SmallDisk disk(scratch / "disk", "size=1m,mode=0700");
    if (!disk) return;
    const std::string path = scratch / "disk/state";
    REQUIRE(open(path)->save(numbered(2, "old")));
    disk.remount(MS_RDONLY);
    auto again = open_state_directory(path);
    REQUIRE_FALSE(again);
    CHECK(again.error().message ==
          "state directory " + path + " cannot be written to: Read-only file system");
    auto elsewhere = open_state_directory(scratch / "disk/other");
    REQUIRE_FALSE(elsewhere);
    CHECK_THAT(elsewhere.error().message, Catch::EndsWith("Read-only file system"));
    disk.remount(0);
    auto store = open(path);
    CHECK(loaded(*store, "lane-0") == "old");
    CHECK(outcome_of(store->save(numbered(2, "new"))) == "saved");
    CHECK(loaded(*store, "lane-0") == "new");
}

TEST_CASE("each step of a save that fails is an error in words, and the next save succeeds") {
    const ScratchDirectory scratch;
    const std::string path = scratch / "state";
    auto store = open(path);
    const std::vector<long> renames = {SYS_renameat2, SYS_renameat, SYS_rename};
    struct Case {
        unsigned count;
        std::vector<long> calls;
        int code;
        std::string said;
        const char* left;  ///< what the entries hold afterwards
    };
    const std::vector<Case> cases = {
        {3, {SYS_openat}, EROFS, "create a file for PATH/lane-0: Read-only file system", "old"},
        {3, {SYS_openat}, ENOSPC, "create a file for PATH/lane-0: No space left on device", "old"},
        {3, {SYS_openat}, EACCES, "create a file for PATH/lane-0: Permission denied", "old"},
        {3, {SYS_pwrite64}, ENOSPC, "write PATH/lane-0: No space left on device", "old"},
        {3, {SYS_pwrite64}, EDQUOT, "write PATH/lane-0: Disk quota exceeded", "old"},
        {3, {SYS_ftruncate}, EIO, "write PATH/lane-0: Input/output error", "old"},
        {3, {SYS_fsync}, ENOSPC, "sync PATH/lane-0: No space left on device", "old"},
        {3, {SYS_fsync}, EIO, "sync PATH/lane-0: Input/output error", "old"},
        {9, {SYS_syncfs}, EIO, "sync the file system of PATH: Input/output error", "old"},
        {9, {SYS_fsync}, EIO, "sync the directory PATH: Input/output error", "new"},
        {3, renames, EACCES, "rename to PATH/lane-0: Permission denied", "old"},
        {9, renames, EROFS, "rename to PATH/lane-0: Read-only file system", "old"},
        // A file system that cannot exchange is not a failure.
        {3, {SYS_renameat2}, EINVAL, "saved", "new"},
        {9, {SYS_renameat2}, EINVAL, "saved", "new"},
    };
    for (const Case& one : cases) {
        REQUIRE(store->save(numbered(one.count, "older")));
        REQUIRE(store->save(numbered(one.count, "old")));
        const std::string said =
            save_failing(*store, numbered(one.count, "new"), one.calls, one.code);
        if (said == "(skipped)") {
            WARN("skipped: no seccomp here");
            return;
        }
        std::string expected = one.said;
        if (const auto at = expected.find("PATH"); at != std::string::npos) {
            expected.replace(at, 4, path);
        }
        CHECK(said == expected);
        const auto names = names_in(path);
        for (unsigned i = 0; i < one.count; ++i) {
            const bool spare = names.contains(".lane-" + std::to_string(i) + ".spare");
            CHECK_FALSE((said != "saved" && spare));
            CHECK(loaded(*store, "lane-" + std::to_string(i)) == one.left);
        }
        CHECK(outcome_of(store->save(numbered(one.count, "next"))) == "saved");
        CHECK(loaded(*store, "lane-2") == "next");
    }
}

TEST_CASE("a process killed between any two steps of a save leaves each entry old or new") {
    const auto [count, with_spares] =
        GENERATE(table<unsigned, bool>({{2, false}, {2, true}, {8, true}}));
    unsigned killed = 0;
    for (unsigned steps = 1;; ++steps) {
        const ScratchDirectory scratch;
        auto store = open(scratch / "state");
        if (with_spares) REQUIRE(store->save(numbered(count, "older")));
        REQUIRE(store->save(numbered(count, "old")));
        const auto entries = numbered(count + 1, "new");
        unsigned left = 2 * steps - 1;  // before the call of that number
        bool finished = false;
        const bool traced = trace([&] { return static_cast<bool>(store->save(entries)); },
                                  [&](pid_t) { return --left > 0; }, finished);
        if (!traced) {
            WARN("skipped: a child may not be traced here");
            return;
        }
        store.reset();
        store = open(scratch / "state");
        CHECK_FALSE(has_spares(scratch / "state"));
        INFO("killed before call " << steps);
        for (unsigned i = 0; i <= count; ++i) {
            const std::string text = loaded(*store, "lane-" + std::to_string(i));
            const std::string old = i < count ? "old" : "(none)";
            REQUIRE((text == "new" || (!finished && text == old)));
        }
        REQUIRE(store->save(entries));
        if (finished) break;
        ++killed;
    }
    CHECK(killed >= (count + 1) * 5 + 1);  // open, write, truncate, close and rename each
}

TEST_CASE("nothing takes its name before it is synced, and the names are synced at the end") {
    const ScratchDirectory scratch(ScratchDirectory::Place::disk);
    auto store = open(scratch / "state");
    const unsigned count = GENERATE(1u, 8u, 9u, 100u);
    for (unsigned round = 0; round < 3; ++round) {
        SyncWatcher watcher;
        bool finished = false;
        const auto entries = numbered(count, "round " + std::to_string(round));
        const bool traced = trace([&] { return static_cast<bool>(store->save(entries)); },
                                  [&](pid_t child) {
                                      watcher.look(child);
                                      return true;
                                  },
                                  finished);
        if (!traced) {
            WARN("skipped: a child may not be traced here");
            return;
        }
        INFO(count << " entries, round " << round);
        CHECK(finished);
        CHECK(watcher.renames == count);
        CHECK(watcher.early_renames == 0);
        CHECK(watcher.clean());
        CHECK(watcher.syncs == (count <= 8 ? count + 1 : 2));
    }
}
