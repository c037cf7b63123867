// See password.hh.
#include "crypto/password.hh"

#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "crypto/bytes.hh"
#include "crypto/secret_file.hh"

namespace lanes::crypto {

Password Password::of(std::string_view text) {
    Password password;
    crypto_generichash(octets(password.hash_.bytes().data()), password.hash_.len,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr,
                       0);
    return password;
}

Outcome<Password> Password::read(const std::string& path) {
    auto file = SecretFile::open(path);
    if (!file) return Failure{file.message()};
    Secret<bytes_max + 2> room;  // a newline, and a byte that shows that there is too much
    std::size_t len = 0;
    while (len < room.len) {
        const ssize_t got = ::read(file->descriptor(), room.bytes().data() + len, room.len - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Failure{reason(path, errno)};
        if (got == 0) break;
        len += static_cast<std::size_t>(got);
    }
    std::string_view text(reinterpret_cast<const char*>(room.bytes().data()), len);
    if (text.ends_with('\n')) text.remove_suffix(1);
    const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (text.size() < bytes_min || text.size() > bytes_max || !printable) {
        return Failure{path + ": not a password: expected one line of " +
                       std::to_string(bytes_min) + " to " + std::to_string(bytes_max) +
                       " printable bytes"};
    }
    return of(text);
}

}  // namespace lanes::crypto
