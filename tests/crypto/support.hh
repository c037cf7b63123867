// What the tests of crypto/ share: hexadecimal in and out, random sources that can be replayed, and
// the backends that this build and CPU have.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/aead.hh"
#include "crypto/random.hh"

namespace lanes::crypto::test {

std::vector<std::byte> hex(std::string_view text);
std::string to_hex(std::span<const std::byte> bytes);

template <std::size_t n>
Secret<n> secret(std::string_view text) {
    const auto bytes = hex(text);
    return Secret<n>(std::span<const std::byte, n>(bytes.data(), bytes.size()));
}

/// Gives the bytes that it was told to give, then counts on from 0.
class Script final : public Random {
  public:
    explicit Script(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
    void fill(std::span<std::byte> to) noexcept override {
        for (std::byte& byte : to) {
            byte = at_ < bytes_.size() ? bytes_[at_] : static_cast<std::byte>(at_);
            ++at_;
        }
    }

  private:
    std::vector<std::byte> bytes_;
    std::size_t at_ = 0;
};

/// Fills `to` from the generator.
void scatter(std::mt19937_64& generator, std::span<std::byte> to);

/// All backends of this build, made once; libsodium first.
std::span<const std::unique_ptr<Backend>> backends();

/// Calls `body(backend, suite)` for each pair that this machine has; prints those that it has not.
template <typename Body>
void for_each_cipher(Body body) {
    for (const auto& backend : backends()) {
        for (const Suite suite : {Suite::aes_256_gcm, Suite::chacha20_poly1305}) {
            if (backend->unavailable(suite) == nullptr) body(*backend, suite);
        }
    }
}

}  // namespace lanes::crypto::test
