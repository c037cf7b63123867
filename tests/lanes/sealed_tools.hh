// What the bed of sealed lanes is made from, and what its tests look at: keys from seeds, a store
// in memory that may fail, an ear for the log, ports whose frames have little room before them, and
// frames in numbers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crypto/keys.hh"
#include "crypto/x25519.hh"
#include "lanes/state_store.hh"
#include "tests/lanes/bed.hh"

namespace lanes::test {

/// A key pair made from a seed, so that a test has the same keys each time.
std::shared_ptr<const crypto::KeyPair> pair_of(unsigned seed);
std::shared_ptr<const crypto::SharedSecret> secret_of(unsigned seed);

/// The names of the cipher libraries that this build has.
std::vector<std::string> backend_names();

/// A store that lives as long as its owner wants, for nodes that come and go.
struct Memory {
    std::map<std::string, std::string> texts;
    bool failing = false;
    std::unique_ptr<StateStore> open();
};

/// Keeps what is written to standard error from there while it lives, and shows it.
class Overheard {
  public:
    Overheard();
    ~Overheard();
    Overheard(const Overheard&) = delete;
    Overheard& operator=(const Overheard&) = delete;
    std::string text() const;

  private:
    int file_;
    int before_;
};

/// Opens what `open` opens, but its received frames say that they have at most `headroom` bytes
/// before them.
PortOpener close_opener(PortOpener open, std::uint32_t headroom);

/// `count` Ethernet frames of `len` bytes and a few more.
std::vector<Bytes> some_frames(unsigned count, std::size_t len = 60, std::uint32_t first = 0);

std::vector<Bytes> sorted(std::vector<Bytes> frames);

/// What a sender has in its store that announced this last.
std::string sender_text(std::uint64_t stamp, std::uint32_t epoch);

inline Bytes with_bit_flipped(Bytes bytes, std::size_t bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    return bytes;
}

}  // namespace lanes::test
