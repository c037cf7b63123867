// Metrics: a running node as Prometheus and its kin read it: `GET /metrics` over a unix socket or
// HTTP on loopback. The same facts as `show ... --json`, from the same places. The Control thread
// drives it between two ticks, a piece of a scrape at a time; it only reads what workers count.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/result.hh"
#include "manage/http_server.hh"
#include "manage/node.hh"

namespace lanes::manage {

class Metrics {
  public:
    /// Under way at a time: each holds what it saw of 10,000 lanes, 2 MB, until it is read.
    static constexpr unsigned scrapes_max = 4;

    /// `node` outlives it.
    static engine::Result<std::unique_ptr<Metrics>> create(Node& node,
                                                           std::vector<Listener> listeners);
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    int fd() const noexcept { return server_->fd(); }
    /// Call when fd() is readable, and a few times a second. `now_ns` is CLOCK_MONOTONIC.
    void serve(std::uint64_t now_ns);

    HttpServer::Reply reply(const HttpServer::Request& request);

    const HttpServer& server() const noexcept { return *server_; }

  private:
    class Exposition;

    /// What it costs.
    struct Cost {
        std::uint64_t scrapes = 0;  ///< that were read to their end
        std::uint64_t refused = 0;
        std::uint64_t bytes = 0;
        std::uint64_t control_ns = 0;   ///< processor time of Control, all that HTTP takes
        std::uint64_t longest_ns = 0;   ///< the longest call since the last scrape was read
        std::uint64_t reported_ns = 0;  ///< the longest call up to then
    };

    explicit Metrics(Node& node);

    Node& node_;
    const std::uint64_t started_unix_ns_;
    Cost cost_;
    unsigned under_way_ = 0;
    std::unique_ptr<HttpServer> server_;  // last: its connections end before the rest
};

}  // namespace lanes::manage
