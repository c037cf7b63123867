// StateStore: where a node remembers what must outlive it, a short text for each sealed lane end:
// the last stamp of a sender, the mark and the floors of a receiver. Injected, so that the
// simulator can lose it, age it and make it fail. Control only.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/result.hh"

namespace lanes {

class StateStore {
  public:
    virtual ~StateStore() = default;

    struct Entry {
        std::string name;  ///< send-ID or receive-ID
        std::string text;
    };

    /// Nothing: there is no such entry. An error names the file, and what is wrong with it.
    virtual engine::Result<std::optional<std::string>> load(const std::string& name) = 0;
    /// When this returns without an error all entries are on disk, whatever happens next; after
    /// an error each is either as it was or as it should be.
    virtual engine::Result<void> save(std::span<const Entry> entries) = 0;
};

/// A directory, made if it is missing, with one file for each entry; nobody else may read them.
engine::Result<std::unique_ptr<StateStore>> open_state_directory(const std::string& path);

/// Remembers nothing beyond its own life: for nodes without a `state:` directory.
std::unique_ptr<StateStore> forgetful_store();

}  // namespace lanes
