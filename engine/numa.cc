// See numa.hh.
#include "engine/numa.hh"

#include <numa.h>

namespace lanes::engine {
namespace {

bool several_nodes() noexcept {
    static const bool several = ::numa_available() >= 0 && ::numa_num_configured_nodes() > 1;
    return several;
}

}  // namespace

int node_of_core(unsigned core) noexcept {
    return several_nodes() ? ::numa_node_of_cpu(static_cast<int>(core)) : -1;
}

OnNode::OnNode(int node) noexcept {
    if (node < 0) return;
    ::numa_set_preferred(node);
    set_ = true;
}

OnNode::~OnNode() {
    if (set_) ::numa_set_localalloc();
}

}  // namespace lanes::engine
