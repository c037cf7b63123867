// See world.hh.
#include "tests/sim/world.hh"

#include <algorithm>

namespace lanes::sim {
namespace {

constexpr std::uint64_t second = Scenario::ns_per_second;
constexpr std::uint64_t birth_ns = 1'700'000'000 * second;
/// Longer than any clock comes to run ahead.
constexpr std::uint64_t recovery_ns_max = 300'000 * second;

}  // namespace

struct World::Parts {
    Parts(std::uint64_t seed, Mutation mutation, crypto::Backend& backend, bool verbose)
        : dice(seed),
          random(dice.split()),
          scenario(Scenario::of(dice.split(), random)),
          log(time, verbose),
          network(time, dice.split(), receiver_count(), scenario.paths),
          attacker(time, dice.split(), network, scenario),
          ledger(seed, receiver_count(), scenario.sender_keys.by_keys() ? receiver_count() : 1),
          around{scenario, time, log, network, attacker, ledger, backend, random, mutation},
          traffic_dice(dice.split()),
          sender(around, dice.split()),
          receivers(make_receivers()),
          misfortunes(around, dice.split(), sender, receivers) {}

    unsigned receiver_count() const { return static_cast<unsigned>(scenario.receiver_keys.size()); }

    Receivers make_receivers() {
        Receivers made;
        for (unsigned i = 0; i < receiver_count(); ++i) {
            made.push_back(std::make_unique<Receiver>(around, dice.split(), i));
        }
        return made;
    }

    void describe() const;
    void advance(std::uint64_t until_ns);
    bool step_machines();
    void arrive();
    void send();
    void recover();
    void judge(std::uint64_t until_ns, const char* promise);
    void attack_alone();
    void check_totals() const;
    bool rate_is_fair() const;
    Summary summary() const;

    TrueTime time{birth_ns};
    Dice dice;
    DiceRandom random;
    Scenario scenario;
    Log log;
    Network network;
    Attacker attacker;
    Ledger ledger;
    Surroundings around;
    Dice traffic_dice;
    Sender sender;
    Receivers receivers;
    Misfortunes misfortunes;
    std::optional<Recovery> recovery;
    std::uint64_t ended_ns = 0;  ///< when faults ended
    std::uint64_t send_ns = birth_ns;
    std::uint64_t send_gap_ns = 0;
    std::uint64_t attack_ns = never;
    std::uint64_t unheard = 0;  ///< packets that found nobody running
    bool steady = true;         ///< the rate of traffic was never lowered
};

void World::Parts::describe() const {
    const Network::Faults& faults = scenario.network;
    log.say("%s, %s%s, %u receivers, %u subspaces, rekey %u s, limit %lu, window %u, %u paths",
            scenario.suite == crypto::Suite::aes_256_gcm ? "AES-256-GCM" : "ChaCha20-Poly1305",
            scenario.sender_keys.by_keys() ? "keys" : "secret",
            scenario.sender_keys.by_keys() && scenario.sender_keys.secret ? " and psk" : "",
            receiver_count(), scenario.subspaces, scenario.sender_keys.rekey_seconds,
            scenario.packet_limit, scenario.window, scenario.paths);
    log.say(
        "faults for %.1f s: loss %.3f, duplicates %.3f, corrupt %.3f, late %.3f by up to %.1f s, "
        "attacks each %.3f s, misfortunes each %.3f s, a burst each %.4f s",
        static_cast<double>(scenario.faults_ns) / 1e9, faults.loss, faults.duplicate,
        faults.corrupt, faults.late, static_cast<double>(faults.late_ns_max) / 1e9,
        static_cast<double>(scenario.attack_gap_ns) / 1e9,
        static_cast<double>(scenario.misfortune_gap_ns) / 1e9,
        static_cast<double>(scenario.burst_gap_ns) / 1e9);
}

/// Everything up to `until_ns`.
void World::Parts::advance(std::uint64_t until_ns) {
    for (;;) {
        misfortunes.look_after();
        std::uint64_t next = std::min({network.next_ns(), send_ns, misfortunes.next_ns(),
                                       misfortunes.next_start_ns(), attack_ns});
        const auto wakes = [](const auto& machine) {
            return std::max(machine.wake_ns(), machine.asleep_until_ns);
        };
        next = std::min(next, wakes(sender));
        for (const auto& receiver : receivers) next = std::min(next, wakes(*receiver));
        if (next > until_ns) break;
        time.ns = std::max(time.ns, next);
        if (step_machines()) continue;
        if (network.next_ns() <= time.ns) {
            arrive();
        } else if (misfortunes.next_ns() <= time.ns) {
            misfortunes.strike();
        } else if (attack_ns <= time.ns) {
            attacker.act();
            attack_ns = time.ns + traffic_dice.wait(scenario.attack_gap_ns);
        } else if (send_ns <= time.ns) {
            send();
        }
    }
    time.ns = std::max(time.ns, until_ns);
}

bool World::Parts::step_machines() {
    const auto due = [&](const auto& machine) {
        return machine.wake_ns() <= time.ns && machine.asleep_until_ns <= time.ns;
    };
    bool stepped = false;
    if (due(sender)) {
        sender.step();
        stepped = true;
    }
    for (const auto& receiver : receivers) {
        if (!due(*receiver)) continue;
        receiver->step();
        stepped = true;
    }
    return stepped;
}

void World::Parts::arrive() {
    const auto [number, burst] = network.take();
    Receiver& receiver = *receivers[number];
    if (receiver.up() && receiver.asleep_until_ns <= time.ns) {
        receiver.take(burst);
    } else {
        unheard += burst.size();
    }
}

void World::Parts::send() {
    const bool surge = time.ns / scenario.surge_ns % 2 == 1;
    send_ns = time.ns + traffic_dice.wait(surge ? send_gap_ns / scenario.surge + 1 : send_gap_ns);
    if (sender.up() && sender.asleep_until_ns <= time.ns) sender.send(scenario.burst_max);
}

/// From the end of faults to the time from which on all receivers must get everything.
void World::Parts::recover() {
    log.say("--- faults end");
    network.set_perfect();
    misfortunes.end();
    attack_ns = never;
    // What was delayed still comes; an announcement among it may raise a mark.
    advance(std::max(time.ns, network.last_ns()) + second / 100);
    ended_ns = time.ns;
    recovery.emplace(around, sender, receivers);
    while (recovery->watch(), !recovery->known()) {
        if (time.ns > ended_ns + recovery_ns_max) {
            throw Breach{"liveness", "the sender can make no session that all would accept, ever"};
        }
        advance(time.ns + second / 10);
        if (time.ns > ended_ns + scenario.rekey_ns()) {
            // This may take long, and nothing is to be seen.
            send_gap_ns = std::max(scenario.burst_gap_ns, scenario.rekey_ns() / 20);
            steady = false;
        }
    }
    send_gap_ns = scenario.burst_gap_ns;
    for (unsigned i = 0; i < receivers.size(); ++i) {
        log.say("receiver %u must get all from %.3f s on%s", i, log.seconds(recovery->from_ns(i)),
                recovery->prompt(i) ? ": it has the session or may accept it" : "");
    }
}

/// That all receivers got what was sealed since they must, until `until_ns`.
void World::Parts::judge(std::uint64_t until_ns, const char* promise) {
    for (unsigned i = 0; i < receivers.size(); ++i) {
        const auto arrivals = ledger.arrivals(i, recovery->from_ns(i), until_ns);
        if (arrivals.sent == 0) {
            throw Breach{"liveness", "nothing was sent any more"};
        }
        if (arrivals.missing == 0) continue;
        const Ledger::Payload& first = ledger.payload(arrivals.first_missing);
        const char* broken = *promise != 0 ? promise : recovery->prompt(i) ? "prompt" : "liveness";
        throw Breach{broken, "receiver " + std::to_string(i) + " missed " +
                                 std::to_string(arrivals.missing) + " of " +
                                 std::to_string(arrivals.sent) + " payloads since " +
                                 std::to_string(log.seconds(recovery->from_ns(i))) +
                                 " s; the first of session " + std::to_string(first.stamp) +
                                 " at " + std::to_string(log.seconds(first.at_ns)) + " s"};
    }
}

void World::Parts::attack_alone() {
    if (!scenario.attacked_at_last || ledger.stamp_max() > sender.last_stamp()) return;
    log.say("--- the attacker alone");
    const std::uint64_t for_ns = scenario.rekey_ns() + scenario.lead_ns() + 2 * second;
    scenario.attack_gap_ns = for_ns / 50;
    attack_ns = time.ns;
    advance(time.ns + for_ns);
    attack_ns = never;
    const std::uint64_t until_ns = time.ns;
    advance(time.ns + second);
    judge(until_ns, "addition");
}

/// Whether half of the packet limit leaves the sender the time to announce a session: some times
/// what it takes, since traffic comes in bursts.
bool World::Parts::rate_is_fair() const {
    const double packets = (1 + scenario.burst_max) / 2.0;
    const double bursts = 1e9 * scenario.surge / static_cast<double>(scenario.burst_gap_ns);
    const double rate = packets * bursts / scenario.subspaces;
    const double half = static_cast<double>(scenario.packet_limit) / 2;
    return steady && half > 20.0 * scenario.burst_max && half > 4 * rate * 0.4;
}

void World::Parts::check_totals() const {
    const Network::Totals& totals = network.totals();
    std::uint64_t handed = unheard;
    for (const auto& receiver : receivers) handed += receiver->handed();
    if (handed != totals.handed || totals.put != totals.handed + totals.lost + totals.on_the_way) {
        throw Breach{"counters", "the network's packets do not add up"};
    }
}

Summary World::Parts::summary() const {
    Summary summary;
    for (unsigned i = 0; i < receivers.size(); ++i) {
        summary.counts.add(receivers[i]->counts());
        summary.handed += receivers[i]->handed();
        summary.prompt += recovery->prompt(i) ? 1 : 0;
        summary.waited += recovery->waited(i) ? 1 : 0;
    }
    summary.receivers = receiver_count();
    summary.payloads = ledger.next_id();
    summary.sessions = sender.totals().sessions;
    summary.stopped = sender.totals().stopped;
    summary.seconds = log.seconds();
    summary.longest_recovery = static_cast<double>(recovery->latest_ns() - ended_ns) / 1e9;
    summary.attacked_at_last = scenario.attacked_at_last ? 1 : 0;
    return summary;
}

void Summary::add(const Summary& other) {
    counts.add(other.counts);
    handed += other.handed;
    payloads += other.payloads;
    sessions += other.sessions;
    stopped += other.stopped;
    seconds += other.seconds;
    longest_recovery = std::max(longest_recovery, other.longest_recovery);
    receivers += other.receivers;
    prompt += other.prompt;
    waited += other.waited;
    attacked_at_last += other.attacked_at_last;
}

World::World(std::uint64_t seed, Mutation mutation, crypto::Backend& backend, bool verbose)
    : parts_(std::make_unique<Parts>(seed, mutation, backend, verbose)) {}

World::~World() = default;

double World::seconds() const {
    return parts_->log.seconds();
}

Summary World::run() {
    Parts& parts = *parts_;
    const Scenario& scenario = parts.scenario;
    parts.describe();
    parts.network.set_faults(scenario.network);
    parts.send_gap_ns = scenario.burst_gap_ns;
    if (scenario.attack_gap_ns != 0) parts.attack_ns = parts.time.ns + scenario.attack_gap_ns;
    parts.advance(parts.time.ns + scenario.faults_ns);
    parts.recover();
    // Two seconds at least: a sender that could not save tries again after one.
    parts.advance(std::max(parts.ended_ns + 2 * second, parts.recovery->latest_ns()));
    const std::uint64_t stopped = parts.sender.totals().stopped;
    // More than a session, so that at least one change of sessions is in it.
    const std::uint64_t clean_ns = scenario.rekey_ns() + scenario.lead_ns() + 3 * second;
    parts.advance(parts.time.ns + std::max(clean_ns, 20 * scenario.burst_gap_ns));
    const std::uint64_t until_ns = parts.time.ns;
    parts.advance(parts.time.ns + second / 10);
    parts.judge(until_ns, "");
    if (parts.rate_is_fair() && parts.sender.totals().stopped != stopped) {
        throw Breach{"stopped", "the sender came to the hard limit at a rate that it can handle"};
    }
    parts.attack_alone();
    parts.check_totals();
    return parts.summary();
}

Verdict run_seed(std::uint64_t seed, Mutation mutation, crypto::Backend& backend, bool verbose) {
    Verdict verdict;
    verdict.seed = seed;
    World world(seed, mutation, backend, verbose);
    try {
        verdict.summary = world.run();
    } catch (const Breach& breach) {
        verdict.held = false;
        verdict.breach = breach;
        verdict.seconds = world.seconds();
    }
    return verdict;
}

}  // namespace lanes::sim
