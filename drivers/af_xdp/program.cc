// See program.hh.
#include "drivers/af_xdp/program.hh"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <cstring>

#include "drivers/af_xdp/rules.h"

/// The compiled filter.c (embed.py).
extern const unsigned char af_xdp_filter_object[];
extern const std::size_t af_xdp_filter_object_bytes;

namespace lanes::drivers {
namespace {

using engine::Error;
using engine::Result;

/// EtherType of lane packets without IP. The driver does not know the protocol; this it must.
constexpr std::uint16_t lane_ether_type = 0x88b5;

/// libbpf returns negative errno values.
Error bpf_error(int result, std::string what) {
    return engine::system_error(-result, std::move(what));
}

Result<lanes_xdp_rules> rules_for(const engine::PortSpec& spec, const engine::PortInfo& info) {
    lanes_xdp_rules rules{};
    rules.take_all = spec.take == engine::PortSpec::Take::all ? 1 : 0;
    rules.listen = htons(info.listen);
    rules.ether_type = htons(lane_ether_type);
    std::memcpy(rules.mac, info.mac.bytes.data(), info.mac.bytes.size());
    for (const engine::IpPrefix& own : info.addresses) {
        std::uint32_t& count = own.address.v6 ? rules.ipv6_count : rules.ipv4_count;
        if (count == LANES_XDP_ADDRESSES_MAX) {
            return Error{0, "more than " + std::to_string(count) +
                                " addresses of one family; name those that lanes use: `address`"};
        }
        const auto* bytes = own.address.bytes.data();
        if (own.address.v6) {
            std::memcpy(rules.ipv6[count++], bytes, 16);
        } else {
            std::memcpy(&rules.ipv4[count++], bytes, 4);
        }
    }
    return rules;
}

int say_nothing(libbpf_print_level, const char*, va_list) {
    return 0;
}

/// The number of the program that somebody attached to the interface; 0: none.
std::uint32_t attached_program(int index) {
    bpf_xdp_query_opts found{};
    found.sz = sizeof found;
    if (::bpf_xdp_query(index, 0, &found) != 0) return 0;
    if (found.prog_id != 0) return found.prog_id;
    return found.drv_prog_id != 0 ? found.drv_prog_id : found.skb_prog_id;
}

Error attach_error(int result, int index, const std::string& device, AfXdpProgram::Attach how) {
    const int code = -result;
    if (code == EBUSY || code == EEXIST) {
        const std::uint32_t id = attached_program(index);
        std::string text = "an XDP program of somebody else";
        if (id != 0) text += " (number " + std::to_string(id) + ")";
        return {code, text + " is there; remove it: ip link set dev " + device +
                          " xdp off (or stop the program that holds it; bpftool net shows it)"};
    }
    const bool native = how == AfXdpProgram::Attach::native;
    std::string what =
        std::string("attach the ") + (native ? "native" : "generic") + " XDP program to " + device;
    Error error = engine::system_error(code, std::move(what));
    if (code == EINVAL) {
        error.message += "; bpf_link for XDP needs kernel 5.9 or newer";
    } else if (code == ERANGE) {
        error.message +=
            "; its mtu is too large for that, lower it: ip link set dev " + device + " mtu 1500";
    } else if (code == ENOSPC) {
        error.message +=
            "; it has fewer receive queues than its peer has transmit queues: "
            "ethtool -L " +
            device + " rx N";
    }
    return error;
}

}  // namespace

void AfXdpProgram::Close::operator()(bpf_object* object) const noexcept {
    ::bpf_object__close(object);
}

AfXdpProgram::~AfXdpProgram() {
    detach();
}

void AfXdpProgram::detach() noexcept {
    if (!link_) return;
    // At once, not when the kernel comes round to it: the port may be opened anew.
    ::bpf_link_detach(link_.get());
    link_ = engine::Descriptor();
}

Result<AfXdpProgram> AfXdpProgram::load(const engine::PortSpec& spec, const engine::PortInfo& info,
                                        unsigned queues) {
    // libbpf explains itself on stderr; errno and what we know of it say enough.
    ::libbpf_set_print(&say_nothing);
    AfXdpProgram program;
    program.object_.reset(
        ::bpf_object__open_mem(af_xdp_filter_object, af_xdp_filter_object_bytes, nullptr));
    if (!program.object_) return engine::system_error(errno, "read the XDP program");
    bpf_object* const object = program.object_.get();
    bpf_map* const sockets = ::bpf_object__find_map_by_name(object, "sockets");
    bpf_map* const constants = ::bpf_object__find_map_by_name(object, ".rodata");
    if (sockets == nullptr || constants == nullptr) {
        return Error{0, "the XDP program has other maps than expected"};
    }
    const auto rules = rules_for(spec, info);
    if (!rules) return rules.error();
    std::size_t bytes = 0;
    const void* now = ::bpf_map__initial_value(constants, &bytes);
    if (now == nullptr || bytes != sizeof(lanes_xdp_rules)) {
        return Error{0, "the XDP program has other rules than expected"};
    }
    ::bpf_map__set_initial_value(constants, &rules.value(), sizeof(lanes_xdp_rules));
    ::bpf_map__set_max_entries(sockets, queues);
    if (const int result = ::bpf_object__load(object); result != 0) {
        return bpf_error(result, "load the XDP program");
    }
    return program;
}

Result<void> AfXdpProgram::attach(int index, const std::string& device, Attach how) {
    const bpf_program* const program =
        ::bpf_object__find_program_by_name(object_.get(), "lanes_filter");
    if (program == nullptr) return Error{0, "the XDP program has another name than expected"};
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    options.flags = how == Attach::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    if (attached_ == how && link_) return {};
    detach();
    const int link = ::bpf_link_create(::bpf_program__fd(program), index, BPF_XDP, &options);
    if (link < 0) return attach_error(link, index, device, how);
    link_ = engine::Descriptor(link);
    attached_ = how;
    return {};
}

Result<void> AfXdpProgram::serve(unsigned queue, int socket) {
    const bpf_map* const sockets = ::bpf_object__find_map_by_name(object_.get(), "sockets");
    const int result = ::bpf_map_update_elem(::bpf_map__fd(sockets), &queue, &socket, BPF_ANY);
    if (result == 0) return {};
    return bpf_error(result, "enter queue " + std::to_string(queue) + " into the XDP program");
}

}  // namespace lanes::drivers
