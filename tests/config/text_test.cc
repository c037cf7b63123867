// Words of messages: what is shown, and which word is nearest.
#include "config/text.hh"

#include <array>
#include <catch2/catch.hpp>

using namespace lanes::config;
using namespace std::string_view_literals;

TEST_CASE("What is shown cannot harm a terminal and is not long") {
    CHECK(shown("eth0") == "`eth0`");
    CHECK(shown("") == "``");
    CHECK(shown("a\x1b[2Jb\n") == "`a\\x1b[2Jb\\x0a`");
    CHECK(shown("\0"sv) == "`\\x00`");
    CHECK(shown("\xff"
                "e\xc3\xa9") == "`\\xffe\xc3\xa9`");
    CHECK(shown("\xc2\x9b") == "`\\xc2\\x9b`");
    CHECK(shown(std::string(1000, 'a')).size() < 80);
}

TEST_CASE("A text with a key in it is not shown") {
    const std::string key = "h7lAzx+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXY=";
    REQUIRE(key.size() == 44);
    CHECK(shown(key) == "(a key, not shown)");
    CHECK(shown("secret:" + key + " ") == "(a key, not shown)");
    CHECK(shown(std::string(100, '\n') + key) == "(a key, not shown)");
    CHECK(shown(key.substr(0, 42) + "=").starts_with("`h7l"));
}

TEST_CASE("A key is told from the name of a file") {
    const std::string key = "h7lAzx+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXY=";
    CHECK(looks_like_key(key));
    CHECK(looks_like_key(key + "\n"));
    CHECK(looks_like_key(key.substr(0, 43)));
    CHECK(looks_like_key(key.substr(0, 40)));
    CHECK(looks_like_key("h7lAzx-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXY"));
    CHECK(looks_like_key("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
    CHECK_FALSE(looks_like_key(""));
    CHECK_FALSE(looks_like_key("texas.key"));
    CHECK_FALSE(looks_like_key("/etc/lanes/keys/texas-to-oslo/shared-secret-of-2026"));
    CHECK_FALSE(looks_like_key("./h7lAzx-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXY"));
}

TEST_CASE("The nearest word is suggested only when it is near") {
    static constexpr std::array words = {"address"sv, "device"sv, "driver"sv, "mtu"sv};
    CHECK(nearest("adress", words) == "address");
    CHECK(nearest("Address", words) == "address");
    CHECK(nearest("devcie", words) == "device");
    CHECK(nearest("mut", words) == "mtu");
    CHECK_FALSE(nearest("colour", words));
    CHECK_FALSE(nearest("", words));
    CHECK_FALSE(nearest("x", words));
    CHECK(did_you_mean("adress", words) == "; did you mean `address`?");
    CHECK(did_you_mean("colour", words) == "");
}

TEST_CASE("What a file calls its ports cannot harm a terminal in a list or a suggestion") {
    const std::string key = "h7lAzx+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXY=";
    const std::vector<std::string_view> words = {"lan", "wan\t1", key};
    CHECK(listed(words) == "lan, wan\\x091, (a key, not shown)");
    CHECK(did_you_mean("wan1", words) == "; did you mean `wan\\x091`?");
}

TEST_CASE("Long lists of words are cut") {
    std::vector<std::string_view> words(20, "x");
    CHECK_THAT(listed(words), Catch::EndsWith("x and 4 more"));
    words.resize(2);
    CHECK(listed(words) == "x, x");
}
