// See announcer.hh.
#include "lanes/announcer.hh"

#include <algorithm>
#include <utility>

#include "engine/check.hh"

namespace lanes {

std::uint64_t packet_limit(crypto::Suite suite, std::uint32_t packet_max) noexcept {
    if (suite == crypto::Suite::chacha20_poly1305) return std::uint64_t{1} << 60;
    if (packet_max <= 2048) return std::uint64_t{1} << 28;
    return packet_max <= 16384 ? std::uint64_t{1} << 25 : std::uint64_t{1} << 23;
}

Announcer::Announcer(Settings settings, crypto::Random& random, const SenderRecord& former)
    : settings_(std::move(settings)), random_(random), record_(former) {
    if (former.stamp != 0) return;
    // Nothing is remembered: an epoch that a receiver hardly has at the moment.
    std::byte bytes[4];
    random_.fill(bytes);
    record_.epoch = wire::load_be<std::uint32_t>(bytes);
}

SenderRecord Announcer::record() const noexcept {
    return proposed_ ? SenderRecord{proposed_->stamp, proposed_->epoch} : record_;
}

std::uint64_t Announcer::usual_lead_ns() const noexcept {
    return std::min(lead_ns_max, rekey_ns() / 2);
}

/// The lead of the next session if it is time to announce one.
std::optional<std::uint64_t> Announcer::lead_if_due(Moment now, std::uint64_t sent) const noexcept {
    constexpr std::uint64_t first_lead_ns = (first_announcements - 1) * first_gap_ns;
    if (!current_) return first_lead_ns;
    const std::uint64_t age_ns = now.boot_ns - current_->switch_boot_ns;
    std::uint64_t lead_ns = usual_lead_ns();
    bool due = renew_ || age_ns + lead_ns >= rekey_ns();
    if (sent >= settings_.packet_limit / 2) {
        due = true;
        // Half of the time that is left at the rate so far, so that the switch comes in time.
        const std::uint64_t left = settings_.packet_limit - std::min(sent, settings_.packet_limit);
        const double left_ns =
            static_cast<double>(age_ns) * static_cast<double>(left) / static_cast<double>(sent);
        if (left_ns / 2 < static_cast<double>(lead_ns)) {
            lead_ns = static_cast<std::uint64_t>(left_ns / 2);
        }
        lead_ns = std::max(lead_ns, first_lead_ns);
    }
    return due ? std::optional(lead_ns) : std::nullopt;
}

void Announcer::propose(Moment now, std::uint64_t lead_ns) noexcept {
    const std::uint64_t clock = now.unix_ns / stamp_step * stamp_step;
    proposed_ = Proposal{std::max(record_.stamp + stamp_step, clock), record_.epoch + 1, lead_ns};
}

// Stamps that a clock made which was set forward by mistake are refused by every receiver whose own
// clock is right, and by ever growing so would be all that follow, until that time has come. So
// when the clock goes back, stamps go on from where they were before. A clock that is only set back
// is another matter: stamps then grow by the smallest step and are taken.
void Announcer::watch_clock(Moment now) noexcept {
    if (proposed_) return;
    const Moment last = std::exchange(seen_, now);
    if (last.boot_ns == 0) return;
    const std::uint64_t expected = last.unix_ns + (now.boot_ns - last.boot_ns);
    if (now.unix_ns > expected + clock_step_ns) {
        if (!stamp_before_step_) stamp_before_step_ = record_.stamp;
    } else if (now.unix_ns + clock_step_ns < expected && stamp_before_step_ &&
               now.unix_ns > *stamp_before_step_) {
        renew_ = renew_ || record_.stamp != *stamp_before_step_;
        record_.stamp = *stamp_before_step_;
        stamp_before_step_.reset();
    }
}

void Announcer::saved(Moment now, Owner& owner) {
    LANES_CHECK(proposed_.has_value());
    const Proposal proposal = *std::exchange(proposed_, std::nullopt);
    record_ = {proposal.stamp, proposal.epoch};
    renew_ = false;
    Session session;
    session.stamp = proposal.stamp;
    Terms& terms = session.terms;
    terms.epoch = proposal.epoch;
    terms.suite = settings_.suite;
    terms.mode = mode_of(settings_.keys);
    terms.subspaces = settings_.subspaces;
    terms.lead_ms = static_cast<std::uint32_t>(proposal.lead_ns / ns_per_ms);
    terms.lifetime_ms = static_cast<std::uint32_t>((rekey_ns() + lifetime_slack_ns) / ns_per_ms);
    terms.max_inner = settings_.max_inner;
    terms.run_id = settings_.run_id;
    crypto::SessionSecret secret;
    random_.fill(secret.bytes());
    const std::size_t peers = settings_.keys.by_keys() ? settings_.keys.peers.size() : 1;
    for (std::size_t peer = 0; peer < peers; ++peer) {
        AnnounceBytes bytes;
        // Peers' keys were checked when they were read.
        LANES_CHECK(write_announcement(settings_.keys, peer, settings_.lane, session.stamp, terms,
                                       secret, random_, bytes));
        session.announcements.push_back(bytes);
    }
    owner.prepare(terms, secret);
    session.announce_boot_ns = now.boot_ns;
    session.switch_boot_ns = now.boot_ns + proposal.lead_ns;
    session.end_boot_ns = now.boot_ns + terms.lifetime_ms * ns_per_ms - lifetime_margin_ns;
    next_ = std::move(session);
}

void Announcer::not_saved(Moment now) noexcept {
    proposed_.reset();
    retry_boot_ns_ = now.boot_ns + ns_per_second;
}

void Announcer::announce_if_due(Session& session, Moment now, Owner& owner) {
    if (now.boot_ns < session.announce_boot_ns) return;
    for (const AnnounceBytes& bytes : session.announcements) owner.announce(bytes);
    ++session.announced;
    const std::uint64_t gap_ns = session.announced < first_announcements ? first_gap_ns : repeat_ns;
    session.announce_boot_ns = now.boot_ns + gap_ns;
}

// A lane whose rate has risen may run out of numbers before the lead is over, and one that could
// not save for long, of time. Receivers that have heard of the next session take its data at once,
// so the switch may come early.
bool Announcer::running_out(Moment now, std::uint64_t sent) const noexcept {
    if (!current_) return false;
    return sent >= settings_.packet_limit / 4 * 3 ||
           now.boot_ns + 2 * look_ns >= current_->end_boot_ns;
}

std::uint64_t Announcer::step(Moment now, std::uint64_t sent, Owner& owner) {
    watch_clock(now);
    if (next_ && now.boot_ns >= next_->end_boot_ns) next_.reset();
    if (!proposed_ && !next_ && now.boot_ns >= retry_boot_ns_) {
        if (const auto lead_ns = lead_if_due(now, sent)) propose(now, *lead_ns);
    }
    if (next_ && next_->announced >= first_announcements &&
        (now.boot_ns >= next_->switch_boot_ns || running_out(now, sent))) {
        next_->switch_boot_ns = now.boot_ns;
        current_ = std::exchange(next_, std::nullopt);
        owner.activate();
    }
    if (current_ && now.boot_ns >= current_->end_boot_ns) {
        current_.reset();
        owner.expire();
    }
    // Never the next session without the current one before it: a receiver takes no older one.
    if (current_ && next_ && now.boot_ns >= next_->announce_boot_ns) {
        current_->announce_boot_ns = now.boot_ns;
    }
    if (current_) announce_if_due(*current_, now, owner);
    if (next_) announce_if_due(*next_, now, owner);
    return next_look(now);
}

std::uint64_t Announcer::next_look(Moment now) const noexcept {
    // Packets are counted at least ten times a second, for the sake of lanes at full rate.
    std::uint64_t next = now.boot_ns + look_ns;
    if (current_) {
        next = std::min({next, current_->announce_boot_ns, current_->end_boot_ns});
    }
    if (next_) {
        next = std::min(next, next_->announce_boot_ns);
        if (next_->announced >= first_announcements) next = std::min(next, next_->switch_boot_ns);
    }
    return std::max(next, now.boot_ns);
}

}  // namespace lanes
