// See sandbox.hh.
#include "config/sandbox.hh"

#include <array>
#include <string_view>

#include "config/ports.hh"
#include "config/scalars.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

constexpr std::array<std::string_view, 4> keys = {"enforce", "group", "reopen_ports", "user"};

void read_who(const Node& child, const Field& field, std::string& into, Diagnostics& diagnostics) {
    const Scalar scalar = scalar_of(child, field, "a name", diagnostics);
    if (auto name = read_name(scalar, field, diagnostics)) into = std::move(*name);
}

void read_flag(const Node& child, const Field& field, bool& into, Diagnostics& diagnostics) {
    const Scalar scalar = scalar_of(child, field, "true or false", diagnostics);
    if (const auto value = read_bool(scalar, field, diagnostics)) into = *value;
}

}  // namespace

void read_sandbox(const Node* node, SandboxSpec& sandbox, Diagnostics& diagnostics) {
    if (node == nullptr || node->kind == Node::Kind::broken) return;
    if (node->kind != Node::Kind::map || node->children.empty()) {
        const bool empty = node->kind == Node::Kind::map;
        diagnostics.error(node->at, say("expected a map for `sandbox`, found ",
                                        empty ? "an empty map" : described(*node),
                                        "; write sandbox: {user: lanes}, or remove the key"));
        return;
    }
    for (const Node& child : node->children) {
        const Field field{child.key == "user"      ? "sandbox.user"
                          : child.key == "group"   ? "sandbox.group"
                          : child.key == "enforce" ? "sandbox.enforce"
                                                   : "sandbox.reopen_ports",
                          {}};
        if (child.key == "user") {
            read_who(child, field, sandbox.user, diagnostics);
        } else if (child.key == "group") {
            read_who(child, field, sandbox.group, diagnostics);
        } else if (child.key == "enforce") {
            read_flag(child, field, sandbox.enforce, diagnostics);
        } else if (child.key == "reopen_ports") {
            read_flag(child, field, sandbox.reopen_ports, diagnostics);
        } else {
            unknown_key(child, "`sandbox`", keys, diagnostics);
        }
    }
    if (!sandbox.group.empty() && sandbox.user.empty()) {
        diagnostics.error(node->at,
                          "`sandbox` has a `group` and no `user`; expected both, or `user` alone; "
                          "add `user: NAME`");
    }
}

}  // namespace lanes::config
