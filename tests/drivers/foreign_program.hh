// An XDP program of somebody else on an interface, as other tools attach it: by netlink, so that it
// stays until it is taken off. It passes everything.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "engine/descriptor.hh"

namespace lanes::test {

inline engine::Descriptor load_foreign_program() {
    // r0 = XDP_PASS; exit
    std::array<bpf_insn, 2> code{};
    code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[0].imm = XDP_PASS;
    code[1].code = BPF_JMP | BPF_EXIT;
    const char license[] = "GPL";
    bpf_attr request{};
    request.prog_type = BPF_PROG_TYPE_XDP;
    request.insns = reinterpret_cast<std::uint64_t>(code.data());
    request.insn_cnt = code.size();
    request.license = reinterpret_cast<std::uint64_t>(license);
    return engine::Descriptor(
        static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &request, sizeof request)));
}

inline void attach_foreign_program(const std::string& device) {
    const engine::Descriptor program = load_foreign_program();
    REQUIRE(program);
    std::array<char, 4096> buffer{};
    nlmsghdr* const message = ::mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = RTM_SETLINK;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    auto* const link =
        static_cast<ifinfomsg*>(::mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
    link->ifi_index = static_cast<int>(::if_nametoindex(device.c_str()));
    nlattr* const nest = ::mnl_attr_nest_start(message, IFLA_XDP);
    ::mnl_attr_put_u32(message, IFLA_XDP_FD, static_cast<std::uint32_t>(program.get()));
    ::mnl_attr_nest_end(message, nest);
    mnl_socket* const socket = ::mnl_socket_open(NETLINK_ROUTE);
    REQUIRE(socket != nullptr);
    REQUIRE(::mnl_socket_sendto(socket, message, message->nlmsg_len) > 0);
    const ssize_t len = ::mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    CHECK(::mnl_cb_run(buffer.data(), static_cast<std::size_t>(len), 0, 0, nullptr, nullptr) >= 0);
    ::mnl_socket_close(socket);
}

}  // namespace lanes::test
