// Lines for people on descriptor 2. Others write to it, too, and know nothing of us: it cannot be
// made non-blocking without changing it for them. A pipe or a terminal is therefore opened once
// more by way of /proc, which gives a description of our own; a socket has a flag for each call; a
// file never keeps anybody waiting. Where opening is refused (somebody else's terminal) poll() is
// asked before each line. See log_sink.hh.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/log_sink.hh"

namespace lanes::engine {
namespace {

class StderrSink final : public LogSink {
  public:
    StderrSink() {
        struct stat status {};
        if (::fstat(STDERR_FILENO, &status) != 0) return;
        socket_ = S_ISSOCK(status.st_mode);
        if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) return;
        may_block_ = true;
        own_ = ::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    }

    ~StderrSink() override {
        if (own_ >= 0) ::close(own_);
    }

    int write(const Message& message) override {
        // What a terminal took only a part of comes first, or lines would run into each other.
        if (const int code = put(rest_); code != 0) return code;
        std::string line = "lanes: ";
        const bool plain =
            message.severity == Severity::notice || message.severity == Severity::info;
        if (!plain) line.append(name_of(message.severity)).append(": ");
        line.append(message.text).append("\n");
        const std::size_t whole = line.size();
        const int code = put(line);
        if (code == 0 || line.size() == whole) return code;
        rest_ = std::move(line);
        return 0;
    }

    std::string name() const override { return "stderr"; }

  private:
    /// Takes what was written off the front of `bytes`.
    int put(std::string& bytes) const {
        while (!bytes.empty()) {
            const ssize_t written = put_some(bytes);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return errno;
            bytes.erase(0, static_cast<std::size_t>(written));
        }
        return 0;
    }

    ssize_t put_some(const std::string& bytes) const {
        if (socket_) {
            return ::send(STDERR_FILENO, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        if (own_ >= 0) return ::write(own_, bytes.data(), bytes.size());
        if (may_block_) {
            pollfd entry{STDERR_FILENO, POLLOUT, 0};
            if (::poll(&entry, 1, 0) != 1 || (entry.revents & POLLOUT) == 0) {
                errno = EAGAIN;
                return -1;
            }
        }
        return ::write(STDERR_FILENO, bytes.data(), bytes.size());
    }

    bool socket_ = false;
    bool may_block_ = false;
    int own_ = -1;  ///< a description of our own
    std::string rest_;
};

}  // namespace

std::unique_ptr<LogSink> make_stderr_sink() {
    return std::make_unique<StderrSink>();
}

}  // namespace lanes::engine
