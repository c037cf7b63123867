// See manage.hh.
#include "config/manage.hh"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "config/ports.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

/// What a sockaddr_un takes, its end excluded.
constexpr std::size_t socket_path_bytes_max = sizeof(sockaddr_un::sun_path) - 1;

constexpr std::string_view metrics_expected =
    "a loopback address and a port, or the path of a socket";
constexpr std::string_view telnet_expected = "an address of this host's own and a port";

bool loopback(const engine::IpAddress& address) {
    if (!address.v6) return address.bytes[0] == 127;
    return std::all_of(address.bytes.begin(), address.bytes.end() - 1,
                       [](std::uint8_t byte) { return byte == 0; }) &&
           address.bytes.back() == 1;
}

class ManageReader {
  public:
    ManageReader(const std::filesystem::path& folder, const KeyFiles& files,
                 Diagnostics& diagnostics)
        : folder_(folder), files_(files), diagnostics_(diagnostics) {}

    ManageSpec read(const Node& manage) {
        static constexpr std::array<std::string_view, 4> valid = {"metrics", "password_file",
                                                                  "socket", "telnet"};
        for (const Node& child : manage.children) {
            if (child.key == "socket") {
                read_socket(child);
            } else if (child.key == "metrics") {
                read_metrics(child);
            } else if (child.key == "telnet") {
                read_telnet(child);
            } else if (child.key == "password_file") {
                read_password(child);
            } else {
                unknown_key(child, "`manage`", valid, diagnostics_);
            }
        }
        check_places(manage);
        const Node* password = manage.find("password_file");
        if (password != nullptr && manage.find("telnet") == nullptr) {
            diagnostics_.warning(password->key_at,
                                 "`manage.password_file` is asked for by nobody: only telnet wants "
                                 "a password; remove it, or add telnet: \"127.0.0.1:2601\"");
        }
        return std::move(spec_);
    }

  private:
    void read_socket(const Node& node) {
        const Field field{"manage.socket", {}};
        const Scalar scalar = scalar_of(node, field, "a path, or `none`", diagnostics_);
        const auto name = read_path(scalar, field, diagnostics_);
        if (!name) return;
        if (*name == "none" && !scalar.quoted) {
            spec_.kind = ManageSpec::Socket::none;
            return;
        }
        const auto path = read_socket_path(node, field, *name);
        if (!path) return;
        spec_.kind = ManageSpec::Socket::given;
        spec_.socket = *path;
    }

    std::optional<std::string> read_socket_path(const Node& node, const Field& field,
                                                const std::string& name) {
        const std::string path = (folder_ / name).lexically_normal().string();
        if (path.size() <= socket_path_bytes_max && !path.ends_with('/')) return path;
        diagnostics_.error(
            node.at,
            say("expected the path of a socket, of at most ", std::to_string(socket_path_bytes_max),
                " bytes, for `", field.key, "`, found ",
                path.ends_with('/') ? "a folder"
                                    : say("one of ", std::to_string(path.size()), " bytes"),
                path.ends_with('/') ? "; add a name, such as /run/lanes/NODE.sock"
                                    : "; choose a shorter one, such as /run/lanes/NODE.sock"));
        return std::nullopt;
    }

    void read_metrics(const Node& node) {
        const Field field{"manage.metrics", {}};
        const Scalar scalar = scalar_of(node, field, metrics_expected, diagnostics_);
        if (!scalar.present()) return;
        if (scalar.text.find('/') != scalar.text.npos) {
            const auto name = read_path(scalar, field, diagnostics_);
            if (!name) return;
            const auto path = read_socket_path(node, field, *name);
            if (path) spec_.metrics_socket = *path;
            return;
        }
        const auto endpoint = engine::parse_endpoint(scalar.text);
        if (!endpoint || endpoint->port == 0) {
            diagnostics_.error(
                node.at, say("expected ", metrics_expected, " for `manage.metrics`, found ",
                             shown(scalar.text),
                             "; write metrics: \"127.0.0.1:9464\", or a path with a / in it"));
            return;
        }
        if (!loopback(endpoint->address)) {
            diagnostics_.error(
                node.at,
                say("`manage.metrics` is to listen at ", shown(scalar.text),
                    ", where others could come in and read along: it is HTTP without encryption; "
                    "expected a loopback address; write metrics: \"127.0.0.1:",
                    std::to_string(endpoint->port), "\", and let an agent of this host read it"));
            return;
        }
        spec_.metrics = *endpoint;
    }

    /// Two cannot listen at one place.
    void check_places(const Node& manage) {
        const Node* const metrics = manage.find("metrics");
        if (metrics == nullptr) return;
        const bool socket = !spec_.metrics_socket.empty() && spec_.metrics_socket == spec_.socket;
        const bool port = spec_.metrics && spec_.telnet && *spec_.metrics == *spec_.telnet;
        if (!socket && !port) return;
        diagnostics_.error(metrics->at,
                           say("`manage.metrics` and `manage.", socket ? "socket" : "telnet",
                               "` are the same place; expected another one; give one "
                               "of them another ",
                               socket ? "path" : "port"));
    }

    void read_telnet(const Node& node) {
        const Field field{"manage.telnet", {}};
        const Scalar scalar = scalar_of(node, field, telnet_expected, diagnostics_);
        if (!scalar.present()) return;
        const auto endpoint = engine::parse_endpoint(scalar.text);
        if (!endpoint || endpoint->port == 0) {
            diagnostics_.error(node.at,
                               say("expected ", telnet_expected, " for `manage.telnet`", ", found ",
                                   shown(scalar.text), "; write telnet: \"127.0.0.1:2601\""));
            return;
        }
        if (!loopback(endpoint->address)) {
            diagnostics_.error(
                node.at,
                say("`manage.telnet` is to listen at ", shown(scalar.text),
                    ", where others could come in and read along: telnet is not encrypted; "
                    "expected a loopback address; write telnet: \"127.0.0.1:",
                    std::to_string(endpoint->port), "\", and reach it from afar through ssh"));
            return;
        }
        spec_.telnet = *endpoint;
    }

    void read_password(const Node& node) {
        const Field field{"manage.password_file", {}};
        const Scalar scalar = scalar_of(node, field, "the name of a file", diagnostics_);
        const auto name = read_path(scalar, field, diagnostics_);
        if (!name) return;
        if (find_bad_text(*name) || name->find_first_of("\t\r\n") != name->npos) {
            diagnostics_.error(node.at,
                               "found a control character for `manage.password_file`; expected "
                               "the name of a file; write the name of the file");
            return;
        }
        spec_.password_file = (folder_ / *name).lexically_normal().string();
        auto password = files_.read_password(spec_.password_file);
        if (!password) {
            diagnostics_.error(node.at, say("cannot take the password for `manage.password_file`; "
                                            "expected a file with one line that only its owner can "
                                            "read; ",
                                            password.message()));
            return;
        }
        spec_.password = std::make_shared<const crypto::Password>(std::move(*password));
    }

    const std::filesystem::path& folder_;
    const KeyFiles& files_;
    Diagnostics& diagnostics_;
    ManageSpec spec_;
};

}  // namespace

ManageSpec read_manage(const Node* manage, const std::filesystem::path& folder,
                       const KeyFiles& files, Diagnostics& diagnostics) {
    if (manage == nullptr || manage->kind == Node::Kind::broken) return {};
    if (manage->kind != Node::Kind::map || manage->children.empty()) {
        const bool empty = manage->kind == Node::Kind::map;
        diagnostics.error(
            manage->at,
            say("expected a map for `manage`, found ", empty ? "an empty map" : described(*manage),
                "; write manage: {socket: /run/lanes/NODE.sock}, or remove the key"));
        return {};
    }
    return ManageReader(folder, files, diagnostics).read(*manage);
}

}  // namespace lanes::config
