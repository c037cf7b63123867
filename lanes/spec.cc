// See spec.hh.
#include "lanes/spec.hh"

namespace lanes {
namespace {

bool same_keys(const KeySpec& a, const KeySpec& b) {
    const bool same_own = a.own && b.own ? a.own->open == b.own->open : a.own == b.own;
    const bool same_secret =
        a.secret && b.secret ? a.secret->secret == b.secret->secret : a.secret == b.secret;
    return same_own && same_secret && a.peers == b.peers && a.rekey_seconds == b.rekey_seconds;
}

}  // namespace

bool same_sealing(const LaneSpec& a, const LaneSpec& b) {
    if (a.cipher != b.cipher) return false;
    return a.keys && b.keys ? same_keys(*a.keys, *b.keys) : a.keys == b.keys;
}

bool same(const LaneSpec& a, const LaneSpec& b) {
    const bool same_match = a.match && b.match ? *a.match == *b.match : a.match == b.match;
    return same_match && same_sealing(a, b) && a.name == b.name && a.id == b.id &&
           a.role == b.role && a.bundle == b.bundle && a.mtu == b.mtu && a.window == b.window &&
           a.port == b.port && a.patch_to == b.patch_to && a.paths == b.paths;
}

}  // namespace lanes
