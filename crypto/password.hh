// Password: what somebody must say before a running node lets itself be changed over telnet. Only
// its hash is kept, in the vault, and compared in constant time, whatever the lengths. The hash is
// fast and bare (BLAKE2b): it never leaves this process, and whoever can read its memory has the
// lanes' keys too. config reads it, the management sessions ask it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/outcome.hh"
#include "crypto/secret.hh"

namespace lanes::crypto {

class Password {
  public:
    static constexpr std::size_t bytes_min = 8;
    static constexpr std::size_t bytes_max = 128;

    /// The first line of the file, which is its only one and nobody but its owner can read.
    static Outcome<Password> read(const std::string& path);
    /// `text` is of any length here.
    static Password of(std::string_view text);

    bool is(std::string_view said) const { return of(said).hash_ == hash_; }
    bool operator==(const Password& other) const noexcept { return hash_ == other.hash_; }

  private:
    Secret<32> hash_;
};

}  // namespace lanes::crypto
