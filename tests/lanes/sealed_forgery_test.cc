// What is not the sender's is refused by name, whatever is wrong with it, and leaves no trace: the
// packet that was changed on the way is still accepted when it comes unchanged.
#include <catch2/catch.hpp>

#include <random>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

SealedBed::Options any_cipher() {
    SealedBed::Options with;
    with.cipher = GENERATE(Cipher::aes_256_gcm, Cipher::chacha20_poly1305);
    with.backend_b = GENERATE(from_range(backend_names()));
    // Opened in place, and into claimed room.
    with.wan_mtu = GENERATE(1500u, 9000u);
    return with;
}

/// The lane packet that a makes of this frame.
Bytes sealed_packet(SealedBed& bed, const Bytes& frame) {
    bed.take();
    bed.send({frame});
    const auto out = bed.take(0);
    REQUIRE(out.size() == 1);
    return bed.packet_of(out[0]);
}

void check_accepted(SealedBed& bed, const Bytes& packet, const Bytes& frame) {
    bed.give({bed.carry(packet)});
    REQUIRE(bed.received() == std::vector<Bytes>{frame});
}

/// The frames around `packet` with each of these bits flipped.
std::vector<Bytes> flipped(const SealedBed& bed, const Bytes& packet, std::size_t from,
                           std::size_t to) {
    std::vector<Bytes> frames;
    for (std::size_t bit = from; bit < to; ++bit) {
        frames.push_back(bed.carry(with_bit_flipped(packet, bit)));
    }
    return frames;
}

}  // namespace

TEST_CASE("a data packet with any bit of its header flipped is refused, and unchanged accepted") {
    SealedBed::Options with = any_cipher();
    with.workers_a = GENERATE(1u, 2u);
    SealedBed bed(with);
    bed.start_up();
    bed.check_through(some_frames(2));
    const Bytes frame = ethernet_frame(100, 9);
    const Bytes packet = sealed_packet(bed, frame);
    bed.expect(flipped(bed, packet, 0, 8), Drop::malformed_packet);
    bed.expect(flipped(bed, packet, 8, 16), Drop::no_session);
    // Bit 24 makes subspace 0 of 1, which the session may have.
    bed.expect(flipped(bed, packet, 16, 24), Drop::bad_subspace);
    bed.expect(flipped(bed, packet, 24, 25),
               with.workers_a == 2 ? Drop::bad_tag : Drop::bad_subspace);
    bed.expect(flipped(bed, packet, 25, 32), Drop::bad_subspace);
    bed.expect(flipped(bed, packet, 32, 64), Drop::unknown_lane);
    for (std::size_t bit = 64; bit < 128; ++bit) {
        const Bytes changed = with_bit_flipped(packet, bit);
        // Lower numbers than this one have been delivered.
        const bool seen =
            wire::read_header(changed.data()).sequence < wire::read_header(packet.data()).sequence;
        bed.expect({bed.carry(changed)}, seen ? Drop::replay_duplicate : Drop::bad_tag);
    }
    check_accepted(bed, packet, frame);
    bed.check_through(some_frames(64));
}

TEST_CASE(
    "a data packet with any bit of its text or tag flipped is refused, and unchanged accepted") {
    SealedBed bed(any_cipher());
    bed.start_up();
    for (const std::size_t len : {14u, 15u, 60u, 200u}) {
        const Bytes frame = ethernet_frame(len, 3);
        const Bytes packet = sealed_packet(bed, frame);
        bed.expect(flipped(bed, packet, 128, packet.size() * 8), Drop::bad_tag);
        check_accepted(bed, packet, frame);
    }
    const Bytes frame = ethernet_frame(1400, 4);
    const Bytes packet = sealed_packet(bed, frame);
    std::mt19937 random(7);
    for (unsigned i = 0; i < 300; ++i) {
        bed.expect(
            {bed.carry(with_bit_flipped(packet, 128 + random() % (packet.size() * 8 - 128)))},
            Drop::bad_tag);
    }
    check_accepted(bed, packet, frame);
}

TEST_CASE(
    "forgeries between good packets of one burst are taken out, and the others come in order") {
    SealedBed bed(any_cipher());
    bed.start_up();
    bed.take();
    const auto frames = some_frames(64, 100);
    bed.send(frames);
    const auto packets = bed.take();
    std::vector<Bytes> mixed, wanted;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        const bool forged = i % 3 == 1;
        const Bytes packet = bed.packet_of(packets[i]);
        mixed.push_back(forged ? bed.carry(with_bit_flipped(packet, 400 + i)) : packets[i]);
        if (!forged) wanted.push_back(frames[i]);
    }
    bed.queue(mixed);
    bed.b->run();
    CHECK(bed.received() == wanted);
    CHECK(bed.b->drops(Drop::bad_tag) == 64 - wanted.size());
    CHECK(bed.b->control->totals().balanced());
}

TEST_CASE("a data packet that was cut short anywhere, or is longer, is refused") {
    SealedBed bed(any_cipher());
    bed.start_up();
    const std::size_t len = GENERATE(14u, 60u, 300u);
    const Bytes frame = ethernet_frame(len, 5);
    const Bytes packet = sealed_packet(bed, frame);
    for (std::size_t left = 0; left < packet.size(); ++left) {
        const Bytes part(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(left));
        bed.expect({bed.carry(part)}, left < 36 ? Drop::malformed_packet : Drop::bad_tag);
    }
    for (const std::size_t more : {1u, 2u, 15u, 16u, 17u, 64u, 1000u}) {
        for (const int fill : {0, 0xff}) {
            Bytes longer = packet;
            longer.resize(packet.size() + more, static_cast<std::byte>(fill));
            bed.expect({bed.carry(longer)}, Drop::bad_tag);
        }
    }
    check_accepted(bed, packet, frame);
}

TEST_CASE("a packet of one subspace says that it is of another: refused, and its own is accepted") {
    SealedBed::Options with = any_cipher();
    with.workers_a = 2;
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    bed.send({ethernet_frame(100, 0), ethernet_frame(100, 1)});  // a worker each
    auto frames = bed.take();
    REQUIRE(frames.size() == 2);
    for (unsigned i = 0; i < 2; ++i) {
        Bytes packet = bed.packet_of(frames[i]);
        for (const unsigned subspace : {1 - i, 0xffffu}) {
            engine::store_be(packet.data() + 2, static_cast<std::uint16_t>(subspace));
            // Control has used its first number.
            bed.expect({bed.carry(packet)},
                       subspace == 0xffff ? Drop::replay_duplicate : Drop::bad_tag);
        }
    }
    bed.give(frames);
    CHECK(bed.received().size() == 2);
}

TEST_CASE(
    "data of another sender, secret, lane or cipher is refused, though epoch and number fit") {
    SealedBed::Options with;
    with.mode = GENERATE(KeyMode::keys, KeyMode::secret);
    SealedBed bed(with);
    bed.memory_a.texts["send-101"] = sender_text(1, 6);
    bed.start_up();
    // Somebody else's sender, in every other way the same.
    const unsigned which = GENERATE(0u, 1u, 2u);
    SealedBed::Options others = with;
    if (which == 2) others.cipher = Cipher::chacha20_poly1305;
    SealedBed other(others);
    if (which == 0) {
        other.keys_a = pair_of(9);
        other.secret = secret_of(9);
    }
    other.memory_a.texts["send-101"] = other.memory_a.texts["send-102"] = sender_text(1, 6);
    LaneSpec lane = other.sending();
    if (which == 1) lane.id = 102;
    other.start_a(std::move(lane));
    other.pass(300 * ns_per_ms);
    other.take();
    bed.check_through({ethernet_frame(60, 1)});
    other.send(some_frames(10));
    auto frames = other.take();
    REQUIRE(frames.size() == 10);
    for (Bytes& frame : frames) {
        Bytes packet = other.packet_of(frame);
        REQUIRE(wire::read_header(packet.data()).epoch == 7);
        engine::store_be(packet.data() + wire::lane_at, std::uint32_t{101});
        frame = bed.carry(packet);
    }
    const std::vector<Bytes> first = {frames[0]};
    frames.erase(frames.begin());
    bed.expect(first, Drop::replay_duplicate);  // its number has been used
    bed.expect(frames, Drop::bad_tag);
    bed.check_through(some_frames(64));
}

TEST_CASE("clear packets on a sealed lane are never delivered") {
    SealedBed bed;
    const std::uint32_t epoch = GENERATE(0xffu, 4u);  // the session's is one more: 0 or 5
    bed.memory_a.texts["send-101"] = sender_text(1, epoch);
    bed.start_up();
    const Bytes inner = inner_packet(3, ethernet_frame(60, 1));
    std::vector<Bytes> frames;
    for (std::uint64_t sequence = 0; sequence < 50; ++sequence) {
        frames.push_back(bed.carry(lane_packet(101, sequence, inner)));
    }
    bed.expect(frames, epoch == 0xff ? Drop::bad_tag : Drop::no_session);
    bed.expect({bed.carry(lane_packet(101, 99, inner_packet(3, ethernet_frame(14, 1))))},
               epoch == 0xff ? Drop::malformed_packet : Drop::no_session);
    bed.check_through(some_frames(10));
}

TEST_CASE("sealed packets and announcements on a clear lane are never delivered") {
    SealedBed bed;
    LaneSpec clear = bed.receiving();
    clear.keys.reset();
    clear.cipher = Cipher::none;
    bed.start(bed.sending(), std::move(clear));
    std::vector<Bytes> announcements;
    bed.pass(300 * ns_per_ms, [&](const Bytes& frame) {
        if (bed.is_announcement(frame)) announcements.push_back(frame);
        return std::vector<Bytes>{};
    });
    bed.expect(announcements, Drop::wrong_terms);
    for (unsigned i = 0; i < 200; ++i) bed.send({ethernet_frame(60 + i, i)});
    bed.give(bed.take());
    CHECK(bed.received().empty());
    const auto totals = bed.b->control->totals();
    CHECK(totals.balanced());
    CHECK(totals.dropped() - announcements.size() + totals.absorbed == 200);
    CHECK(bed.b->drops(Drop::malformed_inner) + bed.b->drops(Drop::bad_padding) +
              bed.b->drops(Drop::unknown_kind) + bed.b->drops(Drop::malformed_fragment) >=
          195);
}
