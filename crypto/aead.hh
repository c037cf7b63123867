// AEAD on runs: one call seals or opens a run of packets that share a key. A backend is one
// library's way to do it; all of them give the same bytes, and a differential test and fuzzer hold
// them to it. Workers call seal and open (no allocation, no lock); Control makes backends and
// expands keys.
//
// A Backend belongs to one thread, since some libraries keep jobs in a manager of their own; an
// AeadKey is only read by them, so every worker of the same backend may use the same one at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "crypto/outcome.hh"
#include "crypto/secret.hh"
#include "crypto/vault.hh"

namespace lanes::crypto {

inline constexpr std::size_t aead_key_bytes = 32;
inline constexpr std::size_t nonce_bytes = 12;
inline constexpr std::size_t tag_bytes = 16;

/// The numbers are those of the wire (announcements) and of key derivation.
enum class Suite : std::uint8_t { aes_256_gcm = 1, chacha20_poly1305 = 2 };

enum class BackendKind : std::uint8_t { libsodium, ipsec_mb };

/// One packet. `source` and `destination` are the same or do not overlap. The tag and the
/// associated data lie outside of the destination; the tag may be right behind it. No pointer is
/// null, even where its length is zero.
struct Job {
    const std::byte* source = nullptr;
    std::byte* destination = nullptr;
    std::uint32_t len = 0;  ///< bytes of text, without the tag
    std::uint32_t associated_len = 0;
    const std::byte* associated = nullptr;
    std::byte* tag = nullptr;  ///< tag_bytes; seal writes it, open only reads it
    std::array<std::byte, nonce_bytes> nonce{};
    bool ok = false;  ///< set by seal and open
};

/// A key made ready for one backend; movable, in locked memory.
class AeadKey {
  public:
    AeadKey() noexcept = default;
    AeadKey(BackendKind backend, Suite suite, LockedBlock expanded) noexcept
        : expanded_(std::move(expanded)), backend_(backend), suite_(suite) {}

    explicit operator bool() const noexcept { return expanded_.data() != nullptr; }
    BackendKind backend() const noexcept { return backend_; }
    Suite suite() const noexcept { return suite_; }
    /// For backends; aligned to 64 bytes.
    const std::byte* expanded() const noexcept { return expanded_.data(); }

  private:
    LockedBlock expanded_;
    BackendKind backend_{};
    Suite suite_{};
};

class Backend {
  public:
    virtual ~Backend() = default;

    virtual BackendKind kind() const noexcept = 0;

    /// nullptr, or a sentence that says why this machine has no `suite` here and what works
    /// instead.
    virtual const char* unavailable(Suite suite) const noexcept = 0;

    /// Fails when the suite is unavailable. From any thread.
    virtual Outcome<AeadKey> expand(Suite suite, const Secret<aead_key_bytes>& key) const = 0;

    /// Seals each job; returns how many are ok. All are, but for a fault within the library: such a
    /// job's destination and tag are zeros and must not be sent.
    virtual std::size_t seal(const AeadKey& key, std::span<Job> run) noexcept = 0;

    /// Opens each job; returns how many are ok. Where the tag does not match, the destination is
    /// zeros when open returns (in place: the ciphertext is gone).
    virtual std::size_t open(const AeadKey& key, std::span<Job> run) noexcept = 0;
};

/// "libsodium" or "ipsec-mb", as `crypto: {backend: …}` has it.
std::string_view name_of(BackendKind kind) noexcept;

/// The backend of that name; "auto": the fastest that this build and this CPU have.
Outcome<std::unique_ptr<Backend>> select_backend(std::string_view name);

}  // namespace lanes::crypto
