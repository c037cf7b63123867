// See default_scenario.hh.
#include "bench/soak/default_scenario.hh"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "crypto/keys.hh"
#include "crypto/random.hh"
#include "crypto/vault.hh"
#include "crypto/x25519.hh"

namespace lanes::bench {
namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

void write_text(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file) fail("write " + path);
}

void write_key(const std::string& path, const crypto::KeyText& key) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) fail("create " + path);
    const auto written = crypto::write_key(descriptor, key);
    ::close(descriptor);
    if (!written) throw std::runtime_error(written.message());
}

std::string with(std::string text, const std::string& word, const std::string& value) {
    std::size_t from = text.find("\nnode:");  // the comment above tells of the words themselves
    while ((from = text.find(word, from)) != std::string::npos) {
        text.replace(from, word.size(), value);
        from += value.size();
    }
    return text;
}

/// The first and the last core that this process may run on.
std::pair<std::string, std::string> two_cores() {
    cpu_set_t allowed;
    std::vector<int> cores;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (int core = 0; core < CPU_SETSIZE; ++core) {
            if (CPU_ISSET(core, &allowed)) cores.push_back(core);
        }
    }
    if (cores.empty()) return {"0", "0"};
    return {std::to_string(cores.front()), std::to_string(cores.back())};
}

}  // namespace

DefaultScenario::DefaultScenario() {
    const char* place = std::getenv("TMPDIR");
    folder_ =
        std::string(place == nullptr || *place == '\0' ? "/tmp" : place) + "/lanes-soak-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) fail("create a folder " + folder_);
    try {
        fill();
    } catch (...) {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
        throw;
    }
}

DefaultScenario::~DefaultScenario() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void DefaultScenario::fill() const {
    if (const auto ready = crypto::initialise(); !ready) throw std::runtime_error(ready.message());
    const auto sender = crypto::KeyPair::generate(crypto::system_random());
    const auto receiver = crypto::KeyPair::generate(crypto::system_random());
    const auto secret = crypto::generate_shared(crypto::system_random());
    write_key(folder_ + "/sender.key", crypto::to_text(sender.secret));
    write_key(folder_ + "/receiver.key", crypto::to_text(receiver.secret));
    write_key(folder_ + "/shared.psk", crypto::to_text(secret));
    const auto [first, last] = two_cores();
    write_text(file(), soak_scenario_text);
    write_text(folder_ + "/soak-sender.yaml",
               with(with(soak_sender_text, "CORE", first), "RECEIVER-KEY",
                    crypto::to_text(crypto::public_of(receiver.secret))));
    write_text(folder_ + "/soak-receiver.yaml",
               with(with(soak_receiver_text, "CORE", last), "SENDER-KEY",
                    crypto::to_text(crypto::public_of(sender.secret))));
}

}  // namespace lanes::bench
