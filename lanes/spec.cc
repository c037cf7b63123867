// See spec.hh.
#include "lanes/spec.hh"

namespace lanes {

bool same(const LaneSpec& a, const LaneSpec& b) {
    const bool same_match = a.match && b.match ? *a.match == *b.match : a.match == b.match;
    return same_match && a.name == b.name && a.id == b.id && a.role == b.role &&
           a.cipher == b.cipher && a.bundle == b.bundle && a.mtu == b.mtu && a.window == b.window &&
           a.port == b.port && a.patch_to == b.patch_to && a.paths == b.paths;
}

}  // namespace lanes
