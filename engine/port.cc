// Defaults of the port interface, for drivers to which a question does not apply. See port.hh.
#include "engine/port.hh"

namespace lanes::engine {

unsigned TxQueue::pass(std::span<const Frame>, WorkerCounters&) noexcept {
    return 0;
}

Result<std::uint32_t> Port::add_endpoint(const Endpoint&) {
    return std::uint32_t{0};
}

std::optional<MacAddress> Port::next_hop(const IpAddress&) {
    return std::nullopt;
}

Result<void> Port::silence_host() {
    return {};
}

Result<void> Port::renew() {
    return Error{0, "port " + info().name + ": " + info().driver +
                        " cannot take up a device that was deleted and made anew"};
}

}  // namespace lanes::engine
