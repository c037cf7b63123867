// Session: a Talk on a descriptor. It never blocks, does a bounded piece of work at a time, and
// hears nothing while an answer waits to be read: whoever does not read can have one answer, not
// many. The Server calls it when the descriptor has something, on the Control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/descriptor.hh"
#include "manage/talk.hh"

namespace lanes::manage {

class Session {
  public:
    /// A client that does not read its answer for so long is hung.
    static constexpr std::uint64_t unread_ns_max = 30'000'000'000;

    struct Limits {
        std::uint64_t idle_ns = 0;  ///< nothing heard for so long ends it; 0: never
    };

    /// `waiting`: bytes of answers that all sessions keep together.
    Session(engine::Descriptor fd, std::unique_ptr<Talk> talk, Limits limits, std::size_t& waiting,
            std::uint64_t now_ns);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    int fd() const noexcept { return fd_.get(); }
    /// Events of epoll that it waits for.
    std::uint32_t wants() const noexcept;
    /// A piece of work; `events` are epoll's. False: it is over.
    bool serve(std::uint32_t events, std::uint64_t now_ns);
    /// Ends it with a word if it has been quiet, or not read, for too long. False: it is over.
    bool check_time(std::uint64_t now_ns);
    void dismiss(std::string_view why, std::uint64_t now_ns);

    /// Since when nothing came.
    std::uint64_t heard_ns() const noexcept { return heard_ns_; }
    /// Whether its answer takes its time: serve() is to be called every now and then.
    bool awaits() const noexcept { return talk_->awaits(); }
    /// Whether an answer, or a line that has no answer yet, waits until the client reads.
    bool waits() const noexcept { return unread() || talk_->ready(); }

  private:
    bool unread() const noexcept { return sent_ < out_.size(); }
    bool hear(std::uint64_t now_ns);
    bool send(std::uint64_t now_ns);
    void count();

    engine::Descriptor fd_;
    std::unique_ptr<Talk> talk_;
    const Limits limits_;
    std::size_t& waiting_;
    std::size_t counted_ = 0;  ///< of them, ours
    std::string out_;
    std::size_t sent_ = 0;
    std::uint64_t heard_ns_;
    std::uint64_t taken_ns_;  ///< when the client last took some of what waits
    bool ended_ = false;      ///< the client will say nothing more
};

}  // namespace lanes::manage
