// Listener: where a node can be reached: a unix socket, whose file decides who may connect, or a
// TCP port on loopback for telnet or for metrics. Opened before the node starts, by the main
// thread.
#pragma once

#include <string>

#include "engine/address.hh"
#include "engine/descriptor.hh"
#include "engine/result.hh"

namespace lanes::manage {

class Listener {
  public:
    enum class Kind : std::uint8_t { socket, telnet, http };

    /// Makes the socket at `path`: mode 0660, of the group `lanes` if there is one. A folder that
    /// is not there is made if its parent is. A socket that nobody listens at any more is replaced;
    /// anything else that is there is an error.
    static engine::Result<Listener> at_path(const std::string& path, Kind kind = Kind::socket);
    /// Listens at an address of loopback; others are refused.
    static engine::Result<Listener> at_loopback(const engine::Endpoint& endpoint, Kind kind);
    static engine::Result<Listener> at_telnet(const engine::Endpoint& endpoint) {
        return at_loopback(endpoint, Kind::telnet);
    }

    Listener(Listener&&) = default;
    Listener& operator=(Listener&&) = default;
    /// Removes the socket's file, if it is still this one.
    ~Listener();

    Kind kind() const noexcept { return kind_; }
    int fd() const noexcept { return fd_.get(); }
    /// Whether files' rights decide who may connect; else every user of this host may.
    bool has_path() const noexcept { return !path_.empty(); }
    /// The next one who wants to talk, not blocking; -1: nobody (errno says why). `peer` becomes
    /// who it is; of http, where nobody asks, it stays as it is.
    engine::Descriptor accept(std::string& peer) const;
    /// Where it is, for the log.
    const std::string& where() const noexcept { return where_; }

  private:
    Listener(Kind kind, engine::Descriptor fd, std::string where)
        : kind_(kind), fd_(std::move(fd)), where_(std::move(where)) {}

    Kind kind_;
    engine::Descriptor fd_;
    std::string where_;
    std::string path_;
    unsigned long device_ = 0, inode_ = 0;  ///< of the socket's file
};

}  // namespace lanes::manage
