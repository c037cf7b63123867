// The announcer: when announcements leave, when sessions change, and that nothing leaves before its
// stamp is on disk. The test holds the clock and the disk.
#include "lanes/announcer.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <set>

#include "lanes/acceptor.hh"
#include "tests/lanes/sealed_ends.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

constexpr std::uint64_t start_ns = 1'763'882'000 * ns_per_second;
constexpr std::uint64_t ms = ns_per_ms;
constexpr std::uint64_t second = ns_per_second;

/// A sending lane, its clock, its disk, and everything it did.
struct Sender final : Announcer::Owner {
    struct Options {
        SenderRecord former{};
        std::uint32_t rekey_seconds = 120;
        std::uint64_t limit = std::uint64_t{1} << 28;
        std::uint64_t seed = 1;
        unsigned receivers = 1;
    };
    Sender() : Sender(Options{}) {}
    explicit Sender(const Options& options)
        : random(options.seed),
          machine(settings(options), random, options.former),
          on_disk(options.former) {}

    struct Sent {
        std::uint64_t at_ns;  ///< after the start
        std::uint64_t stamp;
        bool operator==(const Sent&) const = default;
    };

    void announce(const AnnounceBytes& bytes) override {
        CHECK(std::max(was_on_disk, on_disk.stamp) >= stamp_of(bytes));
        sent.push_back({now_ns, stamp_of(bytes)});
        last.push_back(bytes);
        if (last.size() > 8) last.erase(last.begin());
        if (receiver != nullptr) receiver(bytes);
    }
    void prepare(const Terms& terms, const crypto::SessionSecret& secret) override {
        CHECK(on_disk.epoch == terms.epoch);
        CHECK_FALSE(secret.is_zero());
        prepared.push_back(terms);
        secrets.insert(crypto::test::to_hex(secret.bytes()));
    }
    void activate() override {
        REQUIRE(activated.size() < prepared.size());
        activated.push_back(now_ns);
        sent_at_switch.push_back(most_sent);
        most_sent = 0;
        if (on_activate != nullptr) on_activate();
    }
    void expire() override { expired.push_back(now_ns); }

    Moment now() const { return {1000 * second + now_ns, start_ns + now_ns + clock_set_by_ns}; }

    /// Steps whenever the machine wants it, until `until_ns` after the start.
    void run(std::uint64_t until_ns) {
        for (;;) {
            const std::uint64_t highest =
                rate_pps == 0 || !machine.sending()
                    ? 0
                    : (now().boot_ns - machine.since_boot_ns()) / 1000 * rate_pps / 1'000'000;
            most_sent = std::max(most_sent, highest);
            std::uint64_t next = machine.step(now(), highest, *this);
            REQUIRE(next >= now().boot_ns);
            if (machine.unsaved()) {
                stamps.push_back(machine.record().stamp);
                if (disk_works) {
                    on_disk = machine.record();
                    was_on_disk = std::max(was_on_disk, on_disk.stamp);
                    machine.saved(now(), *this);
                    continue;
                }
                machine.not_saved(now());
            }
            if (next == now().boot_ns && ++same_time < 10) continue;
            REQUIRE(next > now().boot_ns);
            same_time = 0;
            next -= 1000 * second;
            if (next > until_ns) break;
            now_ns = next;
        }
        now_ns = until_ns;
    }

    static Announcer::Settings settings(const Options& options) {
        KeySpec keys = ends(Trust::keys).sender;
        keys.rekey_seconds = options.rekey_seconds;
        for (unsigned i = 1; i < options.receivers; ++i) {
            keys.peers.push_back(key_pair(20 + i)->open);
        }
        return {test_lane, keys, crypto::Suite::aes_256_gcm, 2, 1400, options.limit, 99};
    }
    /// When announcements with the stamp of session number `index` (of prepared) left.
    std::vector<std::uint64_t> times_of(std::size_t index) const {
        std::vector<std::uint64_t> times;
        const auto stamps_seen = announced_stamps();
        for (const Sent& one : sent) {
            if (one.stamp == stamps_seen.at(index)) times.push_back(one.at_ns);
        }
        return times;
    }
    std::vector<std::uint64_t> announced_stamps() const {
        std::vector<std::uint64_t> seen;
        for (const Sent& one : sent) {
            if (std::find(seen.begin(), seen.end(), one.stamp) == seen.end()) {
                seen.push_back(one.stamp);
            }
        }
        return seen;
    }

    SeededRandom random;
    Announcer machine;
    std::uint64_t now_ns = 0;
    std::uint64_t clock_set_by_ns = 0;  ///< wraps when it is set back
    std::uint64_t rate_pps = 0;
    std::uint64_t most_sent = 0;
    bool disk_works = true;
    unsigned same_time = 0;
    SenderRecord on_disk;
    std::uint64_t was_on_disk = 0;  ///< the highest stamp that ever was
    std::vector<Sent> sent;
    std::vector<AnnounceBytes> last;  ///< the newest at the end
    std::function<void(const AnnounceBytes&)> receiver;
    std::function<void()> on_activate;
    std::vector<Terms> prepared;
    std::set<std::string> secrets;
    std::vector<std::uint64_t> stamps;  ///< proposed
    std::vector<std::uint64_t> activated;
    std::vector<std::uint64_t> sent_at_switch;  ///< how far the former session came
    std::vector<std::uint64_t> expired;
};

}  // namespace

TEST_CASE("three announcements 50 ms apart, then the first data, then one every second") {
    Sender sender;
    sender.run(5 * second);
    REQUIRE(sender.sent.size() >= 7);
    const std::uint64_t expected[] = {0,         50 * ms,   100 * ms, 1100 * ms,
                                      2100 * ms, 3100 * ms, 4100 * ms};
    CHECK(sender.sent.size() == 7);
    for (std::size_t i = 0; i < 7; ++i) {
        CHECK(sender.sent[i].at_ns == expected[i]);
        CHECK(sender.sent[i].stamp == sender.sent[0].stamp);
    }
    CHECK(sender.activated == std::vector<std::uint64_t>{100 * ms});
    CHECK(sender.prepared.size() == 1);
    CHECK(sender.machine.sending());
}

TEST_CASE("what is announced are the terms that were settled, opened by the receiver") {
    Sender sender;
    sender.run(second);
    Terms terms;
    crypto::SessionSecret secret;
    REQUIRE(AnnounceReader(ends(Trust::keys).receiver).open(sender.last.back(), terms, secret));
    CHECK(terms == sender.prepared[0]);
    CHECK(terms == sender.machine.terms());
    CHECK(sender.secrets.count(crypto::test::to_hex(secret.bytes())) == 1);
    CHECK(terms.suite == crypto::Suite::aes_256_gcm);
    CHECK(terms.mode == KeyMode::keys);
    CHECK(terms.subspaces == 2);
    CHECK(terms.max_inner == 1400);
    CHECK(terms.run_id == 99);
    CHECK(terms.lead_ms == 100);
    CHECK(terms.lifetime_ms == 150'000);
    CHECK(stamp_of(sender.last.back()) == start_ns / stamp_step * stamp_step);
    CHECK(wire::read_header(sender.last.back().data()).epoch == (terms.epoch & 0xff));
}

TEST_CASE("a lane to several receivers announces to each of them, every time") {
    Sender::Options options;
    options.receivers = 3;
    Sender sender(options);
    sender.run(second);
    REQUIRE(sender.sent.size() == 9);
    for (std::size_t i = 0; i < 9; ++i) CHECK(sender.sent[i].at_ns == i / 3 * 50 * ms);
    for (unsigned i = 0; i < 3; ++i) {
        KeySpec keys = ends(Trust::keys).receiver;
        if (i > 0) keys.own = key_pair(20 + i);
        const AnnounceReader reader(keys);
        for (unsigned j = 0; j < 3; ++j) {
            const AnnounceBytes& bytes = sender.last[sender.last.size() - 3 + j];
            CHECK(reader.addressed_to_us(bytes) == (i == j));
            Terms terms;
            crypto::SessionSecret secret;
            CHECK(reader.open(bytes, terms, secret) == (i == j));
            if (i == j) CHECK(sender.secrets.count(crypto::test::to_hex(secret.bytes())) == 1);
        }
    }
}

TEST_CASE("the current session is announced before the next one, each time") {
    Sender::Options options;
    options.rekey_seconds = GENERATE(1u, 3u, 120u);
    Sender sender(options);
    sender.run(options.rekey_seconds * 4 * second);
    const auto stamps = sender.announced_stamps();
    REQUIRE(stamps.size() >= 4);
    for (std::size_t i = 1; i < sender.sent.size(); ++i) {
        const Sender::Sent& one = sender.sent[i];
        const auto index = static_cast<std::size_t>(
            std::find(stamps.begin(), stamps.end(), one.stamp) - stamps.begin());
        if (index == 0) continue;
        // activated[index] is when it became the current one.
        if (index < sender.activated.size() && one.at_ns >= sender.activated[index]) continue;
        INFO("announcement " << i << " of session " << index << " at " << one.at_ns);
        CHECK(sender.sent[i - 1] == Sender::Sent{one.at_ns, stamps[index - 1]});
    }
}

TEST_CASE("keys change every rekey_seconds, announced a lead ahead") {
    const std::uint32_t rekey = GENERATE(1u, 2u, 10u, 20u, 30u, 120u, 3500u);
    const std::uint64_t lead_ns = std::min(10 * second, rekey * second / 2);
    Sender::Options options;
    options.rekey_seconds = rekey;
    Sender sender(options);
    sender.run(rekey * second * 11 / 2);
    INFO("rekey_seconds " << rekey);
    REQUIRE(sender.activated.size() >= 5);
    const auto stamps = sender.announced_stamps();
    for (std::size_t i = 1; i < sender.activated.size(); ++i) {
        const std::uint64_t between = sender.activated[i] - sender.activated[i - 1];
        CHECK(between >= rekey * second);
        CHECK(between <= rekey * second + 200 * ms);
        const auto times = sender.times_of(i);
        CHECK(sender.activated[i] - times[0] >= lead_ns);
        CHECK(sender.activated[i] - times[0] <= lead_ns + 100 * ms);
        CHECK(times[1] - times[0] == 50 * ms);
        CHECK(times[2] - times[1] == 50 * ms);
        CHECK(sender.prepared[i].lead_ms == lead_ns / ms);
        CHECK(sender.prepared[i].epoch == sender.prepared[i - 1].epoch + 1);
        CHECK(sender.prepared[i].lifetime_ms == (rekey + 30) * 1000);
        CHECK(stamps[i] >= stamps[i - 1] + stamp_step);
    }
    CHECK(sender.secrets.size() == sender.prepared.size());
    CHECK(sender.expired.empty());
}

TEST_CASE("an announcement never stays away for more than a second") {
    Sender::Options options;
    options.rekey_seconds = GENERATE(1u, 7u, 120u);
    Sender sender(options);
    sender.run(400 * second);
    for (std::size_t i = 1; i < sender.sent.size(); ++i) {
        REQUIRE(sender.sent[i].at_ns - sender.sent[i - 1].at_ns <= second);
    }
    CHECK(sender.sent.back().at_ns >= 399 * second);
}

TEST_CASE("keys change at half the packet limit, with a lead that shrinks with the rate") {
    struct Row {
        std::uint64_t limit;
        std::uint64_t rate_pps;
    };
    const Row row = GENERATE(values<Row>({{1u << 23, 10'000},
                                          {1u << 23, 100'000},
                                          {1u << 23, 400'000},
                                          {1u << 23, 1'000'000},
                                          {1u << 23, 5'000'000},
                                          {1u << 23, 15'000'000},
                                          {1u << 25, 1'000'000},
                                          {1u << 25, 15'000'000},
                                          {1u << 28, 15'000'000},
                                          {1u << 28, 100'000'000}}));
    Sender::Options options;
    options.rekey_seconds = 3500;
    options.limit = row.limit;
    Sender sender(options);
    sender.rate_pps = row.rate_pps;
    const double half_s = static_cast<double>(row.limit / 2) / static_cast<double>(row.rate_pps);
    sender.run(static_cast<std::uint64_t>(half_s * 6e9) + 30 * second);
    INFO("limit " << row.limit << ", " << row.rate_pps << " packets/s");
    REQUIRE(sender.activated.size() >= 3);
    for (std::size_t i = 1; i < sender.activated.size(); ++i) {
        // As many packets as are sent in the lead, a look of 100 ms, and one more for the switch.
        const auto announced = sender.times_of(i)[0];
        const double age_s = static_cast<double>(announced - sender.activated[i - 1]) / 1e9;
        CHECK(age_s >= half_s - 0.001);
        CHECK(age_s <= half_s + 0.11);
        const double left_s = 2 * half_s - age_s;
        const double lead_s = std::max(0.1, std::min(10.0, left_s / 2));
        CHECK(sender.prepared[i].lead_ms / 1000.0 == Approx(lead_s).margin(0.002));
        CHECK(sender.sent_at_switch[i] < row.limit);
        CHECK(sender.sent_at_switch[i] >= row.limit / 2);
    }
}

TEST_CASE("a lane whose rate rises during the lead switches early, rather than run out") {
    Sender::Options options;
    options.rekey_seconds = 3500;
    options.limit = 1u << 23;
    Sender sender(options);
    sender.rate_pps = 10'000;  // half of the limit takes 419 seconds
    sender.run(421 * second);
    REQUIRE(sender.prepared.size() == 2);
    REQUIRE(sender.activated.size() == 1);
    sender.rate_pps = 16'000;  // as if so many had been sent all the time: over 3/4
    sender.run(421 * second + 200 * ms);
    REQUIRE(sender.activated.size() == 2);
    CHECK(sender.sent_at_switch[1] < options.limit);
}

TEST_CASE("keys that last are not changed for the sake of packets") {
    Sender sender;
    sender.rate_pps = 1'000'000;  // 2^27 packets take 134 seconds
    sender.run(130 * second);
    REQUIRE(sender.activated.size() == 2);
    CHECK(sender.activated[1] - sender.activated[0] >= 120 * second);
}

TEST_CASE("a lane at the very limit asks for new keys, and has them 100 ms later") {
    Sender::Options options;
    options.limit = 1000;
    options.rekey_seconds = 120;
    Sender sender(options);
    sender.run(second);
    const std::uint64_t highest = GENERATE(500u, 999u, 1000u, 1001u, 1'000'000u);
    sender.machine.step(sender.now(), highest, sender);
    REQUIRE(sender.machine.unsaved());
    sender.on_disk = sender.machine.record();
    sender.machine.saved(sender.now(), sender);
    if (highest >= 1000) CHECK(sender.prepared.back().lead_ms == 100);
    sender.run(11 * second);
    CHECK(sender.activated.size() == 2);
}

TEST_CASE("nothing is announced, nor keys made, before saved()") {
    Sender sender;
    sender.disk_works = false;
    sender.run(30 * second);
    CHECK(sender.sent.empty());
    CHECK(sender.prepared.empty());
    CHECK_FALSE(sender.machine.sending());
    // Nor while the disk takes its time.
    Sender slow;
    const std::uint64_t wait = slow.machine.step(slow.now(), 0, slow);
    REQUIRE(slow.machine.unsaved());
    CHECK(wait > slow.now().boot_ns);
    const SenderRecord proposed = slow.machine.record();
    for (unsigned i = 0; i < 100; ++i) {
        slow.now_ns += 77 * ms;
        slow.machine.step(slow.now(), 0, slow);
        CHECK(slow.machine.record() == proposed);
    }
    CHECK(slow.sent.empty());
    slow.on_disk = proposed;
    slow.machine.saved(slow.now(), slow);
    CHECK(slow.sent.empty());
    slow.machine.step(slow.now(), 0, slow);
    CHECK(slow.sent.size() == 1);
}

TEST_CASE("a session that could not be saved is proposed again a second later") {
    const SenderRecord former{start_ns / stamp_step * stamp_step - 5 * stamp_step, 7};
    Sender::Options options;
    options.former = former;
    Sender sender(options);
    sender.machine.step(sender.now(), 0, sender);
    REQUIRE(sender.machine.unsaved());
    sender.machine.not_saved(sender.now());
    CHECK_FALSE(sender.machine.unsaved());
    CHECK(sender.machine.record() == former);
    sender.now_ns = second - 1;
    sender.machine.step(sender.now(), 0, sender);
    CHECK_FALSE(sender.machine.unsaved());
    sender.now_ns = second;
    sender.machine.step(sender.now(), 0, sender);
    REQUIRE(sender.machine.unsaved());
    CHECK(sender.machine.record().epoch == 8);
    CHECK(sender.machine.record().stamp > former.stamp);
    sender.machine.not_saved(sender.now());
    sender.disk_works = false;
    sender.run(10 * second + 500 * ms);
    CHECK(sender.stamps.size() == 9);  // at 2 to 10 s
}

TEST_CASE("a lane whose stamps cannot be saved goes on for its lifetime and then stops") {
    Sender sender;
    sender.run(2 * second);
    sender.disk_works = false;
    // A second before its receivers, whose clocks may be slower.
    sender.run(149 * second - 1);
    CHECK(sender.machine.sending());
    CHECK(sender.expired.empty());
    CHECK(sender.sent.back().at_ns >= 148 * second - 100 * ms);  // announced to the end
    sender.run(200 * second);
    REQUIRE(sender.expired.size() == 1);
    CHECK(sender.expired[0] >= 149 * second);
    CHECK(sender.expired[0] <= 149 * second + 100 * ms);
    CHECK_FALSE(sender.machine.sending());
    CHECK(sender.sent.back().at_ns <= sender.expired[0]);
    CHECK(sender.prepared.size() == 1);
    // When the disk works again, so does the lane.
    sender.disk_works = true;
    sender.run(202 * second);
    CHECK(sender.machine.sending());
    CHECK(sender.activated.size() == 2);
    CHECK(sender.activated[1] <= 201 * second + 200 * ms);
    CHECK(sender.prepared[1].epoch == sender.prepared[0].epoch + 1);
}

TEST_CASE("stamps of a clock that was set forward by mistake do not outlive the mistake") {
    constexpr std::uint64_t year = 365 * 86400 * second;
    Sender::Options options;
    options.rekey_seconds = 60;
    Sender sender(options);
    sender.run(200 * second);
    const std::uint64_t before = sender.on_disk.stamp;
    sender.clock_set_by_ns = year;
    sender.run(400 * second);
    REQUIRE(sender.on_disk.stamp >= before + year);
    sender.clock_set_by_ns = 0;
    sender.run(402 * second);
    // At once, and as the clock has it: beyond what was before, within what receivers take.
    CHECK(sender.on_disk.stamp > before);
    CHECK(sender.on_disk.stamp <= sender.now().unix_ns);
    CHECK(sender.sent.back().stamp == sender.on_disk.stamp);
    // And a clock that is only set back makes none go back.
    const std::uint64_t right = sender.on_disk.stamp;
    sender.clock_set_by_ns = 0 - year;
    sender.run(600 * second);
    CHECK(sender.on_disk.stamp > right);
    CHECK(sender.on_disk.stamp < right + second);
}

TEST_CASE("stamps strictly increase when the clock goes back") {
    Sender::Options options;
    options.rekey_seconds = 1;
    Sender sender(options);
    constexpr std::uint64_t day = 86'400 * second;
    const std::uint64_t sets[] = {0, std::uint64_t{0} - day, day, std::uint64_t{0} - 2 * day, 0};
    std::uint64_t until = 0;
    for (const std::uint64_t by : sets) {
        sender.clock_set_by_ns = by;
        sender.run(until += 10 * second);
    }
    const auto stamps = sender.announced_stamps();
    REQUIRE(stamps.size() >= 49);
    for (std::size_t i = 1; i < stamps.size(); ++i) {
        CHECK(stamps[i] >= stamps[i - 1] + stamp_step);
        CHECK(stamps[i] % stamp_step == 0);
    }
    // Behind its own stamps it goes step by step; it never stops.
    CHECK(stamps[15] == stamps[14] + stamp_step);
    CHECK(stamps.back() == stamps[stamps.size() - 2] + stamp_step);
    CHECK(sender.activated.size() + 1 >= stamps.size());
    CHECK(sender.expired.empty());
}

TEST_CASE("a former record is honoured: its stamp and its epoch are gone past") {
    const std::uint64_t clock = start_ns / stamp_step * stamp_step;
    struct Row {
        SenderRecord former;
        SenderRecord first;
    };
    const Row rows[] = {
        {{clock - 1000 * stamp_step, 7}, {clock, 8}},
        {{clock - stamp_step, 7}, {clock, 8}},
        {{clock, 7}, {clock + stamp_step, 8}},
        {{clock + 1000 * stamp_step, 7}, {clock + 1001 * stamp_step, 8}},
        {{clock - stamp_step, ~0u}, {clock, 0}},
        {{stamp_step, 0}, {clock, 1}},
    };
    for (const Row& row : rows) {
        Sender::Options options;
        options.former = row.former;
        Sender sender(options);
        CHECK(sender.machine.record() == row.former);
        sender.machine.step(sender.now(), 0, sender);
        REQUIRE(sender.machine.unsaved());
        CHECK(sender.machine.record() == row.first);
    }
}

TEST_CASE("without a former record a sender begins at an epoch of chance") {
    std::set<std::uint32_t> epochs;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Sender::Options options;
        options.seed = seed;
        Sender sender(options);
        sender.run(second);
        epochs.insert(sender.prepared.at(0).epoch);
    }
    CHECK(epochs.size() == 20);
}

TEST_CASE("a renewal asked for comes at once, with the usual lead, and once") {
    Sender sender;
    sender.run(5 * second);
    sender.machine.renew();
    sender.run(60 * second);
    REQUIRE(sender.activated.size() == 2);
    CHECK(sender.times_of(1)[0] <= 5 * second + 100 * ms);
    CHECK(sender.activated[1] - sender.times_of(1)[0] == 10 * second);
}

TEST_CASE("a renewal that could not be saved is tried again a second later") {
    Sender sender;
    sender.run(5 * second);
    sender.machine.renew();
    sender.disk_works = false;
    sender.run(6 * second - 500 * ms);
    CHECK(sender.stamps.size() == 2);  // the first session's, and one that was not saved
    sender.disk_works = true;
    sender.run(8 * second);
    CHECK(sender.prepared.size() == 2);
}

TEST_CASE("a machine that slept past its sessions begins anew, and never goes back to one") {
    Sender sender;
    sender.run(115 * second);  // the next session is announced
    REQUIRE(sender.prepared.size() == 2);
    sender.now_ns = 3 * 3600 * second;
    sender.run(sender.now_ns + 10 * second);
    CHECK(sender.expired.size() == 1);
    CHECK(sender.prepared.size() == 3);
    CHECK(sender.activated.size() == 2);
    CHECK(sender.machine.terms().epoch == sender.prepared[2].epoch);
    CHECK(sender.activated[1] >= 3 * 3600 * second + 100 * ms);
}

TEST_CASE("workers never switch before the third announcement, however late steps come") {
    Sender sender;
    const std::uint64_t gap = GENERATE(1u, 60u, 999u, 5000u) * ms;
    for (std::uint64_t i = 0; i < 5; ++i) {
        sender.now_ns = i * gap;
        sender.machine.step(sender.now(), 0, sender);
        if (sender.machine.unsaved()) {
            sender.on_disk = sender.machine.record();
            sender.machine.saved(sender.now(), sender);
            sender.machine.step(sender.now(), 0, sender);
        }
        if (!sender.activated.empty()) break;
    }
    if (gap >= 60 * ms) {
        REQUIRE(sender.activated.size() == 1);
        CHECK(sender.times_of(0).size() >= 3);
    } else {
        CHECK(sender.activated.empty());
    }
}

TEST_CASE(
    "a receiver has the keys of each session before the sender uses them, and all the while") {
    struct Keys final : Acceptor::Owner {
        std::set<std::uint32_t> epochs;
        std::uint32_t at[sessions_max] = {};
        void install(unsigned place, const Terms& terms, const crypto::SessionSecret&,
                     const std::vector<std::uint64_t>&) override {
            epochs.erase(at[place]);
            epochs.insert(at[place] = terms.epoch);
        }
        void wipe(unsigned place) override { epochs.erase(at[place]); }
    };
    Sender::Options options;
    options.rekey_seconds = GENERATE(1u, 5u, 120u);
    Sender sender(options);
    Keys keys;
    Acceptor acceptor({ends(Trust::keys).receiver, crypto::Suite::aes_256_gcm}, {});
    unsigned announced = 0;
    sender.receiver = [&](const AnnounceBytes& bytes) {
        if (++announced % 3 == 0) return;  // a third is lost
        acceptor.step(sender.now(), keys);
        if (acceptor.offer(bytes, sender.now()) == Acceptor::Verdict::accepted) {
            acceptor.saved(sender.now(), keys);
        }
        if (sender.machine.sending()) {
            CHECK(keys.epochs.count(sender.machine.terms().epoch) == 1);
        }
    };
    sender.on_activate = [&] {
        acceptor.step(sender.now(), keys);
        CHECK(keys.epochs.count(sender.prepared.back().epoch) == 1);
    };
    sender.run(options.rekey_seconds * 30 * second);
    CHECK(sender.activated.size() >= 30);
    CHECK(keys.epochs.size() <= sessions_max);
}
