// What config promises of every node it calls good, and of every diagnostic; the fuzz targets of
// YAML and of CSV hold it to that.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.hh"
#include "engine/check.hh"

namespace lanes::fuzz {

/// The files `node.key` and `lane.psk`, and no others: a fuzzer must not open what it makes up.
inline config::KeyFiles key_files() {
    const auto secret = [](const std::string& path) -> crypto::Outcome<crypto::PrivateKey> {
        if (path != "node.key" && path != "lane.psk") return crypto::Failure{path + ": no file"};
        return crypto::parse_private("FuzzFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuw=");
    };
    config::KeyFiles files;
    files.read_private = secret;
    files.read_shared = [secret](const std::string& path) -> crypto::Outcome<crypto::SharedSecret> {
        auto key = secret(path);
        if (!key) return crypto::Failure{key.message()};
        return crypto::SharedSecret{std::move(key->secret)};
    };
    return files;
}

/// One line of printable text, at a place that `text` has.
inline void check_diagnostic(const config::Diagnostic& diagnostic, std::string_view file,
                             const std::vector<std::size_t>& line_bytes) {
    LANES_CHECK(!diagnostic.message.empty());
    LANES_CHECK(std::none_of(diagnostic.message.begin(), diagnostic.message.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    }));
    if (diagnostic.file != file || diagnostic.line == 0) return;
    LANES_CHECK(diagnostic.line <= line_bytes.size());
    LANES_CHECK(diagnostic.column >= 1);
    LANES_CHECK(diagnostic.column <= line_bytes[diagnostic.line - 1] + 1);
}

/// Bytes of each line; a carriage return, a line feed, or both in this order end one.
inline std::vector<std::size_t> lines_of(std::string_view text) {
    std::vector<std::size_t> lines = {0};
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
        if (text[i] == '\n' || text[i] == '\r') {
            lines.push_back(0);
        } else {
            ++lines.back();
        }
    }
    return lines;
}

/// A sealed lane has what it needs; any other has no keys.
inline void check_sealing(const LaneSpec& lane, const NodeSpec& node) {
    LANES_CHECK((lane.keys == nullptr) == (lane.cipher == Cipher::none));
    if (!lane.keys) return;
    const KeySpec& keys = *lane.keys;
    LANES_CHECK(lane.role == Role::send || lane.role == Role::receive);
    LANES_CHECK(keys.by_keys() || keys.secret);
    LANES_CHECK(keys.peers.size() <= (lane.role == Role::send ? 64u : 1u));
    LANES_CHECK(keys.own == (keys.by_keys() ? node.keys : nullptr));
    LANES_CHECK(!keys.by_keys() || keys.own);
    LANES_CHECK(keys.rekey_seconds >= 1 && keys.rekey_seconds <= 120);
    for (const crypto::PublicKey& peer : keys.peers) LANES_CHECK(!crypto::is_low_order(peer));
}

inline void check_lane(const LaneSpec& lane, const NodeSpec& node) {
    LANES_CHECK(!lane.name.empty() && lane.name.size() <= 64);
    LANES_CHECK(lane.port < node.ports.size());
    LANES_CHECK((lane.id == 0) == (lane.role == Role::patch));
    LANES_CHECK((lane.patch_to < node.ports.size()) == (lane.role == Role::patch));
    LANES_CHECK(lane.paths.empty() == (lane.role == Role::patch));
    check_sealing(lane, node);
    LANES_CHECK(!lane.match || lane.role == Role::send || lane.role == Role::patch);
    for (const PathSpec& path : lane.paths) LANES_CHECK(path.port < node.ports.size());
}

inline void check_promises(const config::Loaded& loaded, std::string_view file,
                           std::string_view text) {
    const std::vector<std::size_t> lines = lines_of(text);
    for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
        check_diagnostic(diagnostic, file, lines);
    }
    if (!loaded.good()) return;
    const NodeSpec& node = loaded.spec;
    LANES_CHECK(!node.node.empty());
    LANES_CHECK(!node.cores.empty() && node.cores.size() <= 64);
    LANES_CHECK(!node.ports.empty() && node.ports.size() <= 64);
    std::set<std::string> names;
    std::set<std::uint32_t> ids;
    for (const LaneSpec& lane : node.lanes) {
        check_lane(lane, node);
        LANES_CHECK(names.insert(lane.name).second);
        LANES_CHECK(lane.id == 0 || ids.insert(lane.id).second);
    }
}

}  // namespace lanes::fuzz
