// The system's random source: libsodium's randombytes, which is getrandom(2) on Linux.
#include "crypto/random.hh"

#include <sodium.h>

#include "crypto/outcome.hh"

namespace lanes::crypto {

namespace {

class SystemRandom final : public Random {
  public:
    void fill(std::span<std::byte> bytes) noexcept override {
        randombytes_buf(bytes.data(), bytes.size());
    }
};

}  // namespace

Random& system_random() noexcept {
    static const int ready = sodium_init();
    if (ready < 0) misuse("no source of randomness");
    static SystemRandom only;
    return only;
}

}  // namespace lanes::crypto
