// Byte order and the Internet checksum, both against the slow and obvious way.
#include "engine/bytes.hh"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

#include "engine/checksum.hh"

using namespace lanes::engine;

namespace {

template <typename T>
void check_round_trip(T value) {
    for (std::size_t offset = 0; offset < 8; ++offset) {
        std::vector<std::byte> room(offset + sizeof(T) + 1, std::byte{0xee});
        store_be(room.data() + offset, value);
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            const auto expected = static_cast<std::uint8_t>(value >> 8 * (sizeof(T) - 1 - i));
            REQUIRE(room[offset + i] == std::byte{expected});
        }
        REQUIRE(room.back() == std::byte{0xee});
        REQUIRE(load_be<T>(room.data() + offset) == value);
    }
}

/// RFC 1071, 4.1, in network order: one word after the other.
std::uint16_t naive_checksum(const std::vector<std::byte>& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        const auto high = static_cast<std::uint32_t>(bytes[i]) << 8;
        const auto low = i + 1 < bytes.size() ? static_cast<std::uint32_t>(bytes[i + 1]) : 0u;
        sum += high | low;
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

std::uint16_t in_network_order(std::uint16_t memory_word) {
    std::byte bytes[2];
    std::memcpy(bytes, &memory_word, 2);
    return load_be<std::uint16_t>(bytes);
}

}  // namespace

TEST_CASE("integers are stored big-endian at any alignment") {
    check_round_trip(std::uint8_t{0xa5});
    check_round_trip(std::uint16_t{0x1234});
    check_round_trip(std::uint32_t{0x12345678});
    check_round_trip(std::uint64_t{0x123456789abcdef0});
    check_round_trip(~std::uint64_t{0});
}

TEST_CASE("the checksum is that of RFC 1071, for every length and alignment") {
    std::mt19937 random(1071);
    for (std::size_t len = 0; len < 300; ++len) {
        for (std::size_t offset = 0; offset < 4; ++offset) {
            // Exactly as large as needed, so that ASan sees a byte too many.
            std::vector<std::byte> room(offset + len);
            for (auto& byte : room)
                byte = static_cast<std::byte>(random() % 3 == 0 ? 255 : random());
            const std::vector<std::byte> bytes(room.begin() + static_cast<long>(offset),
                                               room.end());
            const std::uint16_t sum = checksum_finish(checksum_sum(room.data() + offset, len));
            REQUIRE(in_network_order(sum) == naive_checksum(bytes));
        }
    }
}

TEST_CASE("checksums add up in parts of even length, in any order") {
    std::mt19937 random(5);
    std::vector<std::byte> bytes(1501);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    const std::uint16_t whole = checksum_finish(checksum_sum(bytes.data(), bytes.size()));
    for (unsigned round = 0; round < 200; ++round) {
        const std::size_t cut = random() % 750 * 2;
        const std::uint64_t parts =
            checksum_sum(bytes.data() + cut, bytes.size() - cut) + checksum_sum(bytes.data(), cut);
        REQUIRE(checksum_finish(parts) == whole);
    }
    CHECK(checksum_finish(checksum_word(0x1234)) == checksum_word(0xedcb));
}

TEST_CASE("folding loses no carry, however large the sum") {
    std::mt19937_64 random(6);
    const auto check = [](std::uint64_t sum) {
        // 2^16 = 1 (mod 65535): the folded sum is the rest, and 0 only of 0.
        const std::uint16_t folded = checksum_fold(sum);
        REQUIRE(folded % 65535 == sum % 65535);
        REQUIRE((folded == 0) == (sum == 0));
    };
    for (const std::uint64_t sum : {std::uint64_t{0}, std::uint64_t{0xffff}, std::uint64_t{0x10000},
                                    std::uint64_t{0xffffffff}, std::uint64_t{0x1fffffffe},
                                    std::uint64_t{0x1ffffffff}, ~std::uint64_t{0}}) {
        check(sum);
    }
    for (unsigned round = 0; round < 100000; ++round) check(random() >> random() % 64);
}

TEST_CASE("all-ones data sums to minus zero, and a wrong bit never passes") {
    std::vector<std::byte> bytes(64, std::byte{0xff});
    CHECK(checksum_fold(checksum_sum(bytes.data(), bytes.size())) == 0xffff);
    const std::uint16_t sum = checksum_finish(checksum_sum(bytes.data() + 2, 62));
    std::memcpy(bytes.data(), &sum, 2);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        REQUIRE(checksum_fold(checksum_sum(bytes.data(), bytes.size())) != 0xffff);
        bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
}
