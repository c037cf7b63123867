// `show ports`: each port, its link, what came and went, and what the device lost before the engine
// could see it.
#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/lane_facts.hh"
#include "manage/views.hh"

namespace lanes::manage {
namespace {

std::string as_text(Control& control, Links& links) {
    using enum Columns::Side;
    Columns columns({"PORT", "DRIVER", "DEVICE", "MTU", "LINK", "RECEIVED", "BYTES", "SENT",
                     "BYTES", "LOST IN", "LOST OUT"},
                    {left, left, left, right, left, right, right, right, right, right, right});
    std::string notes;
    for (const Ports::Slot& slot : control.ports().slots()) {
        if (!slot.taken()) continue;
        const std::string& name = slot.spec.name;
        if (!slot.port) {
            columns.add({name, slot.spec.driver, slot.spec.device, "", "closed"});
            continue;
        }
        const engine::PortInfo& info = slot.port->info();
        const engine::Link& link = links.of(slot.shared.index);
        const PortCounts counts = counts_of(control, *slot.port);
        const engine::DeviceLoss loss = slot.port->loss();
        const bool known = link.state != engine::Link::State::unknown;
        columns.add({name, info.driver, slot.spec.device.empty() ? "-" : slot.spec.device,
                     std::to_string(info.mtu), known ? std::string(word_of(link.state)) : "-",
                     grouped(counts.rx_frames), bytes_text(counts.rx_bytes),
                     grouped(counts.tx_frames), bytes_text(counts.tx_bytes), grouped(loss.rx_lost),
                     grouped(loss.tx_lost)});
        notes += name + ": " + info.note + '\n';
        if (!link.why.empty()) notes += name + ": link down: " + link.why + '\n';
    }
    return columns.text() + notes;
}

void write(JsonWriter& json, Control& control, const Ports::Slot& slot, Links& links) {
    json.object().text("name", slot.spec.name).text("driver", slot.spec.driver);
    json.text("device", slot.spec.device).truth("open", slot.port != nullptr);
    if (!slot.port) {
        json.end();
        return;
    }
    const engine::PortInfo& info = slot.port->info();
    const engine::Link& link = links.of(slot.shared.index);
    json.text("kind", word_of(info.kind)).text("note", info.note);
    json.number("mtu_bytes", info.mtu).text("mac", to_string(info.mac));
    json.array("addresses");
    for (const engine::IpPrefix& address : info.addresses) json.text(to_string(address));
    json.end();
    json.text("link", word_of(link.state)).text("link_cause", link.why);
    const PortCounts counts = counts_of(control, *slot.port);
    json.number("rx_frames", counts.rx_frames).number("rx_bytes", counts.rx_bytes);
    json.number("tx_frames", counts.tx_frames).number("tx_bytes", counts.tx_bytes);
    const engine::DeviceLoss loss = slot.port->loss();
    json.number("rx_lost_frames", loss.rx_lost).number("tx_lost_frames", loss.tx_lost);
    json.end();
}

}  // namespace

Answer show_ports(Node& node, const Request& request) {
    Control& control = node.control();
    Links links(control);
    if (!request.json) return {0, as_text(control, links)};
    JsonWriter json;
    json.text("node", node.name()).array("ports");
    for (const Ports::Slot& slot : control.ports().slots()) {
        if (slot.taken()) write(json, control, slot, links);
    }
    return {0, json.done()};
}

}  // namespace lanes::manage
