// See station.hh. The bytes are frames.hh's, what was learned is in neighbours.hh.
#include "drivers/station/station.hh"

#include <algorithm>

#include "drivers/station/frames.hh"
#include "drivers/station/group_mac.hh"
#include "drivers/station/neighbours.hh"

namespace lanes::drivers {

using engine::Drop;
using engine::Frame;
using engine::IpAddress;
using engine::MacAddress;
using engine::WorkerCounters;

struct Station::Table {
    Identity own;
    std::vector<IpAddress> gateways;
    Neighbours neighbours;
};

namespace {

/// Sends a frame of `len` bytes that `write` writes; counts it as made in any case.
template <typename Write>
void say(engine::TxQueue& tx, WorkerCounters& worker, std::uint32_t len, Write&& write) noexcept {
    worker.made.add(1);
    if (len > tx.max_len()) return worker.drop(Drop::tx_too_big);
    Frame room;
    if (tx.claim({&room, 1}, len) == 0) return worker.drop(Drop::tx_full);
    write(room.data);
    room.len = len;
    tx.send({&room, 1}, worker);
}

bool say_questions(Neighbours& neighbours, const Identity& own, engine::TxQueue& tx,
                   WorkerCounters& worker) noexcept {
    bool spoke = false;
    for (unsigned i = 0; i < Neighbours::questions_max; ++i) {
        const auto question = neighbours.take();
        if (!question) break;
        std::byte bytes[station_frame_bytes];
        const std::uint32_t len = write_question(question->address, question->at, own, bytes);
        if (len == 0) continue;
        say(tx, worker, len, [&](std::byte* to) { std::copy_n(bytes, len, to); });
        spoke = true;
    }
    return spoke;
}

}  // namespace

Station::Station(const engine::PortInfo& info, std::vector<IpAddress> gateways)
    : table_(std::make_unique<Table>()) {
    table_->own = Identity(info.mac, info.addresses);
    table_->gateways = std::move(gateways);
    // The first worker that serves says who is here now, so that nobody goes on sending to a MAC
    // address that had these addresses before.
    for (const engine::IpPrefix& own : table_->own.addresses()) {
        table_->neighbours.ask({own.address, MacAddress{}});
    }
}

Station::~Station() = default;

bool Station::waiting() const noexcept {
    return table_->neighbours.waiting();
}

unsigned Station::serve(engine::Burst& burst, unsigned first, engine::TxQueue& tx,
                        WorkerCounters& worker,
                        std::span<Frame, engine::burst_max> taken) noexcept {
    Table& table = *table_;
    unsigned count = 0;
    unsigned kept = first;
    bool spoke = false;
    for (unsigned i = first; i < burst.size(); ++i) {
        const Frame& frame = burst[i];
        if (may_concern_station(frame.bytes())) [[unlikely]] {
            const Finding found = examine(frame.bytes(), table.own);
            if (found.tells) table.neighbours.heard(found.neighbour, found.mac);
            if (found.answer != Finding::Answer::none) {
                say(tx, worker, answer_bytes(found),
                    [&](std::byte* to) { write_answer(found, frame.bytes(), table.own, to); });
                spoke = true;
            }
            if (found.whom == Finding::For::alone) {
                worker.received.add(1);
                worker.absorbed.add(1);
                taken[count++] = frame;
                continue;
            }
        }
        if (kept != i) burst[kept] = frame;
        ++kept;
    }
    if (count != 0) burst.truncate(kept);
    if (table.neighbours.waiting()) [[unlikely]] {
        if (say_questions(table.neighbours, table.own, tx, worker)) spoke = true;
    }
    if (spoke) tx.flush(worker);
    return count;
}

std::optional<MacAddress> Station::next_hop(const IpAddress& destination, std::uint64_t now_ns) {
    if (const auto group = group_mac(destination)) return group;
    const Identity& own = table_->own;
    if (destination.unspecified() || own.owns(destination)) return std::nullopt;
    if (own.broadcast(destination)) return broadcast_mac;
    // Without an address of the family there is nobody to ask in the name of.
    if (!own.speaker_to(destination)) return std::nullopt;
    if (own.on_link(destination)) return table_->neighbours.find(destination, now_ns);
    for (const IpAddress& gateway : table_->gateways) {
        if (gateway.v6 == destination.v6) return table_->neighbours.find(gateway, now_ns);
    }
    return std::nullopt;
}

}  // namespace lanes::drivers
