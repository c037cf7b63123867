// libFuzzer target: any bytes as a lane table of a sound node. Read twice, in one piece and in
// pieces as small as the first byte says: both must give the same lanes or the same errors.
// Corpus: tests/fuzz/corpus/csv, words: tests/fuzz/csv.dict.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fuzz/config_promises.hh"

using namespace lanes;

namespace {

constexpr std::string_view node_text = R"(
node: fuzz
ports:
  lan: {driver: tap, device: lane0}
  tun: {driver: tun, device: lane1}
  wan: {driver: af_packet, device: eth1}
  far: {driver: udp, address: 192.0.2.1}
tables: [table.csv]
keys: {private: node.key}
state: state
)";

config::Loaded load(const std::string& table, std::size_t piece_len) {
    const auto reader = [&](const std::string&) -> engine::Result<config::TablePieces> {
        std::size_t offset = 0;
        return config::TablePieces(
            [&table, offset,
             piece_len](std::span<char> room) mutable -> engine::Result<std::size_t> {
                const std::size_t len = std::min({piece_len, room.size(), table.size() - offset});
                std::copy_n(table.data() + offset, len, room.data());
                offset += len;
                return len;
            });
    };
    static const config::KeyFiles files = fuzz::key_files();
    return config::parse_node(node_text, "node.yaml", reader, files);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string table(data + 1, data + size);
    const config::Loaded whole = load(table, table.size());
    fuzz::check_promises(whole, "table.csv", table);
    const config::Loaded pieces = load(table, std::size_t{1} + data[0] % 16);
    LANES_CHECK(config::report(whole) == config::report(pieces));
    LANES_CHECK(whole.spec.lanes.size() == pieces.spec.lanes.size());
    return 0;
}
