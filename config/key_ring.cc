// See key_ring.hh.
#include "config/key_ring.hh"

#include <algorithm>
#include <array>
#include <utility>

#include "config/ports.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

constexpr std::size_t path_bytes_max = 4095;  ///< PATH_MAX

std::string_view kind_of(const Node& node) {
    switch (node.kind) {
        case Node::Kind::list:
            return "a list";
        case Node::Kind::map:
            return "an empty map";
        case Node::Kind::scalar:
            return "a text";
        case Node::Kind::nothing:
        case Node::Kind::broken:
            break;
    }
    return "nothing";
}

}  // namespace

void KeyRing::read_own(const Node* keys) {
    if (keys == nullptr) return;
    own_expected_ = true;
    if (keys->kind == Node::Kind::broken) return;
    if (keys->kind != Node::Kind::map || keys->children.empty()) {
        diagnostics_.error(keys->at, say("expected a map for `keys`, found ", kind_of(*keys),
                                         "; write keys: {private: FILE}, and make the file with "
                                         "`lanes key new > FILE`"));
        return;
    }
    static constexpr std::array<std::string_view, 1> valid = {"private"};
    for (const Node& child : keys->children) {
        if (child.key != valid[0]) unknown_key(child, "`keys`", valid, diagnostics_);
    }
    const Node* file = keys->find(valid[0]);
    if (file == nullptr) {
        diagnostics_.error(keys->at,
                           "`keys` has no `private`; expected the name of the file with the "
                           "node's private key; add `private: FILE`, and make the file with "
                           "`lanes key new > FILE`");
        return;
    }
    const Field field{"keys.private", {}};
    const Scalar scalar = scalar_of(*file, field, "the name of a file", diagnostics_);
    const auto path = path_of(scalar, field);
    if (!path) return;
    auto secret = files_.read_private(*path);
    if (!secret) return report_file(scalar, field, "lanes key new", secret.message());
    own_ = std::make_shared<crypto::KeyPair>(crypto::KeyPair::of(std::move(*secret)));
}

void KeyRing::miss_own(const Place& at, const Field& field) {
    if (own_expected_ || std::exchange(own_missed_, true)) return;
    diagnostics_.error(at, say("found `", field.key, "`", of(field.owner),
                               ", but the node has no key of its own; expected `keys` in the node "
                               "file; make one with `lanes key new > FILE`, and add keys: "
                               "{private: FILE}"));
}

std::shared_ptr<const crypto::SharedSecret> KeyRing::secret(const Scalar& scalar,
                                                            const Field& field) {
    if (!scalar.present()) return nullptr;
    const std::string text(scalar.text);
    auto known = secrets_.find(text);
    if (known == secrets_.end()) {
        const auto path = path_of(scalar, field);
        if (!path) return nullptr;
        known = secrets_.find(*path);  // the same file by another spelling
        if (known == secrets_.end()) known = secrets_.emplace(*path, read_secret(*path)).first;
        known = secrets_.emplace(text, known->second).first;
    }
    const Entry& entry = *known->second;
    if (!entry.secret) report_file(scalar, field, "lanes key secret", entry.failure);
    return entry.secret;
}

std::shared_ptr<const KeyRing::Entry> KeyRing::read_secret(const std::string& path) const {
    auto secret = files_.read_shared(path);
    if (!secret) return std::make_shared<Entry>(Entry{nullptr, secret.message()});
    return std::make_shared<Entry>(
        Entry{std::make_shared<crypto::SharedSecret>(std::move(*secret)), {}});
}

crypto::Outcome<crypto::PublicKey> KeyRing::public_key(std::string_view text) {
    const std::string name(text);
    const auto known = publics_.find(name);
    if (known != publics_.end()) return known->second;
    auto key = crypto::parse_public(text);
    if (key) publics_.emplace(name, *key);
    return key;
}

std::optional<std::string> KeyRing::path_of(const Scalar& scalar, const Field& field) {
    if (!scalar.present()) return std::nullopt;
    std::string_view found;
    std::string_view remedy = "write the name of the file";
    if (scalar.text.empty()) {
        found = "an empty text";
    } else if (looks_like_key(scalar.text)) {
        found = "what looks like a key";
        remedy = "move it to a file that only its owner can read, or write ./NAME if it is a name";
    } else if (scalar.text.size() > path_bytes_max) {
        found = "more than 4095 bytes";
    } else if (find_bad_text(scalar.text) ||
               scalar.text.find_first_of("\t\r\n") != scalar.text.npos) {
        found = "a control character";
    } else {
        return (folder_ / scalar.text).lexically_normal().string();
    }
    diagnostics_.error(scalar.at, say("found ", found, " for `", field.key, "`", of(field.owner),
                                      "; expected the name of a file; ", remedy));
    return std::nullopt;
}

void KeyRing::report_file(const Scalar& scalar, const Field& field, std::string_view command,
                          std::string_view why) {
    diagnostics_.error(scalar.at, say("cannot take the key for `", field.key, "`", of(field.owner),
                                      "; expected a file made by `", command, " > FILE`; ", why));
}

}  // namespace lanes::config
