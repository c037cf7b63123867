// See program.hh. What the program writes goes into files of memory: it never waits for a reader,
// and reading cannot disturb what it measures.
#include "bench/compare/program.hh"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "bench/command.hh"

namespace lanes::bench {
namespace {

class MemoryFile {
  public:
    MemoryFile() : descriptor_(::memfd_create("lanes-bench", MFD_CLOEXEC)) {
        if (descriptor_ < 0) {
            throw std::runtime_error(std::string("memfd_create: ") + std::strerror(errno));
        }
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    int descriptor() const { return descriptor_; }

    std::string text() const {
        std::string all;
        char part[65536];
        for (;;) {
            const ssize_t got =
                ::pread(descriptor_, part, sizeof part, static_cast<off_t>(all.size()));
            if (got <= 0) return all;
            all.append(part, static_cast<std::size_t>(got));
        }
    }

  private:
    int descriptor_;
};

/// Starts it and waits; returns the status of waitpid.
int execute(const std::vector<std::string>& words, const MemoryFile& out, const MemoryFile& err) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err.descriptor(), STDERR_FILENO);
    pid_t child = 0;
    const int failed = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error(words[0] + ": " + std::strerror(failed));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
    return "exited with status " + std::to_string(WEXITSTATUS(status));
}

/// The last lines of what a program said, where errors stand.
std::string tail_of(const std::string& text) {
    constexpr std::size_t most = 2000;
    std::string end = text.size() <= most ? text : "... " + text.substr(text.size() - most);
    end.erase(end.find_last_not_of(" \n") + 1);
    return end.empty() ? "; it wrote nothing to standard error" : ":\n" + end;
}

}  // namespace

Program Program::self() {
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) throw std::runtime_error("/proc/self/exe: " + error.message());
    Program program;
    program.name_ = "A (this program)";
    program.begin_ = {path.string()};
    return program;
}

Program Program::of(const std::string& command) {
    Program program;
    program.name_ = "B (" + command + ")";
    std::error_code error;
    if (command.find('/') != std::string::npos &&
        std::filesystem::is_regular_file(command, error)) {
        program.begin_ = {command};
    } else {
        const bool placed = command.find("$@") != std::string::npos;
        program.begin_ = {"/bin/sh", "-c", placed ? command : command + " \"$@\"", "sh"};
    }
    return program;
}

Report Program::run(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = begin_;
    words.insert(words.end(), arguments.begin(), arguments.end());
    MemoryFile out, err;
    const int status = execute(words, out, err);
    const bool measured =
        WIFEXITED(status) && (WEXITSTATUS(status) == exit_good || WEXITSTATUS(status) == exit_over);
    if (!measured) {
        throw std::runtime_error(name_ + " " + how_it_ended(status) + tail_of(err.text()));
    }
    try {
        return from_json(Json::parse(out.text()));
    } catch (const std::exception& error) {
        throw std::runtime_error(name_ + " " + how_it_ended(status) +
                                 " and printed no report: " + error.what() + tail_of(err.text()));
    }
}

}  // namespace lanes::bench
