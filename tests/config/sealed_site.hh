// What the tests of sealed lanes share (sealing_test.cc, key_ring_test.cc): keys from a seed, key
// files in a folder of the test's own, and lanes beside them.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/keys.hh"
#include "tests/config/support.hh"

namespace lanes::config::test {

inline crypto::PrivateKey private_key(unsigned seed) {
    crypto::PrivateKey key;
    const auto bytes = key.secret.bytes();
    std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(seed));
    return key;
}

inline std::string private_text(unsigned seed) {
    const crypto::KeyText text = crypto::to_text(private_key(seed));
    return {reinterpret_cast<const char*>(text.bytes().data()), text.len};
}

inline crypto::PublicKey public_key(unsigned seed) {
    return crypto::public_of(private_key(seed));
}

inline std::string public_text(unsigned seed) {
    return crypto::to_text(public_key(seed));
}

/// Public keys of the seeds 1, 2, ... with `between` between them.
inline std::string public_texts(unsigned count, const std::string& between) {
    std::string all = public_text(1);
    for (unsigned seed = 2; seed <= count; ++seed) all += between + public_text(seed);
    return all;
}

inline constexpr unsigned own_seed = 200;
inline constexpr unsigned secret_seed = 201;
inline constexpr std::string_view tail = "keys: {private: node.key}\nstate: s\n";
inline const std::string to_wan = ", over: {port: wan, to: 192.0.2.2:1}";

/// The key files of a node, and a node file that is parsed beside them.
struct Site {
    Folder folder;

    Site() {
        folder.write("node.key", private_text(own_seed) + "\n");
        folder.write("lane.psk", private_text(secret_seed) + "\n");
    }

    std::string file() const { return folder / "node.yaml"; }

    Loaded parse(const std::string& text, const Tables& tables = {}) const {
        Tables placed;
        for (const auto& [name, table] : tables) placed[folder / name] = table;
        return test::parse(text, placed, 65536, file());
    }

    /// node_head, the lanes, and what comes behind them.
    Loaded load(const std::string& lanes, std::string_view behind = tail) const {
        return without_unused(parse(std::string(node_head) + lanes + std::string(behind)));
    }

    std::vector<LaneSpec> good(const std::string& lanes) const {
        Loaded loaded = load(lanes);
        INFO(report(loaded));
        REQUIRE(loaded.diagnostics.empty());
        return std::move(loaded.spec.lanes);
    }

    void expect_all(const std::vector<Case>& cases) const {
        for (const Case& one : cases) {
            INFO(one.text);
            expect(load(one.text), one.wants, file());
        }
    }
};

/// A lane that sends with more keys, which begin at column 34 of line 10; and one that receives,
/// column 36.
inline std::string sending(const std::string& keys) {
    return "  - {name: a, id: 1, send:  lan, " + keys + to_wan + "}\n";
}
inline std::string receiving(const std::string& keys) {
    return "  - {name: a, id: 1, receive: lan" + (keys.empty() ? "" : ", " + keys) +
           ", over: {port: wan}}\n";
}

}  // namespace lanes::config::test
