// See secret_file.hh.
#include "crypto/secret_file.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace lanes::crypto {

std::string reason(const std::string& what, int code) {
    return what + ": " + std::strerror(code);
}

Outcome<SecretFile> SecretFile::open(const std::string& path) {
    // Not blocking, or a named pipe in the secret's place would hold up the start for ever.
    SecretFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.descriptor_ < 0) return Failure{reason(path, errno)};
    struct stat status {};
    if (::fstat(file.descriptor_, &status) != 0) return Failure{reason(path, errno)};
    if (!S_ISREG(status.st_mode)) return Failure{path + ": not a regular file"};
    if ((status.st_mode & 077) != 0) {
        char mode[8];
        std::snprintf(mode, sizeof mode, "%04o", status.st_mode & 07777u);
        return Failure{path + ": group or others have access (mode " + mode +
                       "), but it holds a secret: chmod 600 " + path};
    }
    return file;
}

SecretFile::~SecretFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace lanes::crypto
