// libFuzzer target: any bytes as a sender's and as a receiver's record. What parses keeps the
// bounds that the acceptor relies on, and is written again as an equal record. Corpus:
// tests/fuzz/corpus/records.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "engine/check.hh"
#include "lanes/records.hh"

using namespace lanes;

namespace {

void check_sender(std::string_view text) {
    auto record = parse_sender_record(text);
    if (!record) return;
    const std::string again = to_text(*record);
    LANES_CHECK(again.size() == text.size());  // the two lines may come in either order
    auto parsed = parse_sender_record(again);
    LANES_CHECK(parsed && *parsed == *record);
}

void check_receiver(std::string_view text) {
    auto record = parse_receiver_record(text);
    if (!record) return;
    LANES_CHECK(to_text(*record) == text);
    LANES_CHECK(record->resumable.size() <= sessions_max);
    for (const auto& session : record->resumable) {
        LANES_CHECK(session.stamp <= record->mark);
        LANES_CHECK(session.floors.size() >= 2);
        LANES_CHECK(session.floors.size() <= session_subspaces_max + 1);
        LANES_CHECK(
            std::count_if(record->resumable.begin(), record->resumable.end(),
                          [&](const auto& other) { return other.stamp == session.stamp; }) == 1);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::unique_ptr<char[]> exact(new char[size]);
    if (size != 0) std::memcpy(exact.get(), data, size);
    check_sender({exact.get(), size});
    check_receiver({exact.get(), size});
    return 0;
}
