// See support.hh.
#include "tests/config/support.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

namespace lanes::config::test {

const std::string_view node_head =
    "node: n\n"
    "ports:\n"
    "  lan: {driver: tap, device: lane0}\n"
    "  wan: {driver: af_packet, device: eth1}\n"
    "  tun: {driver: tun, device: tun0}\n"
    "  far: {driver: udp, address: 192.0.2.1}\n"
    "  mem: {driver: memory, device: wire, address: 192.0.2.1/24}\n"
    "  cap: {driver: pcap, read: a.pcap}\n"
    "lanes:\n";

Folder::Folder() {
    static int made = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("lanes-config-" + std::to_string(::getpid()) + "-" + std::to_string(++made));
    std::filesystem::create_directories(path_);
}

Folder::~Folder() {
    std::filesystem::remove_all(path_);
}

std::string Folder::write(const std::string& name, const std::string& text, unsigned mode) const {
    const std::string path = *this / name;
    std::ofstream(path) << text;
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    return path;
}

Loaded parse(std::string_view text, const Tables& tables, std::size_t piece_len,
             const std::string& name) {
    const auto reader = [&](const std::string& path) -> engine::Result<TablePieces> {
        const auto table = tables.find(path);
        if (table == tables.end()) return engine::Error{2, path + ": No such file or directory"};
        const std::string& bytes = table->second;
        std::size_t offset = 0;
        return TablePieces([&bytes, offset, piece_len](
                               std::span<char> room) mutable -> engine::Result<std::size_t> {
            const std::size_t len = std::min({piece_len, room.size(), bytes.size() - offset});
            std::copy_n(bytes.data() + offset, len, room.data());
            offset += len;
            return len;
        });
    };
    return parse_node(text, name, reader);
}

void expect(const Loaded& loaded, const std::vector<Want>& wants, std::string_view file) {
    std::string all;
    for (const Diagnostic& diagnostic : loaded.diagnostics) all += to_string(diagnostic) + "\n";
    INFO("reported:\n" << all);
    CHECK(loaded.diagnostics.size() == wants.size());
    const std::size_t both = std::min(loaded.diagnostics.size(), wants.size());
    for (std::size_t i = 0; i < both; ++i) {
        const std::string line = to_string(loaded.diagnostics[i]);
        const std::string begins = std::string(file) + ":" + wants[i].begins;
        CHECK_THAT(line, Catch::StartsWith(begins));
        CHECK_THAT(line, Catch::Contains(wants[i].fragment));
    }
}

Loaded without_unused(Loaded loaded) {
    std::erase_if(loaded.diagnostics, [](const Diagnostic& diagnostic) {
        return diagnostic.message.find("is used by no lane") != std::string::npos;
    });
    return loaded;
}

}  // namespace lanes::config::test
