// A socket that sends datagrams to a place that may come and go. It is never connected: the place
// is looked up with every datagram, so whoever binds it anew is found without a new socket, which
// a sandbox might refuse. For the sinks of the journal and of syslog.
#pragma once

#include <sys/socket.h>

#include <span>
#include <string>
#include <string_view>

#include "engine/address.hh"
#include "engine/result.hh"

namespace lanes::engine {

class DatagramSocket {
  public:
    /// To a unix socket.
    static Result<DatagramSocket> to_path(const std::string& path);
    static Result<DatagramSocket> to_server(const Endpoint& server);
    DatagramSocket(DatagramSocket&& other) noexcept;
    DatagramSocket& operator=(DatagramSocket&&) = delete;
    ~DatagramSocket();

    /// Returns 0, or an errno value; EAGAIN: its queue is full.
    int send(std::string_view bytes) const noexcept;

  private:
    explicit DatagramSocket(int fd) noexcept : fd_(fd) {}

    int fd_;
    sockaddr_storage address_{};
    socklen_t address_bytes_ = 0;
};

}  // namespace lanes::engine
