// A file that holds a secret: regular, and nobody but its owner has access. What is in it is not
// looked at here. Called on the set-up path, by whatever reads keys and passwords.
#pragma once

#include <string>
#include <utility>

#include "crypto/outcome.hh"

namespace lanes::crypto {

/// Owns a descriptor.
class SecretFile {
  public:
    /// Open for reading; the message says what is wrong with the file and what to do.
    static Outcome<SecretFile> open(const std::string& path);

    SecretFile(SecretFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    SecretFile& operator=(SecretFile&&) = delete;
    SecretFile(const SecretFile&) = delete;
    SecretFile& operator=(const SecretFile&) = delete;
    ~SecretFile();

    int descriptor() const noexcept { return descriptor_; }

  private:
    explicit SecretFile(int descriptor) noexcept : descriptor_(descriptor) {}

    int descriptor_;
};

/// "WHAT: the words of errno `code`".
std::string reason(const std::string& what, int code);

}  // namespace lanes::crypto
