// What the contract test needs of a driver: the port under test and a far side that can put frames
// in and collect what came out. One fixture per driver; adding one means a file beside this one and
// a line in fixtures.hh. Real parts only: interfaces live in a network namespace of the test's own,
// which the kernel removes with the fixture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drivers/open.hh"
#include "engine/descriptor.hh"

namespace lanes::test {

using Bytes = std::vector<std::byte>;

class Fixture {
  public:
    virtual ~Fixture() = default;

    /// Opens the port under test. `incoming` is what inject() will send, known beforehand because
    /// a driver that replays a file must have it at open.
    virtual drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) = 0;
    /// The far side sends incoming[first, first + count).
    virtual void inject(std::size_t first, std::size_t count) = 0;
    /// What came out at the far side since the last call, in order: waits for `count` frames, but
    /// not for ever; 0: what is there now, all of it.
    virtual std::vector<Bytes> collect(std::size_t count) = 0;
    /// A frame of `len` bytes that belongs to flow `flow` and is the `number`-th of it.
    virtual Bytes make(std::size_t len, unsigned flow, std::uint32_t number);
    /// Takes the link down or up; false: this port has none.
    virtual bool set_link(bool) { return false; }

    std::string missing;         ///< why this driver cannot be tested here; empty: it can
    std::uint32_t len_min = 14;  ///< the shortest frame
    std::size_t chunk = 128;     ///< frames that the way to and from the far side holds
    bool live = true;            ///< frames arrive when they are injected, not before
    bool pollable = true;        ///< receive queues have a wake_fd
    std::uint32_t endpoint = 0;  ///< Frame::endpoint of what is sent
};

/// The flow and the number that make() wrote, for frames long enough to have them.
struct Mark {
    std::uint32_t flow;
    std::uint32_t number;
};
Mark mark_of(const Bytes& frame);
constexpr std::size_t marked_len_min = 50;

/// An IPv4 packet with UDP ports by flow, a mark at the end and a pattern between; as much of it as
/// `len` holds.
Bytes make_packet(std::size_t len, unsigned flow, std::uint32_t number);

/// A network namespace that the calling thread is in for the object's life, with loopback up and,
/// unless asked for, without IPv6 on new interfaces and what the kernel says there unasked.
class NetworkNamespace {
  public:
    enum class Ipv6 { off, on };
    explicit NetworkNamespace(Ipv6 ipv6 = Ipv6::off);
    ~NetworkNamespace();
    NetworkNamespace(const NetworkNamespace&) = delete;
    NetworkNamespace& operator=(const NetworkNamespace&) = delete;

    /// Empty if it could be made.
    const std::string& missing() const { return missing_; }

  private:
    engine::Descriptor former_;
    std::string missing_;
};

/// The far side of an interface: a packet socket.
class PacketSocket {
  public:
    void open(const std::string& interface);
    void send(const std::vector<Bytes>& frames, std::size_t first, std::size_t count);
    std::vector<Bytes> collect(std::size_t count);

  private:
    engine::Descriptor socket_;
};

/// Fixture::collect() from any socket.
std::vector<Bytes> collect_messages(int fd, std::size_t count);

/// Takes an interface of this namespace up or down.
void set_interface(const std::string& name, bool up);

}  // namespace lanes::test
