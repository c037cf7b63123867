// See receive.hh. The order of the steps is the protocol's: subspace, window check, open, window
// commit, inner checks, deliver. A clear lane has nothing to open, so check and commit are one.
// What Control is to know (announcements, heartbeats) becomes a note.
#include "lanes/receive.hh"

#include <algorithm>

#include "lanes/carrier.hh"
#include "lanes/deliver.hh"
#include "lanes/heartbeat.hh"
#include "lanes/session.hh"

namespace lanes {
namespace {

using engine::burst_max;
using engine::Drop;
using engine::Frame;
using Packets = std::span<const LanePacket>;

/// A set of packets of a run, a bit each.
using Set = std::uint64_t;
static_assert(burst_max <= 64);

constexpr std::uint32_t sealed_least = wire::header_bytes + wire::inner_bytes + wire::tag_bytes;

constexpr Set bit(std::size_t i) noexcept {
    return Set{1} << i;
}
/// The first n, at least one.
constexpr Set first_bits(std::size_t n) noexcept {
    return ~Set{0} >> (64 - n);  // NOLINT(clang-analyzer-core*): nobody asks for none
}
/// From i on, before end > i.
constexpr Set bits_of(std::size_t i, std::size_t end) noexcept {
    return first_bits(end - i) << i;
}

class Receiver {
  public:
    Receiver(engine::WorkerContext& worker, Workshop& workshop, const engine::FrameMemory* memory,
             Lane& lane, const Plan& plan, Reassembly& reassembly) noexcept
        : worker_(worker),
          workshop_(workshop),
          lane_(lane),
          plan_(plan),
          share_(lane.shares[worker.index]),
          delivery_(worker, memory, lane, plan, reassembly) {}

    void run(Packets packets) noexcept {
        // Packets of one session and one subspace together: one key, one window.
        for (std::size_t i = 0; i < packets.size();) {
            const LanePacket& first = packets[i];
            const std::uint32_t group = first.group();
            std::size_t end = i + 1;
            while (end < packets.size() && packets[end].group() == group) ++end;
            const Packets some = packets.subspan(i, end - i);
            if (first.type == wire::Type::announce) {
                announced(some);
            } else if (plan_.sealed) {
                sealed(some);
            } else {
                clear(some);
            }
            i = end;
        }
        delivery_.flush();
    }

  private:
    void drop(Drop reason, std::size_t n = 1) noexcept {
        worker_.counters.drop(reason, n);
        share_.dropped.add(n);
    }

    /// Takes the numbers of the packets of `wanted` in the window; returns those that were fresh
    /// and counts the others.
    Set commit(Window window, Packets packets, Set wanted) noexcept {
        Set all_fresh = 0;
        for (std::size_t i = 0; i < packets.size();) {
            // One block of numbers: one swap of the window takes them all.
            const std::uint64_t block = packets[i].sequence / Window::block_numbers;
            std::uint64_t numbers = 0;
            std::size_t end = i;
            for (; end < packets.size(); ++end) {
                if ((wanted & bit(end)) == 0) continue;
                const std::uint64_t number = number_bit(packets[end]);
                if (packets[end].sequence / Window::block_numbers != block) break;
                if ((numbers & number) != 0) break;  // twice in one burst: a turn of its own
                numbers |= number;
            }
            const Set these = wanted & bits_of(i, end);
            const Window::Outcome outcome =
                numbers == 0 ? Window::Outcome{0, false} : window.commit(block, numbers);
            if (outcome.fresh == numbers && !outcome.old) {
                all_fresh |= these;
            } else {
                all_fresh |= sort_out(packets, these, outcome);
            }
            i = end;
        }
        return all_fresh;
    }

    /// Of packets of one block, some of which were not fresh: those that were. Counts the others.
    Set sort_out(Packets packets, Set these, const Window::Outcome& outcome) noexcept {
        Set fresh = 0;
        for (; these != 0; these &= these - 1) {
            const auto i = static_cast<std::size_t>(__builtin_ctzll(these));
            if (!outcome.old && (outcome.fresh & number_bit(packets[i])) != 0) {
                fresh |= bit(i);
            } else {
                refuse(outcome.old ? Window::Verdict::old : Window::Verdict::duplicate);
            }
        }
        return fresh;
    }

    static std::uint64_t number_bit(const LanePacket& packet) noexcept {
        return std::uint64_t{1} << packet.sequence % Window::block_numbers;
    }

    void refuse(Window::Verdict verdict) noexcept {
        if (verdict == Window::Verdict::old) {
            drop(Drop::replay_old);
            share_.old.add(1);
        } else {
            drop(Drop::replay_duplicate);
            share_.duplicates.add(1);
        }
    }

    void clear(Packets packets) noexcept {
        const std::uint16_t subspace = packets[0].subspace;
        if (subspace == wire::control_subspace) return clear_heartbeats(packets);
        if (subspace >= clear_subspaces) return drop(Drop::bad_subspace, packets.size());
        const Set fresh = commit(lane_.window(subspace), packets, first_bits(packets.size()));
        std::uint64_t newest = 0;
        for (Set left = fresh; left != 0; left &= left - 1) {
            const LanePacket& packet = packets[static_cast<std::size_t>(__builtin_ctzll(left))];
            newest = std::max(newest, packet.sequence);
            delivery_.take(packet, packet.data + wire::header_bytes,
                           packet.len - wire::header_bytes);
        }
        share_.packets.add(static_cast<unsigned>(__builtin_popcountll(fresh)));
        count_newest(newest);
    }

    void count_newest(std::uint64_t newest) noexcept {
        const std::uint32_t restarts = lane_.restarts.load(std::memory_order_relaxed);
        const bool same = share_.restarts == restarts;
        share_.restarts = restarts;
        share_.newest.set(same ? std::max(newest, share_.newest.get()) : newest);
    }

    void sealed(Packets packets) noexcept {
        OpenSessions* sessions = lane_.opening.load(std::memory_order_acquire);
        OpenSession* session = sessions == nullptr ? nullptr : sessions->find(packets[0].epoch);
        if (session == nullptr) return drop(Drop::no_session, packets.size());
        const OpenKey* key = session->find(packets[0].subspace);
        if (key == nullptr) return drop(Drop::bad_subspace, packets.size());
        const Set asked = check(session->window(*key), packets);
        if (asked == 0) return;
        engine::Scratch<LanePacket, burst_max> some;
        if (asked != first_bits(packets.size())) {
            unsigned n = 0;
            for (Set left = asked; left != 0; left &= left - 1) {
                some[n++] = packets[static_cast<std::size_t>(__builtin_ctzll(left))];
            }
            packets = some.first(n);
        }
        if (packets[0].subspace == wire::control_subspace) {
            return sealed_heartbeats(*session, *key, packets);
        }
        while (!packets.empty()) {
            const std::size_t n = std::min<std::size_t>(cipher_run(packets[0].len), packets.size());
            open(*session, *key, packets.first(n));
            packets = packets.subspan(n);
        }
    }

    /// The packets that are worth opening; counts the others.
    Set check(const Window& window, Packets packets) noexcept {
        Set asked = 0;
        Window::View view(window, packets[0].sequence / Window::block_numbers);
        for (std::size_t i = 0; i < packets.size(); ++i) {
            const LanePacket& packet = packets[i];
            if (packet.len < sealed_least) {
                drop(Drop::malformed_packet);
                continue;
            }
            const std::uint64_t block = packet.sequence / Window::block_numbers;
            if (block != view.block()) view = Window::View(window, block);
            const Window::Verdict verdict = view.check(packet.sequence);
            if (verdict == Window::Verdict::fresh) {
                asked |= bit(i);
            } else {
                refuse(verdict);
            }
        }
        return asked;
    }

    /// Opens `packets` to where they are to leave from, if there is room for them.
    void open(OpenSession& session, const OpenKey& key, Packets packets) noexcept {
        engine::TxQueue* tx = delivery_.queue();
        if (tx == nullptr) return drop(Drop::tx_refused, packets.size());
        std::uint32_t longest = 0;
        for (const LanePacket& packet : packets) longest = std::max(longest, packet.len);
        longest -= sealed_least;
        // In place when the frame itself can leave, or when the queue has no room of this size,
        // which is then found out packet by packet.
        if (delivery_.shared() || longest > tx->max_len()) {
            const Set fresh = open_all(session, key, packets, nullptr);
            for (Set left = fresh; left != 0; left &= left - 1) {
                take(packets[static_cast<std::size_t>(__builtin_ctzll(left))]);
            }
            return delivery_.flush();
        }
        engine::Scratch<Frame, burst_max> room;
        const unsigned n = claim_or_flush(worker_, *tx, room.first(packets.size()), longest);
        drop(Drop::tx_full, packets.size() - n);
        if (n == 0) return;
        const Set fresh = open_all(session, key, packets.first(n), room.data());
        send_opened(packets.first(n), room.first(n), fresh);
    }

    /// Opens each packet, in place or to its room (the inner header before the room's data).
    /// Returns those that are authentic and fresh.
    Set open_all(OpenSession& session, const OpenKey& key, Packets packets,
                 const Frame* room) noexcept {
        engine::Scratch<crypto::Job, burst_max> jobs;
        for (std::size_t i = 0; i < packets.size(); ++i) {
            const LanePacket& packet = packets[i];
            crypto::Job& job = jobs[static_cast<unsigned>(i)];
            std::byte* text = packet.data + wire::header_bytes;
            job.source = text;
            job.destination = room == nullptr ? text : room[i].data - wire::inner_bytes;
            job.len = inner_len(packet);
            job.associated_len = wire::header_bytes;
            job.associated = packet.data;
            job.tag = text + job.len;
            crypto::write_nonce(key.iv, packet.sequence, job.nonce);
        }
        const std::size_t good = workshop_.backend->open(key.key, jobs.first(packets.size()));
        Set authentic = first_bits(packets.size());
        if (good != packets.size()) {
            for (std::size_t i = 0; i < packets.size(); ++i) {
                if (jobs[static_cast<unsigned>(i)].ok) continue;
                authentic &= ~bit(i);
                drop(Drop::bad_tag);
            }
        }
        const Set fresh = commit(session.window(key), packets, authentic);
        const auto count = static_cast<unsigned>(__builtin_popcountll(fresh));
        if (packets[0].subspace != wire::control_subspace) {
            share_.packets.add(count);
            session.shares[worker_.index].accepted.add(count);
        }
        return fresh;
    }

    static std::uint32_t inner_len(const LanePacket& packet) noexcept {
        return packet.len - wire::header_bytes - wire::tag_bytes;
    }

    void take(const LanePacket& packet) noexcept {
        delivery_.take(packet, packet.data + wire::header_bytes, inner_len(packet));
    }

    /// Sends what was opened into `room`. A packet that must be taken apart goes back to where it
    /// came from, and so does all behind it: the order stays, and the room is given up.
    void send_opened(Packets packets, std::span<Frame> room, Set fresh) noexcept {
        unsigned ready = 0;
        for (Set left = fresh; left != 0; left &= left - 1) {
            const auto i = static_cast<std::size_t>(__builtin_ctzll(left));
            wire::Inner head;
            switch (delivery_.look(room[i].data - wire::inner_bytes, inner_len(packets[i]), head)) {
                case Delivery::Form::frame:
                    room[i].len = head.length;
                    room[ready++] = room[i];
                    break;
                case Delivery::Form::special:
                    return send_and_take(packets, room, ready, left);
                case Delivery::Form::dropped:
                    break;
            }
        }
        delivery_.send(room.first(ready));
    }

    void send_and_take(Packets packets, std::span<Frame> room, unsigned ready, Set left) noexcept {
        for (Set back = left; back != 0; back &= back - 1) {
            const auto i = static_cast<std::size_t>(__builtin_ctzll(back));
            std::memcpy(packets[i].data + wire::header_bytes, room[i].data - wire::inner_bytes,
                        inner_len(packets[i]));
            worker_.counters.copies.add(1);
        }
        delivery_.send(room.first(ready));
        for (; left != 0; left &= left - 1) {
            take(packets[static_cast<std::size_t>(__builtin_ctzll(left))]);
        }
        delivery_.flush();
    }

    void sealed_heartbeats(OpenSession& session, const OpenKey& key, Packets packets) noexcept {
        const Set fresh = open_all(session, key, packets, nullptr);
        for (Set left = fresh; left != 0; left &= left - 1) {
            const LanePacket& packet = packets[static_cast<std::size_t>(__builtin_ctzll(left))];
            heartbeat(packet, inner_len(packet), &session);
        }
    }

    void clear_heartbeats(Packets packets) noexcept {
        for (const LanePacket& packet : packets) {
            heartbeat(packet, packet.len - wire::header_bytes, nullptr);
        }
    }

    /// `session` is nullptr on clear lanes.
    void heartbeat(const LanePacket& packet, std::uint32_t len, OpenSession* session) noexcept {
        const std::byte* inner = packet.data + wire::header_bytes;
        const wire::Inner head = len < wire::inner_bytes ? wire::Inner{} : wire::read_inner(inner);
        Heartbeat heartbeat;
        if (head.length + wire::inner_bytes > len ||
            wire::Kind{head.kind} != wire::Kind::heartbeat ||
            !read_heartbeat(inner + wire::inner_bytes, head.length, heartbeat)) {
            return drop(Drop::malformed_inner);
        }
        const std::uint32_t used = wire::inner_bytes + head.length;
        if (!wire::all_zero(inner + used, len - used)) return drop(Drop::bad_padding);
        // Whoever can reach a clear lane could fill Control's ring with them, and keep
        // announcements out of it; and Control has nothing to learn from what nobody authenticates.
        if (session == nullptr) return worker_.counters.absorbed.add(1);
        Note* note = new_note(Note::Kind::heartbeat);
        if (note == nullptr) return;
        const std::uint64_t before = session->accepted(workshop_.workers);
        const std::uint64_t sent = sent_by(heartbeat, *session);
        const std::uint64_t accepted = session->accepted(workshop_.workers);
        note->heartbeat = {heartbeat.now_ns, sent, accepted, packet.epoch, accepted - before};
        workshop_.notes.push();
        worker_.counters.absorbed.add(1);
    }

    /// Packets that had been sent. A heartbeat says what Control read a moment before it was sent;
    /// data that overtook it since has been seen, and counts as well.
    static std::uint64_t sent_by(const Heartbeat& heartbeat, const OpenSession& session) noexcept {
        std::uint64_t sum = 0;
        for (unsigned i = 0; i < heartbeat.subspaces; ++i) {
            std::uint64_t next = heartbeat.next_of(i);
            if (i < session.subspaces) {
                next = std::max(next, session.window(session.keys[i]).end());
            }
            sum += next;
        }
        return sum;
    }

    /// Control counts them: as absorbed, or as dropped for one of its reasons. Only what is
    /// repeated every second ends here.
    void announced(Packets packets) noexcept {
        if (!plan_.sealed) return drop(Drop::wrong_terms, packets.size());
        for (const LanePacket& packet : packets) {
            if (is_repeat(packet)) continue;
            if (workshop_.notes.crowded() && !is_addressed_to_us(packet)) {
                drop(Drop::bad_mac);
                continue;
            }
            Note* note = new_note(Note::Kind::announcement);
            if (note == nullptr) continue;
            std::memcpy(note->announcement.data(), packet.data, wire::announce_bytes);
            workshop_.notes.push();
        }
    }

    /// Whether it is the announcement of a session that lives; then it is counted.
    bool is_repeat(const LanePacket& packet) noexcept {
        const OpenSessions* sessions = lane_.opening.load(std::memory_order_acquire);
        OpenSession* session = sessions == nullptr ? nullptr : sessions->find(packet.epoch);
        if (session == nullptr ||
            std::memcmp(session->announcement.data(), packet.data, wire::announce_bytes) != 0) {
            return false;
        }
        session->shares[worker_.index].repeats.add(1);
        worker_.counters.absorbed.add(1);
        return true;
    }

    /// Control asks the same. While it falls behind, forged announcements would fill the ring and
    /// the genuine one would be lost among them; then a worker pays for the hash.
    bool is_addressed_to_us(const LanePacket& packet) const noexcept {
        const OpenSessions* sessions = lane_.opening.load(std::memory_order_acquire);
        if (sessions == nullptr) return true;  // then Control is not ready for any
        AnnounceBytes bytes;
        std::memcpy(bytes.data(), packet.data, wire::announce_bytes);
        return sessions->reader->addressed_to_us(bytes);
    }

    Note* new_note(Note::Kind kind) noexcept {
        Note* note = workshop_.notes.claim(kind);
        if (note == nullptr) {
            drop(Drop::control_full);
            return nullptr;
        }
        note->lane = &lane_;
        note->now_ns = worker_.now_ns;
        note->kind = kind;
        return note;
    }

    engine::WorkerContext& worker_;
    Workshop& workshop_;
    Lane& lane_;
    const Plan& plan_;
    LaneShare& share_;
    Delivery delivery_;
};

}  // namespace

void receive_run(engine::WorkerContext& worker, Workshop& workshop,
                 const engine::FrameMemory* memory, Lane& lane, const Plan& plan,
                 std::span<const LanePacket> packets, Reassembly& reassembly) noexcept {
    Receiver(worker, workshop, memory, lane, plan, reassembly).run(packets);
}

}  // namespace lanes
