// See acceptor.hh. The order of the questions is the protocol's: what costs least is asked first,
// and nothing is remembered of an announcement that does not authenticate.
#include "lanes/acceptor.hh"

#include <algorithm>
#include <utility>

namespace lanes {
namespace {

/// Announcements that may wait for the disk; the others are repeated by the sender.
constexpr std::size_t accepted_max = sessions_max;

}  // namespace

Acceptor::Acceptor(Settings settings, const ReceiverRecord& former)
    : settings_(std::move(settings)),
      reader_(settings_.keys),
      mark_(former.mark),
      resumable_(former.resumable) {}

Acceptor::Verdict Acceptor::offer(const AnnounceBytes& bytes, Moment now) {
    if (known(bytes)) return Verdict::repeat;
    const std::uint64_t stamp = stamp_of(bytes);
    forget_overtaken(now.unix_ns);
    const ReceiverRecord::Resumable* resumed = resumable(stamp);
    if (stamp <= mark_ && resumed == nullptr) {
        // The announcements to the other receivers of a lane carry the stamp of ours.
        const bool of_ours = stamp == mark_ || is_live(stamp);
        return of_ours && !reader_.addressed_to_us(bytes) ? Verdict::bad_mac : Verdict::stale;
    }
    if (!reader_.addressed_to_us(bytes)) return Verdict::bad_mac;
    if (accepted_.size() == accepted_max || !take_token(now.boot_ns)) return Verdict::rate_limited;
    Accepted accepted{bytes, {}, {}, {}};
    if (!reader_.open(bytes, accepted.terms, accepted.secret)) return Verdict::bad_auth;
    if (!clock_fits(stamp, now.unix_ns)) return Verdict::clock;
    if (!terms_fit(accepted.terms, bytes)) return Verdict::wrong_terms;
    if (accepted_.empty()) before_ = record();
    if (resumed != nullptr) {
        const std::size_t subspaces = accepted.terms.subspaces + std::size_t{1};
        const bool fits =
            resumed->epoch == accepted.terms.epoch && resumed->floors.size() == subspaces;
        accepted.floors = resumed->floors;
        resumable_.erase(resumable_.begin() + (resumed - resumable_.data()));
        if (!fits) return Verdict::stale;
    } else {
        mark_ = stamp;
    }
    accepted_.push_back(std::move(accepted));
    return Verdict::accepted;
}

// A session is resumed for the sake of what is still on its way, not months later by somebody who
// held it back; and never in the place of a newer one.
void Acceptor::forget_overtaken(std::uint64_t unix_ns) {
    const auto overtaken = [&](const ReceiverRecord::Resumable& entry) {
        if (entry.stamp + lifetime_ms_max * ns_per_ms < unix_ns) return true;
        const unsigned place = entry.epoch % sessions_max;
        if (sessions_[place].stamp > entry.stamp) return true;
        return std::any_of(accepted_.begin(), accepted_.end(), [&](const Accepted& accepted) {
            return accepted.terms.epoch % sessions_max == place &&
                   stamp_of(accepted.bytes) > entry.stamp;
        });
    };
    resumable_.erase(std::remove_if(resumable_.begin(), resumable_.end(), overtaken),
                     resumable_.end());
}

const ReceiverRecord::Resumable* Acceptor::resumable(std::uint64_t stamp) const noexcept {
    const auto at = std::find_if(resumable_.begin(), resumable_.end(),
                                 [&](const auto& entry) { return entry.stamp == stamp; });
    return at == resumable_.end() ? nullptr : &*at;
}

bool Acceptor::is_live(std::uint64_t stamp) const noexcept {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const Session& session) { return session.stamp == stamp; });
}

bool Acceptor::known(const AnnounceBytes& bytes) const noexcept {
    for (const Session& session : sessions_) {
        if (session.stamp != 0 && session.bytes == bytes) return true;
    }
    return std::any_of(accepted_.begin(), accepted_.end(),
                       [&](const Accepted& accepted) { return accepted.bytes == bytes; });
}

// The bucket is kept as the time up to which it has been emptied (a virtual scheduling algorithm,
// ITU-T I.371): no counter to refill.
bool Acceptor::take_token(std::uint64_t boot_ns) noexcept {
    constexpr std::uint64_t full_ns = tokens_max * token_ns;
    const std::uint64_t oldest = boot_ns > full_ns ? boot_ns - full_ns : 0;
    const std::uint64_t spent = std::max(tokens_boot_ns_, oldest);
    if (spent + token_ns > boot_ns) return false;
    tokens_boot_ns_ = spent + token_ns;
    return true;
}

bool Acceptor::clock_fits(std::uint64_t stamp, std::uint64_t unix_ns) const noexcept {
    if (stamp > unix_ns && stamp - unix_ns > ahead_ns_max) return false;
    if (mark_ != 0) return true;
    const std::uint64_t apart = stamp > unix_ns ? stamp - unix_ns : unix_ns - stamp;
    return apart <= first_contact_ns_max;
}

bool Acceptor::terms_fit(const Terms& terms, const AnnounceBytes& bytes) const noexcept {
    return terms.suite == settings_.suite && terms.mode == mode_of(settings_.keys) &&
           terms.subspaces >= 1 && terms.subspaces <= session_subspaces_max &&
           terms.lifetime_ms >= 1 && terms.lifetime_ms <= lifetime_ms_max &&
           terms.lead_ms <= terms.lifetime_ms &&
           static_cast<std::uint8_t>(terms.epoch) == wire::read_header(bytes.data()).epoch;
}

void Acceptor::saved(Moment now, Owner& owner) {
    const std::vector<Accepted> accepted = std::exchange(accepted_, {});
    for (const Accepted& one : accepted) install(one, now, owner);
}

void Acceptor::install(const Accepted& accepted, Moment now, Owner& owner) {
    const unsigned place = accepted.terms.epoch % sessions_max;
    Session& session = sessions_[place];
    session.bytes = accepted.bytes;
    session.terms = accepted.terms;
    session.stamp = stamp_of(accepted.bytes);
    session.since_boot_ns = now.boot_ns;
    session.end_boot_ns = now.boot_ns + accepted.terms.lifetime_ms * ns_per_ms;
    // Of two sessions the older lives on for a while after the younger is in use, whichever of them
    // came first.
    const auto overlap_end = [](const Session& younger) {
        return younger.since_boot_ns + younger.terms.lead_ms * ns_per_ms + overlap_ns;
    };
    for (Session& other : sessions_) {
        if (other.stamp == 0 || &other == &session) continue;
        Session& older = other.stamp < session.stamp ? other : session;
        const Session& younger = other.stamp < session.stamp ? session : other;
        older.end_boot_ns = std::min(older.end_boot_ns, overlap_end(younger));
    }
    owner.install(place, accepted.terms, accepted.secret, accepted.floors);
}

void Acceptor::not_saved() noexcept {
    if (accepted_.empty()) return;
    accepted_.clear();
    mark_ = before_.mark;
    resumable_ = std::move(before_.resumable);
}

std::uint64_t Acceptor::step(Moment now, Owner& owner) {
    std::uint64_t next = ~std::uint64_t{0};
    for (unsigned place = 0; place < sessions_max; ++place) {
        Session& session = sessions_[place];
        if (session.stamp == 0) continue;
        if (now.boot_ns >= session.end_boot_ns) {
            session = Session{};
            owner.wipe(place);
        } else {
            next = std::min(next, session.end_boot_ns);
        }
    }
    return next;
}

std::vector<Acceptor::Live> Acceptor::live() const {
    std::vector<Live> live;
    for (unsigned place = 0; place < sessions_max; ++place) {
        const Session& session = sessions_[place];
        if (session.stamp != 0) live.push_back({place, session.terms.epoch, session.stamp});
    }
    return live;
}

const Terms* Acceptor::newest() const noexcept {
    const Session* newest = nullptr;
    for (const Session& session : sessions_) {
        if (session.stamp != 0 && (newest == nullptr || session.stamp > newest->stamp)) {
            newest = &session;
        }
    }
    return newest == nullptr ? nullptr : &newest->terms;
}

std::uint64_t Acceptor::newest_since_boot_ns() const noexcept {
    std::uint64_t stamp = 0;
    std::uint64_t since = 0;
    for (const Session& session : sessions_) {
        if (session.stamp <= stamp) continue;
        stamp = session.stamp;
        since = session.since_boot_ns;
    }
    return since;
}

}  // namespace lanes
