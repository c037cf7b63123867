// See recovery.hh. The bounds of the Acceptor are written here once more, as numbers of the
// protocol: an oracle that asked the code under test would agree with it in every error.
#include "tests/sim/recovery.hh"

#include <algorithm>

namespace lanes::sim {
namespace {

constexpr std::uint64_t second = Scenario::ns_per_second;
constexpr std::uint64_t ahead_ns_max = 3600 * second;
constexpr std::uint64_t first_contact_ns_max = 300 * second;
constexpr std::uint64_t step = std::uint64_t{1} << 24;

}  // namespace

Recovery::Recovery(const Surroundings& around, const Sender& sender, const Receivers& receivers)
    : around_(around), sender_(sender), receivers_(receivers), states_(receivers.size()) {
    for (unsigned i = 0; i < states_.size(); ++i) look_at_once(i);
}

std::uint64_t Recovery::slack_ns() const noexcept {
    return 3 * around_.scenario.disk_ns_max + second / 2;
}

void Recovery::look_at_once(unsigned number) {
    const Receiver& receiver = *receivers_[number];
    const SessionName current = sender_.in_use();
    const SessionName next = sender_.next();
    const std::uint64_t stamp = current.stamp;
    // Nor is it enough to have the current session when all to come will be refused for a while.
    if (stamp == 0 || !could_accept(receiver)) return;
    const std::uint64_t now = around_.time.ns;
    const bool first = receiver.mark() == 0;
    // A second less than there is: it may pass until the next repeat.
    const std::uint64_t ahead_ns = (first ? first_contact_ns_max : ahead_ns_max) - second;
    const bool fits =
        stamp <= now + ahead_ns && (!first || stamp + first_contact_ns_max - 2 * second >= now);
    State& state = states_[number];
    // A session is resumed within an hour or not at all.
    const bool resumes = receiver.resumes(current) && stamp + ahead_ns_max > now + 2 * second;
    const bool has_next = next.stamp == 0 || receiver.has(next);
    if (receiver.has(current) && has_next) {
        state = {now, true, false};
    } else if (receiver.has(current) && next.stamp > receiver.mark()) {
        // It was announced already, and lost so far.
        state = {now + second + slack_ns(), true, false};
    } else if (fits && (stamp > receiver.mark() || resumes)) {
        state = {now + second + slack_ns(), true, false};
    }
}

/// Whether a session that the sender makes now would be accepted.
bool Recovery::could_accept(const Receiver& receiver) const {
    const std::uint64_t now = around_.time.ns / step * step;
    const std::uint64_t stamp = std::max(sender_.last_stamp() + step, now);
    const std::uint64_t ahead_ns = receiver.mark() == 0 ? first_contact_ns_max : ahead_ns_max;
    return stamp > receiver.mark() && stamp <= now + ahead_ns;
}

void Recovery::watch() {
    const Scenario& scenario = around_.scenario;
    for (unsigned i = 0; i < states_.size(); ++i) {
        State& state = states_[i];
        if (state.from_ns != never || !sender_.up()) continue;
        if (!could_accept(*receivers_[i])) {
            state.waited = true;
            continue;
        }
        state.from_ns = around_.time.ns + 2 * scenario.rekey_ns() + scenario.lead_ns() + slack_ns();
    }
}

bool Recovery::known() const noexcept {
    return std::ranges::none_of(states_, [](const State& state) { return state.from_ns == never; });
}

std::uint64_t Recovery::latest_ns() const noexcept {
    std::uint64_t latest = 0;
    for (const State& state : states_) latest = std::max(latest, state.from_ns);
    return latest;
}

}  // namespace lanes::sim
