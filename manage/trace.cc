// `trace`: what becomes of some frames of a lane, told when there were enough of them or when the
// time is over. See lanes/trace.hh for how a worker finds out.
#include <algorithm>
#include <optional>
#include <utility>

#include "engine/clock.hh"
#include "lanes/tracing.hh"
#include "manage/actions.hh"
#include "manage/columns.hh"
#include "manage/frame_text.hh"
#include "manage/json.hh"
#include "manage/lane_facts.hh"

namespace lanes::manage {
namespace {

using engine::PortKind;

constexpr unsigned frames_usual = 10;
constexpr unsigned seconds_usual = 10;

/// What is done to a frame of the lane between the ports, in a word.
std::string_view stage_of(const LaneSpec& spec) {
    const bool sealed = spec.keys != nullptr;
    switch (spec.role) {
        case Role::send:
            return sealed ? "seal" : "wrap";
        case Role::receive:
            return sealed ? "open" : "unwrap";
        case Role::relay:
            return "relay";
        case Role::patch:
            break;
    }
    return "patch";
}

std::string hex(std::span<const std::byte> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::byte byte : bytes) {
        text += digits[std::to_integer<unsigned>(byte) >> 4];
        text += digits[std::to_integer<unsigned>(byte) & 0xf];
    }
    return text;
}

std::string_view word_of(PortKind kind) {
    switch (kind) {
        case PortKind::ethernet:
            return "ethernet";
        case PortKind::ip:
            return "ip";
        case PortKind::carrier:
            return "carrier";
        case PortKind::datagram:
            return "datagram";
        case PortKind::stream:
            break;
    }
    return "stream";
}

class LaneTrace final : public Later {
  public:
    LaneTrace(Node& node, const Request& request, const LaneSpec& spec,
              std::unique_ptr<Tracing> tracing)
        : node_(node),
          json_(request.json),
          frames_(request.frames.value_or(frames_usual)),
          begun_ns_(engine::monotonic_ns()),
          most_ns_(request.seconds.value_or(seconds_usual) * ns_per_second),
          lane_(spec.name),
          arrives_(spec.role == Role::receive || spec.role == Role::relay),
          leaves_(spec.role == Role::send || spec.role == Role::relay),
          stage_(stage_of(spec)),
          summary_("lane " + spec.name + ", " + std::string(manage::word_of(spec.role)) + ' ' +
                   way_of(node.control(), spec) + ", cipher " +
                   std::string(manage::word_of(cipher_of(spec)))),
          tracing_(std::move(tracing)) {}

    bool look(std::uint64_t now_ns, Answer& answer) override {
        // What the workers' clocks say may be a little later than `now_ns`.
        if (tracing_->goes_on() && now_ns < begun_ns_ + most_ns_) return false;
        whole_.clear();
        for (const Trace::Entry& entry : tracing_->trace().entries()) {
            if (entry.done.load(std::memory_order_acquire)) whole_.push_back(&entry);
        }
        answer = {whole_.empty() ? 1 : 0, json_ ? as_json() : as_text()};
        return true;
    }

  private:
    struct Place {
        std::string_view port = "-";  ///< closed meanwhile
        PortKind kind = PortKind::ethernet;
    };
    Place place_of(PortIndex index) const {
        const Ports::Slot& slot = node_.control().ports().at(index);
        return slot.port ? Place{slot.spec.name, slot.port->info().kind} : Place{};
    }
    Place place_of(const engine::TxQueue* queue, unsigned worker) const {
        for (const Ports::Slot& slot : node_.control().ports().slots()) {
            if (slot.port && &slot.port->tx(worker) == queue) {
                return {slot.spec.name, slot.port->info().kind};
            }
        }
        return {};
    }

    /// `tunnel`: it is a frame of the lane's way, with a lane packet in it.
    static std::string describe(const Place& place, const Trace::Picture& picture, bool tunnel) {
        std::string text = std::string(place.port) + ", " + counted(picture.len, "byte");
        const auto header =
            tunnel ? lane_header(picture.bytes(), place.kind) : std::optional<wire::Header>();
        if (header) text += ", " + lane_text(*header);
        const std::string headers = frame_text(picture.bytes(), place.kind);
        return headers.empty() ? text : text + ": " + headers;
    }

    static std::string line(std::string_view stage, const std::string& what) {
        return "  " + std::string(stage) +
               std::string(8 - std::min<std::size_t>(stage.size(), 7), ' ') + what + '\n';
    }

    std::string text_of(const Trace::Entry& entry) const {
        std::string in = describe(place_of(entry.from), entry.in, arrives_);
        if (entry.burst > 1) in += " (the first of " + std::to_string(entry.burst) + ")";
        std::string text = line("in", in);
        std::string work = grouped(entry.transform_clocks) + " clocks";
        if (entry.out_count != 0)
            work += ", and " + grouped(entry.transmit_clocks) + " to transmit";
        text += line(stage_, work + ", by worker " + std::to_string(entry.worker));
        for (unsigned i = 0; i < std::min(entry.out_count, Trace::outs_max); ++i) {
            const Trace::Out& out = entry.outs[i];
            text += line("out", describe(place_of(out.queue, entry.worker), out.picture, leaves_));
        }
        if (entry.out_count > Trace::outs_max) {
            text +=
                line("out", "and " + std::to_string(entry.out_count - Trace::outs_max) + " more");
        }
        for (unsigned i = 0; i < entry.drop_count; ++i) {
            const Trace::Dropped& drop = entry.drops[i];
            const engine::DropText& reason = engine::text_of(drop.reason);
            text += line("drop", std::string(reason.name) + ": " + std::string(reason.remedy));
        }
        if (entry.out_count == 0 && entry.drop_count == 0) text += line("end", end_of(entry));
        return text;
    }

    /// Of a frame that neither left nor was dropped.
    std::string end_of(const Trace::Entry& entry) const {
        if (!arrives_) return "nothing left";
        const auto header = lane_header(entry.in.bytes(), place_of(entry.from).kind);
        const bool data = header && wire::Type{header->type} == wire::Type::data;
        if (header && (!data || header->subspace == wire::control_subspace)) {
            return "for this node itself, which keeps the lane's keys and health by it";
        }
        return "kept, as a fragment, until the others of its frame come";
    }

    std::string seconds_of(std::uint64_t at_ns) const {
        const std::uint64_t ns = at_ns - std::min(at_ns, begun_ns_);
        std::string us = std::to_string(ns / 1000 % 1'000'000);
        us.insert(0, 6 - us.size(), '0');
        return std::to_string(ns / ns_per_second) + '.' + us;
    }

    std::string as_text() const {
        std::string text = summary_ + '\n';
        for (std::size_t i = 0; i < whole_.size(); ++i) {
            text += '#' + std::to_string(i + 1) + " after " + seconds_of(whole_[i]->at_ns) + " s\n";
            text += text_of(*whole_[i]);
        }
        return text + last_words() + '\n';
    }

    std::string last_words() const {
        std::string text = std::to_string(whole_.size()) + " of " + counted(frames_, "frame");
        if (whole_.size() == frames_) return text;
        if (!tracing_->goes_on()) return text + ": the lane is another, or gone";
        text += " within " + counted(most_ns_ / ns_per_second, "second");
        return whole_.empty() ? text + "; `why " + lane_ + "` says what stands in their way" : text;
    }

    static void add(JsonWriter& json, const Place& place, const Trace::Picture& picture) {
        json.text("port", place.port).text("kind", word_of(place.kind));
        json.number("bytes", picture.len).text("data", hex(picture.bytes()));
    }

    std::string as_json() const {
        JsonWriter json;
        json.text("node", node_.name()).text("lane", lane_).text("summary", summary_);
        json.number("frames_wanted", frames_).array("frames");
        for (const Trace::Entry* entry : whole_) {
            json.object().number("after_ns", entry->at_ns - std::min(entry->at_ns, begun_ns_));
            json.number("worker", entry->worker).number("burst_frames", entry->burst);
            json.object("in");
            add(json, place_of(entry->from), entry->in);
            json.end().text("stage", stage_).number("stage_clocks", entry->transform_clocks);
            json.array("out");
            for (unsigned i = 0; i < std::min(entry->out_count, Trace::outs_max); ++i) {
                const Trace::Out& out = entry->outs[i];
                json.object();
                add(json, place_of(out.queue, entry->worker), out.picture);
                json.end();
            }
            json.end().number("out_frames", entry->out_count);
            json.number("transmit_clocks", entry->transmit_clocks).array("drops");
            for (unsigned i = 0; i < entry->drop_count; ++i) {
                const Trace::Dropped& drop = entry->drops[i];
                json.object().text("reason", engine::text_of(drop.reason).name);
                json.number("frames", drop.count).end();
            }
            json.end().text("text", text_of(*entry)).end();
        }
        json.end().text("end", last_words());
        return json.done();
    }

    Node& node_;
    const bool json_;
    const unsigned frames_;
    const std::uint64_t begun_ns_;
    const std::uint64_t most_ns_;
    const std::string lane_;
    const bool arrives_;  ///< what comes in are lane packets
    const bool leaves_;   ///< what goes out are lane packets
    const std::string stage_;
    const std::string summary_;
    std::unique_ptr<Tracing> tracing_;
    std::vector<const Trace::Entry*> whole_;
};

}  // namespace

Answer trace(Node& node, const Request& request) {
    const Found found = find_lane(node, request);
    if (found.entry == nullptr) return found.answer;
    const LaneSpec& spec = *found.entry->spec;
    auto tracing = Tracing::begin(node.control(), spec.name, request.frames.value_or(frames_usual));
    if (!tracing) return refused(request, 1, tracing.error().message);
    Answer answer;
    answer.later = std::make_shared<LaneTrace>(node, request, spec, std::move(tracing.value()));
    return answer;
}

}  // namespace lanes::manage
