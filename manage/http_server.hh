// HttpServer: HTTP/1.1 for programs that read a page now and then, by libmicrohttpd. The Control
// thread drives it as it drives the Server: fd() is readable when there is anything to do, and each
// call of serve() does a bounded piece of it. The library runs without threads of its own and
// without a listening socket: who comes is accepted here, so that limits and rights are those of a
// Listener. A connection is good for one request and lives for a bounded time, whatever the client
// does; who says nothing makes room for who comes after.
//
// Alternatives: prometheus-cpp with civetweb has threads, which the sandbox and the cores of the
// workers do without; HTTP by hand is where parsers go wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/descriptor.hh"
#include "engine/result.hh"
#include "manage/listener.hh"

struct MHD_Daemon;
struct MHD_Connection;

namespace lanes::manage {

class HttpServer {
  public:
    static constexpr std::size_t connections_max = 8;
    /// Of a connection, for the request (line and headers) and what is being sent.
    static constexpr std::size_t connection_bytes = std::size_t{32} << 10;
    /// From the connect until the whole request is there.
    static constexpr std::uint64_t request_ns_max = 2'000'000'000;
    /// From the connect to the last byte of the answer.
    static constexpr std::uint64_t connection_ns_max = 30'000'000'000;
    /// When all connections are taken, one that has asked nothing for so long makes room.
    static constexpr std::uint64_t room_ns = 200'000'000;
    /// After it could not accept anybody.
    static constexpr std::uint64_t deaf_ns = 1'000'000'000;
    /// serve() begins no further piece after this time.
    static constexpr std::uint64_t work_ns_max = 1'000'000;

    /// What an answer says, made while it is sent.
    class Body {
      public:
        virtual ~Body() = default;
        /// Fills `room` from its start and returns how much of it; 0: that was all.
        virtual std::size_t read(std::span<char> room) = 0;
    };

    enum class Method : std::uint8_t { get, head };
    struct Request {
        Method method = Method::get;
        std::string_view path;    ///< without what follows a `?`
        std::string_view accept;  ///< the header, or empty
    };
    struct Reply {
        unsigned status = 200;
        std::string type = "text/plain; charset=utf-8";
        std::string text;
        std::unique_ptr<Body> body;  ///< instead of the text; nothing of it is read for a HEAD
    };
    using Pages = std::function<Reply(const Request&)>;

    /// `pages` answers GET and HEAD; other methods are refused here.
    static engine::Result<std::unique_ptr<HttpServer>> create(std::vector<Listener> listeners,
                                                              Pages pages);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    int fd() const noexcept { return epoll_.get(); }
    /// Call when fd() is readable, and a few times a second. `now_ns` is CLOCK_MONOTONIC. False:
    /// there was nothing to do.
    bool serve(std::uint64_t now_ns);

    std::size_t connections() const noexcept { return guests_.size(); }
    std::uint64_t requests() const noexcept { return requests_; }

  private:
    struct Guest {
        int fd = -1;
        std::uint64_t since_ns = 0;
        bool by_file = false;  ///< came through a listener that has a path
        bool asked = false;
        bool dismissed = false;
    };
    using Guests = std::unordered_map<MHD_Connection*, Guest>;
    struct Calls;  ///< what the library calls
    friend struct Calls;

    HttpServer(std::vector<Listener> listeners, Pages pages, engine::Descriptor epoll,
               engine::Descriptor more);

    engine::Result<void> start();
    void accept(const Listener& listener);
    void be_deaf(std::uint64_t ns);
    void listen(std::uint32_t events);
    std::size_t busy() const noexcept;
    Guest* longest_silent() noexcept;
    void check_times();
    bool pending() const noexcept;
    void ask_again(bool again);

    std::vector<Listener> listeners_;
    Pages pages_;
    engine::Descriptor epoll_;  ///< listeners, the library's own epoll, more_
    engine::Descriptor more_;   ///< readable: the library has more to do at once
    bool asked_again_ = false;
    bool deaf_ = false;                ///< nobody is accepted at the moment
    std::uint64_t deaf_until_ns_ = 0;  ///< and not before
    std::uint64_t now_ns_ = 0;
    bool accepts_by_file_ = false;  ///< of the listener that somebody is accepted from
    std::uint64_t requests_ = 0;
    Guests guests_;
    MHD_Daemon* daemon_ = nullptr;
};

}  // namespace lanes::manage
