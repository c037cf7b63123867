// Signals: those that the main thread takes from a descriptor. Blocked in every thread, so this
// must be made before the first worker starts. run.cc waits by it, for management's descriptors
// too.
#pragma once

#include <signal.h>

#include <initializer_list>

namespace lanes::tools {

class Signals {
  public:
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    bool good() const noexcept { return fd_ >= 0; }

    /// The next signal within `timeout_ms`; 0 if there was none. Returns early when one of
    /// `also`, at most three, is readable; -1 among them is none.
    int wait(int timeout_ms, std::initializer_list<int> also);

    /// From here on SIGTERM and SIGINT end the program at once, by the kernel's hand.
    void let_through();

  private:
    sigset_t set_;
    int fd_ = -1;
};

}  // namespace lanes::tools
