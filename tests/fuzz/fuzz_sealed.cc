// libFuzzer target: what arrives on sealed lanes. The fuzzer has the lanes' secret, so that it gets
// past the cipher: it announces sessions on terms of its own and seals inner packets of its own;
// and it may spoil whatever it made before it is sent. The input is a list of steps: what (1 byte),
// a number (2 bytes), length (1 byte), bytes. Corpus: tests/fuzz/corpus/sealed.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lanes/session.hh"
#include "tests/fuzz/node.hh"

using namespace lanes;

namespace {

/// A sender that holds one session.
class Sender {
  public:
    Sender() : backend_(std::move(*crypto::select_backend("libsodium"))) {
        agree(fuzz::Node::sealed_to_room);
    }

    /// New terms, and keys that fit them.
    std::vector<std::byte> announce(std::uint32_t lane, std::uint64_t stamp,
                                    std::span<const std::uint8_t> with) {
        const auto at = [&](std::size_t i) { return i < with.size() ? with[i] : std::uint8_t{0}; };
        terms_.epoch += at(0) % 5;
        terms_.suite = at(1) == 255 ? crypto::Suite::aes_256_gcm : crypto::Suite::chacha20_poly1305;
        terms_.mode = at(1) == 254 ? KeyMode::keys : KeyMode::secret;
        terms_.subspaces = static_cast<std::uint16_t>(at(2) * (at(3) == 255 ? 256 : 1));
        terms_.lead_ms = at(4) * 100u;
        terms_.lifetime_ms = at(5) == 255 ? ~0u : at(5) * 1000u;
        AnnounceBytes bytes;
        LANES_CHECK(write_announcement(fuzz::Node::key_spec(), 0, lane, stamp, terms_, secret_,
                                       crypto::system_random(), bytes));
        if (terms_.subspaces >= 1 && terms_.subspaces <= session_subspaces_max) {
            agree(lane);
        }
        return {bytes.begin(), bytes.end()};
    }

    std::vector<std::byte> seal(std::uint32_t lane, std::uint16_t number,
                                std::span<const std::uint8_t> inner) {
        const unsigned which = number % (session_->subspaces + 1u);
        const bool control = which == session_->subspaces;
        SealKey& key = control ? session_->control : session_->keys[which];
        // Mostly onwards, sometimes back.
        const std::uint64_t sequence = number < 0xf000 ? sequence_++ : sequence_ - number % 256;
        std::vector<std::byte> packet(wire::header_bytes + inner.size() + wire::tag_bytes);
        wire::write_header(
            packet.data(),
            {static_cast<std::uint8_t>(wire::Type::data), session_->epoch,
             control ? wire::control_subspace : static_cast<std::uint16_t>(which), lane, sequence});
        crypto::Job job;
        std::byte* text = packet.data() + wire::header_bytes;
        if (!inner.empty()) std::memcpy(text, inner.data(), inner.size());
        job.source = job.destination = text;
        job.len = static_cast<std::uint32_t>(inner.size());
        job.associated = packet.data();
        job.associated_len = wire::header_bytes;
        job.tag = text + inner.size();
        crypto::write_nonce(key.iv, sequence, job.nonce);
        LANES_CHECK(backend_->seal(key.key, {&job, 1}) == 1);
        return packet;
    }

  private:
    void agree(std::uint32_t lane) {
        const SessionMaker maker{*backend_, lane, terms_, secret_};
        auto session = maker.seal(1u << 30);
        if (session) session_ = std::move(*session);
    }

    std::unique_ptr<crypto::Backend> backend_;
    crypto::SessionSecret secret_;
    Terms terms_{1, crypto::Suite::chacha20_poly1305, KeyMode::secret, 1, 0, 150'000, 1400, 7};
    std::unique_ptr<SealSession> session_;
    std::uint64_t sequence_ = 1000;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::Node node;
    static Sender sender;
    for (std::size_t at = 0; at + 4 <= size;) {
        const unsigned what = data[at];
        const auto number = static_cast<std::uint16_t>(data[at + 1] << 8 | data[at + 2]);
        const std::size_t len = std::min<std::size_t>(data[at + 3], size - at - 4);
        const std::span<const std::uint8_t> bytes(data + at + 4, len);
        at += 4 + len;
        const std::uint32_t lane =
            (what & 1) != 0 ? fuzz::Node::sealed_to_room : fuzz::Node::sealed_in_place;
        std::vector<std::byte> packet;
        if ((what & 2) != 0) {
            const std::uint64_t now = node.clock.moment.unix_ns / stamp_step * stamp_step;
            packet = sender.announce(lane, now + number * stamp_step, bytes);
        } else {
            packet = sender.seal(lane, number, bytes);
        }
        if ((what & 4) != 0) packet[number % packet.size()] ^= std::byte{1};
        if ((what & 8) != 0) packet.resize(number % (packet.size() + 8));
        if ((what & 16) != 0) node.run();
        std::vector<std::byte> frame(14 + packet.size());
        const std::uint8_t near[6] = {2, 0x4c, 0x4e, 0, 0, 1};
        std::memcpy(frame.data(), near, 6);
        engine::store_be(frame.data() + 12, wire::ether_type);
        std::memcpy(frame.data() + 14, packet.data(), packet.size());
        node.send(fuzz::Node::wan, frame);
    }
    node.run();
    return 0;
}
