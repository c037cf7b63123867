// See vectors.hh.
#include "tests/lanes/vectors.hh"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "tests/crypto/support.hh"

namespace lanes::test {

Json load_vectors(const std::string& name) {
    std::ifstream file(LANES_SOURCE_ROOT "/tests/vectors/" + name + ".json");
    Json all = Json::parse(file);
    REQUIRE_FALSE(all.empty());
    return all;
}

std::vector<std::byte> bytes_of(const Json& text) {
    return crypto::test::hex(text.get<std::string>());
}

crypto::Secret<32> secret_of(const Json& text) {
    return crypto::test::secret<32>(text.get<std::string>());
}

AnnounceBytes announcement_of(const std::vector<std::byte>& bytes) {
    AnnounceBytes all;
    REQUIRE(bytes.size() == all.size());
    std::copy(bytes.begin(), bytes.end(), all.begin());
    return all;
}

KeySpec keys_of(const Json& own, const Json& peer, const Json& psk) {
    KeySpec keys;
    if (!own.is_null()) {
        keys.own = std::make_shared<crypto::KeyPair>(crypto::KeyPair::of({secret_of(own)}));
        const std::vector<std::byte> bytes = bytes_of(peer);
        REQUIRE(bytes.size() == crypto::point_bytes);
        std::copy(bytes.begin(), bytes.end(), keys.peers.emplace_back().bytes.begin());
    }
    if (!psk.is_null()) {
        keys.secret = std::make_shared<crypto::SharedSecret>(crypto::SharedSecret{secret_of(psk)});
    }
    return keys;
}

crypto::Suite suite_of(const Json& number) {
    return static_cast<crypto::Suite>(number.get<unsigned>());
}

ReceiverRecord record_of(const Json& stream) {
    ReceiverRecord record;
    record.mark = stream["mark"];
    for (const Json& entry : stream["resumable"]) {
        record.resumable.push_back({entry["stamp"], entry["epoch"], entry["floors"]});
    }
    return record;
}

}  // namespace lanes::test
