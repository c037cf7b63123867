// See server.hh.
#include "manage/server.hh"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "engine/log.hh"
#include "manage/command.hh"
#include "manage/line_talk.hh"

namespace lanes::manage {
namespace {

using engine::Severity;

// Of one call.
constexpr int events_max = 16;
constexpr int accepts_max = 16;

constexpr std::uint64_t check_ns = 1'000'000'000;

constexpr std::string_view busy = "all sessions are taken: try again, or end one of them";

}  // namespace

engine::Result<std::unique_ptr<Server>> Server::create(
    Node& node, std::vector<Listener> listeners, std::shared_ptr<const crypto::Password> password) {
    engine::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return engine::system_error(errno, "management: epoll");
    std::unique_ptr<Server> server(
        new Server(node, std::move(listeners), std::move(password), std::move(epoll)));
    for (const Listener& listener : server->listeners_) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = listener.fd();
        if (::epoll_ctl(server->epoll_.get(), EPOLL_CTL_ADD, listener.fd(), &event) != 0) {
            return engine::system_error(errno, "management: " + listener.where());
        }
    }
    return server;
}

Server::Server(Node& node, std::vector<Listener> listeners,
               std::shared_ptr<const crypto::Password> password, engine::Descriptor epoll)
    : node_(node),
      listeners_(std::move(listeners)),
      gate_{node.name(), std::move(password)},
      epoll_(std::move(epoll)) {}

Server::~Server() = default;

void Server::serve(std::uint64_t now_ns) {
    std::array<epoll_event, events_max> events;
    const int ready = ::epoll_wait(epoll_.get(), events.data(), events_max, 0);
    for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const auto is_it = [&](const Listener& one) { return one.fd() == event.data.fd; };
        const auto listener = std::find_if(listeners_.begin(), listeners_.end(), is_it);
        if (listener != listeners_.end()) {
            accept(*listener, now_ns);
            continue;
        }
        const auto guest = guests_.find(event.data.fd);
        if (guest == guests_.end()) continue;
        if (guest->second.session->serve(event.events, now_ns)) {
            watch(guest->second);
        } else {
            guests_.erase(guest);
        }
    }
    for (auto at = guests_.begin(); at != guests_.end();) {
        Session& session = *at->second.session;
        const bool goes_on = !session.awaits() || session.serve(0, now_ns);
        if (goes_on) watch(at->second);
        at = goes_on ? std::next(at) : guests_.erase(at);
    }
    if (now_ns - checked_ns_ >= check_ns) check_times(now_ns);
}

bool Server::quiet() const noexcept {
    return std::none_of(guests_.begin(), guests_.end(),
                        [](const auto& item) { return item.second.session->waits(); });
}

std::size_t Server::sessions(Listener::Kind kind) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(guests_.begin(), guests_.end(),
                      [&](const auto& item) { return item.second.kind == kind; }));
}

void Server::listen(std::uint32_t events) {
    for (const Listener& listener : listeners_) {
        epoll_event event{};
        event.events = events;
        event.data.fd = listener.fd();
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener.fd(), &event);
    }
}

void Server::accept(const Listener& listener, std::uint64_t now_ns) {
    for (int i = 0; i < accepts_max; ++i) {
        std::string peer;
        engine::Descriptor fd = listener.accept(peer);
        if (fd) {
            greet(listener.kind(), std::move(fd), peer, now_ns);
            continue;
        }
        if (errno == ECONNABORTED || errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        // Whoever waits goes on waiting, and would be reported for ever: look again in a second.
        engine::log(Severity::warning, engine::events::management, {},
                    engine::system_error(errno, "management: no room for another client").message);
        deaf_ = true;
        listen(0);
        return;
    }
}

void Server::greet(Listener::Kind kind, engine::Descriptor fd, const std::string& peer,
                   std::uint64_t now_ns) {
    engine::log(Severity::info, engine::events::client, {{engine::Key::peer, peer}},
                "management: " + peer);
    const bool telnet = kind == Listener::Kind::telnet;
    const Ask ask = [this](std::string_view line, Rights rights) { return answer(line, rights); };
    std::unique_ptr<Talk> talk;
    if (telnet) {
        talk = std::make_unique<TelnetTalk>(ask, gate_, peer);
    } else {
        talk = std::make_unique<LineTalk>(ask);
    }
    Guest guest{kind, peer, nullptr};
    const int number = fd.get();
    guest.session =
        std::make_unique<Session>(std::move(fd), std::move(talk),
                                  Session::Limits{telnet ? telnet_idle_ns : 0}, waiting_, now_ns);
    if (sessions(kind) >= (telnet ? telnet_sessions_max : sessions_max) &&
        !make_room(kind, now_ns)) {
        return guest.session->dismiss(busy, now_ns);
    }
    epoll_event event{};
    event.events = guest.wants = guest.session->wants();
    event.data.fd = number;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event) != 0) return;
    guests_.emplace(number, std::move(guest));
}

// Of the socket's clients, who may all do anything, the one that was silent for longest goes.
// Telnet has a limit to silence anyway.
bool Server::make_room(Listener::Kind kind, std::uint64_t now_ns) {
    if (kind == Listener::Kind::telnet) return false;
    auto longest = guests_.end();
    for (auto at = guests_.begin(); at != guests_.end(); ++at) {
        const Session& session = *at->second.session;
        if (at->second.kind != kind || now_ns - session.heard_ns() < room_idle_ns) continue;
        if (longest == guests_.end() || session.heard_ns() < longest->second.session->heard_ns()) {
            longest = at;
        }
    }
    if (longest == guests_.end()) return false;
    longest->second.session->dismiss("others want to talk: connect again", now_ns);
    guests_.erase(longest);
    return true;
}

void Server::watch(Guest& guest) {
    const std::uint32_t wants = guest.session->wants();
    if (wants == guest.wants) return;
    guest.wants = wants;
    epoll_event event{};
    event.events = wants;
    event.data.fd = guest.session->fd();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, event.data.fd, &event);
}

void Server::check_times(std::uint64_t now_ns) {
    checked_ns_ = now_ns;
    for (auto at = guests_.begin(); at != guests_.end();) {
        at = at->second.session->check_time(now_ns) ? std::next(at) : guests_.erase(at);
    }
    if (std::exchange(deaf_, false)) listen(EPOLLIN);
}

Answer Server::answer(std::string_view line, Rights rights) {
    if (waiting_ >= waiting_bytes_max) {
        return {1, "too many answers wait to be read by others: try again\n"};
    }
    Answer answer = execute(node_, line, rights);
    if (answer.text.size() <= answer_bytes_max) return answer;
    return {1, "the answer has " + std::to_string(answer.text.size()) +
                   " bytes, which is too much: ask for less, such as `show lanes NAME`\n"};
}

}  // namespace lanes::manage
