// See http_server.hh.
#include "manage/http_server.hh"

#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "engine/address.hh"
#include "engine/clock.hh"
#include "engine/log.hh"

namespace lanes::manage {
namespace {

constexpr int events_max = 8;
constexpr int accepts_max = 16;
/// The library's own limits, which ours come before.
constexpr unsigned library_connections = 4 * HttpServer::connections_max;
constexpr unsigned library_idle_seconds = 10;

bool watch(int epoll, int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

/// Whether a Host header is one of this host's own. A page of the web whose name somebody points to
/// 127.0.0.1 would read what is there with the browser of a user (DNS rebinding); its name is told.
bool is_loopback(std::string_view host) {
    if (host == "[::1]" || host.starts_with("[::1]:")) return true;
    const std::string_view name = host.substr(0, host.find(':'));
    if (name == "localhost") return true;
    const auto address = engine::parse_ip(name);
    return address && !address->v6 && address->bytes[0] == 127;
}

}  // namespace

struct HttpServer::Calls {
    static MHD_Result request(void* self, MHD_Connection* connection, const char* url,
                              const char* method, const char*, const char*, std::size_t*, void**) {
        HttpServer& server = *static_cast<HttpServer*>(self);
        const auto guest = server.guests_.find(connection);
        if (guest != server.guests_.end()) guest->second.asked = true;
        ++server.requests_;
        const char* const host =
            ::MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
        const bool by_file = guest != server.guests_.end() && guest->second.by_file;
        if (!by_file && host != nullptr && !is_loopback(host)) {
            Reply refused{MHD_HTTP_MISDIRECTED_REQUEST,
                          Reply().type,
                          "ask by the address, or as localhost\n",
                          {}};
            return send(connection, std::move(refused));
        }
        const std::string_view how = method;
        if (how != MHD_HTTP_METHOD_GET && how != MHD_HTTP_METHOD_HEAD) {
            Reply refused{MHD_HTTP_METHOD_NOT_ALLOWED, Reply().type, "only GET and HEAD\n", {}};
            return send(connection, std::move(refused));
        }
        const char* const accept =
            ::MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
        return send(connection,
                    server.pages_({how == MHD_HTTP_METHOD_GET ? Method::get : Method::head, url,
                                   accept == nullptr ? "" : accept}));
    }

    static MHD_Result send(MHD_Connection* connection, Reply reply) {
        const std::unique_ptr<MHD_Response, void (*)(MHD_Response*)> response(
            make(reply), &::MHD_destroy_response);
        if (!response) return MHD_NO;
        const auto add = [&](const char* header, const char* value) {
            ::MHD_add_response_header(response.get(), header, value);
        };
        add(MHD_HTTP_HEADER_CONTENT_TYPE, reply.type.c_str());
        add(MHD_HTTP_HEADER_CONNECTION, "close");
        if (reply.status == MHD_HTTP_METHOD_NOT_ALLOWED) add(MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        return ::MHD_queue_response(connection, reply.status, response.get());
    }

    /// nullptr: there is no memory for it.
    static MHD_Response* make(Reply& reply) {
        if (!reply.body) {
            return ::MHD_create_response_from_buffer(reply.text.size(), reply.text.data(),
                                                     MHD_RESPMEM_MUST_COPY);
        }
        MHD_Response* const response = ::MHD_create_response_from_callback(
            MHD_SIZE_UNKNOWN, connection_bytes, &read, reply.body.get(), &free);
        if (response != nullptr) (void)reply.body.release();
        return response;
    }

    static ssize_t read(void* body, std::uint64_t, char* room, std::size_t len) {
        const std::size_t read = static_cast<Body*>(body)->read({room, len});
        return read == 0 ? MHD_CONTENT_READER_END_OF_STREAM : static_cast<ssize_t>(read);
    }

    static void free(void* body) { delete static_cast<Body*>(body); }

    static void connection(void* self, MHD_Connection* connection, void**,
                           MHD_ConnectionNotificationCode what) {
        HttpServer& server = *static_cast<HttpServer*>(self);
        if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
            server.guests_.erase(connection);
            return;
        }
        const MHD_ConnectionInfo* const info =
            ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        const int fd = info == nullptr ? -1 : info->connect_fd;
        server.guests_.emplace(connection,
                               Guest{fd, server.now_ns_, server.accepts_by_file_, false, false});
    }
};

engine::Result<std::unique_ptr<HttpServer>> HttpServer::create(std::vector<Listener> listeners,
                                                               Pages pages) {
    engine::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    engine::Descriptor more(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!epoll || !more) return engine::system_error(errno, "metrics: epoll");
    std::unique_ptr<HttpServer> server(
        new HttpServer(std::move(listeners), std::move(pages), std::move(epoll), std::move(more)));
    if (auto started = server->start(); !started) return started.error();
    return server;
}

HttpServer::HttpServer(std::vector<Listener> listeners, Pages pages, engine::Descriptor epoll,
                       engine::Descriptor more)
    : listeners_(std::move(listeners)),
      pages_(std::move(pages)),
      epoll_(std::move(epoll)),
      more_(std::move(more)) {}

engine::Result<void> HttpServer::start() {
    daemon_ = ::MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, nullptr, nullptr,
                                 &Calls::request, this, MHD_OPTION_NOTIFY_CONNECTION,
                                 &Calls::connection, this, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 connection_bytes, MHD_OPTION_CONNECTION_LIMIT, library_connections,
                                 MHD_OPTION_CONNECTION_TIMEOUT, library_idle_seconds,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (daemon_ == nullptr) return engine::system_error(errno, "metrics: start libmicrohttpd");
    const MHD_DaemonInfo* const info = ::MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD);
    bool good = info != nullptr && watch(epoll_.get(), EPOLL_CTL_ADD, info->epoll_fd, EPOLLIN);
    good = good && watch(epoll_.get(), EPOLL_CTL_ADD, more_.get(), EPOLLIN);
    for (const Listener& listener : listeners_) {
        good = good && watch(epoll_.get(), EPOLL_CTL_ADD, listener.fd(), EPOLLIN);
    }
    if (!good) return engine::system_error(errno, "metrics: epoll");
    return {};
}

HttpServer::~HttpServer() {
    if (daemon_ != nullptr) ::MHD_stop_daemon(daemon_);
}

bool HttpServer::serve(std::uint64_t now_ns) {
    now_ns_ = now_ns;
    std::array<epoll_event, events_max> events;
    const int ready = ::epoll_wait(epoll_.get(), events.data(), events_max, 0);
    for (int i = 0; i < ready; ++i) {
        for (const Listener& listener : listeners_) {
            if (listener.fd() == events[static_cast<std::size_t>(i)].data.fd) accept(listener);
        }
    }
    if (ready <= 0 && guests_.empty() && !deaf_) return false;
    check_times();
    const std::uint64_t end_ns = engine::monotonic_ns() + work_ns_max;
    bool again = false;
    do {
        ::MHD_run(daemon_);
        again = pending();
    } while (again && engine::monotonic_ns() < end_ns);
    ask_again(again);
    const bool room = busy() < connections_max || longest_silent() != nullptr;
    if (deaf_ && room && now_ns >= deaf_until_ns_) {
        deaf_ = false;
        listen(EPOLLIN);
    }
    return true;
}

/// Whoever waits at the door goes on waiting, and would be reported for ever.
void HttpServer::be_deaf(std::uint64_t ns) {
    deaf_ = true;
    deaf_until_ns_ = now_ns_ + ns;
    listen(0);
}

void HttpServer::listen(std::uint32_t events) {
    for (const Listener& listener : listeners_) {
        watch(epoll_.get(), EPOLL_CTL_MOD, listener.fd(), events);
    }
}

void HttpServer::accept(const Listener& listener) {
    for (int i = 0; i < accepts_max; ++i) {
        if (busy() >= connections_max) {
            Guest* const silent = longest_silent();
            if (silent == nullptr || guests_.size() >= library_connections) return be_deaf(0);
            silent->dismissed = true;
            ::shutdown(silent->fd, SHUT_RDWR);
        }
        std::string peer;
        accepts_by_file_ = listener.has_path();
        engine::Descriptor fd = listener.accept(peer);
        if (!fd) {
            if (errno == ECONNABORTED || errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) return;
            engine::log(engine::Severity::warning, engine::events::management, {},
                        engine::system_error(errno, "metrics: no room for another client").message);
            return be_deaf(deaf_ns);
        }
        sockaddr_un from{};
        from.sun_family = AF_UNIX;
        // The library closes it, also when it does not take it.
        ::MHD_add_connection(daemon_, fd.release(), reinterpret_cast<const sockaddr*>(&from),
                             sizeof from);
    }
}

/// Connections that count against the limit.
std::size_t HttpServer::busy() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        guests_.begin(), guests_.end(), [](const auto& item) { return !item.second.dismissed; }));
}

HttpServer::Guest* HttpServer::longest_silent() noexcept {
    Guest* longest = nullptr;
    for (auto& [connection, guest] : guests_) {
        if (guest.asked || guest.dismissed || now_ns_ - guest.since_ns < room_ns) continue;
        if (longest == nullptr || guest.since_ns < longest->since_ns) longest = &guest;
    }
    return longest;
}

void HttpServer::check_times() {
    for (auto& [connection, guest] : guests_) {
        const std::uint64_t age_ns = now_ns_ - guest.since_ns;
        if (guest.dismissed || age_ns < (guest.asked ? connection_ns_max : request_ns_max)) {
            continue;
        }
        guest.dismissed = true;
        ::shutdown(guest.fd, SHUT_RDWR);
    }
}

/// Whether the library has something to do that its epoll does not tell.
bool HttpServer::pending() const noexcept {
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    return ::MHD_get_timeout(daemon_, &timeout_ms) == MHD_YES && timeout_ms == 0;
}

void HttpServer::ask_again(bool again) {
    if (again == asked_again_) return;
    asked_again_ = again;
    std::uint64_t count = 1;
    const ssize_t done = again ? ::write(more_.get(), &count, sizeof count)
                               : ::read(more_.get(), &count, sizeof count);
    if (done != static_cast<ssize_t>(sizeof count)) asked_again_ = false;
}

}  // namespace lanes::manage
