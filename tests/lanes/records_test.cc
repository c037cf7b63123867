// Records as text: there and back, and a table of what is not a record.
#include "lanes/records.hh"

#include <catch2/catch.hpp>

#include <random>

using namespace lanes;

namespace {

constexpr auto top = ~std::uint64_t{0};

std::string said_of_sender(const std::string& text) {
    auto record = parse_sender_record(text);
    return record ? "(good)" : record.error().message;
}

std::string said_of_receiver(const std::string& text) {
    auto record = parse_receiver_record(text);
    return record ? "(good)" : record.error().message;
}

std::string floors(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += ' ' + std::to_string(i);
    return text;
}

}  // namespace

TEST_CASE("records are written as the format says") {
    CHECK(to_text(SenderRecord{1763882000000000000, 12}) ==
          "stamp 1763882000000000000\nepoch 12\n");
    CHECK(to_text(ReceiverRecord{77, {}}) == "mark 77\n");
    CHECK(to_text(ReceiverRecord{77, {{70, 12, {4711, 0, 9}}, {77, 13, {0, 0, 0}}}}) ==
          "mark 77\nresume 70 12 4711 0 9\nresume 77 13 0 0 0\n");
}

TEST_CASE("a sender's record comes back equal") {
    for (const std::uint64_t stamp : {std::uint64_t{0}, std::uint64_t{1}, top - 1, top}) {
        for (const std::uint32_t epoch : {0u, 9u, 10u, ~0u}) {
            const SenderRecord record{stamp, epoch};
            auto parsed = parse_sender_record(to_text(record));
            REQUIRE(parsed);
            CHECK(*parsed == record);
        }
    }
}

TEST_CASE("a receiver's record comes back equal") {
    std::mt19937_64 random(5);
    for (unsigned round = 0; round < 500; ++round) {
        ReceiverRecord record;
        record.mark = top - (random() >> random() % 64);
        const std::size_t count = random() % (sessions_max + 1);
        for (std::size_t i = 0; i < count; ++i) {
            ReceiverRecord::Resumable session;
            session.stamp = record.mark / 16 * (i + 1) + i;
            session.epoch = static_cast<std::uint32_t>(random());
            session.floors.resize(2 + random() % session_subspaces_max);
            for (auto& floor : session.floors) floor = random() >> random() % 64;
            record.resumable.push_back(session);
        }
        INFO(to_text(record));
        auto parsed = parse_receiver_record(to_text(record));
        REQUIRE(parsed);
        CHECK(*parsed == record);
    }
}

TEST_CASE("a sender's record that is not as it would be written is refused, line by line") {
    const std::string stamp = "expected `stamp` and a number up to 18446744073709551615";
    const std::string epoch = "expected `epoch` and a number up to 4294967295";
    const std::string key = "expected `stamp` or `epoch`";
    const std::vector<std::pair<std::string, std::string>> table = {
        {"stamp 5\nepoch 6\n", "(good)"},
        {"epoch 6\nstamp 5\n", "(good)"},
        {"stamp 18446744073709551615\nepoch 4294967295\n", "(good)"},
        {"", "there is no line `stamp`"},
        {"stamp 5\n", "there is no line `epoch`"},
        {"epoch 5\n", "there is no line `stamp`"},
        {"stamp 5\nepoch 6", "line 2: it does not end"},
        {"stamp 5", "line 1: it does not end"},
        {"stamp 5\nepoch 6\n\n", "line 3: " + key},
        {"\nstamp 5\nepoch 6\n", "line 1: " + key},
        {"stamp 5\nepoch 6\nx", "line 3: it does not end"},
        {"stamp 5\nepoch 6\nmark 7\n", "line 3: " + key},
        {"Stamp 5\nepoch 6\n", "line 1: " + key},
        {" stamp 5\nepoch 6\n", "line 1: " + key},
        {"stamp 5\nstamp 5\nepoch 6\n", "line 2: a second `stamp`"},
        {"stamp 5\nepoch 6\nepoch 7\n", "line 3: a second `epoch`"},
        {"stamp 18446744073709551616\nepoch 6\n", "line 1: " + stamp},
        {"stamp 99999999999999999999999\nepoch 6\n", "line 1: " + stamp},
        {"stamp 5\nepoch 4294967296\n", "line 2: " + epoch},
        {"stamp\nepoch 6\n", "line 1: " + stamp},
        {"stamp \nepoch 6\n", "line 1: " + stamp},
        {"stamp  5\nepoch 6\n", "line 1: " + stamp},
        {"stamp 5 \nepoch 6\n", "line 1: " + stamp},
        {"stamp 5 6\nepoch 6\n", "line 1: " + stamp},
        {"stamp 05\nepoch 6\n", "line 1: " + stamp},
        {"stamp 00\nepoch 6\n", "line 1: " + stamp},
        {"stamp +5\nepoch 6\n", "line 1: " + stamp},
        {"stamp -5\nepoch 6\n", "line 1: " + stamp},
        {"stamp 0x5\nepoch 6\n", "line 1: " + stamp},
        {"stamp 5e3\nepoch 6\n", "line 1: " + stamp},
        {"stamp 5\r\nepoch 6\n", "line 1: " + stamp},
        {"stamp\t5\nepoch 6\n", "line 1: " + key},
        {std::string("stamp 5\0\nepoch 6\n", 17), "line 1: " + stamp},
    };
    for (const auto& [text, said] : table) {
        INFO(text);
        CHECK(said_of_sender(text) == said);
    }
}

TEST_CASE("a receiver's record that is not as it would be written is refused, line by line") {
    const std::string resume = "expected `resume`, a stamp, an epoch and 2 to 65 floors";
    const std::vector<std::pair<std::string, std::string>> table = {
        {"mark 5\n", "(good)"},
        {"mark 5\nresume 5 1 0 0\n", "(good)"},
        {"mark 5\nresume 5 1" + floors(65) + '\n', "(good)"},
        {"mark 5\nresume 5 1 0 0\nresume 4 1 0 0\nresume 3 1 0 0\nresume 2 1 0 0\n", "(good)"},
        {"", "there is no line `mark`"},
        {"mark 5", "line 1: it does not end"},
        {"mark 5\nmark 5\n", "line 2: a second `mark`"},
        {"resume 5 1 0 0\nmark 5\n", "line 1: `resume` ahead of `mark`"},
        {"mark 5\nstamp 5\n", "line 2: expected `mark` or `resume`"},
        {"mark 5\nresume\n", "line 2: " + resume},
        {"mark 5\nresume 5\n", "line 2: " + resume},
        {"mark 5\nresume 5 1\n", "line 2: " + resume},
        {"mark 5\nresume 5 1 0\n", "line 2: " + resume},
        {"mark 5\nresume 5 1 0 0 \n", "line 2: " + resume},
        {"mark 5\nresume 5 1  0 0\n", "line 2: " + resume},
        {"mark 5\nresume 5 1 0 x\n", "line 2: " + resume},
        {"mark 5\nresume 5 1 0 18446744073709551616\n", "line 2: " + resume},
        {"mark 5\nresume 5 4294967296 0 0\n", "line 2: " + resume},
        {"mark 5\nresume 5 1" + floors(66) + '\n', "line 2: " + resume},
        {"mark 5\nresume 5 1" + floors(5000) + '\n', "line 2: " + resume},
        {"mark 5\nresume 6 1 0 0\n", "line 2: a stamp above the mark"},
        {"mark 5\nresume 5 1 0 0\nresume 5 2 0 0\n", "line 3: a second `resume` of the same stamp"},
        {"mark 9\nresume 5 1 0 0\nresume 4 1 0 0\nresume 3 1 0 0\nresume 2 1 0 0\n"
         "resume 1 1 0 0\n",
         "line 6: more than 4 `resume` lines"},
    };
    for (const auto& [text, said] : table) {
        INFO(text);
        CHECK(said_of_receiver(text) == said);
    }
}

TEST_CASE("a record cut short at any byte is never taken for a whole one") {
    const std::string sender = to_text(SenderRecord{1763882000000000000, 12});
    for (std::size_t len = 0; len < sender.size(); ++len) {
        INFO(len);
        CHECK_FALSE(parse_sender_record(sender.substr(0, len)));
    }
    // A receiver's lines are each a record of their own, so that only whole lines go unnoticed: the
    // store's checksum is there for that.
    const std::string receiver = to_text(ReceiverRecord{77, {{70, 12, {4711, 0, 9}}}});
    for (std::size_t len = 0; len < receiver.size(); ++len) {
        INFO(len);
        CHECK(static_cast<bool>(parse_receiver_record(receiver.substr(0, len))) ==
              (len == receiver.find('\n') + 1));
    }
}
