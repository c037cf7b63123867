/* The XDP program of the af_xdp driver: decides in the kernel which frames are the engine's and
 * which go on to the kernel. Takes what lanes/carrier.cc would accept and nothing else: frames for
 * this MAC address or a group, that are lane packets by EtherType, or whole UDP datagrams to an
 * address of the port (or a group) and its `listen` port. Fragments, packets with IP options,
 * VLAN-tagged frames and all else are the kernel's, so that a login over the same card survives.
 * What comes on a queue that has no socket of ours is the kernel's, too.
 *
 * Compiled by clang for the kernel (meson), loaded by program.cc. */
#include "rules.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile struct lanes_xdp_rules rules;

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1); /* the driver sets it: one for each queue of the device */
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

static __always_inline int same_mac(const __u8 *a, const volatile __u8 *b) {
    __u8 different = 0;
    for (int i = 0; i < ETH_ALEN; ++i) different |= a[i] ^ b[i];
    return different == 0;
}

static __always_inline int is_listener(const struct udphdr *udp, const void *end) {
    return (const void *)(udp + 1) <= end && udp->dest == rules.listen;
}

static __always_inline int takes_ipv4(const struct iphdr *ip, const void *end) {
    /* A header of any other length would need an offset that the kernel's verifier allows only to
     * those who have CAP_PERFMON; nobody puts options into lane packets. */
    if ((const void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5) return 0;
    if (ip->protocol != IPPROTO_UDP || (ip->frag_off & bpf_htons(0x3fff)) != 0) return 0;
    const __u8 first = *(const __u8 *)&ip->daddr;
    int ours = (first & 0xf0) == 0xe0 || first == 0xff;
    for (__u32 i = 0; i < LANES_XDP_ADDRESSES_MAX; ++i) {
        if (i >= rules.ipv4_count) break;
        ours |= ip->daddr == rules.ipv4[i];
    }
    return ours && is_listener((const void *)(ip + 1), end);
}

static __always_inline int takes_ipv6(const struct ipv6hdr *ip, const void *end) {
    if ((const void *)(ip + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP) return 0;
    const __u32 *to = ip->daddr.in6_u.u6_addr32;
    int ours = *(const __u8 *)to == 0xff;
    for (__u32 i = 0; i < LANES_XDP_ADDRESSES_MAX; ++i) {
        if (i >= rules.ipv6_count) break;
        const volatile __u32 *own = rules.ipv6[i];
        ours |= to[0] == own[0] && to[1] == own[1] && to[2] == own[2] && to[3] == own[3];
    }
    return ours && is_listener((const void *)(ip + 1), end);
}

static __always_inline int is_lane_packet(const struct xdp_md *frame) {
    const void *const end = (const void *)(long)frame->data_end;
    const struct ethhdr *const ethernet = (const void *)(long)frame->data;
    if ((const void *)(ethernet + 1) > end) return 0;
    const int group = ethernet->h_dest[0] & 1;
    if (!group && !same_mac(ethernet->h_dest, rules.mac)) return 0;
    if (ethernet->h_proto == rules.ether_type) return 1;
    if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
        return takes_ipv4((const void *)(ethernet + 1), end);
    }
    if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
        return takes_ipv6((const void *)(ethernet + 1), end);
    }
    return 0;
}

SEC("xdp")
int lanes_filter(struct xdp_md *frame) {
    if (!rules.take_all && !is_lane_packet(frame)) return XDP_PASS;
    return bpf_redirect_map(&sockets, frame->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "Apache-2.0";
