// libFuzzer target: any bytes as a frame and as a packet to read a flow key of, in memory of
// exactly their size; and what the key claims to know must be there.
// Corpus: tests/fuzz/corpus/flow_key.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "engine/check.hh"
#include "lanes/flow_key.hh"

using namespace lanes;

namespace {

void check(const std::byte* data, std::size_t size, engine::PortKind kind) {
    const FlowKey key = read_flow_key(data, static_cast<std::uint32_t>(size), kind);
    const bool ip = (key.known & FlowKey::has_ip) != 0;
    LANES_CHECK(ip == (key.version == 4 || key.version == 6));
    LANES_CHECK(ip || (key.known & FlowKey::has_ports) == 0);
    LANES_CHECK(ip || (key.protocol == 0 && key.dscp == 0));
    LANES_CHECK((key.known & FlowKey::has_ports) != 0 ||
                (key.source_port == 0 && key.destination_port == 0));
    LANES_CHECK(key.dscp < 64);
    LANES_CHECK(!ip || size >= 20);
    LANES_CHECK((key.vlan & 0x7000) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::unique_ptr<std::byte[]> exact(new std::byte[size]);
    if (size != 0) std::memcpy(exact.get(), data, size);
    check(exact.get(), size, engine::PortKind::ethernet);
    check(exact.get(), size, engine::PortKind::ip);
    return 0;
}
