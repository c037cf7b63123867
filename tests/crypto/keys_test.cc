// Key text and key files: what is accepted is exactly one form, and nothing secret is in a message.
#include "crypto/keys.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/crypto/support.hh"

using namespace lanes::crypto;
using test::to_hex;

namespace {

// RFC 7748, 6.1.
const std::string alice_text = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
const std::string alice_hex = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";

std::string_view chars(const KeyText& text) {
    return {reinterpret_cast<const char*>(text.bytes().data()), text.len};
}

/// A directory that goes with the test.
struct Directory {
    std::string path;
    Directory() {
        char name[] = "/tmp/lanes-keys-XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        path = name;
    }
    ~Directory() { std::filesystem::remove_all(path); }

    std::string file(const std::string& content, mode_t mode) const {
        const std::string name = path + "/a.key";
        std::ofstream(name, std::ios::trunc) << content;
        REQUIRE(chmod(name.c_str(), mode) == 0);
        return name;
    }
};

}  // namespace

TEST_CASE("a key's text is 44 characters of base64, there and back") {
    Outcome<PrivateKey> parsed = parse_private(alice_text);
    REQUIRE(parsed);
    CHECK(to_hex(parsed->secret.bytes()) == alice_hex);
    CHECK(chars(to_text(*parsed)) == alice_text);
    for (int i = 0; i < 200; ++i) {
        const auto pair = KeyPair::generate(system_random());
        const std::string text = to_text(pair.open);
        REQUIRE(text.size() == key_text_chars);
        auto back = parse_public(text);
        REQUIRE(back);
        REQUIRE((*back == pair.open));
        const auto secret_text = to_text(pair.secret);
        auto secret_back = parse_private(chars(secret_text));
        REQUIRE(secret_back);
        REQUIRE((secret_back->secret == pair.secret.secret));
    }
}

TEST_CASE("text that is not exactly a key is refused, and the message holds none of it") {
    std::string bad = GENERATE(
        std::string(), std::string("="), alice_text.substr(1), alice_text.substr(0, 43),
        alice_text + "=", " " + alice_text, alice_text + " ", alice_text + "\r\n",
        alice_text + "\n\n", alice_text.substr(0, 42) + "p=",  // stray low bits
        alice_text.substr(0, 43) + "A",
        alice_text.substr(0, 42) + "==", alice_text.substr(0, 20) + "-" + alice_text.substr(21),
        alice_text.substr(0, 20) + "_" + alice_text.substr(21),
        alice_text.substr(0, 20) + "\n" + alice_text.substr(21),
        alice_text.substr(0, 20) + std::string(1, '\0') + alice_text.substr(21), alice_hex);
    CAPTURE(bad);
    const auto secret = parse_private(bad);
    CHECK_FALSE(secret);
    CHECK_FALSE(parse_shared(bad));
    CHECK_FALSE(parse_public(bad));
    CHECK(secret.message().find("44 characters") != std::string::npos);
    if (bad.size() > 4) CHECK(secret.message().find(bad.substr(0, 5)) == std::string::npos);
}

TEST_CASE("a trailing newline is part of a file, not of a public key") {
    CHECK(parse_private(alice_text + "\n"));
    CHECK(parse_shared(alice_text + "\n"));
    CHECK_FALSE(parse_public(to_text(KeyPair::generate(system_random()).open) + "\n"));
}

TEST_CASE("zeros are no key, and points of low order no public key") {
    CHECK_FALSE(parse_private(std::string(43, 'A') + "="));
    CHECK_FALSE(parse_shared(std::string(43, 'A') + "="));
    const auto zero = parse_public(std::string(43, 'A') + "=");
    REQUIRE_FALSE(zero);
    CHECK(zero.message().find("low order") != std::string::npos);
    CHECK_FALSE(parse_public("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
}

TEST_CASE("a key file is read when its owner alone has access") {
    const Directory directory;
    const mode_t mode = GENERATE(0600u, 0400u, 0700u);
    auto key = read_private(directory.file(alice_text + "\n", mode));
    REQUIRE(key);
    CHECK(to_hex(key->secret.bytes()) == alice_hex);
    auto secret = read_shared(directory.file(alice_text, mode));
    REQUIRE(secret);
    CHECK(to_hex(secret->secret.bytes()) == alice_hex);
}

TEST_CASE("a key file to which others have access is refused with the command that helps") {
    const Directory directory;
    const mode_t mode = GENERATE(0644u, 0640u, 0604u, 0660u, 0620u, 0602u, 0610u, 0601u);
    const std::string name = directory.file(alice_text + "\n", mode);
    const auto key = read_private(name);
    REQUIRE_FALSE(key);
    CHECK(key.message().find("chmod 600 " + name) != std::string::npos);
    CHECK(key.message().find(alice_text.substr(0, 6)) == std::string::npos);
    CHECK_FALSE(read_shared(name));
}

TEST_CASE("a key file that is missing, damaged, too long or no file is refused by name") {
    const Directory directory;
    const auto check = [](const std::string& path, const char* expected) {
        const auto key = read_private(path);
        REQUIRE_FALSE(key);
        INFO(key.message());
        CHECK(key.message().starts_with(path + ": "));
        CHECK(key.message().find(expected) != std::string::npos);
        CHECK(key.message().find(alice_text.substr(0, 6)) == std::string::npos);
    };
    check(directory.path + "/none.key", "No such file");
    check(directory.path, "not a regular file");
    REQUIRE(mkfifo((directory.path + "/fifo").c_str(), 0600) == 0);
    check(directory.path + "/fifo", "not a regular file");
    check(directory.file("", 0600), "not a key");
    check(directory.file(alice_text.substr(0, 40), 0600), "not a key");
    check(directory.file(alice_text + "\nmore", 0600), "not a key");
    check(directory.file(alice_text + std::string(100000, ' '), 0600), "not a key");
    check(directory.file(std::string(43, 'A') + "=", 0600), "all zeros");
}

TEST_CASE("a key that is written to a file can be read by its owner only, and read back") {
    const Directory directory;
    const std::string name = directory.file("", 0644);
    const int file = open(name.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
    REQUIRE(file >= 0);
    const auto pair = KeyPair::generate(system_random());
    CHECK(write_key(file, to_text(pair.secret)));
    close(file);
    struct stat status {};
    REQUIRE(stat(name.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(status.st_size == key_text_chars + 1);
    auto back = read_private(name);
    REQUIRE(back);
    CHECK((public_of(*back) == pair.open));
}

TEST_CASE("a key goes through a pipe too") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    const auto secret = generate_shared(system_random());
    CHECK(write_key(ends[1], to_text(secret)));
    close(ends[1]);
    auto back = read_private_from(ends[0]);
    close(ends[0]);
    REQUIRE(back);
    CHECK((back->secret == secret.secret));
    CHECK_FALSE(write_key(ends[1], to_text(secret)));
}
