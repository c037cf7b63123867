// Hexadecimal, random bytes and the list of backends.
#include "tests/crypto/support.hh"

#include <cstdio>

namespace lanes::crypto::test {

namespace {

unsigned digit(char c) {
    return c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>(c - 'a') + 10u;
}

std::vector<std::unique_ptr<Backend>> make_backends() {
    std::vector<std::unique_ptr<Backend>> made;
    for (const char* name : {"libsodium", "ipsec-mb"}) {
        auto backend = select_backend(name);
        if (backend) {
            made.push_back(std::move(*backend));
        } else {
            std::printf("skipped: %s\n", backend.message().c_str());
        }
    }
    return made;
}

}  // namespace

std::vector<std::byte> hex(std::string_view text) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
    }
    return bytes;
}

std::string to_hex(std::span<const std::byte> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text += digits[std::to_integer<unsigned>(byte) >> 4];
        text += digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}

void scatter(std::mt19937_64& generator, std::span<std::byte> to) {
    for (std::byte& byte : to) byte = static_cast<std::byte>(generator());
}

std::span<const std::unique_ptr<Backend>> backends() {
    static const auto made = make_backends();
    return made;
}

}  // namespace lanes::crypto::test
