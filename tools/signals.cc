// See signals.hh.
#include "tools/signals.hh"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>

namespace lanes::tools {

Signals::Signals() {
    ::signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set_, signal);
    ::sigprocmask(SIG_BLOCK, &set_, nullptr);
    fd_ = ::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
}

Signals::~Signals() {
    if (fd_ >= 0) ::close(fd_);
}

int Signals::wait(int timeout_ms, std::initializer_list<int> also) {
    // poll() passes over a descriptor of -1.
    std::array<pollfd, 4> entries{};
    entries[0] = {fd_, POLLIN, 0};
    nfds_t count = 1;
    for (const int fd : also) {
        if (count < entries.size()) entries[count++] = {fd, POLLIN, 0};
    }
    if (::poll(entries.data(), count, timeout_ms) <= 0 || entries[0].revents == 0) return 0;
    // Those that end the program come before whatever else there is, and however much of it.
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    const timespec at_once{};
    if (const int signal = ::sigtimedwait(&ending, nullptr, &at_once); signal > 0) return signal;
    signalfd_siginfo info;
    if (::read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
    return static_cast<int>(info.ssi_signo);
}

void Signals::let_through() {
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGUSR1, SIG_IGN);
    ::sigprocmask(SIG_UNBLOCK, &set_, nullptr);
}

}  // namespace lanes::tools
