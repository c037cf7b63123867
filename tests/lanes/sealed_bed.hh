// Two nodes with a sealed lane between them and the test in the middle of the wire:
//
//   lan_a == [ a ] == wan_a   (the test)   wan_b == [ b ] == lan_b
//
// What a sends is handed over by pass() or by take() and give(), so that a test may lose, keep,
// change or repeat it on the way. A second bed of which only b is started is one more receiver.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lanes/session.hh"
#include "tests/lanes/bed.hh"
#include "tests/lanes/sealed_tools.hh"

namespace lanes::test {

/// What is around the lane packets of a bed; `kernel`: nothing, as on ports whose kernel does it.
enum class Form { ipv4, ipv6, ethernet, kernel };

struct SealedBed {
    struct Options {
        Cipher cipher = Cipher::aes_256_gcm;
        KeyMode mode = KeyMode::keys;
        std::string backend_a = "auto";
        std::string backend_b = "auto";
        unsigned workers_a = 1;
        unsigned workers_b = 1;
        std::uint32_t rekey_seconds = 120;
        std::uint32_t lan_mtu = 1500;
        std::uint32_t wan_mtu = 1500;
        unsigned paths = 1;
        Form form = Form::ipv4;
        engine::PortKind lan_kind = engine::PortKind::ethernet;
        /// What a's ports say of the room before received frames.
        std::uint32_t headroom = engine::headroom_bytes;
    };

    SealedBed() : SealedBed(Options{}) {}
    explicit SealedBed(Options with);

    /// The lane of each end; change them before start().
    LaneSpec sending() const;
    LaneSpec receiving() const;
    void start() { start(sending(), receiving()); }
    void start(LaneSpec send, LaneSpec receive);
    void start_a(LaneSpec send) { start_a(lanes_of(std::move(send))); }
    void start_b(LaneSpec receive) { start_b(lanes_of(std::move(receive))); }
    void start_a(std::vector<LaneSpec> lanes);
    void start_b(std::vector<LaneSpec> lanes);
    /// The whole spec of a node, to be applied again with other lanes.
    NodeSpec spec_a(std::vector<LaneSpec> lanes) const;
    NodeSpec spec_b(std::vector<LaneSpec> lanes) const;
    /// Ends a node: in order (state saved), or as a crash would.
    void stop_a();
    void stop_b(bool in_order);

    /// Everything that a has sent since the last call, off the wire (of one path, or of all).
    std::vector<Bytes> take();
    std::vector<Bytes> take(unsigned path);
    /// Puts frames on b's wire and lets b deal with them. Over 4,000 at a time go by 256.
    void give(const std::vector<Bytes>& frames, unsigned path = 0);
    /// Frames are put on b's wire, and only there.
    void queue(const std::vector<Bytes>& frames, unsigned path = 0);

    using Way = std::function<std::vector<Bytes>(const Bytes&)>;
    /// Lets time pass for both nodes, carrying all that a sends to b at once.
    void pass(std::uint64_t ns, std::uint64_t step_ns = 10 * ns_per_ms);
    /// The same, but `way` decides what becomes of each frame.
    void pass(std::uint64_t ns, const Way& way, std::uint64_t step_ns = 10 * ns_per_ms);

    /// Frames into a; what came out at b.
    void send(const std::vector<Bytes>& frames);
    std::vector<Bytes> received() { return lan_b->collect(); }
    /// Sends, carries, and demands that just these frames come out (in order, where one worker
    /// does it all), and both nodes balanced.
    void check_through(const std::vector<Bytes>& frames);
    /// start() and the 300 ms after which both ends have a session.
    void start_up();

    /// Gives these frames to b and demands that every one of them is dropped for this reason, and
    /// nothing else.
    void expect(const std::vector<Bytes>& frames, engine::Drop reason);

    const Lane& lane_a(const std::string& name = "out") const;
    const Lane& lane_b(const std::string& name = "in") const;
    Keeper::Status status_a(const std::string& name = "out") const;
    Keeper::Status status_b(const std::string& name = "in") const;
    /// The session that a seals with now.
    SealSession& sealing(const std::string& name = "out") const;

    /// Bytes before the lane packet in a frame of this bed.
    std::size_t carrier_bytes() const;
    /// The lane packet of a frame, and a frame around another one.
    Bytes packet_of(const Bytes& frame) const;
    Bytes carry(const Bytes& packet) const;
    bool is_announcement(const Bytes& frame) const;
    bool is_heartbeat(const Bytes& frame) const;
    bool is_data(const Bytes& frame) const;

    Options with;
    std::shared_ptr<const crypto::KeyPair> keys_a, keys_b;
    std::shared_ptr<const crypto::SharedSecret> secret;
    Memory memory_a, memory_b;
    std::string lan_wire_a = fresh_wire(), lan_wire_b = fresh_wire();
    std::vector<std::string> wan_wires_a, wan_wires_b;
    std::unique_ptr<Far> lan_a, lan_b;
    std::vector<std::unique_ptr<Far>> wan_a, wan_b;
    std::unique_ptr<Node> a, b;
    Moment time{1000 * ns_per_second, 1'763'000'000 * ns_per_second};

  private:
    void set_kinds(Node& node) const;
    NodeSpec spec(const Node& node, const std::string& lan, const std::vector<std::string>& wans,
                  const char* host) const;
};

}  // namespace lanes::test
