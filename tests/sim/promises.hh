// Promises: what must hold in every run, whatever the network, the attacker, the clocks and the
// disks do; and the memory that it takes to notice when it does not. The ledger knows everything:
// each key, each nonce, each payload with the session that carried it, each delivery.
//
//  nonce     No nonce is used twice under the same key. Keys are compared as bytes, after all
//            derivation, over the whole run: all restarts of the sender, with kept, lost and old
//            state. No exception. An announcement's `e` is one too: it makes the key.
//  limit     No key seals more packets than the packet limit.
//  unsent    What is delivered was sent, byte for byte.
//  twice     No receiver delivers a payload twice. The one exception is memory that is really
//            gone. A receiver that starts with nothing may deliver again whatever it delivered
//            before. One that starts with an older record may deliver again what that record does
//            not forbid: payloads of sessions with a stamp above its mark, and of sessions that it
//            lists as resumable from their floors on. Each of them once more; all others never.
//            A receiver that starts with the record last written (an orderly stop, a crash, a
//            crash in the midst of writing, a write that reported failure) has no exception at all.
//  clock     No session is made whose stamp is more than an hour ahead of the receiver's clock, or,
//            when it remembered nothing, more than 300 s away from it.
//  stamps    A sender announces with rising stamps, over restarts too, unless its record was lost
//            or set back since. (Clocks are set by less than a day here; announcer_test.cc has what
//            is done when one is set by more.)
//  counters  Each packet that is handed to a receiver ends in exactly one counter: delivered,
//            heartbeat, one verdict on an announcement, or one reason to drop it. And each packet
//            that was put on the network was handed over, lost, or is under way.
//  liveness  When faults end (the network is perfect, clocks are true, machines run, disks
//            write), each receiver gets every payload again, after two sessions of the sender at
//            most: 2 * rekey + lead. It counts from the moment at which the sender could make a
//            session that this receiver may accept. That moment is the end of faults but for:
//              - `stale-sender`: the sender's record was lost or set back after its clock had run
//                ahead, so that its stamps, which are true time, are below the receiver's mark.
//                It could once true time has passed the mark.
//              - `clock`: the sender's clock had run ahead, its record is kept, and its stamps are
//                still more than an hour (300 s, where the receiver remembers nothing) ahead. It
//                could once true time has come within the hour (the 300 s).
//            Both are computed from the two records, not observed, so nothing else passes as them.
//  prompt    A receiver that has the current session or may accept it when faults end (stamp above
//            its mark, or resumable and not older than an hour; not too far from its clock; and
//            the sender's next stamps will not be either) gets every payload from the next repeat
//            of the announcement on: within a second. Not asked where a sender that was set back,
//            with a clock that is behind, gave stamp and epoch of a former session again and the
//            receiver resumes the one from the floors of the other: what is below them is lost,
//            nothing comes twice, and the next session heals it.
//  stopped   The sender does not stop at the hard limit, however suddenly the rate rises, where
//            half the limit leaves it the time to look (each 100 ms) and to announce (100 ms).
//  addition  Who can only add packets takes nothing away: with a perfect network and an attacker
//            who replays, alters and splices all that was ever sent, every payload arrives. Not
//            asked while old captures hold stamps above those that the sender makes now: it ran
//            ahead once and lost its record; whoever then replays an announcement from the future
//            makes `stale-sender` of it. The two known prices are outside of it: a flood of
//            announcements with a right mac1, which without a psk takes only the receiver's public
//            key; and those who hold the keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "crypto/subspace.hh"
#include "lanes/acceptor.hh"
#include "lanes/announcement.hh"

namespace lanes::sim {

/// Thrown when a promise is broken; ends the run.
struct Breach {
    std::string promise;
    std::string what;
};

class Ledger {
  public:
    /// `announcements`: how many there are of one session, one for each receiver in mode keys.
    Ledger(std::uint64_t seed, unsigned receivers, unsigned announcements)
        : seed_(seed), announcements_(announcements), delivered_(receivers) {}

    /// Who the key is; the same number for the same bytes.
    std::uint32_t key(const crypto::SubspaceKey& key);
    void sealed(std::uint32_t key, const crypto::Iv& nonce, std::uint64_t sequence,
                std::uint64_t limit);

    struct Payload {
        std::uint64_t at_ns = 0;  ///< true time of sealing
        std::uint64_t stamp = 0;  ///< of its session
        std::uint64_t sequence = 0;
        std::uint16_t subspace = 0;
    };
    /// The body that payload `id` has.
    std::vector<std::byte> body(std::uint64_t id) const;
    std::uint64_t next_id() const noexcept { return payloads_.size(); }
    void sent(const Payload& payload) { payloads_.push_back(payload); }
    void delivered(unsigned receiver, std::span<const std::byte> body);
    /// The receiver starts with `record`, which is not the one written last.
    void set_back(unsigned receiver, const ReceiverRecord& record);

    void announced(const AnnounceBytes& bytes);
    void sender_forgot() noexcept { stamp_floor_ = 0; }
    std::uint64_t stamp_max() const noexcept { return stamp_max_; }

    /// A session is about to be made by a receiver whose mark was `mark` before.
    static void accepted(std::uint64_t stamp, std::uint64_t mark, Moment now);

    struct Arrivals {
        std::uint64_t sent = 0;
        std::uint64_t missing = 0;
        std::uint64_t first_missing = 0;  ///< id
    };
    /// Of the payloads that were sealed in [from, to).
    Arrivals arrivals(unsigned receiver, std::uint64_t from_ns, std::uint64_t to_ns) const;
    const Payload& payload(std::uint64_t id) const { return payloads_[id]; }

  private:
    enum class State : std::uint8_t { missing, here, forgotten };

    struct Nonce {
        std::uint32_t key;
        crypto::Iv nonce;
        bool operator==(const Nonce&) const = default;
    };
    struct NonceHash {
        std::size_t operator()(const Nonce& nonce) const noexcept;
    };

    std::uint64_t seed_;
    unsigned announcements_;
    std::map<std::array<std::byte, crypto::aead_key_bytes>, std::uint32_t> keys_;
    std::unordered_set<Nonce, NonceHash> nonces_;
    std::vector<Payload> payloads_;
    std::vector<std::vector<State>> delivered_;  ///< by receiver and id
    std::map<std::array<std::byte, 32>, AnnounceBytes> ephemerals_;
    std::uint64_t stamp_max_ = 0;
    std::uint64_t stamp_floor_ = 0;  ///< of the last session announced, if it is remembered
    unsigned at_floor_ = 0;          ///< announcements of that stamp
};

}  // namespace lanes::sim
