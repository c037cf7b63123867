// The state directory while nothing goes wrong with the disk: what is saved comes back, what is
// damaged is told, and nobody else gets in. Full disks and killed processes are in
// state_store_faults_test.cc.
#include "lanes/state_store.hh"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/lanes/scratch_directory.hh"

using namespace lanes;
using namespace lanes::test;
using Entry = StateStore::Entry;

namespace {

std::unique_ptr<StateStore> open(const std::string& path) {
    auto store = open_state_directory(path);
    INFO((store ? "" : store.error().message));
    REQUIRE(store);
    return std::move(*store);
}

void save(StateStore& store, const std::vector<Entry>& entries) {
    const auto saved = store.save(entries);
    INFO((saved ? "" : saved.error().message));
    REQUIRE(saved);
}

/// What is there; "(none)" or "error: ..." otherwise.
std::string loaded(StateStore& store, const std::string& name) {
    auto text = store.load(name);
    if (!text) return "error: " + text.error().message;
    return text->value_or("(none)");
}

std::string refusal(const std::string& path) {
    auto store = open_state_directory(path);
    return store ? "(opened)" : store.error().message;
}

unsigned mode_of(const std::string& path) {
    struct stat status;
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

/// Runs `body` in a child; whether it returned true.
template <typename Body>
bool in_child(Body body) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(body() ? 0 : 1);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("an entry comes back as it was saved, in this life and the next") {
    const ScratchDirectory scratch(ScratchDirectory::Place::disk);
    const std::vector<Entry> entries = {
        {"send-101", "stamp 5\nepoch 6\n"}, {"receive-102", ""},
        {"no-newline", "checksum 12"},      {"zeros", std::string(5, '\0') + "\n\n"},
        {"long", std::string(50'000, 'x')}, {std::string(200, 'n'), "of a long name\n"}};
    for (unsigned life = 0; life < 3; ++life) {
        auto store = open(scratch / "state");
        if (life == 0) save(*store, entries);
        for (const Entry& entry : entries) CHECK(loaded(*store, entry.name) == entry.text);
    }
}

TEST_CASE("what was never saved is nothing") {
    const ScratchDirectory scratch;
    auto store = open(scratch / "state");
    CHECK(loaded(*store, "send-101") == "(none)");
    save(*store, {});
    save(*store, {{"send-101", "a"}});
    CHECK(loaded(*store, "send-10") == "(none)");
}

TEST_CASE("the last of many saves is what comes back, whatever the lengths and batches") {
    const ScratchDirectory scratch(ScratchDirectory::Place::disk);
    auto store = open(scratch / "state");
    for (unsigned round = 0; round < 12; ++round) {
        const unsigned count = round % 2 == 0 ? 3 : 40;  // one by one, and together
        std::vector<Entry> entries;
        for (unsigned i = 0; i < count; ++i) {
            entries.push_back({"lane-" + std::to_string(i),
                               std::to_string(round) + std::string((round * 7 + i) % 50, '.')});
        }
        save(*store, entries);
        for (const Entry& entry : entries) REQUIRE(loaded(*store, entry.name) == entry.text);
    }
    for (unsigned i = 3; i < 40; ++i) {
        CHECK(loaded(*store, "lane-" + std::to_string(i)).starts_with("11"));
    }
}

TEST_CASE("a thousand entries in one save are all there in the next life") {
    const ScratchDirectory scratch;
    std::vector<Entry> entries;
    for (unsigned i = 0; i < 1000; ++i) {
        entries.push_back({"send-" + std::to_string(i), "stamp " + std::to_string(i * i) + '\n'});
    }
    save(*open(scratch / "state"), entries);
    auto store = open(scratch / "state");
    for (const Entry& entry : entries) REQUIRE(loaded(*store, entry.name) == entry.text);
}

TEST_CASE("of two entries of one name in a save the last counts, new or not") {
    const ScratchDirectory scratch;
    auto store = open(scratch / "state");
    save(*store, {{"a", "1"}, {"b", "2"}, {"a", "3"}});
    CHECK(loaded(*store, "a") == "3");
    save(*store, {{"a", "4"}, {"a", "5"}, {"b", "6"}});
    CHECK(loaded(*store, "a") == "5");
    CHECK(loaded(*store, "b") == "6");
}

TEST_CASE("a state directory and its files are for their owner only") {
    const ScratchDirectory scratch;
    const mode_t before = ::umask(0);
    auto store = open(scratch / "state");
    save(*store, {{"send-101", "a"}});
    save(*store, {{"send-101", "b"}});
    ::umask(before);
    CHECK(mode_of(scratch / "state") == 0700);
    for (const auto& name : names_in(scratch / "state")) {
        INFO(name);
        CHECK(mode_of(scratch / "state/" + name) == 0600);
    }
}

TEST_CASE("a state directory that cannot be is refused in words") {
    const ScratchDirectory scratch;
    CHECK_THAT(refusal(scratch / "no/such/state"),
               Catch::Contains("parent directory " + scratch / "no/such:") &&
                   Catch::Contains("No such file"));
    CHECK_THAT(refusal(scratch / "no/state//"), Catch::Contains(scratch / "no:"));
    write_content(scratch / "file", "x");
    CHECK_THAT(refusal(scratch / "file"),
               Catch::Contains(scratch / "file") && Catch::Contains("Not a directory"));
    CHECK_THAT(refusal(scratch / "file/state"), Catch::Contains("Not a directory"));
    CHECK_THAT(refusal(""), Catch::Contains("No such file"));
    CHECK(content_of(scratch / "file") == "x");
    CHECK(names_in(scratch / "") == std::set<std::string>{"file"});
}

TEST_CASE("a state directory that everybody may write to is refused") {
    const ScratchDirectory scratch;
    const std::string path = scratch / "open";
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    for (const unsigned mode : {0707u, 0777u, 01777u, 0702u}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CHECK_THAT(refusal(path), Catch::Contains("everybody") && Catch::Contains("chmod o-w"));
    }
    REQUIRE(::chmod(path.c_str(), 0770) == 0);
    CHECK(refusal(path) == "(opened)");
}

TEST_CASE("a state directory that may not be written to is refused") {
    const ScratchDirectory scratch;
    REQUIRE(::mkdir((scratch / "state").c_str(), 0755) == 0);
    REQUIRE(::chmod((scratch / "").c_str(), 0755) == 0);
    if (::geteuid() != 0) REQUIRE(::chmod((scratch / "state").c_str(), 0555) == 0);
    CHECK(in_child([&] {
        if (::geteuid() == 0 && ::seteuid(65534) != 0) return false;
        const std::string message = refusal(scratch / "state");
        const std::string inside = refusal(scratch / "state/deeper");
        return message == "state directory " + scratch / "state" +
                              " cannot be written to: Permission denied" &&
               inside.ends_with("cannot be made: Permission denied");
    }));
    CHECK(names_in(scratch / "state").empty());
}

TEST_CASE("an entry with any bit changed is told from a good one, and the file is named") {
    const ScratchDirectory scratch;
    auto store = open(scratch / "state");
    const std::string text = "mark 1763882000000000000\nresume 1763882000000000000 12 0 7\n";
    save(*store, {{"receive-7", text}, {"receive-8", "mark 8\n"}});
    const std::string path = scratch / "state/receive-7";
    const std::string good = content_of(path);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
        write_content(path, bad);
        const std::string message = loaded(*store, "receive-7");
        INFO("bit " << bit << ": " << message);
        REQUIRE(message.starts_with("error: " + path + " is damaged"));
    }
    CHECK(loaded(*store, "receive-8") == "mark 8\n");
    write_content(path, good);
    CHECK(loaded(*store, "receive-7") == text);
}

TEST_CASE("an entry cut short at any length, or longer than it was, is told from a good one") {
    const ScratchDirectory scratch;
    auto store = open(scratch / "state");
    save(*store, {{"receive-7", "mark 1763882000000000000\n"}});
    const std::string path = scratch / "state/receive-7";
    const std::string good = content_of(path);
    for (std::size_t len = 0; len < good.size(); ++len) {
        write_content(path, good.substr(0, len));
        const std::string message = loaded(*store, "receive-7");
        INFO("length " << len << ": " << message);
        REQUIRE(message.starts_with("error: " + path + (len == 0 ? " is empty" : " is damaged")));
        write_content(path, good.substr(good.size() - len));
        REQUIRE(loaded(*store, "receive-7").starts_with("error: "));
    }
    for (const std::string& more : {std::string("\n"), std::string(1, '\0'), good}) {
        write_content(path, good + more);
        CHECK(loaded(*store, "receive-7").starts_with("error: " + path + " is damaged"));
    }
    write_content(path, std::string(1 << 20, 'x'));
    CHECK(loaded(*store, "receive-7") == "error: " + path + " is too long to be one of ours");
    save(*store, {{"receive-7", "mark 9\n"}});
    CHECK(loaded(*store, "receive-7") == "mark 9\n");
}

TEST_CASE("a file that is a good one of another entry is not taken") {
    const ScratchDirectory scratch;
    auto store = open(scratch / "state");
    save(*store, {{"receive-7", "mark 7\n"}});
    write_content(scratch / "state/receive-70", content_of(scratch / "state/receive-7"));
    CHECK_THAT(loaded(*store, "receive-70"),
               Catch::Contains("of another entry") && Catch::Contains("lanes state 1 receive-70"));
}

TEST_CASE("what is no regular file is an error that names it, and stays as it is") {
    const ScratchDirectory scratch;
    auto store = open(scratch / "state");
    REQUIRE(::mkdir((scratch / "state/send-1").c_str(), 0700) == 0);
    CHECK_THAT(loaded(*store, "send-1"), Catch::Contains(scratch / "state/send-1: Is a directory"));
    write_content(scratch / "elsewhere", "secret");
    REQUIRE(::symlink((scratch / "elsewhere").c_str(), (scratch / "state/send-2").c_str()) == 0);
    CHECK_THAT(loaded(*store, "send-2"), Catch::Contains("error: open"));
    REQUIRE(::mkfifo((scratch / "state/send-3").c_str(), 0600) == 0);
    CHECK_THAT(loaded(*store, "send-3"), Catch::Contains("is empty"));
    save(*store, {{"send-2", "b"}});
    CHECK(loaded(*store, "send-2") == "b");
    CHECK(content_of(scratch / "elsewhere") == "secret");
}

TEST_CASE("what a killed process left behind is neither loaded nor kept") {
    const ScratchDirectory scratch;
    save(*open(scratch / "state"), {{"send-101", "good"}});
    write_content(scratch / "state/.send-101.spare", "half of a");
    write_content(scratch / "state/.send-102.spare", "");
    write_content(scratch / "state/.hidden", "not ours");
    write_content(scratch / "state/notes", "not ours");
    auto store = open(scratch / "state");
    CHECK(names_in(scratch / "state") ==
          std::set<std::string>{".lock", "send-101", ".hidden", "notes"});
    CHECK(loaded(*store, "send-101") == "good");
    CHECK(loaded(*store, "send-102") == "(none)");
}

TEST_CASE("two processes do not share a state directory") {
    const ScratchDirectory scratch;
    const std::string path = scratch / "state";
    auto store = open(path);
    save(*store, {{"send-101", "first"}});
    const std::string expected =
        "state directory " + path + " is in use by another lanes: give each node its own";
    CHECK(in_child([&] { return refusal(path) == expected; }));
    CHECK(refusal(path) == expected);
    // Nor does the second one touch what the first is at.
    CHECK(names_in(path).contains(".lock"));
    save(*store, {{"send-101", "second"}});
    CHECK(loaded(*store, "send-101") == "second");
    store.reset();
    CHECK(in_child([&] { return refusal(path) == "(opened)"; }));
    CHECK(refusal(path) == "(opened)");
}

TEST_CASE("a killed process does not keep its state directory locked") {
    const ScratchDirectory scratch;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto store = open_state_directory(scratch / "state");
        if (!store || ::write(ready[1], "x", 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    CHECK_THAT(refusal(scratch / "state"), Catch::Contains("in use by another lanes"));
    REQUIRE(::kill(child, SIGKILL) == 0);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    CHECK(refusal(scratch / "state") == "(opened)");
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("a store keeps to its directory, wherever that or the process moves") {
    const ScratchDirectory scratch;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(scratch / "");
    auto store = open("state");
    std::filesystem::current_path(before);
    save(*store, {{"send-101", "a"}});
    CHECK(loaded(*store, "send-101") == "a");
    REQUIRE(::rename((scratch / "state").c_str(), (scratch / "moved").c_str()) == 0);
    save(*store, {{"send-101", "b"}});
    CHECK(loaded(*store, "send-101") == "b");
    store.reset();
    CHECK(loaded(*open(scratch / "moved"), "send-101") == "b");
}

TEST_CASE("a forgetful store remembers for its own life, and nothing beyond it") {
    auto store = forgetful_store();
    CHECK(loaded(*store, "send-101") == "(none)");
    save(*store, {{"send-101", "a"}, {"send-102", "b"}});
    save(*store, {{"send-101", "c"}});
    CHECK(loaded(*store, "send-101") == "c");
    CHECK(loaded(*store, "send-102") == "b");
    store = forgetful_store();
    CHECK(loaded(*store, "send-101") == "(none)");
}
