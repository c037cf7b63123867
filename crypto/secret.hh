// Secret<n>: n bytes that nobody else shall see. They live in the vault (locked, not dumped, wiped
// on release), are compared in constant time, cannot be printed, and are copied only by asking.
// For Control and the set-up path; workers read expanded keys (crypto/aead.hh), which live there
// too.
#pragma once

#include <sodium.h>

#include <cstddef>
#include <cstring>
#include <iosfwd>
#include <span>

#include "crypto/vault.hh"

namespace lanes::crypto {

template <std::size_t n>
class Secret {
    static_assert(n > 0);

  public:
    static constexpr std::size_t len = n;

    /// All zeros.
    Secret() : block_(n) {}
    explicit Secret(std::span<const std::byte, n> from) : block_(n) {
        std::memcpy(block_.data(), from.data(), n);
    }
    Secret(Secret&&) noexcept = default;
    Secret& operator=(Secret&&) noexcept = default;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;

    Secret copy() const { return Secret(bytes()); }

    /// A Secret that was moved from has no bytes; asking for them stops the program.
    std::span<std::byte, n> bytes() noexcept { return std::span<std::byte, n>(checked(), n); }
    std::span<const std::byte, n> bytes() const noexcept {
        return std::span<const std::byte, n>(checked(), n);
    }

    /// In constant time.
    bool operator==(const Secret& other) const noexcept {
        return sodium_memcmp(checked(), other.checked(), n) == 0;
    }
    bool is_zero() const noexcept {
        return sodium_is_zero(reinterpret_cast<const unsigned char*>(checked()), n) == 1;
    }

    void wipe() noexcept { sodium_memzero(checked(), n); }

  private:
    std::byte* checked() const noexcept {
        if (block_.data() == nullptr) misuse("a Secret that was moved from");
        return block_.data();
    }

    LockedBlock block_;
};

template <std::size_t n>
std::ostream& operator<<(std::ostream&, const Secret<n>&) = delete;

}  // namespace lanes::crypto
