// Keys as people hold them: base64 text (44 characters, RFC 4648, padded, canonical) and files. A
// file holds one key: its text and at most one newline; private keys and shared secrets look alike.
// A file that group or others may read or write is refused. No message ever holds a part of a key.
// For config, Control and `lanes key`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/announce.hh"
#include "crypto/outcome.hh"
#include "crypto/x25519.hh"

namespace lanes::crypto {

inline constexpr std::size_t key_text_chars = 44;

/// A secret key as text, without a newline; wipes itself.
using KeyText = Secret<key_text_chars>;

std::string to_text(const PublicKey& key);
KeyText to_text(const PrivateKey& key);
KeyText to_text(const SharedSecret& key);

/// Refuses low-order points too.
Outcome<PublicKey> parse_public(std::string_view text);
/// One trailing newline is allowed, since these come from files and pipes. All zeros are refused.
Outcome<PrivateKey> parse_private(std::string_view text);
Outcome<SharedSecret> parse_shared(std::string_view text);

/// The message names the file, what is wrong with it, and the command that helps.
Outcome<PrivateKey> read_private(const std::string& path);
Outcome<SharedSecret> read_shared(const std::string& path);

/// Reads one key from an open descriptor, a pipe for instance, without looking at its mode.
Outcome<PrivateKey> read_private_from(int descriptor);

SharedSecret generate_shared(Random& random);

/// Writes the text and a newline. When the descriptor is a regular file its mode becomes 0600
/// first, so that `lanes key new > texas.key` makes a file that Lanes will read.
Outcome<void> write_key(int descriptor, const KeyText& text);

}  // namespace lanes::crypto
