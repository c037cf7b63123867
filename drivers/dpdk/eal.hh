// The EAL is DPDK's own runtime: memory, buses and a thread for interrupts, once per process and
// never again. It starts with the first dpdk port and stays; devices come and go in it.
// Control only, under a lock of its own.
#pragma once

#include <string>
#include <vector>

#include "engine/result.hh"

namespace lanes::drivers {

/// Starts the EAL with the operator's arguments (PortSpec::eal) and those that they leave open, or
/// finds it started with the same. `device`: what is to be opened next; of the PCI bus only that
/// device is touched. Fails when it runs with other arguments, or could not start before.
engine::Result<void> start_eal(const std::vector<std::string>& arguments,
                               const std::string& device);

/// Whether the EAL took its memory from hugepages.
bool eal_has_hugepages() noexcept;

/// Whether `device` is a PCI address rather than a virtual device; 0000:03:00.0 or 03:00.0.
bool is_pci_address(const std::string& device);

/// Hears what DPDK says on its log while it lives, so that an error can tell the reason. What DPDK
/// says at other times goes to the program's log.
class EalWords {
  public:
    EalWords();
    ~EalWords();
    EalWords(const EalWords&) = delete;
    EalWords& operator=(const EalWords&) = delete;

    /// The errors heard, as " (first; second)", or nothing.
    std::string reason() const;
};

}  // namespace lanes::drivers
