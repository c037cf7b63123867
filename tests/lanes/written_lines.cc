// See written_lines.hh.
#include "tests/lanes/written_lines.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "tests/sanitizers.hh"

namespace lanes::test {
namespace {

constexpr std::size_t line_bytes = 64;
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t run_pages = 256;

/// This process as it is now, standing still until it is destroyed.
class Frozen {
  public:
    Frozen() {
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) ::pause();
        }
        if (pid_ < 0) throw std::runtime_error("fork failed");
    }
    ~Frozen() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Frozen(const Frozen&) = delete;
    Frozen& operator=(const Frozen&) = delete;

    bool read(std::uintptr_t at, std::byte* to, std::size_t len) const {
        iovec local{to, len};
        iovec remote{reinterpret_cast<void*>(at), len};
        return ::process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(len);
    }
    std::string file(const char* name) const {
        return "/proc/" + std::to_string(pid_) + "/" + name;
    }

  private:
    pid_t pid_;
};

struct Mapping {
    std::uintptr_t begin;
    std::uintptr_t end;
};

/// What the process may write and nobody else sees, the first thread's stack excepted: that is the
/// test's own.
std::vector<Mapping> private_memory(const Frozen& process) {
    std::vector<Mapping> mappings;
    std::ifstream maps(process.file("maps"));
    for (std::string line; std::getline(maps, line);) {
        std::istringstream words(line);
        std::string range, rights;
        words >> range >> rights;
        if (rights.substr(0, 2) != "rw" || rights[3] != 'p') continue;
        if (line.find("[stack]") != std::string::npos) continue;
        const std::size_t dash = range.find('-');
        mappings.push_back({std::stoull(range.substr(0, dash), nullptr, 16),
                            std::stoull(range.substr(dash + 1), nullptr, 16)});
    }
    return mappings;
}

/// Pages of `mapping` that are there, as /proc's pagemap has it.
std::vector<bool> present(int pagemap, const Mapping& mapping) {
    const std::size_t pages = (mapping.end - mapping.begin) / page_bytes;
    std::vector<bool> there(pages);
    std::vector<std::uint64_t> entries(std::size_t{1} << 16);
    for (std::size_t done = 0; done < pages;) {
        const std::size_t some = std::min(entries.size(), pages - done);
        const auto at = static_cast<off_t>((mapping.begin / page_bytes + done) * 8);
        if (::pread(pagemap, entries.data(), some * 8, at) != static_cast<ssize_t>(some * 8)) break;
        for (std::size_t i = 0; i < some; ++i) there[done + i] = entries[i] >> 62 != 0;
        done += some;
    }
    return there;
}

void compare(const Frozen& before, const Frozen& after, std::uintptr_t at, std::size_t len,
             WrittenLines::Lines& lines) {
    static std::vector<std::byte> old_bytes(run_pages * page_bytes);
    static std::vector<std::byte> new_bytes(run_pages * page_bytes);
    if (!before.read(at, old_bytes.data(), len) || !after.read(at, new_bytes.data(), len)) return;
    for (std::size_t i = 0; i < len; i += line_bytes) {
        if (std::memcmp(&old_bytes[i], &new_bytes[i], line_bytes) != 0) lines.insert(at + i);
    }
}

}  // namespace

WrittenLines::WrittenLines() {
    for (std::size_t i = 0; i < threads_.size(); ++i) {
        threads_[i] = std::thread([this, i] { serve(turns_[i]); });
    }
}

WrittenLines::~WrittenLines() {
    for (Turn& turn : turns_) turn.ends = true;
    for (std::thread& thread : threads_) thread.join();
}

std::string WrittenLines::unavailable() {
    if (sanitized) return "a sanitizer writes what no worker does";
    static int probe = 0;
    const std::function<void()> work = [] { probe = probe + 1; };
    const Lines found = changed([&] {
        turns_[0].work = &work;
        while (turns_[0].work != nullptr) std::this_thread::yield();
    });
    const std::uintptr_t line = reinterpret_cast<std::uintptr_t>(&probe) / line_bytes * line_bytes;
    if (found.count(line) == 0) return "process_vm_readv or pagemap is not permitted here";
    return "";
}

void WrittenLines::serve(Turn& turn) {
    while (!turn.ends) {
        const std::function<void()>* work = turn.work;
        if (work == nullptr) {
            std::this_thread::yield();
            continue;
        }
        (*work)();
        turn.work = nullptr;
    }
}

WrittenLines::Lines WrittenLines::changed(const std::function<void()>& work) {
    const Frozen before;
    work();
    const Frozen after;
    Lines lines;
    const int pagemap = ::open(after.file("pagemap").c_str(), O_RDONLY | O_CLOEXEC);
    for (const Mapping& mapping : private_memory(after)) {
        const std::vector<bool> there = present(pagemap, mapping);
        for (std::size_t page = 0; page < there.size();) {
            if (!there[page]) {
                ++page;
                continue;
            }
            std::size_t end = page;
            while (end < there.size() && there[end] && end - page < run_pages) ++end;
            compare(before, after, mapping.begin + page * page_bytes, (end - page) * page_bytes,
                    lines);
            page = end;
        }
    }
    ::close(pagemap);
    // Where the kernel writes down on which CPU this thread runs (rseq(2)): no worker wrote that.
    const auto own = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer()) +
                     static_cast<std::uintptr_t>(__rseq_offset);
    lines.erase(own / line_bytes * line_bytes);
    return lines;
}

void WrittenLines::watch(unsigned worker, const std::function<void()>& work) {
    const Lines idle = changed([] {});
    noise_.insert(idle.begin(), idle.end());
    Turn& turn = turns_[worker];
    const Lines found = changed([&] {
        turn.work = &work;
        while (turn.work != nullptr) std::this_thread::yield();
    });
    lines_[worker].insert(found.begin(), found.end());
}

WrittenLines::Lines WrittenLines::shared() const {
    Lines both;
    std::set_intersection(lines_[0].begin(), lines_[0].end(), lines_[1].begin(), lines_[1].end(),
                          std::inserter(both, both.end()));
    for (const std::uintptr_t line : noise_) both.erase(line);
    return both;
}

}  // namespace lanes::test
