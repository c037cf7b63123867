// See machine.hh.
#include "tools/machine.hh"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/address.hh"
#include "engine/descriptor.hh"

namespace lanes::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t text_bytes_max = std::size_t{1} << 20;

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// One of ethtool's old questions with a number for an answer.
bool on(int socket, ifreq& request, std::uint32_t command) {
    ethtool_value value{command, 0};
    request.ifr_data = reinterpret_cast<char*>(&value);
    return ::ioctl(socket, SIOCETHTOOL, &request) == 0 && value.data != 0;
}

/// An interface's request, filled with its name.
ifreq request_for(const std::string& interface) {
    ifreq request{};
    std::memcpy(request.ifr_name, interface.data(),
                std::min<std::size_t>(interface.size(), IFNAMSIZ - 1));
    return request;
}

engine::Descriptor question_socket() {
    return engine::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

}  // namespace

bool Machine::exists(const std::string& path) const {
    std::error_code error;
    return fs::exists(root_ + path, error);
}

bool Machine::usable(const std::string& path) const {
    return ::access((root_ + path).c_str(), R_OK | W_OK) == 0;
}

std::string Machine::text(const std::string& path) const {
    std::ifstream file(root_ + path, std::ios::binary);
    std::string text;
    char piece[4096];
    while (file && text.size() < text_bytes_max) {
        file.read(piece, sizeof piece);
        text.append(piece, static_cast<std::size_t>(file.gcount()));
    }
    return text;
}

std::optional<std::string> Machine::line(const std::string& path) const {
    std::ifstream file(root_ + path);
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    return std::string(trimmed(line));
}

std::optional<std::int64_t> Machine::number(const std::string& path) const {
    const auto text = line(path);
    std::int64_t value = 0;
    if (!text) return std::nullopt;
    const auto read = std::from_chars(text->data(), text->data() + text->size(), value);
    if (read.ec != std::errc{}) return std::nullopt;
    return value;
}

std::optional<std::string> Machine::field(const std::string& path, std::string_view name) const {
    std::istringstream lines(text(path));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(name) || line.size() == name.size()) continue;
        const std::string_view rest = std::string_view(line).substr(name.size());
        if (rest[0] == ':') return std::string(trimmed(rest.substr(1)));
        if (rest[0] == ' ' || rest[0] == '\t') return std::string(trimmed(rest));
    }
    return std::nullopt;
}

std::vector<std::string> Machine::entries(const std::string& folder) const {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator at(root_ + folder, error);
    for (; !error && at != fs::directory_iterator(); at.increment(error)) {
        names.push_back(at->path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string Machine::target(const std::string& link) const {
    std::error_code error;
    const fs::path to = fs::read_symlink(root_ + link, error);
    return error ? std::string() : to.filename().string();
}

std::vector<std::string> Machine::interfaces() const {
    // Not /sys/class/net: that shows the network namespace in which /sys was mounted.
    std::vector<std::string> names;
    std::istringstream lines(text("/proc/net/dev"));
    for (std::string line; std::getline(lines, line);) {
        const std::size_t colon = line.find(':');
        if (colon == line.npos || line.find('|') != line.npos) continue;
        names.emplace_back(trimmed(std::string_view(line).substr(0, colon)));
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::optional<InterfaceState> Machine::state(const std::string& interface) const {
    InterfaceState state;
    if (!root_.empty()) {
        const std::string folder = "/sys/class/net/" + interface;
        const auto mtu = number(folder + "/mtu");
        const std::string flags = line(folder + "/flags").value_or("");
        if (!mtu || flags.empty()) return std::nullopt;
        state.mtu = static_cast<std::uint32_t>(*mtu);
        state.up = (std::stoul(flags, nullptr, 16) & IFF_UP) != 0;
        state.type = static_cast<unsigned>(number(folder + "/type").value_or(0));
        return state;
    }
    const engine::Descriptor socket = question_socket();
    ifreq request = request_for(interface);
    if (!socket || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return std::nullopt;
    state.up = (request.ifr_flags & IFF_UP) != 0;
    if (::ioctl(socket.get(), SIOCGIFMTU, &request) != 0) return std::nullopt;
    state.mtu = static_cast<std::uint32_t>(request.ifr_mtu);
    if (::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) return std::nullopt;
    state.type = request.ifr_hwaddr.sa_family;
    return state;
}

std::string Machine::folder(const std::string& interface) const {
    const std::string folder = "/sys/class/net/" + interface;
    if (!root_.empty()) return folder;
    const engine::Descriptor socket = question_socket();
    ifreq request = request_for(interface);
    const auto index = number(folder + "/ifindex");
    if (!socket || !index || ::ioctl(socket.get(), SIOCGIFINDEX, &request) != 0 ||
        request.ifr_ifindex != *index || ::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) {
        return "/sys/class/net/.";
    }
    engine::MacAddress mac;
    std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
    const std::string address = line(folder + "/address").value_or("");
    return address.empty() || address.starts_with(to_string(mac)) ? folder : "/sys/class/net/.";
}

std::set<unsigned> Machine::cores() const {
    return parse_list(line("/sys/devices/system/cpu/online").value_or(""));
}

int Machine::node_of_core(unsigned core) const {
    int nodes = 0;
    int found = -1;
    for (const std::string& name : entries("/sys/devices/system/node")) {
        if (!name.starts_with("node") || name.size() < 5 || name[4] < '0' || name[4] > '9')
            continue;
        ++nodes;
        const auto list = line("/sys/devices/system/node/" + name + "/cpulist");
        if (list && parse_list(*list).contains(core)) found = std::stoi(name.substr(4));
    }
    return nodes > 1 ? found : -1;
}

bool Machine::capable(unsigned capability) const {
    const std::string mask = field("/proc/self/status", "CapEff").value_or("");
    std::uint64_t bits = 0;
    std::from_chars(mask.data(), mask.data() + mask.size(), bits, 16);
    return (bits >> capability & 1) != 0;
}

std::optional<Offloads> Machine::offloads(const std::string& interface) const {
    if (!root_.empty()) return std::nullopt;
    const engine::Descriptor socket = question_socket();
    ifreq request = request_for(interface);
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    request.ifr_data = reinterpret_cast<char*>(&info);
    if (!socket || ::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return std::nullopt;
    Offloads found;
    found.driver.assign(info.driver, ::strnlen(info.driver, sizeof info.driver));
    found.gro = on(socket.get(), request, ETHTOOL_GGRO);
    found.tso = on(socket.get(), request, ETHTOOL_GTSO);
    found.tx_checksum = on(socket.get(), request, ETHTOOL_GTXCSUM);
    ethtool_value flags{ETHTOOL_GFLAGS, 0};
    request.ifr_data = reinterpret_cast<char*>(&flags);
    if (::ioctl(socket.get(), SIOCETHTOOL, &request) == 0) {
        found.lro = (flags.data & ETH_FLAG_LRO) != 0;
        found.rx_vlan = (flags.data & ETH_FLAG_RXVLAN) != 0;
    }
    return found;
}

std::set<unsigned> parse_list(std::string_view text) {
    constexpr unsigned most = 4096;
    std::set<unsigned> numbers;
    while (!text.empty()) {
        unsigned first = 0;
        auto read = std::from_chars(text.data(), text.data() + text.size(), first);
        if (read.ec != std::errc{} || first >= most) break;
        text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
        unsigned last = first;
        if (text.starts_with('-')) {
            text.remove_prefix(1);
            read = std::from_chars(text.data(), text.data() + text.size(), last);
            if (read.ec != std::errc{} || last >= most) break;
            text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
        }
        for (unsigned n = first; n <= last; ++n) numbers.insert(n);
        if (!text.starts_with(',')) break;
        text.remove_prefix(1);
    }
    return numbers;
}

}  // namespace lanes::tools
