// Server: the sessions of those who ask a running node, over its unix socket and telnet. Driven by
// the Control thread between two ticks: fd() is readable when there is anything to do, and each
// call of serve() does a bounded piece of it. Nothing waits for a client, and a client that hangs
// costs nobody anything: its answer waits in bounded memory and goes with it after 30 s.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/result.hh"
#include "manage/listener.hh"
#include "manage/node.hh"
#include "manage/session.hh"
#include "manage/telnet_talk.hh"

namespace lanes::manage {

class Server {
  public:
    static constexpr std::size_t sessions_max = 64;
    static constexpr std::size_t telnet_sessions_max = 8;
    static constexpr std::uint64_t telnet_idle_ns = 300'000'000'000;
    /// When all sessions of the socket are taken, one that was silent for so long makes room.
    static constexpr std::uint64_t room_idle_ns = 5'000'000'000;
    static constexpr std::size_t answer_bytes_max = std::size_t{32} << 20;
    /// Of all answers that are not read yet; beyond it nobody gets another.
    static constexpr std::size_t waiting_bytes_max = std::size_t{64} << 20;

    /// `node` outlives the server. `password`: what telnet must say to change anything; nullptr:
    /// nobody can.
    static engine::Result<std::unique_ptr<Server>> create(
        Node& node, std::vector<Listener> listeners,
        std::shared_ptr<const crypto::Password> password);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    int fd() const noexcept { return epoll_.get(); }
    /// Call when fd() is readable, and at least every second. `now_ns` is CLOCK_MONOTONIC.
    void serve(std::uint64_t now_ns);

    /// Whether every answer has been taken by its client.
    bool quiet() const noexcept;
    std::size_t sessions(Listener::Kind kind) const noexcept;

    /// Takes somebody in who has connected.
    void greet(Listener::Kind kind, engine::Descriptor fd, const std::string& peer,
               std::uint64_t now_ns);

  private:
    struct Guest {
        Listener::Kind kind;
        std::string peer;
        std::unique_ptr<Session> session;
        std::uint32_t wants = 0;
    };

    Server(Node& node, std::vector<Listener> listeners,
           std::shared_ptr<const crypto::Password> password, engine::Descriptor epoll);

    void listen(std::uint32_t events);
    void accept(const Listener& listener, std::uint64_t now_ns);
    bool make_room(Listener::Kind kind, std::uint64_t now_ns);
    void watch(Guest& guest);
    void check_times(std::uint64_t now_ns);
    Answer answer(std::string_view line, Rights rights);

    Node& node_;
    std::vector<Listener> listeners_;
    TelnetGate gate_;
    engine::Descriptor epoll_;
    std::size_t waiting_ = 0;
    std::unordered_map<int, Guest> guests_;  ///< by descriptor
    std::uint64_t checked_ns_ = 0;
    bool deaf_ = false;  ///< no descriptor was left for another client
};

}  // namespace lanes::manage
