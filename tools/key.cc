// `lanes key new`, `lanes key public`, `lanes key secret`: keys are text on standard input and
// output, so that they travel by pipe and redirection and never stand on a command line, where
// every user of the machine could read them. See commands.hh.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "crypto/keys.hh"
#include "crypto/random.hh"
#include "crypto/vault.hh"
#include "crypto/x25519.hh"
#include "tools/commands.hh"

namespace lanes::tools {
namespace {

int fail(const std::string& message, int status = exit_errors) {
    std::fprintf(stderr, "lanes: %s\n", message.c_str());
    return status;
}

/// Whether keys can be made and standard output takes them; says so if not. Before anything else
/// opens a descriptor, which might come to have the number of a closed standard output.
bool ready() {
    ::signal(SIGPIPE, SIG_IGN);
    const int flags = ::fcntl(STDOUT_FILENO, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        fail("standard output is closed; expected a file, a pipe or a terminal for the key");
        return false;
    }
    if (const auto vault = crypto::initialise(); !vault) {
        fail(vault.message());
        return false;
    }
    return true;
}

/// Whether a second key would be appended to a file, which Lanes would refuse to read then.
bool appends() {
    struct stat status {};
    if (::fstat(STDOUT_FILENO, &status) != 0) return false;
    return S_ISREG(status.st_mode) && status.st_size > 0;
}

int print_secret(const crypto::KeyText& text, const char* what, const char* command) {
    if (appends()) {
        return fail(std::string("the file has something in it already; a file holds one key; write "
                                "lanes key ") +
                    command + " > FILE");
    }
    if (const auto done = crypto::write_key(STDOUT_FILENO, text); !done) {
        return fail(done.message());
    }
    if (::isatty(STDOUT_FILENO) == 1) {
        std::fprintf(stderr,
                     "lanes: this is %s, and whoever saw it has it; to keep one, write "
                     "lanes key %s > FILE\n",
                     what, command);
    }
    return exit_good;
}

bool print_line(const std::string& text) {
    const std::string line = text + "\n";
    std::size_t done = 0;
    while (done < line.size()) {
        const ssize_t len = ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0) return false;
        done += static_cast<std::size_t>(len);
    }
    return true;
}

}  // namespace

int key_new() {
    if (!ready()) return exit_errors;
    const crypto::KeyPair pair = crypto::KeyPair::generate(crypto::system_random());
    return print_secret(crypto::to_text(pair.secret), "a private key", "new");
}

int key_secret() {
    if (!ready()) return exit_errors;
    const crypto::SharedSecret secret = crypto::generate_shared(crypto::system_random());
    return print_secret(crypto::to_text(secret), "a shared secret", "secret");
}

int key_public() {
    if (!ready()) return exit_errors;
    if (::read(STDIN_FILENO, nullptr, 0) < 0) {  // a folder, or closed
        return fail(std::string("standard input cannot be read: ") + std::strerror(errno) +
                        "; write lanes key public < FILE",
                    exit_unreadable);
    }
    if (::isatty(STDIN_FILENO) == 1) {
        std::fputs(
            "lanes: reads a private key; to take it from a file, write "
            "lanes key public < FILE\n",
            stderr);
    }
    auto secret = crypto::read_private_from(STDIN_FILENO);
    if (!secret) {
        return fail("standard input: " + secret.message() + "; write lanes key public < FILE");
    }
    if (print_line(crypto::to_text(crypto::public_of(*secret)))) return exit_good;
    return fail(std::string("write of the public key: ") + std::strerror(errno));
}

}  // namespace lanes::tools
