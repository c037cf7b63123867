// See session.hh.
#include "manage/session.hh"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace lanes::manage {
namespace {

/// At a time: a large answer shares the thread with ticks and others.
constexpr std::size_t send_bytes_max = std::size_t{256} << 10;

}  // namespace

Session::Session(engine::Descriptor fd, std::unique_ptr<Talk> talk, Limits limits,
                 std::size_t& waiting, std::uint64_t now_ns)
    : fd_(std::move(fd)),
      talk_(std::move(talk)),
      limits_(limits),
      waiting_(waiting),
      heard_ns_(now_ns),
      taken_ns_(now_ns) {}

Session::~Session() {
    waiting_ -= counted_;
}

std::uint32_t Session::wants() const noexcept {
    // A socket that can be written to reports at once: so what was heard already is not forgotten.
    if (unread() || talk_->ready() || talk_->over()) return EPOLLOUT;
    if (talk_->awaits()) return 0;  // whoever goes is reported anyway
    return ended_ ? 0 : static_cast<std::uint32_t>(EPOLLIN);
}

bool Session::serve(std::uint32_t events, std::uint64_t now_ns) {
    if ((events & EPOLLERR) != 0) return false;
    if (talk_->awaits() && (events & EPOLLHUP) != 0) return false;
    if (!unread() && !talk_->ready() && !talk_->awaits() && !talk_->over() && !ended_) {
        if (!hear(now_ns)) return false;
    }
    if (!unread() && (talk_->ready() || talk_->awaits()) && !talk_->over()) {
        out_.clear();
        sent_ = 0;
        talk_->step(now_ns, out_);
        taken_ns_ = now_ns;
        count();
    }
    if (!send(now_ns)) return false;
    if (unread()) return true;
    return !talk_->over() && (!ended_ || talk_->ready() || talk_->awaits());
}

bool Session::hear(std::uint64_t now_ns) {
    char room[read_bytes_max];
    const ssize_t len = ::recv(fd_.get(), room, sizeof room, MSG_DONTWAIT);
    if (len < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (len == 0) {
        ended_ = true;
        return true;
    }
    heard_ns_ = now_ns;
    taken_ns_ = now_ns;
    talk_->take({room, static_cast<std::size_t>(len)});
    ::explicit_bzero(room, static_cast<std::size_t>(len));  // there may have been a password
    return true;
}

bool Session::send(std::uint64_t now_ns) {
    if (!unread()) return true;
    const std::size_t len = std::min(out_.size() - sent_, send_bytes_max);
    const ssize_t sent = ::send(fd_.get(), out_.data() + sent_, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    sent_ += static_cast<std::size_t>(sent);
    taken_ns_ = now_ns;
    if (!unread()) {
        out_.clear();
        sent_ = 0;
        if (out_.capacity() > read_bytes_max) std::string().swap(out_);
    }
    count();
    return true;
}

bool Session::check_time(std::uint64_t now_ns) {
    if (waits() && now_ns - taken_ns_ >= unread_ns_max) return false;
    if (limits_.idle_ns == 0 || waits() || now_ns - heard_ns_ < limits_.idle_ns) return true;
    dismiss("nothing was heard for " + std::to_string(limits_.idle_ns / 1'000'000'000) +
                " seconds: good-bye",
            now_ns);
    return false;
}

void Session::dismiss(std::string_view why, std::uint64_t now_ns) {
    if (unread()) return;
    talk_->dismiss(why, out_);
    (void)send(now_ns);
}

void Session::count() {
    const std::size_t own = out_.size();
    waiting_ += own - counted_;
    counted_ = own;
}

}  // namespace lanes::manage
