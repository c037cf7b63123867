// See scenario.hh.
#include "tests/sim/scenario.hh"

#include <algorithm>
#include <array>

namespace lanes::sim {
namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint64_t second = Scenario::ns_per_second;

std::shared_ptr<const crypto::KeyPair> new_pair(crypto::Random& random) {
    return std::make_shared<const crypto::KeyPair>(crypto::KeyPair::generate(random));
}

std::shared_ptr<const crypto::SharedSecret> new_secret(crypto::Random& random) {
    auto secret = std::make_shared<crypto::SharedSecret>();
    random.fill(secret->secret.bytes());
    return secret;
}

void choose_keys(Scenario& scenario, Dice& dice, crypto::Random& random) {
    const std::size_t receivers = dice.chance(0.5) ? 1 : dice.between(1, Scenario::receivers_max);
    const bool by_keys = dice.chance(0.6);
    static constexpr std::array<std::uint32_t, 16> rekeys{1,  1,  2,  2,  3,  3,   5,   5,
                                                          10, 10, 30, 30, 30, 120, 120, 600};
    scenario.sender_keys.rekey_seconds = dice.one_of<std::uint32_t>(rekeys);
    if (!by_keys || dice.chance(0.3)) scenario.sender_keys.secret = new_secret(random);
    scenario.receiver_keys.resize(receivers);
    for (KeySpec& receiver : scenario.receiver_keys) receiver.secret = scenario.sender_keys.secret;
    if (!by_keys) return;
    scenario.sender_keys.own = new_pair(random);
    for (KeySpec& receiver : scenario.receiver_keys) {
        receiver.own = new_pair(random);
        receiver.peers.push_back(scenario.sender_keys.own->open);
        scenario.sender_keys.peers.push_back(receiver.own->open);
    }
}

void choose_traffic(Scenario& scenario, Dice& dice) {
    const std::uint64_t rekey_ns = scenario.rekey_ns();
    const std::uint64_t sessions = dice.between(2, rekey_ns > 60 * second ? 5 : 12);
    scenario.faults_ns = std::max(rekey_ns * sessions, 5 * second);
    scenario.subspaces = static_cast<std::uint16_t>(dice.between(1, 4));
    scenario.window = 64u << dice.below(8);
    scenario.burst_max = static_cast<unsigned>(dice.between(1, 8));
    const std::uint64_t bursts = dice.magnitude(100, 1500);
    scenario.burst_gap_ns = std::max(scenario.faults_ns / bursts, ms);
    scenario.paths = dice.chance(0.25) ? 2 : 1;
    scenario.packet_limit = std::uint64_t{1} << 28;
    if (dice.chance(0.35)) {
        // So that a session may end by its count: once in a while, or long before its time.
        const std::uint64_t of_session = std::max<std::uint64_t>(
            1, bursts * scenario.burst_max / 2 / sessions / scenario.subspaces);
        scenario.packet_limit =
            std::max<std::uint64_t>(12, dice.magnitude(of_session / 8 + 1, of_session * 4 + 1));
    }
    if (dice.chance(0.3)) {
        scenario.surge = static_cast<unsigned>(dice.between(2, 30));
        scenario.surge_ns = dice.magnitude(100 * ms, 2 * rekey_ns);
        scenario.burst_gap_ns *= 1 + scenario.surge / 2;
    }
    // Epochs wrap.
    if (dice.chance(0.1)) scenario.former_epoch = 0u - static_cast<unsigned>(dice.between(1, 6));
    if (dice.chance(0.2)) scenario.strange = 0.05;
    if (dice.chance(0.3)) scenario.disk_ns_max = 40 * ms;
}

void choose_network(Scenario& scenario, Dice& dice) {
    Network::Faults& faults = scenario.network;
    if (dice.chance(0.5)) faults.loss = dice.chance(0.2) ? 0.6 : dice.part() * 0.2;
    if (dice.chance(0.5)) faults.duplicate = dice.part() * 0.3;
    if (dice.chance(0.4)) faults.corrupt = dice.part() * 0.1;
    if (dice.chance(0.4)) faults.cut = dice.part() * 0.05;
    if (dice.chance(0.4)) faults.lengthen = dice.part() * 0.05;
    if (dice.chance(0.6)) faults.jitter_ns = dice.magnitude(ms, 500 * ms);
    if (dice.chance(0.4)) {
        faults.late = dice.part() * 0.2;
        faults.late_ns_max = dice.magnitude(100 * ms, 30 * second);
    }
    if (dice.chance(0.3)) {
        faults.blackout_ns = dice.magnitude(100 * ms, 2 * scenario.rekey_ns());
        faults.blackout_gap_ns = dice.magnitude(second, scenario.faults_ns);
    }
    if (dice.chance(0.7)) scenario.attack_gap_ns = scenario.faults_ns / dice.magnitude(5, 200);
    scenario.attacked_at_last = dice.chance(0.5);
}

void choose_misfortunes(Scenario& scenario, Dice& dice) {
    const auto weight = [&](double share) {
        return dice.chance(share) ? static_cast<unsigned>(dice.between(1, 4)) : 0u;
    };
    Scenario::Weights& weights = scenario.weights;
    if (weight(0.5) > 0) {
        weights.clock_jump = weight(1);
        weights.clock_mended = weight(0.5);
    }
    weights.clock_drift = weight(0.3);
    weights.clock_zero = weight(0.1);
    weights.crash = weight(0.6);
    weights.stop = weight(0.5);
    weights.sleep = weight(0.3);
    weights.bad_disk = weight(0.3);
    if (weights.bad_disk > 0) weights.good_disk = weight(1);
    weights.renew = weight(0.3);
    scenario.misfortune_gap_ns = scenario.faults_ns / dice.magnitude(2, 40);
    // Receivers may have to wait for so long: some hundred sessions at most.
    const std::uint64_t rekey_ns = scenario.rekey_ns();
    scenario.jump_ns_max = dice.chance(0.2)
                               ? std::clamp(100 * rekey_ns, 400 * second, 8000 * second)
                               : std::min(10 * rekey_ns, 500 * second);
    scenario.down_ns_max = dice.chance(0.5) ? second : 3 * rekey_ns;
    scenario.failing_saves = dice.chance(0.5) ? 1 : 0.4;
    if (dice.chance(0.2)) scenario.cut_saves = dice.part() * 0.3;
    if (dice.chance(0.5)) scenario.lost = dice.part();
    if (dice.chance(0.5)) scenario.set_back = dice.part();
    if (dice.chance(0.1)) {
        // What it takes to crash between a save that failed and the next one that does not.
        weights.bad_disk = weights.good_disk = 3;
        weights.crash = 4;
        scenario.lost = scenario.set_back = 0;
    }
    if (!dice.chance(0.1)) return;
    // What it takes to see a sender fall behind itself: clocks that run ahead, and lost memories.
    weights.clock_jump = 4;
    weights.crash = 3;
    scenario.lost = 0.4;
    scenario.set_back = 0.6;
    scenario.jump_ns_max = std::clamp(60 * rekey_ns, 400 * second, 8000 * second);
    scenario.jump_ns_min = scenario.jump_ns_max / 20;
}

}  // namespace

unsigned Scenario::Weights::sum() const noexcept {
    return clock_jump + clock_drift + clock_zero + clock_mended + crash + stop + sleep + bad_disk +
           good_disk + renew;
}

std::uint64_t Scenario::lead_ns() const noexcept {
    return std::min(10 * second, rekey_ns() / 2);
}

Scenario Scenario::of(Dice dice, crypto::Random& random) {
    Scenario scenario;
    if (dice.chance(0.5)) scenario.suite = crypto::Suite::chacha20_poly1305;
    choose_keys(scenario, dice, random);
    choose_traffic(scenario, dice);
    choose_network(scenario, dice);
    choose_misfortunes(scenario, dice);
    return scenario;
}

}  // namespace lanes::sim
