// A folder of its own for a test that needs files; gone with the test.
#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

namespace lanes::bench::test {

class Folder {
  public:
    Folder() {
        char name[] = "/tmp/lanes-bench-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    /// Writes a file that only its owner may read, as key files must be; returns its path.
    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = *this / name;
        std::ofstream(path, std::ios::binary) << text;
        REQUIRE(::chmod(path.c_str(), 0600) == 0);
        return path;
    }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

}  // namespace lanes::bench::test
