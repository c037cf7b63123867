// What seals a lane: cipher, keys, and how long a session's keys live. Sealed is the default: a
// lane without encryption says `cipher: none` in so many words, and then has no keys. Called by
// lanes.cc; the keys themselves come from the KeyRing.
#include <algorithm>
#include <array>
#include <utility>

#include "config/lanes.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

constexpr std::size_t receivers_max = 64;
constexpr NumberRule rekey_rule{1, KeySpec::rekey_seconds_default, NumberRule::Base::decimal,
                                NumberRule::Step::one, " (seconds)"};

class SealingReader {
  public:
    SealingReader(const LaneFields& fields, std::optional<Role> role, KeyRing& keys,
                  Diagnostics& diagnostics)
        : fields_(fields),
          owner_(fields.owner()),
          role_(role),
          keys_(keys),
          diagnostics_(diagnostics) {}

    void read(LaneSpec& lane) {
        const bool tunnel = role_ == Role::send || role_ == Role::receive;
        const std::optional<Cipher> cipher = read_cipher();
        lane.cipher = Cipher::none;
        KeySpec spec;
        read_receivers(spec);
        read_sender(spec);
        spec.secret = keys_.secret(fields_[LaneKey::secret], field(LaneKey::secret));
        const auto rekey =
            read_number(fields_[LaneKey::rekey], field(LaneKey::rekey), rekey_rule, diagnostics_);
        if (rekey) spec.rekey_seconds = *rekey;
        if (!tunnel || !cipher) return;
        if (*cipher == Cipher::none) return refuse_keys();
        require_keys(spec);
        lane.cipher = *cipher;
        lane.keys = std::make_unique<KeySpec>(std::move(spec));
    }

  private:
    Field field(LaneKey key) const { return {column_of(key), owner_}; }

    /// Nothing when it was not understood.
    std::optional<Cipher> read_cipher() {
        static constexpr std::array<std::string_view, 3> words = {"aes-256-gcm",
                                                                  "chacha20-poly1305", "none"};
        static constexpr std::array ciphers = {Cipher::aes_256_gcm, Cipher::chacha20_poly1305,
                                               Cipher::none};
        const Scalar& cipher = fields_[LaneKey::cipher];
        if (cipher.absent()) return Cipher::aes_256_gcm;
        const auto word = read_word(cipher, field(LaneKey::cipher), words, diagnostics_);
        if (!word) return std::nullopt;
        return ciphers[*word];
    }

    /// Reads one public key; `nth` says which of several it is.
    std::optional<crypto::PublicKey> read_peer(const Scalar& scalar, LaneKey key,
                                               std::string_view nth) {
        if (!scalar.present()) return std::nullopt;
        auto peer = keys_.public_key(scalar.text);
        if (!peer) {
            diagnostics_.error(scalar.at,
                               say("`", column_of(key), "`", of(owner_), nth, ": ", peer.message(),
                                   "; write what `lanes key public` prints at the ",
                                   key == LaneKey::sender ? "sending" : "receiving", " node"));
            return std::nullopt;
        }
        if (keys_.own() && keys_.own()->open == *peer) {
            diagnostics_.warning(scalar.at,
                                 say("`", column_of(key), "`", of(owner_), nth,
                                     " is this node's own public key; expected that of another "
                                     "node, unless this is a loop for a test"));
        }
        return *peer;
    }

    void read_receivers(KeySpec& spec) {
        const Scalar& whole = fields_[LaneKey::receiver];
        if (!whole.present()) return;
        const std::size_t count = fields_.receivers.size();
        if (count == 0 || count > receivers_max) {
            diagnostics_.error(whole.at, say("expected 1 to ", std::to_string(receivers_max),
                                             " public keys for `receiver`", of(owner_), ", found ",
                                             std::to_string(count),
                                             count == 0 ? "; write one for each receiving node"
                                                        : "; make another lane for the rest"));
            return;
        }
        for (std::size_t i = 0; i < count; ++i) {
            const std::string nth =
                count == 1 ? std::string()
                           : say(", ", std::to_string(i + 1), " of ", std::to_string(count));
            const auto peer = read_peer(fields_.receivers[i], LaneKey::receiver, nth);
            if (!peer) continue;
            if (std::find(spec.peers.begin(), spec.peers.end(), *peer) != spec.peers.end()) {
                diagnostics_.error(fields_.receivers[i].at,
                                   say("`receiver`", of(owner_), nth,
                                       ", is the same key as an earlier one; expected each "
                                       "receiver once; remove one of them"));
                continue;
            }
            spec.peers.push_back(*peer);
        }
    }

    void read_sender(KeySpec& spec) {
        const auto peer = read_peer(fields_[LaneKey::sender], LaneKey::sender, "");
        if (peer) spec.peers.push_back(*peer);
    }

    /// What a clear lane has no use for. Keys that belong to another role were reported already.
    void refuse_keys() {
        const LaneKey peer = role_ == Role::send ? LaneKey::receiver : LaneKey::sender;
        for (const LaneKey key : {peer, LaneKey::secret, LaneKey::rekey}) {
            if (fields_[key].absent() || (key == LaneKey::rekey && role_ != Role::send)) continue;
            diagnostics_.error(
                fields_[key].at,
                say("found `", column_of(key), "` beside `cipher: none` in ", named(owner_),
                    "; expected it only in sealed lanes; remove one of them"));
        }
    }

    void require_keys(KeySpec& spec) {
        const bool sends = role_ == Role::send;
        const Scalar& receiver = fields_[LaneKey::receiver];
        const Scalar& sender = fields_[LaneKey::sender];
        const bool no_peer = receiver.absent() && sender.absent();
        if (no_peer && fields_[LaneKey::secret].absent()) {
            const Scalar& cipher = fields_[LaneKey::cipher];
            diagnostics_.error(
                cipher.absent() ? fields_.at : cipher.at,
                say(named(owner_), " is sealed",
                    cipher.absent() ? ", as every lane is that does not say otherwise," : "",
                    " and has no key; expected ",
                    sends ? "`receiver: PUBLIC-KEY` or `secret: FILE`"
                          : "`sender: PUBLIC-KEY` or `secret: FILE`",
                    "; add one of them, or write `cipher: none` for a lane without encryption"));
        }
        const LaneKey key = sends ? LaneKey::receiver : LaneKey::sender;
        if (fields_[key].absent()) return;
        if (!keys_.own()) keys_.miss_own(fields_[key].at, field(key));
        spec.own = keys_.own();
    }

    const LaneFields& fields_;
    const Owner owner_;
    const std::optional<Role> role_;
    KeyRing& keys_;
    Diagnostics& diagnostics_;
};

}  // namespace

void read_sealing(const LaneFields& fields, std::optional<Role> role, LaneSpec& lane, KeyRing& keys,
                  Diagnostics& diagnostics) {
    SealingReader(fields, role, keys, diagnostics).read(lane);
}

void warn_without_state(const NodeSpec& node, const Place& at, Diagnostics& diagnostics) {
    const LaneSpec* sends = nullptr;
    const LaneSpec* receives = nullptr;
    for (const LaneSpec& lane : node.lanes) {
        if (!lane.keys || (!lane.keys->by_keys() && !lane.keys->secret)) continue;
        const LaneSpec*& first = lane.role == Role::send ? sends : receives;
        if (first == nullptr) first = &lane;
    }
    if (receives != nullptr) {
        diagnostics.warning(
            at, say("the node has no `state`, and ", named({"lane", receives->name}),
                    " is sealed: after a restart, what was sent to it in the last five minutes can "
                    "be replayed; expected a directory in which the node remembers what came; add "
                    "`state: DIRECTORY`"));
    } else if (sends != nullptr) {
        diagnostics.warning(
            at, say("the node has no `state`, and ", named({"lane", sends->name}),
                    " is sealed: after a restart with a clock that was set back, its receivers "
                    "take its keys for old ones; expected a directory in which the node remembers "
                    "what it sent; add `state: DIRECTORY`"));
    }
}

}  // namespace lanes::config
