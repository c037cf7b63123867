// See compose.hh.
#include "lanes/compose.hh"

#include <cstring>

namespace lanes {

void compose(const Packet& packet, std::byte* to) noexcept {
    const Item* items = packet.items;
    if (packet.fragment.count != 0) {
        wire::write_inner(to, wire::Kind::fragment, packet.body);
        wire::write_fragment(to + wire::inner_bytes, packet.fragment);
        std::memcpy(to + wire::inner_bytes + wire::fragment_bytes, items[0].data, items[0].len);
        return;
    }
    if (packet.count > 1) {
        wire::write_inner(to, wire::Kind::bundle, packet.body);
        to += wire::inner_bytes;
    }
    for (unsigned i = 0; i < packet.count; ++i) {
        wire::write_inner(to, wire::Kind{packet.kinds[i]}, items[i].len);
        to += wire::inner_bytes;
        std::memcpy(to, items[i].data, items[i].len);
        to += items[i].len;
    }
}

unsigned bundle(std::span<const Item> items, const std::uint8_t* kinds, std::uint32_t body_max,
                std::span<Packet> packets) noexcept {
    unsigned n = 0;
    for (std::size_t first = 0; first < items.size();) {
        std::uint32_t body = 0;
        std::size_t end = first;
        for (; end < items.size(); ++end) {
            const std::uint32_t more = wire::inner_bytes + items[end].len;
            if (end > first && body + more > body_max) break;
            body += more;
        }
        const auto count = static_cast<std::uint8_t>(end - first);
        if (count == 1) body = items[first].len;
        packets[n++] = {&items[first], kinds + first, count, body, {}};
        first = end;
    }
    return n;
}

unsigned cut(std::byte* inner, std::uint32_t len, std::uint32_t body_max, std::uint32_t id,
             std::span<Item> pieces, std::span<Packet> packets) noexcept {
    const std::uint32_t stride = body_max - wire::fragment_bytes;
    const std::uint32_t count = (len + stride - 1) / stride;
    if (count > wire::fragments_max) return 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t at = i * stride;
        pieces[i] = {inner + at, at + stride < len ? stride : len - at, nullptr};
        packets[i] = {&pieces[i],
                      nullptr,
                      1,
                      wire::fragment_bytes + pieces[i].len,
                      {id, static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(count),
                       static_cast<std::uint16_t>(stride)}};
    }
    return count;
}

}  // namespace lanes
