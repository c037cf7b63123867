// The cryptography of announcements (Lanes/1, ANNOUNCE): bytes 16 to 127 in either mode, and mac1
// over bytes 0 to 127. What the header and the payload mean is not known here. Control only.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "crypto/noise.hh"
#include "crypto/x25519.hh"

namespace lanes::crypto {

inline constexpr std::size_t announce_header_bytes = 16;
inline constexpr std::size_t announce_payload_bytes = 64;
/// e, the sealed payload and its tag: bytes 16 to 127.
inline constexpr std::size_t announce_body_bytes = 32 + announce_payload_bytes + 16;
inline constexpr std::size_t mac1_bytes = 16;
/// What mac1 covers: bytes 0 to 127.
inline constexpr std::size_t mac1_covers_bytes = announce_header_bytes + announce_body_bytes;

using AnnounceHeader = std::span<const std::byte, announce_header_bytes>;
using AnnouncePayload = Secret<announce_payload_bytes>;  ///< it holds the secret of a session

/// The secret that both ends share: mode 1 needs it, mode 0 may have it (zeros where it has not).
struct SharedSecret {
    Secret<32> secret;
};

/// Mode 0, keys. False when the receiver's key is a low-order point.
[[nodiscard]] bool seal_announce_keys(const KeyPair& sender, const PublicKey& receiver,
                                      const SharedSecret& psk, AnnounceHeader header,
                                      const AnnouncePayload& payload, Random& random,
                                      std::span<std::byte, announce_body_bytes> body);

/// Mode 0. False, and a payload of zeros, when the body is not from `sender` to `receiver`.
[[nodiscard]] bool open_announce_keys(const KeyPair& receiver, const PublicKey& sender,
                                      const SharedSecret& psk, AnnounceHeader header,
                                      std::span<const std::byte, announce_body_bytes> body,
                                      AnnouncePayload& payload);

/// Mode 1, shared secret.
void seal_announce_secret(const SharedSecret& psk, AnnounceHeader header,
                          const AnnouncePayload& payload, Random& random,
                          std::span<std::byte, announce_body_bytes> body);

/// Mode 1. False, and a payload of zeros, when it was not sealed under `psk`.
[[nodiscard]] bool open_announce_secret(const SharedSecret& psk, AnnounceHeader header,
                                        std::span<const std::byte, announce_body_bytes> body,
                                        AnnouncePayload& payload);

/// BLAKE2b-256("lanes/1 mac1" || psk || receiver); the psk counts as 32 zeros where there is none,
/// and in mode 1 the receiver does.
class Mac1 {
  public:
    Mac1(const SharedSecret& psk, const PublicKey& receiver);

    using Covered = std::span<const std::byte, mac1_covers_bytes>;

    void write(Covered covered, std::span<std::byte, mac1_bytes> mac) const noexcept;
    /// In constant time.
    bool matches(Covered covered, std::span<const std::byte, mac1_bytes> mac) const noexcept;

  private:
    Secret<32> key_;
};

}  // namespace lanes::crypto
