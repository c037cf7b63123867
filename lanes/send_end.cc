// See send_end.hh.
#include "lanes/send_end.hh"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/log.hh"
#include "lanes/heartbeat.hh"

namespace lanes {

SendEnd::SendEnd(std::string name, Lane& lane, Announcer::Settings settings, Tools tools,
                 const SenderRecord& former)
    : name_(std::move(name)),
      lane_(lane),
      tools_(tools),
      id_(settings.lane),
      limit_(settings.packet_limit),
      announcer_(std::move(settings), tools.random, former) {}

SendEnd::~SendEnd() {
    expire();
}

std::uint64_t SendEnd::step(Moment now) {
    const std::uint64_t sent = current_ ? current_->sent_max() : 0;
    const std::uint64_t next = announcer_.step(now, sent, *this);
    if (!current_) return next;
    if (now.boot_ns >= heartbeat_boot_ns_) {
        heartbeat(*current_, now);
        heartbeat_boot_ns_ = now.boot_ns + ns_per_second;
    }
    return std::min(next, heartbeat_boot_ns_);
}

void SendEnd::announce(const AnnounceBytes& bytes) {
    if (tools_.outbox.room() != 0) tools_.outbox.push(bytes);
}

void SendEnd::prepare(const Terms& terms, const crypto::SessionSecret& secret) {
    const SessionMaker maker{tools_.backend, id_, terms, secret};
    prepared_.reset();
    auto session = maker.seal(limit_);
    if (session) {
        prepared_ = std::move(*session);
    } else {
        // The suite was tried when the lane was made.
        engine::log(engine::Severity::error, engine::events::lane_keys,
                    {{engine::Key::lane, name_}}, "lane " + name_ + ": " + session.error().message);
    }
}

void SendEnd::activate() {
    if (!prepared_) return expire();
    lane_.sealing.store(prepared_.get(), std::memory_order_release);
    if (current_) tools_.retired.push_back({std::move(current_), this});
    current_ = std::exchange(prepared_, nullptr);
    heartbeat_boot_ns_ = 0;
}

void SendEnd::expire() {
    lane_.sealing.store(nullptr, std::memory_order_release);
    if (current_) tools_.retired.push_back({std::move(current_), nullptr});
}

void SendEnd::close_books(SealSession& session, Moment now) {
    heartbeat(session, now);
}

void SendEnd::heartbeat(SealSession& session, Moment now) {
    unsigned one = 1;
    const std::uint64_t sequence = session.control.take(one);
    if (one == 0 || tools_.outbox.room() == 0) return;
    std::array<std::byte, Outbox::packet_bytes_max> packet;
    wire::write_header(packet.data(), {static_cast<std::uint8_t>(wire::Type::data), session.epoch,
                                       wire::control_subspace, id_, sequence});
    std::array<std::uint64_t, session_subspaces_max> next;
    for (unsigned i = 0; i < session.subspaces; ++i) next[i] = session.keys[i].next.get();
    std::byte* inner = packet.data() + wire::header_bytes;
    crypto::Job job;
    job.len = write_heartbeat(inner, now.unix_ns, {next.data(), session.subspaces});
    job.source = inner;
    job.destination = inner;
    job.associated = packet.data();
    job.associated_len = wire::header_bytes;
    job.tag = inner + job.len;
    job.nonce = crypto::make_nonce(session.control.iv, sequence);
    if (tools_.backend.seal(session.control.key, {&job, 1}) != 1) return;
    tools_.outbox.push({packet.data(), wire::header_bytes + job.len + wire::tag_bytes});
}

}  // namespace lanes
