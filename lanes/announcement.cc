// See announcement.hh. The payload:
//
//   epoch(4) suite(1) mode(1) subspaces(2) lead_ms(4) lifetime_ms(4) max_inner(2) flags(2)
//   run_id(8) reserved(4) secret(32)
#include "lanes/announcement.hh"

#include <cstring>
#include <utility>

namespace lanes {
namespace {

constexpr std::size_t body_at = wire::header_bytes;
constexpr std::size_t mac1_at = crypto::mac1_covers_bytes;
constexpr std::size_t secret_at = 32;
static_assert(mac1_at + crypto::mac1_bytes == wire::announce_bytes);

crypto::SharedSecret psk_of(const KeySpec& keys) {
    return keys.secret ? crypto::SharedSecret{keys.secret->secret.copy()} : crypto::SharedSecret{};
}

crypto::PublicKey mac1_receiver(const KeySpec& keys, std::size_t peer) {
    return keys.by_keys() ? keys.peers[peer] : crypto::PublicKey{};
}

void write_payload(const Terms& terms, const crypto::SessionSecret& secret,
                   crypto::AnnouncePayload& payload) {
    std::byte* to = payload.bytes().data();
    wire::store_be(to, terms.epoch);
    to[4] = std::byte{static_cast<std::uint8_t>(terms.suite)};
    to[5] = std::byte{static_cast<std::uint8_t>(terms.mode)};
    wire::store_be(to + 6, terms.subspaces);
    wire::store_be(to + 8, terms.lead_ms);
    wire::store_be(to + 12, terms.lifetime_ms);
    wire::store_be(to + 16, terms.max_inner);
    wire::store_be(to + 20, terms.run_id);
    std::memcpy(to + secret_at, secret.bytes().data(), secret.len);
}

void read_payload(const crypto::AnnouncePayload& payload, Terms& terms,
                  crypto::SessionSecret& secret) {
    const std::byte* from = payload.bytes().data();
    terms.epoch = wire::load_be<std::uint32_t>(from);
    terms.suite = static_cast<crypto::Suite>(from[4]);
    terms.mode = static_cast<KeyMode>(from[5]);
    terms.subspaces = wire::load_be<std::uint16_t>(from + 6);
    terms.lead_ms = wire::load_be<std::uint32_t>(from + 8);
    terms.lifetime_ms = wire::load_be<std::uint32_t>(from + 12);
    terms.max_inner = wire::load_be<std::uint16_t>(from + 16);
    terms.run_id = wire::load_be<std::uint64_t>(from + 20);
    std::memcpy(secret.bytes().data(), from + secret_at, secret.len);
}

}  // namespace

crypto::Suite suite_of(Cipher cipher) noexcept {
    return cipher == Cipher::chacha20_poly1305 ? crypto::Suite::chacha20_poly1305
                                               : crypto::Suite::aes_256_gcm;
}

bool write_announcement(const KeySpec& keys, std::size_t peer, std::uint32_t lane,
                        std::uint64_t stamp, const Terms& terms,
                        const crypto::SessionSecret& secret, crypto::Random& random,
                        AnnounceBytes& to) {
    to.fill(std::byte{0});
    wire::write_header(to.data(), {static_cast<std::uint8_t>(wire::Type::announce),
                                   static_cast<std::uint8_t>(terms.epoch), 0, lane, stamp});
    crypto::AnnouncePayload payload;
    write_payload(terms, secret, payload);
    const std::span<std::byte, wire::announce_bytes> bytes(to);
    const auto header = bytes.first<body_at>();
    const auto body = bytes.subspan<body_at, crypto::announce_body_bytes>();
    const crypto::SharedSecret psk = psk_of(keys);
    if (keys.by_keys()) {
        if (!crypto::seal_announce_keys(*keys.own, keys.peers[peer], psk, header, payload, random,
                                        body)) {
            return false;
        }
    } else {
        crypto::seal_announce_secret(psk, header, payload, random, body);
    }
    crypto::Mac1(psk, mac1_receiver(keys, peer))
        .write(bytes.first<mac1_at>(), bytes.subspan<mac1_at>());
    return true;
}

AnnounceReader::AnnounceReader(KeySpec keys)
    : keys_(std::move(keys)),
      psk_(psk_of(keys_)),
      mac1_(psk_, keys_.by_keys() ? keys_.own->open : crypto::PublicKey{}) {}

bool AnnounceReader::addressed_to_us(const AnnounceBytes& bytes) const noexcept {
    const std::span<const std::byte, wire::announce_bytes> all(bytes);
    return mac1_.matches(all.first<mac1_at>(), all.subspan<mac1_at>());
}

bool AnnounceReader::open(const AnnounceBytes& bytes, Terms& terms,
                          crypto::SessionSecret& secret) const {
    const std::span<const std::byte, wire::announce_bytes> all(bytes);
    const auto header = all.first<body_at>();
    const auto body = all.subspan<body_at, crypto::announce_body_bytes>();
    crypto::AnnouncePayload payload;
    const bool authentic =
        keys_.by_keys()
            ? crypto::open_announce_keys(*keys_.own, keys_.peers[0], psk_, header, body, payload)
            : crypto::open_announce_secret(psk_, header, body, payload);
    if (authentic) read_payload(payload, terms, secret);
    return authentic;
}

}  // namespace lanes
