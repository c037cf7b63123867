// libFuzzer target with a planted bug: a parser of lane packets that believes a length. The test
// script demands that the fuzzer finds it within seconds; a rig that does not find this one finds
// nothing. Corpus: tests/fuzz/corpus/canary.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "lanes/wire.hh"

using namespace lanes;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < wire::header_bytes + wire::inner_bytes) return 0;
    const std::unique_ptr<std::byte[]> packet(new std::byte[size]);
    std::memcpy(packet.get(), data, size);
    const wire::Header header = wire::read_header(packet.get());
    if (wire::Type{header.type} != wire::Type::data) return 0;
    const wire::Inner inner = wire::read_inner(packet.get() + wire::header_bytes);
    if (wire::Kind{inner.kind} != wire::Kind::ethernet) return 0;
    // The bug: `length` is not compared with what there is.
    const std::byte* body = packet.get() + wire::header_bytes + wire::inner_bytes;
    // Used, so that the compiler does not clear the bug away.
    const volatile bool zero = wire::all_zero(body, inner.length);
    return zero ? 0 : 0;
}
