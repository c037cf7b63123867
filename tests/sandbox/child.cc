// See child.hh.
#include "tests/sandbox/child.hh"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

namespace lanes::test {
namespace {

constexpr int not_confined = 201;
constexpr unsigned seconds_max = 20;

int child(const sandbox::Rules& rules, Where where, const std::function<int()>& act) {
    std::promise<void> confined;
    std::promise<int> worked;
    std::thread worker([&] {
        confined.get_future().wait();
        worked.set_value(where == Where::worker ? act() : 0);
    });
    const auto done = sandbox::confine(rules);
    if (!done) {
        std::fprintf(stderr, "%s\n", done.error().message.c_str());
        ::_exit(not_confined);
    }
    int status = where == Where::main_thread ? act() : 0;
    if (where == Where::later_thread) std::thread([&] { status = act(); }).join();
    confined.set_value();
    const int of_worker = worked.get_future().get();
    worker.join();
    return where == Where::worker ? of_worker : status;
}

}  // namespace

Ending confined(const sandbox::Rules& rules, Where where, const std::function<int()>& act) {
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::alarm(seconds_max);
        ::_exit(child(rules, where, act));
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) return {WTERMSIG(status), -1};
    return {0, WEXITSTATUS(status)};
}

sandbox::Rules rules_of(const std::string& driver) {
    sandbox::Rules rules;
    engine::PortSpec port;
    port.name = "lan";
    port.driver = driver;
    rules.ports.push_back(port);
    return rules;
}

const char* name_of(Where where) {
    switch (where) {
        case Where::main_thread:
            return "main thread";
        case Where::worker:
            return "worker";
        case Where::later_thread:
            return "thread started later";
    }
    return "";
}

}  // namespace lanes::test
