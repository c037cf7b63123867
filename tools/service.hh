// Service: what a node tells the manager that started it (systemd.service(5), Type=notify;
// sd_notify(3) has the protocol): that it is ready, reloads, stops, and is alive. Alive means that
// every worker moves: it did rounds since the last time, or it sleeps because nothing comes.
//
// Not libsystemd: that opens a socket for each message, which a confined process may not do. Called
// by the main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/worker.hh"

namespace lanes::tools {

class Service {
  public:
    /// Takes $NOTIFY_SOCKET and $WATCHDOG_USEC; without them nobody is told anything.
    Service();
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    void ready(std::string_view status);
    /// `now_ns` is CLOCK_MONOTONIC.
    void reloading(std::uint64_t now_ns);
    void stopping();

    /// To be called several times in each watchdog interval, which is at least a second.
    void alive(const std::vector<std::unique_ptr<engine::Worker>>& workers, std::uint64_t now_ns);

  private:
    void tell(const std::string& message) const;
    bool all_moved(const std::vector<std::unique_ptr<engine::Worker>>& workers);

    int fd_ = -1;
    std::uint64_t watchdog_ns_ = 0;  ///< 0: nobody watches
    std::uint64_t fed_ns_ = 0;
    std::vector<std::uint64_t> rounds_;  ///< of each worker, when they were last looked at
};

}  // namespace lanes::tools
