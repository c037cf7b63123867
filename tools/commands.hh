// The commands of `lanes`. Each takes what its command line said and returns the exit status.
#pragma once

#include <cstdint>
#include <string>

namespace lanes::tools {

inline constexpr int exit_good = 0;
inline constexpr int exit_errors = 1;      ///< the file has errors, or the node cannot start
inline constexpr int exit_unreadable = 2;  ///< the file cannot be read

/// Checks a node file and its tables, and prints what is wrong with them.
int check(const std::string& file);

/// Runs a node until it is told to stop.
int run(const std::string& file);

enum class Output : std::uint8_t { text, json };

/// Lists what each driver could open on this machine, and why not the rest.
int ports(Output output);

/// Examines the machine, or what the ports and cores of the node in `file` need of it; "": no file.
/// exit_errors when something is broken.
int doctor(const std::string& file, Output output);

/// Prints a new private key.
int key_new();

/// Prints the public key of the private key on standard input.
int key_public();

/// Prints a new shared secret.
int key_secret();

}  // namespace lanes::tools
