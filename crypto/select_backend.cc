// Which AEAD backend to use: the one that was named, or the fastest that works here.
#include <string>

#include "crypto/backends.hh"

namespace lanes::crypto {

namespace {

#ifdef LANES_IPSEC_MB
Outcome<std::unique_ptr<Backend>> vector_backend() {
    return make_ipsec_mb();
}
#else
Outcome<std::unique_ptr<Backend>> vector_backend() {
    return Failure{"crypto backend ipsec-mb is not part of this build (meson option ipsec_mb)"};
}
#endif

}  // namespace

std::string_view name_of(BackendKind kind) noexcept {
    return kind == BackendKind::ipsec_mb ? "ipsec-mb" : "libsodium";
}

Outcome<std::unique_ptr<Backend>> select_backend(std::string_view name) {
    if (name == "libsodium") return make_libsodium();
    if (name == "ipsec-mb") return vector_backend();
    if (name != "auto") {
        return Failure{"crypto backend \"" + std::string(name) +
                       "\" is unknown: expected auto, ipsec-mb or libsodium"};
    }
    if (auto fastest = vector_backend()) return fastest;
    return make_libsodium();
}

}  // namespace lanes::crypto
