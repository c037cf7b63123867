// See config.hh. The top of a node file (node, workers, poll, state, crypto, tables) is read here;
// ports, lanes and keys have files of their own. Ports and keys are read before lanes, and the
// number of workers before the ports, in whatever order the file has them.
#include "config/config.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "config/bypass.hh"
#include "config/checks.hh"
#include "config/lanes.hh"
#include "config/log.hh"
#include "config/manage.hh"
#include "config/ports.hh"
#include "config/sandbox.hh"
#include "config/tables.hh"
#include "config/text.hh"
#include "config/tree.hh"
#include "engine/descriptor.hh"
#include "engine/limits.hh"

namespace lanes::config {
namespace {

constexpr std::uint32_t core_max = 1023;  ///< what a cpu_set_t can name
constexpr std::size_t tables_max = 64;
constexpr std::size_t reported_max = 100;

/// Reads one node; all parts share what they have found so far.
class NodeReader {
  public:
    NodeReader(const std::string& file_name, const TableReader& tables, const KeyFiles& key_files,
               Loaded& loaded, Diagnostics& diagnostics)
        : folder_(std::filesystem::path(file_name).parent_path()),
          tables_(tables),
          key_files_(key_files),
          node_(loaded.spec),
          diagnostics_(diagnostics),
          keys_(folder_, key_files, diagnostics),
          lanes_(node_, ports_, keys_, diagnostics) {}

    void read(const Node& root) {
        if (root.kind == Node::Kind::broken) return;
        if (root.kind != Node::Kind::map) {
            diagnostics_.error(root.at, say("expected a map of keys, found ", described(root),
                                            "; begin with `node: NAME`"));
            return;
        }
        refuse_unknown(root);
        read_node(root.find("node"), root.at);
        read_workers(root.find("workers"));
        read_poll(root.find("poll"));
        read_state(root.find("state"));
        read_crypto(root.find("crypto"));
        node_.log = read_log(root.find("log"), folder_, diagnostics_);
        node_.manage = read_manage(root.find("manage"), folder_, key_files_, diagnostics_);
        keys_.read_own(root.find("keys"));
        node_.keys = keys_.own();
        const Node* ports = root.find("ports");
        if (ports != nullptr) {
            read_ports(*ports, node_, ports_, diagnostics_);
            read_dpdk(root.find("dpdk"));
        } else {
            diagnostics_.error(root.at,
                               "the node has no `ports`; expected at least one; add "
                               "`ports:` with one `name: {driver: ...}` per port");
        }
        read_lanes(root.find("lanes"));
        read_tables(root.find("tables"));
        read_sandbox(root.find("sandbox"), node_.sandbox, diagnostics_);
        if (root.find("state") == nullptr) warn_without_state(node_, root.at, diagnostics_);
        check_node(node_, lanes_.places(), ports_, diagnostics_);
    }

  private:
    void refuse_unknown(const Node& root) {
        static constexpr std::array<std::string_view, 13> keys = {
            "crypto", "dpdk",  "keys",    "lanes", "log",    "manage", "node",
            "poll",   "ports", "sandbox", "state", "tables", "workers"};
        for (const Node& child : root.children) {
            if (std::find(keys.begin(), keys.end(), child.key) != keys.end()) continue;
            unknown_key(child, "the node file", keys, diagnostics_);
        }
    }

    void read_node(const Node* node, const Place& at) {
        if (node == nullptr) {
            diagnostics_.error(at, "the node has no `node`; expected its name; add `node: NAME`");
            return;
        }
        const Field field{"node", {}};
        const Scalar name = scalar_of(*node, field, "a name", diagnostics_);
        if (auto text = read_name(name, field, diagnostics_)) node_.node = std::move(*text);
    }

    /// Leaves node_.cores empty after an error.
    void read_workers(const Node* node) {
        const Field field{"workers", {}};
        if (node == nullptr) {
            node_.cores = {0};
            return;
        }
        if (node->kind != Node::Kind::list) {
            const Scalar count =
                scalar_of(*node, field, "a number or a list of cores", diagnostics_);
            const auto value = read_number(count, field,
                                           {1, engine::workers_max, NumberRule::Base::decimal,
                                            NumberRule::Step::one, ", or a list of cores,"},
                                           diagnostics_);
            for (unsigned core = 0; value && core < *value; ++core) node_.cores.push_back(core);
            return;
        }
        if (node->children.empty() || node->children.size() > engine::workers_max) {
            diagnostics_.error(node->at, say("expected 1 to ", std::to_string(engine::workers_max),
                                             " cores for `workers`, found a list of ",
                                             std::to_string(node->children.size()),
                                             "; write one core per worker"));
            return;
        }
        for (const Node& child : node->children) read_core(child, field);
    }

    void read_core(const Node& child, const Field& field) {
        const Scalar scalar = scalar_of(child, field, "the number of a core", diagnostics_);
        const auto core = read_number(scalar, field, {0, core_max}, diagnostics_);
        if (!core) return;
        if (std::find(node_.cores.begin(), node_.cores.end(), *core) != node_.cores.end()) {
            diagnostics_.error(child.at, say("core ", scalar.text,
                                             " is in `workers` already; expected a core of its "
                                             "own for each worker; remove one of them"));
            return;
        }
        node_.cores.push_back(*core);
    }

    void read_poll(const Node* node) {
        using engine::PollMode;
        static constexpr std::array<std::string_view, 3> words = {"busy", "adaptive", "sleep"};
        static constexpr std::array modes = {PollMode::busy, PollMode::adaptive, PollMode::sleep};
        if (node == nullptr) return;
        const Field field{"poll", {}};
        const Scalar scalar = scalar_of(*node, field, "one of busy, adaptive, sleep", diagnostics_);
        const auto word = read_word(scalar, field, words, diagnostics_);
        if (word) node_.poll = modes[*word];
    }

    void read_state(const Node* node) {
        if (node == nullptr) return;
        const Field field{"state", {}};
        const Scalar scalar = scalar_of(*node, field, "a directory", diagnostics_);
        const auto path = read_path(scalar, field, diagnostics_);
        if (path) node_.state = (folder_ / *path).lexically_normal().string();
    }

    void read_crypto(const Node* node) {
        static constexpr std::array<std::string_view, 3> backends = {"auto", "ipsec-mb",
                                                                     "libsodium"};
        static constexpr std::array<std::string_view, 1> valid = {"backend"};
        if (node == nullptr || node->kind == Node::Kind::broken) return;
        if (node->kind != Node::Kind::map || node->children.empty()) {
            const bool empty = node->kind == Node::Kind::map;
            diagnostics_.error(node->at, say("expected a map for `crypto`, found ",
                                             empty ? "an empty map" : described(*node),
                                             "; write crypto: {backend: auto}, or remove the key"));
            return;
        }
        for (const Node& child : node->children) {
            if (child.key != valid[0]) {
                unknown_key(child, "`crypto`", valid, diagnostics_);
                continue;
            }
            const Field field{"crypto.backend", {}};
            const Scalar scalar =
                scalar_of(child, field, "one of auto, ipsec-mb, libsodium", diagnostics_);
            const auto word = read_word(scalar, field, backends, diagnostics_);
            if (word) node_.backend = backends[*word];
        }
    }

    /// The EAL is one for the whole process: each dpdk port gets the same arguments for it.
    void read_dpdk(const Node* node) {
        const std::vector<std::string> eal = read_eal(node, diagnostics_);
        bool used = false;
        for (engine::PortSpec& port : node_.ports) {
            if (port.driver != "dpdk") continue;
            port.eal = eal;
            used = true;
        }
        if (node == nullptr || used || ports_.missed_driver()) return;
        diagnostics_.warning(node->key_at,
                             "`dpdk` says nothing to anybody: no port has `driver: dpdk`; remove "
                             "it, or add such a port");
    }

    /// Whether there is a list to go through; reports what is none.
    bool expect_list(const Node* node, std::string_view key, std::string_view example) {
        if (node == nullptr || node->kind == Node::Kind::broken) return false;
        if (node->kind == Node::Kind::list) return true;
        diagnostics_.error(node->at, say("expected a list for `", key, "`, found ",
                                         described(*node), "; ", example));
        return false;
    }

    void read_lanes(const Node* node) {
        if (!expect_list(node, "lanes", "write one `- name: NAME` per lane")) return;
        LaneFields fields;
        for (const Node& lane : node->children) {
            if (read_fields(lane, fields, diagnostics_)) lanes_.add(fields);
        }
    }

    void read_tables(const Node* node) {
        if (!expect_list(node, "tables", "write [customers.csv]")) return;
        if (node->children.size() > tables_max) {
            diagnostics_.error(
                node->at, say("expected at most ", std::to_string(tables_max), " tables, found ",
                              std::to_string(node->children.size()), "; join some of them"));
            return;
        }
        std::vector<std::string> seen;
        for (const Node& child : node->children) {
            const Field field{"tables", {}};
            const Scalar scalar = scalar_of(child, field, "the path of a table", diagnostics_);
            const auto name = read_path(scalar, field, diagnostics_);
            if (!name) continue;
            const std::string path = (folder_ / *name).lexically_normal().string();
            if (std::find(seen.begin(), seen.end(), path) != seen.end()) {
                diagnostics_.error(child.at, say("table ", shown(*name),
                                                 " is in `tables` already; expected each table "
                                                 "once; remove one of them"));
                continue;
            }
            seen.push_back(path);
            read_one_table(child, *name, path);
        }
    }

    void read_one_table(const Node& child, const std::string& name, const std::string& path) {
        const auto pieces = tables_(path);
        if (!pieces) {
            diagnostics_.error(child.at, say("cannot open the lane table ", shown(name), ": ",
                                             pieces.error().message,
                                             "; expected a CSV file, by its path from the folder "
                                             "of this file; mend the path"));
            return;
        }
        read_table(pieces.value(), diagnostics_.add_file(path), lanes_, diagnostics_);
    }

    const std::filesystem::path folder_;
    const TableReader& tables_;
    const KeyFiles& key_files_;
    NodeSpec& node_;
    Diagnostics& diagnostics_;
    PortTable ports_;
    KeyRing keys_;
    LaneReader lanes_;
};

engine::Result<std::size_t> read_some(int fd, std::span<char> room) {
    for (;;) {
        const ssize_t len = ::read(fd, room.data(), room.size());
        if (len >= 0) return static_cast<std::size_t>(len);
        if (errno != EINTR) return engine::system_error(errno, "read");
    }
}

engine::Result<TablePieces> open_table(const std::string& path) {
    // Shared by the copies of a TablePieces.
    const auto file =
        std::make_shared<engine::Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file->get() < 0) return engine::system_error(errno, path);
    return TablePieces([file](std::span<char> room) { return read_some(file->get(), room); });
}

/// The whole of a file, or of its beginning up to one byte more than a node file may have.
engine::Result<std::string> read_file(const std::string& path) {
    const auto pieces = open_table(path);
    if (!pieces) return pieces.error();
    std::string text;
    std::vector<char> room(std::size_t{64} << 10);
    while (text.size() <= node_file_bytes_max) {
        const auto len = pieces.value()(room);
        if (!len) return engine::Error{len.error().code, say(path, ": ", len.error().message)};
        if (len.value() == 0) break;
        text.append(room.data(), len.value());
    }
    return text;
}

/// Remembers the files that are read: a node that is confined must be able to read them again.
Loaded load_text(const std::string& text, const std::string& path) {
    std::set<std::string> files;
    const auto noted = [&](const auto& read) {
        return [&files, read](const std::string& file) {
            files.insert(file);
            return read(file);
        };
    };
    KeyFiles keys;
    keys.read_private = noted(keys.read_private);
    keys.read_shared = noted(keys.read_shared);
    keys.read_password = noted(keys.read_password);
    Loaded loaded = parse_node(text, path, noted(open_table), keys);
    loaded.spec.files.assign(files.begin(), files.end());
    return loaded;
}

template <typename What>
void take(Diagnostics& diagnostics, What& loaded) {
    loaded.diagnostics = diagnostics.sorted();
    loaded.left_out = diagnostics.left_out();
}

bool is_error(const Diagnostic& diagnostic) {
    return diagnostic.level == Diagnostic::Level::error;
}

/// A lane by itself, beside ports that are open.
void read_lane(const Node& root, const NodeSpec& node, const std::filesystem::path& folder,
               const KeyFiles& key_files, LaneSpec& lane, Diagnostics& diagnostics) {
    if (root.kind == Node::Kind::broken) return;
    NodeSpec site;
    site.ports = node.ports;
    site.cores = node.cores;
    PortTable ports;
    for (const engine::PortSpec& port : site.ports) {
        ports.add({port.name, Place{}, find_driver_keys(port.driver)});
    }
    KeyRing keys(folder, key_files, diagnostics);
    keys.take_own(node.keys);
    LaneReader lanes(site, ports, keys, diagnostics);
    LaneFields fields;
    if (!read_fields(root, fields, diagnostics)) return;
    lanes.add(fields);
    check_lanes(site, lanes.places(), ports, diagnostics);
    lane = std::move(site.lanes.front());
}

std::string report(const std::vector<Diagnostic>& diagnostics, std::size_t left_out) {
    const auto all =
        static_cast<std::size_t>(std::count_if(diagnostics.begin(), diagnostics.end(), is_error));
    std::size_t errors = std::min(all, reported_max);
    std::size_t warnings = std::min(diagnostics.size(), reported_max) - errors;
    std::string text;
    std::size_t more = left_out;
    for (const Diagnostic& diagnostic : diagnostics) {
        std::size_t& left = is_error(diagnostic) ? errors : warnings;
        if (left == 0) {
            ++more;
            continue;
        }
        --left;
        text += to_string(diagnostic) + '\n';
    }
    if (more > 0) text += say("... and ", std::to_string(more), " more\n");
    return text;
}

Loaded failed(const std::string& file_name, std::string message) {
    Loaded loaded;
    loaded.diagnostics.push_back({file_name, 0, 0, Diagnostic::Level::error, std::move(message)});
    return loaded;
}

}  // namespace

bool Loaded::good() const {
    return !unreadable && std::none_of(diagnostics.begin(), diagnostics.end(), is_error);
}

bool LoadedLane::good() const {
    return std::none_of(diagnostics.begin(), diagnostics.end(), is_error);
}

LoadedLane parse_lane(std::string_view text, const NodeSpec& node, const std::string& node_file,
                      const KeyFiles& keys) {
    LoadedLane loaded;
    try {
        Diagnostics diagnostics;
        const std::uint16_t file = diagnostics.add_file("lane");
        if (text.find_first_not_of(" \t") == text.npos) text = "''";
        if (const auto root = read_tree(text, file, diagnostics)) {
            const auto folder = std::filesystem::path(node_file).parent_path();
            read_lane(*root, node, folder, keys, loaded.lane, diagnostics);
        }
        take(diagnostics, loaded);
    } catch (const std::exception& error) {
        loaded.diagnostics.push_back(
            {"lane", 0, 0, Diagnostic::Level::error, say("cannot be read: ", error.what())});
    }
    return loaded;
}

Loaded parse_node(std::string_view text, const std::string& file_name, const TableReader& tables,
                  const KeyFiles& keys) {
    try {
        Loaded loaded;
        Diagnostics diagnostics;
        const std::uint16_t file = diagnostics.add_file(file_name);
        if (const auto root = read_tree(text, file, diagnostics)) {
            NodeReader(file_name, tables, keys, loaded, diagnostics).read(*root);
        }
        take(diagnostics, loaded);
        return loaded;
    } catch (const std::exception& error) {
        return failed(file_name, say("cannot be loaded: ", error.what()));
    }
}

Loaded load_node(const std::string& path) {
    try {
        const auto text = read_file(path);
        if (text) return load_text(text.value(), path);
        Loaded loaded = failed(path, say("cannot be read: ", text.error().message,
                                         "; expected a node file; mend the path"));
        loaded.unreadable = true;
        return loaded;
    } catch (const std::exception& error) {
        return failed(path, say("cannot be loaded: ", error.what()));
    }
}

std::string report(const Loaded& loaded) {
    return report(loaded.diagnostics, loaded.left_out);
}

std::string report(const LoadedLane& loaded) {
    return report(loaded.diagnostics, loaded.left_out);
}

}  // namespace lanes::config
