// Announcement: the 144 bytes that hand the secret of a session to one receiver (PROTOCOL.md, "The
// announcement"), and what is in them. Its cryptography is crypto/announce.hh; here are the fields.
// Control only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/aead.hh"
#include "crypto/announce.hh"
#include "crypto/subspace.hh"
#include "lanes/spec.hh"
#include "lanes/wire.hh"

namespace lanes {

using AnnounceBytes = std::array<std::byte, wire::announce_bytes>;

/// Subspaces that a session may have beside Control's own.
inline constexpr unsigned session_subspaces_max = engine::workers_max;
/// Receivers of one lane; config refuses more.
inline constexpr unsigned session_peers_max = 64;

enum class KeyMode : std::uint8_t { keys = 0, secret = 1 };

/// What an announcement says of its session, the secret aside.
struct Terms {
    std::uint32_t epoch = 0;
    crypto::Suite suite = crypto::Suite::aes_256_gcm;
    KeyMode mode = KeyMode::keys;
    std::uint16_t subspaces = 1;    ///< data comes in subspaces 0 to subspaces - 1
    std::uint32_t lead_ms = 0;      ///< from the first announcement to the first data
    std::uint32_t lifetime_ms = 0;  ///< how long a receiver keeps the keys
    std::uint16_t max_inner = 0;    ///< longest body that the sender puts into one packet
    std::uint64_t run_id = 0;       ///< drawn when the sender's process made the lane

    bool operator==(const Terms&) const = default;
};

crypto::Suite suite_of(Cipher cipher) noexcept;  ///< cipher is not none
inline KeyMode mode_of(const KeySpec& keys) noexcept {
    return keys.by_keys() ? KeyMode::keys : KeyMode::secret;
}

/// The announcement of (`terms`, `secret`) of lane `lane` for receiver number `peer` of `keys`
/// (always 0 in mode secret). False when that peer's key is a low-order point.
[[nodiscard]] bool write_announcement(const KeySpec& keys, std::size_t peer, std::uint32_t lane,
                                      std::uint64_t stamp, const Terms& terms,
                                      const crypto::SessionSecret& secret, crypto::Random& random,
                                      AnnounceBytes& to);

inline std::uint64_t stamp_of(const AnnounceBytes& bytes) noexcept {
    return wire::read_header(bytes.data()).sequence;
}

/// A receiver's side of the same keys; holds what can be worked out once.
class AnnounceReader {
  public:
    explicit AnnounceReader(KeySpec keys);

    /// Whether it is meant for us by someone who knows how to say so. Cheap: one hash.
    bool addressed_to_us(const AnnounceBytes& bytes) const noexcept;
    /// False when it does not authenticate. Costs two X25519 multiplications in mode keys.
    [[nodiscard]] bool open(const AnnounceBytes& bytes, Terms& terms,
                            crypto::SessionSecret& secret) const;

  private:
    KeySpec keys_;
    crypto::SharedSecret psk_;  ///< zeros where there is none
    crypto::Mac1 mac1_;
};

}  // namespace lanes
