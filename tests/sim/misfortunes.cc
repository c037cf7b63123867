// See misfortunes.hh. Machine 0 is the sender's.
#include "tests/sim/misfortunes.hh"

#include <algorithm>

namespace lanes::sim {

Misfortunes::Misfortunes(const Surroundings& around, Dice dice, Sender& sender,
                         Receivers& receivers)
    : around_(around),
      dice_(dice),
      sender_(sender),
      receivers_(receivers),
      forgot_(receivers.size() + 1),
      next_ns_(around.time.ns + dice_.wait(around.scenario.misfortune_gap_ns)) {
    for (std::size_t i = 0; i < forgot_.size(); ++i) {
        machine(i).cut_saves = around.scenario.cut_saves;
        // Not all machines are there from the beginning.
        const std::uint64_t late_ns =
            dice_.chance(0.3) ? dice_.below(around.scenario.faults_ns / 2) : 0;
        machine(i).start_at_ns = around.time.ns + late_ns;
    }
}

Machine& Misfortunes::machine(std::size_t number) {
    if (number == 0) return sender_;
    return *receivers_[number - 1];
}

bool Misfortunes::up(std::size_t number) const {
    return number == 0 ? sender_.up() : receivers_[number - 1]->up();
}

void Misfortunes::take_down(std::size_t number, Ending ending) {
    around_.log.say("machine %zu %s", number, ending == Ending::stop ? "is stopped" : "crashes");
    if (number == 0) {
        sender_.crash();
    } else if (ending == Ending::stop) {
        receivers_[number - 1]->stop();
    } else {
        receivers_[number - 1]->crash();
    }
}

void Misfortunes::to_disk(std::size_t number, Machine& machine) {
    if (dice_.chance(around_.scenario.lost)) {
        if (machine.disk.lose()) forgot_[number] = true;
        around_.log.say("machine %zu loses its state", number);
    } else if (dice_.chance(around_.scenario.set_back)) {
        if (machine.disk.set_back()) forgot_[number] = true;
        around_.log.say("machine %zu gets an older state back", number);
    }
}

void Misfortunes::look_after() {
    for (std::size_t i = 0; i < forgot_.size(); ++i) {
        Machine& one = machine(i);
        if (!up(i) && one.start_at_ns == never) {
            if (!ended_) to_disk(i, one);
            if (!ended_ && dice_.chance(around_.scenario.reboot)) one.clock.reboot();
            const std::uint64_t down_ns =
                ended_ ? 1 : dice_.magnitude(1'000'000, around_.scenario.down_ns_max);
            one.start_at_ns = around_.time.ns + down_ns;
            one.asleep_until_ns = 0;
        }
        if (!up(i) && one.start_at_ns <= around_.time.ns) start(i);
    }
}

void Misfortunes::start(std::size_t number) {
    const bool forgot = forgot_[number];
    forgot_[number] = false;
    if (number == 0) {
        if (forgot) around_.ledger.sender_forgot();
        sender_.start();
        return;
    }
    Receiver& receiver = *receivers_[number - 1];
    const auto index = static_cast<unsigned>(number - 1);
    if (forgot) around_.ledger.set_back(index, receiver.remembered());
    receiver.start();
}

std::uint64_t Misfortunes::next_start_ns() const noexcept {
    std::uint64_t next = sender_.start_at_ns;
    for (const auto& receiver : receivers_) next = std::min(next, receiver->start_at_ns);
    return next;
}

void Misfortunes::to_clock(std::size_t number, Machine& machine) {
    const auto by_ns = static_cast<std::int64_t>(
        dice_.magnitude(around_.scenario.jump_ns_min, around_.scenario.jump_ns_max));
    const std::int64_t signed_ns = dice_.chance(0.5) ? by_ns : -by_ns;
    around_.log.say("machine %zu sets its clock by %+.3f s", number,
                    static_cast<double>(signed_ns) / 1e9);
    machine.clock.jump(signed_ns);
}

void Misfortunes::strike() {
    const Scenario::Weights& weights = around_.scenario.weights;
    next_ns_ = ended_ ? never : around_.time.ns + dice_.wait(around_.scenario.misfortune_gap_ns);
    if (weights.sum() == 0) return;
    const std::size_t number = dice_.below(forgot_.size());
    Machine& one = machine(number);
    std::uint64_t at = dice_.below(weights.sum());
    const auto is = [&](unsigned weight) {
        const bool hit = at < weight;
        at -= hit ? 0 : weight;
        return hit;
    };
    if (is(weights.clock_jump)) return to_clock(number, one);
    if (is(weights.clock_drift)) return one.clock.drift(1 + (dice_.part() - 0.5) * 0.02);
    if (is(weights.clock_zero)) {
        around_.log.say("machine %zu sets its clock to 1970", number);
        return one.clock.set_zero();
    }
    if (is(weights.clock_mended)) return one.clock.set_true();
    if (is(weights.bad_disk)) return one.disk.set_failing(around_.scenario.failing_saves);
    if (is(weights.good_disk)) return one.disk.set_failing(0);
    if (!up(number)) return;
    if (is(weights.crash)) return take_down(number, Ending::crash);
    if (is(weights.stop)) return take_down(number, Ending::stop);
    if (is(weights.sleep)) {
        one.asleep_until_ns =
            around_.time.ns + dice_.magnitude(100'000'000, around_.scenario.down_ns_max + 1);
        around_.log.say("machine %zu sleeps for %.3f s", number,
                        static_cast<double>(one.asleep_until_ns - around_.time.ns) / 1e9);
        return;
    }
    if (sender_.up()) sender_.renew();
}

void Misfortunes::end() {
    ended_ = true;
    next_ns_ = never;
    for (std::size_t i = 0; i < forgot_.size(); ++i) {
        Machine& one = machine(i);
        one.clock.set_true();
        one.disk.set_failing(0);
        one.cut_saves = 0;
        one.asleep_until_ns = 0;
        if (!up(i)) one.start_at_ns = around_.time.ns;
    }
    look_after();
}

}  // namespace lanes::sim
