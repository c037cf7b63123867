// Reading the test vectors of tests/vectors: JSON to the values that this code works with.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "crypto/secret.hh"
#include "lanes/acceptor.hh"
#include "lanes/announcement.hh"

namespace lanes::test {

using Json = nlohmann::json;

/// The vectors of that file, at least one.
Json load_vectors(const std::string& name);

std::vector<std::byte> bytes_of(const Json& text);
crypto::Secret<32> secret_of(const Json& text);
/// The text of 144 bytes.
AnnounceBytes announcement_of(const std::vector<std::byte>& bytes);

/// One end's keys; without `own` and `peer` by secret alone.
KeySpec keys_of(const Json& own, const Json& peer, const Json& psk);
crypto::Suite suite_of(const Json& number);

/// What a stream's receiver remembers.
ReceiverRecord record_of(const Json& stream);

}  // namespace lanes::test
