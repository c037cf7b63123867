// AfXdpProgram: the XDP program of one af_xdp port (filter.c), loaded and attached to its
// interface. It hangs on a bpf_link, which lives as long as somebody has its descriptor open: the
// kernel takes the program off when this object goes, and just so when the process is killed.
// Nothing is pinned, so nothing can be left behind, and no bpffs is needed. Control only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/descriptor.hh"
#include "engine/port.hh"

struct bpf_object;

namespace lanes::drivers {

class AfXdpProgram {
  public:
    enum class Attach : std::uint8_t { native, generic };

    /// Loads the program for an interface with `queues` receive queues, to take what `spec` and
    /// `info` say.
    static engine::Result<AfXdpProgram> load(const engine::PortSpec& spec,
                                             const engine::PortInfo& info, unsigned queues);
    /// Attaches it to interface `index`, named `device` in errors; once more in another way takes
    /// it off first.
    engine::Result<void> attach(int index, const std::string& device, Attach how);
    /// From now on frames of receive queue `queue` that are the engine's go to `socket`.
    engine::Result<void> serve(unsigned queue, int socket);

    AfXdpProgram(AfXdpProgram&&) noexcept = default;
    AfXdpProgram& operator=(AfXdpProgram&&) noexcept = default;
    ~AfXdpProgram();

  private:
    struct Close {
        void operator()(bpf_object* object) const noexcept;
    };

    AfXdpProgram() = default;
    void detach() noexcept;

    std::unique_ptr<bpf_object, Close> object_;
    engine::Descriptor link_;
    Attach attached_ = Attach::native;
};

}  // namespace lanes::drivers
