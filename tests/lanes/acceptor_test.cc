// The acceptor: what is accepted and what is not, by name. What it remembers over restarts and how
// long sessions live: acceptor_restart_test.cc, acceptor_life_test.cc.
#include "lanes/acceptor.hh"

#include <catch2/catch.hpp>

#include <span>

#include "tests/lanes/acceptor_bed.hh"

using namespace lanes;
using namespace lanes::test;

TEST_CASE("an announcement becomes a session when, and only when, its stamp is on disk") {
    Receiver receiver(GENERATE(Trust::keys, Trust::keys_and_psk, Trust::secret));
    Acceptor& acceptor = receiver.acceptor;
    Terms terms = terms_of(0x01020306);
    terms.mode = mode_of(receiver.lane.sender);
    const AnnounceBytes bytes = receiver.with(terms, stamp_at(0));
    CHECK(acceptor.record() == ReceiverRecord{});
    REQUIRE(acceptor.offer(bytes, at(0)) == Verdict::accepted);
    CHECK(acceptor.unsaved());
    CHECK(acceptor.record() == ReceiverRecord{stamp_at(0), {}});
    CHECK(acceptor.newest() == nullptr);
    CHECK(acceptor.live().empty());
    CHECK(receiver.owner.at.empty());
    CHECK(acceptor.offer(bytes, at(0)) == Verdict::repeat);
    acceptor.saved(at(1), receiver.owner);
    CHECK_FALSE(acceptor.unsaved());
    REQUIRE(receiver.owner.at.count(2) == 1);  // 6 mod 4
    CHECK(receiver.owner.at[2].terms == terms);
    CHECK((receiver.owner.at[2].secret == session_secret(terms.epoch)));
    CHECK(receiver.owner.at[2].floors.empty());
    REQUIRE(acceptor.newest() != nullptr);
    CHECK(*acceptor.newest() == terms);
    CHECK(acceptor.newest_since_boot_ns() == at(1).boot_ns);
    CHECK(acceptor.offer(bytes, at(2)) == Verdict::repeat);
    CHECK(receiver.owner.installs == 1);
}

TEST_CASE("stale, equal and future stamps: a truth table") {
    constexpr std::uint64_t hour_ns = 60 * minute_ns;
    struct Row {
        std::int64_t stamp_steps;  ///< against the mark
        std::uint64_t later_ns;    ///< the receiver's clock, after the mark was made
        Verdict verdict;
    };
    constexpr auto steps = [](std::uint64_t ns) {
        return static_cast<std::int64_t>(ns / stamp_step);
    };
    const Row rows[] = {
        {-1, minute_ns, Verdict::stale},         {-steps(hour_ns), minute_ns, Verdict::stale},
        {0, minute_ns, Verdict::stale},  // equal, though not the same announcement
        {1, minute_ns, Verdict::accepted},       {steps(minute_ns), minute_ns, Verdict::accepted},
        {steps(hour_ns), 0, Verdict::accepted},  {steps(hour_ns) + 1, 0, Verdict::clock},
        {steps(2 * hour_ns), 0, Verdict::clock}, {steps(2 * hour_ns), hour_ns, Verdict::accepted},
        {1, 1000 * hour_ns, Verdict::accepted},  // once known, a sender's clock may be behind
    };
    for (const Row& row : rows) {
        Receiver receiver;
        REQUIRE(receiver.take(receiver.announced(1, stamp_at(0)), at(0)) == Verdict::accepted);
        const auto stamp = stamp_at(0) + static_cast<std::uint64_t>(row.stamp_steps) * stamp_step;
        INFO(row.stamp_steps << " steps");
        // The receiver's clock says what the first stamp said, to the nanosecond.
        Moment now = at(row.later_ns);
        now.unix_ns = stamp_at(0) + row.later_ns;
        CHECK(receiver.take(receiver.announced(2, stamp), now) == row.verdict);
        CHECK(receiver.acceptor.mark() == (row.verdict == Verdict::accepted ? stamp : stamp_at(0)));
    }
}

TEST_CASE("on first contact the clocks may be 300 seconds apart, and not a step more") {
    const std::uint64_t now_ns = start_ns / stamp_step * stamp_step;
    const std::uint64_t most = Acceptor::first_contact_ns_max;
    const bool ahead = GENERATE(true, false);
    const auto verdict_at = [&](std::uint64_t stamp, std::uint64_t unix_ns) {
        Receiver receiver;
        return receiver.take(receiver.announced(1, stamp), {at(0).boot_ns, unix_ns});
    };
    const auto apart = [&](std::uint64_t ns) { return ahead ? now_ns - ns : now_ns + ns; };
    CHECK(verdict_at(now_ns, now_ns) == Verdict::accepted);
    CHECK(verdict_at(now_ns, apart(most - 1)) == Verdict::accepted);
    CHECK(verdict_at(now_ns, apart(most)) == Verdict::accepted);
    CHECK(verdict_at(now_ns, apart(most + 1)) == Verdict::clock);
    CHECK(verdict_at(now_ns, apart(10 * most)) == Verdict::clock);
}

TEST_CASE("announcements under a wrong key, wrong psk or wrong lane are refused by name") {
    const Trust trust = GENERATE(Trust::keys, Trust::keys_and_psk, Trust::secret);
    Receiver receiver(trust);
    const KeySpec& own = receiver.lane.receiver;
    std::uint64_t when = 0;
    const auto verdict_of = [&](const AnnounceBytes& bytes) {
        when += ns_per_second;
        return receiver.take(bytes, at(when));
    };
    Terms terms = terms_of(1);
    terms.mode = mode_of(own);
    const AnnounceBytes good = receiver.with(terms, stamp_at(0));
    if (own.by_keys()) {
        KeySpec wrong_key = receiver.lane.sender;
        wrong_key.own = key_pair(77);
        CHECK(verdict_of(announcement(wrong_key, stamp_at(0), terms, 9)) == Verdict::bad_auth);
        KeySpec to_another = receiver.lane.sender;
        to_another.peers = {key_pair(78)->open};
        const AnnounceBytes foreign = announcement(to_another, stamp_at(0), terms, 9);
        CHECK(verdict_of(foreign) == Verdict::bad_mac);
        CHECK(verdict_of(with_mac1(foreign, own)) == Verdict::bad_auth);
    }
    KeySpec wrong_psk = receiver.lane.sender;
    wrong_psk.secret = shared_secret(79);
    const AnnounceBytes sealed_wrong = announcement(wrong_psk, stamp_at(0), terms, 9);
    CHECK(verdict_of(sealed_wrong) == Verdict::bad_mac);
    CHECK(verdict_of(with_mac1(sealed_wrong, own)) == Verdict::bad_auth);
    AnnounceBytes wrong_lane = good;
    wire::store_be(wrong_lane.data() + wire::lane_at, test_lane + 1);
    CHECK(verdict_of(wrong_lane) == Verdict::bad_mac);
    CHECK(verdict_of(with_mac1(wrong_lane, own)) == Verdict::bad_auth);
    // All that left nothing behind.
    CHECK(receiver.acceptor.record() == ReceiverRecord{});
    CHECK(verdict_of(good) == Verdict::accepted);
}

TEST_CASE("a wrong suite, and other terms that make no sense, are wrong_terms") {
    struct Row {
        const char* what;
        void (*change)(Terms&);
        Verdict verdict;
    };
    const Row rows[] = {
        {"none", [](Terms&) {}, Verdict::accepted},
        {"wrong suite", [](Terms& t) { t.suite = crypto::Suite::chacha20_poly1305; },
         Verdict::wrong_terms},
        {"suite 0", [](Terms& t) { t.suite = crypto::Suite{0}; }, Verdict::wrong_terms},
        {"suite 255", [](Terms& t) { t.suite = crypto::Suite{255}; }, Verdict::wrong_terms},
        {"wrong mode", [](Terms& t) { t.mode = KeyMode::secret; }, Verdict::wrong_terms},
        {"mode 2", [](Terms& t) { t.mode = KeyMode{2}; }, Verdict::wrong_terms},
        {"no subspace", [](Terms& t) { t.subspaces = 0; }, Verdict::wrong_terms},
        {"one subspace", [](Terms& t) { t.subspaces = 1; }, Verdict::accepted},
        {"64 subspaces", [](Terms& t) { t.subspaces = session_subspaces_max; }, Verdict::accepted},
        {"65 subspaces", [](Terms& t) { t.subspaces = session_subspaces_max + 1; },
         Verdict::wrong_terms},
        {"65535 subspaces", [](Terms& t) { t.subspaces = 65535; }, Verdict::wrong_terms},
        {"no lifetime", [](Terms& t) { t.lifetime_ms = t.lead_ms = 0; }, Verdict::wrong_terms},
        {"a lifetime of 1 ms", [](Terms& t) { t.lifetime_ms = t.lead_ms = 1; }, Verdict::accepted},
        {"a lifetime of an hour", [](Terms& t) { t.lifetime_ms = 3'600'000; }, Verdict::accepted},
        {"a longer one", [](Terms& t) { t.lifetime_ms = 3'600'001; }, Verdict::wrong_terms},
        {"the longest", [](Terms& t) { t.lifetime_ms = ~0u; }, Verdict::wrong_terms},
        {"no lead", [](Terms& t) { t.lead_ms = 0; }, Verdict::accepted},
        {"a lead as long as life", [](Terms& t) { t.lead_ms = t.lifetime_ms; }, Verdict::accepted},
        {"a longer lead", [](Terms& t) { t.lead_ms = t.lifetime_ms + 1; }, Verdict::wrong_terms},
    };
    for (const Row& row : rows) {
        Receiver receiver;
        Terms terms = terms_of(1);
        row.change(terms);
        INFO(row.what);
        const AnnounceBytes bytes = announcement(receiver.lane.sender, stamp_at(0), terms, 1);
        CHECK(receiver.take(bytes, at(0)) == row.verdict);
        CHECK(receiver.acceptor.mark() == (row.verdict == Verdict::accepted ? stamp_at(0) : 0));
        // Once they are mended on the sender, the same stamp will do.
        if (row.verdict != Verdict::accepted) {
            CHECK(receiver.take(receiver.announced(1, stamp_at(0)), at(1)) == Verdict::accepted);
        }
    }
}

TEST_CASE("an epoch that the header tells differently is wrong_terms") {
    Receiver receiver(Trust::secret);
    const AnnounceBytes good = receiver.announced(0x0101, stamp_at(0));
    const std::span<const std::byte, wire::announce_bytes> all(good);
    crypto::AnnouncePayload payload;
    REQUIRE(crypto::open_announce_secret(*receiver.lane.sender.secret, all.first<16>(),
                                         all.subspan<16, crypto::announce_body_bytes>(), payload));
    AnnounceBytes bytes = good;
    bytes[1] = std::byte{2};
    const std::span<std::byte, wire::announce_bytes> to(bytes);
    SeededRandom random(5);
    crypto::seal_announce_secret(*receiver.lane.sender.secret, to.first<16>(), payload, random,
                                 to.subspan<16, crypto::announce_body_bytes>());
    CHECK(receiver.take(with_mac1(bytes, receiver.lane.receiver), at(0)) == Verdict::wrong_terms);
    CHECK(receiver.take(good, at(1)) == Verdict::accepted);
}

TEST_CASE("an announcement with any of the 128 header bits flipped is never accepted") {
    const Trust trust = GENERATE(Trust::keys, Trust::keys_and_psk, Trust::secret);
    Receiver receiver(trust);
    const AnnounceBytes good = receiver.announced(1, stamp_at(0));
    for (std::size_t bit = 0; bit < wire::header_bytes * 8; ++bit) {
        INFO("bit " << bit);
        const AnnounceBytes bad = with_bit_flipped(good, bit);
        const Moment now = at(bit * ns_per_second / 2);
        REQUIRE(receiver.take(bad, now) == Verdict::bad_mac);
        REQUIRE(receiver.take(with_mac1(bad, receiver.lane.receiver), now) == Verdict::bad_auth);
    }
    CHECK(receiver.acceptor.record() == ReceiverRecord{});
    CHECK(receiver.take(good, at(64 * ns_per_second)) == Verdict::accepted);
}

TEST_CASE("an announcement with any bit of its 144 bytes flipped is never accepted") {
    Receiver receiver(GENERATE(Trust::keys, Trust::secret));
    const AnnounceBytes good = receiver.announced(1, stamp_at(0));
    for (std::size_t bit = 0; bit < wire::announce_bytes * 8; ++bit) {
        INFO("bit " << bit);
        REQUIRE(receiver.take(with_bit_flipped(good, bit), at(0)) == Verdict::bad_mac);
    }
    CHECK(receiver.take(good, at(0)) == Verdict::accepted);
    // Nor when the session is there already.
    for (std::size_t bit = 0; bit < wire::announce_bytes * 8; ++bit) {
        INFO("bit " << bit);
        const Verdict verdict = receiver.take(with_bit_flipped(good, bit), at(1));
        REQUIRE((verdict == Verdict::bad_mac || verdict == Verdict::stale));
    }
    CHECK(receiver.owner.installs == 1);
}

TEST_CASE("low-order points as e are bad_auth") {
    Receiver receiver;
    const AnnounceBytes good = receiver.announced(1, stamp_at(0));
    std::uint64_t when = 0;
    for (const auto& point : low_order_points()) {
        when += ns_per_second;
        const auto bad = with_mac1(with_ephemeral(good, point), receiver.lane.receiver);
        CHECK(receiver.take(bad, at(when)) == Verdict::bad_auth);
    }
}

TEST_CASE("a flood of announcements is rate_limited: five at once, then one per 100 ms") {
    Receiver receiver;
    KeySpec stranger = receiver.lane.sender;
    stranger.own = key_pair(77);
    const AnnounceBytes forged = announcement(stranger, stamp_at(0), terms_of(1), 9);
    const auto looked_at = [&](std::uint64_t when_ns) {
        unsigned count = 0;
        while (receiver.take(forged, at(when_ns)) == Verdict::bad_auth) ++count;
        REQUIRE(count <= 5);
        return count;
    };
    constexpr std::uint64_t token = Acceptor::token_ns;
    REQUIRE(token == 100 * ns_per_ms);
    CHECK(looked_at(0) == 5);
    CHECK(looked_at(1) == 0);
    CHECK(looked_at(token - 1) == 0);
    CHECK(looked_at(token) == 1);
    CHECK(looked_at(token + 1) == 0);
    CHECK(looked_at(2 * token) == 1);
    CHECK(looked_at(4 * token) == 2);
    CHECK(looked_at(100 * token) == 5);
    unsigned sum = 0;
    for (unsigned ms = 0; ms < 10'000; ++ms) sum += looked_at(1000 * token + ms * ns_per_ms);
    CHECK(sum == 5 + 99);
    // The genuine one gets through as soon as there is a token for it.
    const std::uint64_t after = 1000 * token + 10'000 * ns_per_ms;
    CHECK(looked_at(after) == 1);
    const AnnounceBytes good = receiver.announced(1, stamp_at(0));
    CHECK(receiver.take(good, at(after)) == Verdict::rate_limited);
    CHECK(receiver.take(good, at(after + token)) == Verdict::accepted);
}

TEST_CASE("what is refused for less than a look costs no look") {
    Receiver receiver;
    const AnnounceBytes first = receiver.announced(1, stamp_at(0));
    REQUIRE(receiver.take(first, at(0)) == Verdict::accepted);
    const AnnounceBytes old = receiver.announced(2, stamp_at(0) - stamp_step);
    const AnnounceBytes next = receiver.announced(2, stamp_at(0) + stamp_step);
    const AnnounceBytes bad_mac = with_bit_flipped(next, 143 * 8);
    for (unsigned i = 0; i < 1000; ++i) {
        REQUIRE(receiver.take(first, at(1)) == Verdict::repeat);
        REQUIRE(receiver.take(old, at(1)) == Verdict::stale);
        REQUIRE(receiver.take(bad_mac, at(1)) == Verdict::bad_mac);
    }
    CHECK(receiver.take(next, at(1)) == Verdict::accepted);
}

TEST_CASE("of two receivers each takes its own announcement only") {
    Receiver first;
    KeySpec keys = first.lane.receiver;
    keys.own = key_pair(22);
    Acceptor second({keys, crypto::Suite::aes_256_gcm}, {});
    KeySpec sender = first.lane.sender;
    sender.peers.push_back(keys.own->open);
    const AnnounceBytes to_first = announcement(sender, stamp_at(0), terms_of(1), 9, 0);
    const AnnounceBytes to_second = announcement(sender, stamp_at(0), terms_of(1), 9, 1);
    CHECK(first.acceptor.offer(to_second, at(0)) == Verdict::bad_mac);
    CHECK(second.offer(to_first, at(0)) == Verdict::bad_mac);
    CHECK(first.acceptor.offer(to_first, at(0)) == Verdict::accepted);
    CHECK(second.offer(to_second, at(0)) == Verdict::accepted);
    // From then on the other's has a stamp that is not above the mark.
    CHECK(first.acceptor.offer(to_second, at(1)) == Verdict::bad_mac);
}

TEST_CASE("an announcement that could not be saved is as if it had not come") {
    Receiver first;
    REQUIRE(first.take(first.announced(1, stamp_at(0)), at(0)) == Verdict::accepted);
    REQUIRE(first.take(first.announced(2, stamp_at(1000 * ns_per_ms)), at(1)) == Verdict::accepted);
    const ReceiverRecord former =
        GENERATE(false, true) ? first.stopped({5, 5, 5}) : ReceiverRecord{};
    Receiver receiver(Trust::keys, former);
    Acceptor& acceptor = receiver.acceptor;
    const AnnounceBytes one = receiver.announced(1, stamp_at(0));
    const AnnounceBytes three = receiver.announced(3, stamp_at(2000 * ns_per_ms));
    for (unsigned times = 0; times < 3; ++times) {
        const Moment now = at((times + 1) * ns_per_second);
        CHECK(acceptor.offer(one, now) == Verdict::accepted);
        CHECK(acceptor.offer(three, now) == Verdict::accepted);
        CHECK(acceptor.unsaved());
        acceptor.not_saved();
        CHECK_FALSE(acceptor.unsaved());
        CHECK(acceptor.record() == former);
        CHECK(acceptor.live().empty());
        acceptor.saved(now, receiver.owner);
        CHECK(receiver.owner.installs == 0);
    }
    acceptor.not_saved();  // without anything to undo
    CHECK(acceptor.record() == former);
    CHECK(acceptor.offer(one, at(minute_ns)) == Verdict::accepted);
    CHECK(acceptor.offer(three, at(minute_ns)) == Verdict::accepted);
    acceptor.saved(at(minute_ns), receiver.owner);
    CHECK(receiver.owner.installs == 2);
    CHECK(receiver.owner.at[1].floors == (former.mark == 0 ? Floors{} : Floors{5, 5, 5}));
    CHECK(receiver.owner.at[3].floors.empty());
}

TEST_CASE("at most four announcements wait for the disk") {
    Receiver receiver;
    for (std::uint32_t epoch = 1; epoch <= 4; ++epoch) {
        const auto bytes = receiver.announced(epoch, stamp_at(0) + epoch * stamp_step);
        REQUIRE(receiver.acceptor.offer(bytes, at(0)) == Verdict::accepted);
    }
    const auto fifth = receiver.announced(5, stamp_at(0) + 5 * stamp_step);
    CHECK(receiver.acceptor.offer(fifth, at(minute_ns)) == Verdict::rate_limited);
    receiver.acceptor.saved(at(minute_ns), receiver.owner);
    CHECK(receiver.owner.at.size() == 4);
    CHECK(receiver.acceptor.offer(fifth, at(minute_ns)) == Verdict::accepted);
}
