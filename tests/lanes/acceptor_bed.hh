// What the tests of the acceptor share (acceptor_*test.cc): a clock of the test's own, an owner
// that remembers what was installed, and a receiving lane of a node that may be restarted.
#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <map>
#include <ostream>
#include <vector>

#include "lanes/acceptor.hh"
#include "lanes/announcer.hh"
#include "tests/lanes/sealed_ends.hh"

namespace lanes {
inline std::ostream& operator<<(std::ostream& out, Acceptor::Verdict verdict) {
    constexpr const char* names[] = {"accepted",     "repeat",   "stale", "bad_mac",
                                     "rate_limited", "bad_auth", "clock", "wrong_terms"};
    return out << names[static_cast<unsigned>(verdict)];
}
}  // namespace lanes

namespace lanes::test {

using Verdict = Acceptor::Verdict;
using Floors = std::vector<std::uint64_t>;

inline constexpr std::uint64_t start_ns = 1'763'882'000 * ns_per_second;
inline constexpr std::uint64_t minute_ns = 60 * ns_per_second;

inline Moment at(std::uint64_t after_ns) {
    return {100 * ns_per_second + after_ns, start_ns + after_ns};
}

/// A stamp of the sender's clock `after_ns` the start.
inline std::uint64_t stamp_at(std::uint64_t after_ns) {
    return (start_ns + after_ns) / stamp_step * stamp_step;
}

inline Terms terms_of(std::uint32_t epoch) {
    Terms terms;
    terms.epoch = epoch;
    terms.subspaces = 2;
    terms.lead_ms = 10'000;
    terms.lifetime_ms = 150'000;
    terms.run_id = 4;
    return terms;
}

struct Owner final : Acceptor::Owner {
    struct Installed {
        Terms terms;
        crypto::SessionSecret secret;
        Floors floors;
    };
    std::map<unsigned, Installed> at;
    unsigned installs = 0;

    void install(unsigned place, const Terms& terms, const crypto::SessionSecret& secret,
                 const Floors& floors) override {
        at[place] = {terms, secret.copy(), floors};
        ++installs;
    }
    void wipe(unsigned place) override { REQUIRE(at.erase(place) == 1); }
};

/// A receiving lane of a node that may be restarted; its record is kept as Control keeps it.
struct Receiver {
    explicit Receiver(Trust trust = Trust::keys, const ReceiverRecord& former = {})
        : lane(ends(trust)), acceptor({lane.receiver, crypto::Suite::aes_256_gcm}, former) {}

    AnnounceBytes announced(std::uint32_t epoch, std::uint64_t stamp) const {
        return with(terms_of(epoch), stamp);
    }
    AnnounceBytes with(Terms terms, std::uint64_t stamp) const {
        terms.mode = mode_of(lane.sender);
        return announcement(lane.sender, stamp, terms, terms.epoch);
    }
    /// Offers, saves and installs.
    Verdict take(const AnnounceBytes& bytes, Moment now) {
        const Verdict verdict = acceptor.offer(bytes, now);
        CHECK(acceptor.unsaved() == (verdict == Verdict::accepted));
        if (acceptor.unsaved()) {
            on_disk = acceptor.record();
            acceptor.saved(now, owner);
            CHECK_FALSE(acceptor.unsaved());
        }
        return verdict;
    }
    /// What a receiver that stops in good order remembers; `floors` for all its sessions.
    ReceiverRecord stopped(const Floors& floors) const {
        ReceiverRecord record = acceptor.record();
        record.resumable.clear();
        for (const auto& live : acceptor.live()) {
            record.resumable.push_back({live.stamp, live.epoch, floors});
        }
        return record;
    }

    Ends lane;
    Acceptor acceptor;
    Owner owner;
    ReceiverRecord on_disk;
};

}  // namespace lanes::test
