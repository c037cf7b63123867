// Published vectors for both suites, through every backend: NIST's gcmEncryptExtIV256, the test
// cases 13 to 16 of McGrew and Viega's GCM specification, and RFC 8439, 2.8.2 and A.5.
#include <catch2/catch.hpp>

#include "crypto/aead.hh"
#include "tests/crypto/support.hh"

using namespace lanes::crypto;
using test::hex;
using test::to_hex;

namespace {

struct Vector {
    Suite suite;
    std::string name, key, nonce, associated, text, sealed, tag;
};

constexpr Suite gcm = Suite::aes_256_gcm;
constexpr Suite chacha = Suite::chacha20_poly1305;
const std::string zeros(64, '0');
const std::string spec_key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const std::string spec_text =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
const std::string spec_sealed =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad";

const Vector vectors[] = {
    {gcm, "NIST, nothing at all",
     "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4", "516c33929df5a3284ff463d7",
     "", "", "", "bdc1ac884d332457a1d2664f168c76f0"},
    {gcm, "NIST, associated data only",
     "78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223", "d79cf22d504cc793c3fb6c8a",
     "b96baa8c1c75a671bfb2d08d06be5f36", "", "", "3e5d486aa2e30b22e040b85723a06e76"},
    {gcm, "NIST, one block", "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
     "0d18e06c7c725ac9e362e1ce", "", "2db5168e932556f8089a0622981d017d",
     "fa4362189661d163fcd6a56d8bf0405a", "d636ac1bbedd5cc3ee727dc2ab4a9489"},
    {gcm, "NIST, one block and associated data",
     "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b", "ac93a1a6145299bde902f21a",
     "1e0889016f67601c8ebea4943bc23ad6", "2d71bcfa914e4ac045b2aa60955fad24",
     "8995ae2e6df3dbf96fac7b7137bae67f", "eca5aa77d51d4a0a14d9c51e1da474ab"},
    {gcm, "GCM specification 13", zeros, "000000000000000000000000", "", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {gcm, "GCM specification 14", zeros, "000000000000000000000000", "",
     "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {gcm, "GCM specification 15", spec_key, "cafebabefacedbaddecaf888", "", spec_text, spec_sealed,
     "b094dac5d93471bdec1a502270e3cc6c"},
    {gcm, "GCM specification 16", spec_key, "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2", spec_text.substr(0, 120),
     spec_sealed.substr(0, 120), "76fc6ece0f4e1768cddf8853bb2d551b"},
    {chacha, "RFC 8439, 2.8.2", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
    {chacha, "RFC 8439, A.5", "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
     "000000000102030405060708", "f33388860000000000004e91",
     "496e7465726e65742d4472616674732061726520647261667420646f63756d65"
     "6e74732076616c696420666f722061206d6178696d756d206f6620736978206d"
     "6f6e74687320616e64206d617920626520757064617465642c207265706c6163"
     "65642c206f72206f62736f6c65746564206279206f7468657220646f63756d65"
     "6e747320617420616e792074696d652e20497420697320696e617070726f7072"
     "6961746520746f2075736520496e7465726e65742d4472616674732061732072"
     "65666572656e6365206d6174657269616c206f7220746f206369746520746865"
     "6d206f74686572207468616e206173202fe2809c776f726b20696e2070726f67"
     "726573732e2fe2809d",
     "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
     "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
     "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
     "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
     "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
     "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
     "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
     "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
     "a6ad5cb4022b02709b",
     "eead9d67890cbb22392336fea1851f38"},
};

void check(Backend& backend, const Vector& vector) {
    INFO(name_of(backend.kind()) << ": " << vector.name);
    auto key = backend.expand(vector.suite, test::secret<32>(vector.key));
    REQUIRE(key);
    auto associated = hex(vector.associated);
    associated.push_back(std::byte{0});  // so that an empty one has an address
    auto text = hex(vector.text);
    const auto len = static_cast<std::uint32_t>(text.size());
    std::vector<std::byte> out(len + 1), tag(tag_bytes);
    Job job;
    job.source = text.data();
    job.destination = out.data();
    job.len = len;
    job.associated = associated.data();
    job.associated_len = static_cast<std::uint32_t>(associated.size() - 1);
    job.tag = tag.data();
    const auto nonce = hex(vector.nonce);
    std::copy(nonce.begin(), nonce.end(), job.nonce.begin());
    if (text.empty()) job.source = out.data();

    REQUIRE(backend.seal(*key, {&job, 1}) == 1);
    CHECK(job.ok);
    CHECK(to_hex(std::span(out).first(len)) == vector.sealed);
    CHECK(to_hex(tag) == vector.tag);

    const auto sealed = out;
    job.source = sealed.data();
    job.ok = false;
    REQUIRE(backend.open(*key, {&job, 1}) == 1);
    CHECK(job.ok);
    CHECK(to_hex(std::span(out).first(len)) == vector.text);
}

}  // namespace

TEST_CASE("every backend gives the published bytes of both suites") {
    for (const Vector& vector : vectors) {
        test::for_each_cipher([&](Backend& backend, Suite suite) {
            if (suite == vector.suite) check(backend, vector);
        });
    }
}

TEST_CASE("a backend is found by name, automatically, or refused with the names there are") {
    auto portable = select_backend("libsodium");
    REQUIRE(portable);
    CHECK((*portable)->kind() == BackendKind::libsodium);
    CHECK((*portable)->unavailable(Suite::chacha20_poly1305) == nullptr);
    auto automatic = select_backend("auto");
    REQUIRE(automatic);
    auto vector = select_backend("ipsec-mb");
    CHECK((*automatic)->kind() == (vector ? BackendKind::ipsec_mb : BackendKind::libsodium));
    for (const char* name : {"", "openssl", "ipsec_mb", "AUTO"}) {
        const auto none = select_backend(name);
        REQUIRE_FALSE(none);
        CHECK(none.message().find("auto, ipsec-mb or libsodium") != std::string::npos);
    }
}
