/* What the XDP program of the af_xdp driver goes by. The driver writes it before the program is
 * loaded, so that the kernel's compiler sees constants; the program reads it. In C, because both
 * sides include it: filter.c, which clang compiles for the kernel, and program.cc. */
#ifndef LANES_AF_XDP_RULES_H
#define LANES_AF_XDP_RULES_H

#include <linux/types.h>

enum { LANES_XDP_ADDRESSES_MAX = 16 };

struct lanes_xdp_rules {
    __u32 take_all;   /* 1: every frame; 0: lane packets for this engine */
    __u32 ipv4_count;
    __u32 ipv6_count;
    __u16 listen;     /* UDP port, network order */
    __u16 ether_type; /* of lane packets without IP, network order */
    __u8 mac[8];      /* 6 bytes used */
    __u32 ipv4[LANES_XDP_ADDRESSES_MAX]; /* network order */
    __u32 ipv6[LANES_XDP_ADDRESSES_MAX][4];
};

#endif
