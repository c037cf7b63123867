// The derivation of a subspace's key and IV.
#include "crypto/subspace.hh"

#include <sodium.h>

#include <algorithm>
#include <string_view>

#include "crypto/hkdf.hh"

namespace lanes::crypto {

SubspaceKey derive_subspace(const SessionSecret& secret, const SubspaceName& name) {
    constexpr std::string_view label = "lanes/1 data";
    std::array<std::byte, label.size() + 11> info;
    std::byte* to = std::copy_n(bytes_of(label).data(), label.size(), info.data());
    store_big(to, name.lane);
    store_big(to + 4, name.epoch);
    store_big(to + 8, name.subspace);
    store_big(to + 10, static_cast<std::uint8_t>(name.suite));

    Secret<aead_key_bytes + nonce_bytes> both;
    hkdf_expand(secret.bytes(), info, both.bytes());
    SubspaceKey derived;
    const auto key = both.bytes().first<aead_key_bytes>();
    const auto iv = both.bytes().last<nonce_bytes>();
    std::copy(key.begin(), key.end(), derived.key.bytes().begin());
    std::copy(iv.begin(), iv.end(), derived.iv.begin());
    return derived;
}

}  // namespace lanes::crypto
