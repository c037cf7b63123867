// libFuzzer target: the fuzzer cuts packets and sends their pieces in any order, twice, changed, in
// several packets at once and with time passing, and every packet that comes out must be one that
// went in: each packet's bytes follow from its id and length. Accounting must hold throughout.
// Input: a list of commands of 4 bytes. Corpus: tests/fuzz/corpus/reassembly.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/check.hh"
#include "lanes/reassembly.hh"

using namespace lanes;

namespace {

struct Shape {
    std::uint32_t id;
    std::uint32_t len;
    std::uint16_t stride;
    unsigned count() const { return (len + stride - 1u) / stride; }
};

/// Eight packets; two of them fall into one slot of the table.
Shape shape_of(unsigned n) {
    static const Shape shapes[8] = {{
                                        1,
                                        100,
                                        64,
                                    },
                                    {2, 4096, 64},
                                    {3, 65540, 1040},
                                    {4, 8, 4},
                                    {5, 3000, 1400},
                                    {6, 65, 64},
                                    {7, 129, 64},
                                    {1 + Reassembly::slot_count, 200, 64}};
    return shapes[n];
}

std::byte byte_at(const Shape& shape, std::uint32_t at) {
    return static_cast<std::byte>(shape.id * 37 + at * 11 + (at >> 8));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto table = std::move(*Reassembly::create());
    static std::uint64_t now_ns = 1;
    static engine::WorkerCounters counters;
    now_ns += 10 * Reassembly::timeout_ns;
    table->expire(now_ns, counters);
    std::uint64_t added = 0, dropped_before = 0, absorbed_before = counters.absorbed.get();
    for (const auto& drop : counters.drops) dropped_before += drop.get();
    const std::uint64_t made_before = counters.made.get();
    for (std::size_t at = 0; at + 4 <= size; at += 4) {
        const unsigned command = data[at];
        const Shape shape = shape_of(command & 7);
        if ((command & 0xc0) == 0xc0) {
            now_ns += std::uint64_t{data[at + 1]} * 10'000'000;
            if ((command & 1) != 0) table->expire(now_ns, counters);
            continue;
        }
        wire::Fragment fragment{shape.id, static_cast<std::uint8_t>(data[at + 1] % shape.count()),
                                static_cast<std::uint8_t>(shape.count()), shape.stride};
        const std::uint32_t start = std::uint32_t{fragment.index} * shape.stride;
        std::uint32_t len = std::min<std::uint32_t>(shape.stride, shape.len - start);
        // Broken on purpose; nothing of it may come out.
        if ((command & 0x08) != 0) fragment.index = data[at + 2];
        if ((command & 0x10) != 0) fragment.count = data[at + 2];
        if ((command & 0x20) != 0) fragment.stride = static_cast<std::uint16_t>(data[at + 2] << 3);
        const bool broken = (command & 0x38) != 0;
        if (broken) len = (std::uint32_t{data[at + 2]} << 8 | data[at + 3]) % 2048;
        std::vector<std::byte> bytes(len);
        for (std::uint32_t i = 0; i < len; ++i) bytes[i] = byte_at(shape, start + i);
        engine::WorkerContext worker{0, counters, now_ns};
        // Broken fragments that fit themselves make packets of their own, in another subspace.
        const Reassembly::Key key{5, static_cast<std::uint16_t>(broken ? 1 : 0)};
        ++added;
        const Reassembly::Whole whole = table->add(worker, key, fragment, bytes.data(), len);
        if (whole.inner == nullptr) continue;
        LANES_CHECK(whole.len <= Reassembly::slot_bytes);
        if (!broken) {
            LANES_CHECK(whole.len == shape.len);
            for (std::uint32_t i = 0; i < shape.len; ++i) {
                LANES_CHECK(whole.inner[i] == byte_at(shape, i));
            }
        }
        table->done(whole);
    }
    now_ns += 10 * Reassembly::timeout_ns;
    table->expire(now_ns, counters);
    // Nothing is left inside: what was absorbed came out as a whole or was dropped by the clock.
    std::uint64_t dropped = 0;
    for (const auto& drop : counters.drops) dropped += drop.get();
    const std::uint64_t absorbed = counters.absorbed.get() - absorbed_before;
    const std::uint64_t timed_out =
        counters.made.get() - made_before;  // wholes and what the clock gave back
    LANES_CHECK(added + timed_out >= absorbed);
    LANES_CHECK(dropped - dropped_before <= added + timed_out);
    return 0;
}
