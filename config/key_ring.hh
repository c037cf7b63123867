// The keys that a node file names: the node's own pair, shared secrets by file, public keys by
// text. A file is read once however many lanes name it, and a public key is looked at once, since
// that costs a multiplication on the curve and a table may name it a million times. No message
// repeats what was found: somebody may have pasted a secret. sealing.cc asks, for each lane.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "config/scalars.hh"
#include "config/tree.hh"
#include "crypto/announce.hh"
#include "crypto/keys.hh"
#include "crypto/outcome.hh"
#include "crypto/password.hh"
#include "crypto/x25519.hh"

namespace lanes::config {

/// How key files are read, by path. Fuzzers have files of their own.
struct KeyFiles {
    std::function<crypto::Outcome<crypto::PrivateKey>(const std::string& path)> read_private =
        crypto::read_private;
    std::function<crypto::Outcome<crypto::SharedSecret>(const std::string& path)> read_shared =
        crypto::read_shared;
    std::function<crypto::Outcome<crypto::Password>(const std::string& path)> read_password =
        crypto::Password::read;
};

class KeyRing {
  public:
    /// Relative names of files begin at `folder`.
    KeyRing(std::filesystem::path folder, const KeyFiles& files, Diagnostics& diagnostics)
        : folder_(std::move(folder)), files_(files), diagnostics_(diagnostics) {}

    /// The node file's `keys`, before any lane is read; nullptr: it has none.
    void read_own(const Node* keys);

    /// Instead, for a lane that comes to a running node: the node's, or nullptr.
    void take_own(std::shared_ptr<const crypto::KeyPair> own) { own_ = std::move(own); }

    /// nullptr: the node has no keys, or they were reported.
    const std::shared_ptr<const crypto::KeyPair>& own() const noexcept { return own_; }

    /// Reports, for the first lane only, that the node has no `keys` and this lane needs them.
    void miss_own(const Place& at, const Field& field);

    /// The secret in the file that `scalar` names; nullptr after an error, which was reported.
    std::shared_ptr<const crypto::SharedSecret> secret(const Scalar& scalar, const Field& field);

    /// The public key that `text` is.
    crypto::Outcome<crypto::PublicKey> public_key(std::string_view text);

  private:
    /// What came of reading a file: a secret, or why there is none.
    struct Entry {
        std::shared_ptr<const crypto::SharedSecret> secret;
        std::string failure;
    };

    std::shared_ptr<const Entry> read_secret(const std::string& path) const;
    /// The path that `scalar` means; nothing when it cannot be the name of a file (reported).
    std::optional<std::string> path_of(const Scalar& scalar, const Field& field);
    void report_file(const Scalar& scalar, const Field& field, std::string_view command,
                     std::string_view why);

    const std::filesystem::path folder_;
    const KeyFiles& files_;
    Diagnostics& diagnostics_;
    std::shared_ptr<const crypto::KeyPair> own_;
    bool own_expected_ = false;  ///< there is a `keys`, good or not
    bool own_missed_ = false;    ///< that there is none was reported
    std::unordered_map<std::string, std::shared_ptr<const Entry>> secrets_;  ///< by text and path
    std::unordered_map<std::string, crypto::PublicKey> publics_;             ///< by text, good ones
};

}  // namespace lanes::config
