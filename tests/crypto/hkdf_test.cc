// HKDF-SHA256 against the test vectors of RFC 5869, appendix A.1 to A.3.
#include "crypto/hkdf.hh"

#include <catch2/catch.hpp>

#include "tests/crypto/support.hh"

using namespace lanes::crypto;
using test::hex;
using test::to_hex;

namespace {

std::string counting(unsigned first, unsigned last) {
    std::vector<std::byte> bytes;
    for (unsigned i = first; i <= last; ++i) bytes.push_back(static_cast<std::byte>(i));
    return to_hex(bytes);
}

void check(const std::string& input, const std::string& salt, const std::string& info,
           const std::string& key, const std::string& output) {
    const auto extracted = hkdf_extract(hex(salt), hex(input));
    CHECK(to_hex(extracted.bytes()) == key);
    std::vector<std::byte> expanded(output.size() / 2);
    hkdf_expand(extracted.bytes(), hex(info), expanded);
    CHECK(to_hex(expanded) == output);
}

}  // namespace

TEST_CASE("HKDF-SHA256 gives what RFC 5869 prints") {
    check("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", counting(0x00, 0x0c),
          counting(0xf0, 0xf9), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    check(counting(0x00, 0x4f), counting(0x60, 0xaf), counting(0xb0, 0xff),
          "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
          "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
          "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
    check("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
          "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_CASE("a longer output of HKDF starts with the shorter one, up to its limit") {
    const auto key = hex(counting(0x00, 0x1f));
    std::vector<std::byte> all(hkdf_output_bytes_max);
    hkdf_expand(key, hex("00"), all);
    for (const std::size_t len : {0u, 1u, 31u, 32u, 33u, 44u, 64u, 8159u}) {
        std::vector<std::byte> some(len);
        hkdf_expand(key, hex("00"), some);
        CHECK(std::equal(some.begin(), some.end(), all.begin()));
    }
}
