// See lane_facts.hh.
#include "manage/lane_facts.hh"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "lanes/plan.hh"
#include "manage/actions.hh"
#include "manage/json.hh"

namespace lanes::manage {
namespace {

/// Names that are compared when somebody mistyped one.
constexpr std::size_t names_compared = 100'000;
constexpr std::size_t names_offered = 3;

/// Changes of a character, insertions and deletions from one to the other (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t corner = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
            corner = row[j];
            row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

/// How it is with a port that a lane needs.
Condition condition_of(Control& control, PortIndex port, Links& links) {
    if (port == no_port) return {};
    const Ports::Slot& slot = control.ports().at(port);
    if (!slot.port) return {"no-port", "port " + slot.spec.name + " is closed"};
    const engine::Link& link = links.of(port);
    if (link.state != engine::Link::State::down) return {};
    return {"link-down", "port " + slot.spec.name + ": " + link.why};
}

/// Of several paths one that works is enough; else what is wrong with the first.
Condition condition_of_paths(const Fleet::Entry& entry, Links& links) {
    Condition worst;
    for (std::size_t i = 0; i < entry.spec->paths.size(); ++i) {
        Condition one = condition_of(links.control(), entry.spec->paths[i].port, links);
        if (one.up() && !next_hop_known(entry, i)) {
            const auto asked = asked_next_hop(entry, i);
            one = {"no-hop", "nobody answers for the next hop " +
                                 (asked ? to_string(*asked) : std::string("of its path"))};
        }
        if (one.up()) return {};
        if (worst.up()) worst = std::move(one);
    }
    return worst;
}

}  // namespace

const engine::Link& Links::of(PortIndex port) {
    auto& link = links_[port];
    if (!link) {
        const Ports::Slot& slot = control_.ports().at(port);
        link = slot.port ? slot.port->link() : engine::Link{};
    }
    return *link;
}

Condition condition_of(const Fleet::Entry& entry, const std::optional<Keeper::Status>& status,
                       Links& links) {
    const LaneSpec& spec = *entry.spec;
    for (const PortIndex port : {spec.port, spec.patch_to}) {
        if (Condition one = condition_of(links.control(), port, links); !one.up()) return one;
    }
    if (Condition paths = condition_of_paths(entry, links); !paths.up()) return paths;
    if (!entry.plan) return {"no-port", "a port of it could not be opened: it is out of service"};
    if (!status) return {};
    return {lanes::name_of(status->health.state), status->health.cause};
}

std::string_view word_of(Role role) noexcept {
    switch (role) {
        case Role::send:
            return "send";
        case Role::receive:
            return "receive";
        case Role::patch:
            return "patch";
        case Role::relay:
            break;
    }
    return "relay";
}

std::string_view word_of(Cipher cipher) noexcept {
    switch (cipher) {
        case Cipher::none:
            return "none";
        case Cipher::aes_256_gcm:
            return "aes-256-gcm";
        case Cipher::chacha20_poly1305:
            break;
    }
    return "chacha20-poly1305";
}

Cipher cipher_of(const LaneSpec& spec) noexcept {
    const bool tunnel = spec.role == Role::send || spec.role == Role::receive;
    return tunnel ? spec.cipher : Cipher::none;
}

std::string_view name_of(Control& control, PortIndex port) noexcept {
    return port == no_port ? std::string_view("-") : control.ports().at(port).spec.name;
}

std::string text_of(Control& control, const PathSpec& path, Role role) {
    std::string text(name_of(control, path.port));
    if (role == Role::receive) {
        return path.carrier == CarrierKind::ethernet ? text + " as Ethernet" : text;
    }
    if (path.carrier == CarrierKind::ethernet) return text + " to " + to_string(path.to_mac);
    return text + " to " + to_string(path.to);
}

std::string way_of(Control& control, const LaneSpec& spec) {
    const std::string port(name_of(control, spec.port));
    if (spec.role == Role::patch) {
        return port + " -> " + std::string(name_of(control, spec.patch_to));
    }
    std::string over;
    for (const PathSpec& path : spec.paths) {
        over += (over.empty() ? "" : "+") + std::string(name_of(control, path.port));
    }
    return spec.role == Role::receive ? over + " -> " + port : port + " -> " + over;
}

bool next_hop_known(const Fleet::Entry& entry, std::size_t place) noexcept {
    if (!entry.plan || place >= entry.plan->paths().size()) return true;
    const NextHop* hop = entry.plan->paths()[place].next_hop;
    return hop == nullptr || hop->mac.load(std::memory_order_relaxed) != 0;
}

std::optional<engine::IpAddress> asked_next_hop(const Fleet::Entry& entry, std::size_t place) {
    if (!entry.plan || place >= entry.plan->paths().size()) return std::nullopt;
    if (entry.plan->paths()[place].next_hop == nullptr) return std::nullopt;
    return next_hop_of(entry.spec->paths[place]);
}

std::string_view word_of(engine::PortKind kind) noexcept {
    switch (kind) {
        case engine::PortKind::ethernet:
            return "ethernet";
        case engine::PortKind::ip:
            return "ip";
        case engine::PortKind::carrier:
            return "carrier";
        case engine::PortKind::datagram:
            return "datagram";
        case engine::PortKind::stream:
            break;
    }
    return "stream";
}

std::string_view word_of(engine::Link::State state) noexcept {
    switch (state) {
        case engine::Link::State::up:
            return "up";
        case engine::Link::State::down:
            return "down";
        case engine::Link::State::unknown:
            break;
    }
    return "unknown";
}

PortCounts counts_of(Control& control, engine::Port& port, unsigned worker) {
    const auto workers = static_cast<unsigned>(control.workers().size());
    PortCounts counts;
    for (unsigned i = 0; i < (port.rx_queues() == 0 ? workers : port.rx_queues()); ++i) {
        if (port.rx_worker(i) != worker) continue;
        counts.rx_frames += port.rx(i).counters.frames.get();
        counts.rx_bytes += port.rx(i).counters.bytes.get();
    }
    counts.tx_frames = port.tx(worker).counters.frames.get();
    counts.tx_bytes = port.tx(worker).counters.bytes.get();
    return counts;
}

PortCounts counts_of(Control& control, engine::Port& port) {
    PortCounts sum;
    for (unsigned worker = 0; worker < control.workers().size(); ++worker) {
        const PortCounts counts = counts_of(control, port, worker);
        sum.rx_frames += counts.rx_frames;
        sum.rx_bytes += counts.rx_bytes;
        sum.tx_frames += counts.tx_frames;
        sum.tx_bytes += counts.tx_bytes;
    }
    return sum;
}

std::optional<std::uint64_t> resident_bytes() {
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return std::nullopt;
    unsigned long long size = 0;
    unsigned long long resident = 0;
    const int fields = std::fscanf(file, "%llu %llu", &size, &resident);
    std::fclose(file);
    if (fields != 2) return std::nullopt;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::vector<std::string> nearest_names(Node& node, std::string_view name) {
    std::vector<std::pair<std::size_t, std::string>> near;
    const std::size_t most = (name.size() + 2) / 3;
    const auto look = [&](std::string_view other) {
        const bool within = other.find(name) != std::string_view::npos;
        const std::size_t apart =
            std::max(name.size(), other.size()) - std::min(name.size(), other.size());
        if (!within && apart > most) return;
        const std::size_t away = within ? 1 : distance(name, other);
        if (away > most) return;
        near.emplace_back(away, other);
        std::push_heap(near.begin(), near.end());
        if (near.size() <= names_offered) return;
        std::pop_heap(near.begin(), near.end());
        near.pop_back();
    };
    std::size_t compared = 0;
    for (const auto& [other, entry] : node.control().fleet().entries()) {
        if (++compared > names_compared) break;
        look(other);
    }
    for (const std::string& other : node.lanes_down()) look(other);
    std::sort_heap(near.begin(), near.end());
    std::vector<std::string> names;
    for (auto& [away, other] : near) names.push_back(std::move(other));
    return names;
}

Answer no_such_lane(Node& node, std::string_view name, const Request& request) {
    std::string message = "there is no lane `" + std::string(name) + "`";
    const auto near = nearest_names(node, name);
    for (std::size_t i = 0; i < near.size(); ++i) {
        message += (i == 0                 ? "; did you mean `"
                    : i + 1 == near.size() ? " or `"
                                           : ", `") +
                   near[i] + "`";
    }
    message += near.empty() ? "; `show lanes` lists them" : "?";
    return refused(request, 1, message);
}

Found find_lane(Node& node, const Request& request) {
    if (request.arguments.size() != 1) {
        return {nullptr,
                refused(request, 2, "the name of one lane is expected; `show lanes` lists them")};
    }
    const std::string& name = request.arguments.front();
    const auto& entries = node.control().fleet().entries();
    if (const auto at = entries.find(name); at != entries.end()) return {&at->second, {}};
    const auto down = node.lanes_down();
    if (std::find(down.begin(), down.end(), name) == down.end()) {
        return {nullptr, no_such_lane(node, name, request)};
    }
    const std::string todo = "lane up " + name;
    if (!request.json) {
        return {nullptr,
                {0, "lane " + name +
                        " is down: it was taken out of service here; its "
                        "packets are refused; `" +
                        todo + "` brings it back\n"}};
    }
    JsonWriter json;
    json.text("lane", name).text("state", "down").text("cause", "it was taken out of service here");
    json.array("to_do").text(todo).end();
    return {nullptr, {0, json.done()}};
}

}  // namespace lanes::manage
