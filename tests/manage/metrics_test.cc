// Metrics as text, over real sockets: what they say against counters that the test knows, what is
// refused, and clients that hang. Whether real parsers read it tests/e2e/metrics.py shows.
#include "manage/metrics.hh"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <map>

#include "engine/log.hh"
#include "manage/metrics_text.hh"
#include "tests/manage/views_bed.hh"

using namespace lanes;
using namespace lanes::test;
using Catch::Contains;
using manage::HttpServer;
using manage::Metrics;
using manage::MetricsText;

namespace {

constexpr std::uint64_t second = 1'000'000'000;
const std::string open_metrics = "application/openmetrics-text;version=1.0.0";

/// All that a body says, read `step` bytes at a time.
std::string read(HttpServer::Reply& reply, std::size_t step = 4096) {
    std::string all;
    std::vector<char> room(step);
    while (const std::size_t len = reply.body->read(room)) all.append(room.data(), len);
    return all;
}

struct Client {
    explicit Client(const std::string& path)
        : fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    bool say(std::string_view text) const {
        return ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
               static_cast<ssize_t>(text.size());
    }
    /// What is there by now; `ended` becomes whether the other end has closed.
    std::string hear() {
        std::string all;
        char room[65536];
        ssize_t len = 0;
        while ((len = ::recv(fd.get(), room, sizeof room, MSG_DONTWAIT)) > 0) {
            all.append(room, static_cast<std::size_t>(len));
        }
        ended = len == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
        return all;
    }

    engine::Descriptor fd;
    bool ended = false;
};

/// The node of ClearBed with its metrics at a socket.
struct Bed : ClearBed {
    Bed() {
        engine::log_only(engine::Severity::error);
        char name[] = "/tmp/lanes-metrics-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        folder = name;
        auto listener = manage::Listener::at_path(folder + "/m.sock", manage::Listener::Kind::http);
        REQUIRE(listener);
        std::vector<manage::Listener> listeners;
        listeners.push_back(std::move(*listener));
        auto made = Metrics::create(seen, std::move(listeners));
        REQUIRE(made);
        metrics = std::move(*made);
    }
    ~Bed() {
        metrics.reset();
        std::filesystem::remove_all(folder);
        engine::log_only(engine::Severity::debug);
    }

    /// Serves until there is nothing to do.
    void serve() {
        for (int i = 0; i < 100'000; ++i) {
            pollfd entry{metrics->fd(), POLLIN, 0};
            const bool ready = ::poll(&entry, 1, 0) != 0;
            metrics->serve(now_ns);
            if (!ready) return;
        }
        FAIL("metrics never come to rest");
    }
    /// Time goes by, a tenth of a second at a time.
    void pass(std::uint64_t ns) {
        for (std::uint64_t i = 0; i < ns; i += second / 10) {
            now_ns += second / 10;
            serve();
        }
    }
    Client connect() const { return Client(folder + "/m.sock"); }
    /// The whole answer to a request.
    std::string ask(const std::string& request) {
        Client client = connect();
        REQUIRE(client.say(request));
        std::string all;
        for (int i = 0; i < 100'000 && !client.ended; ++i) {
            serve();
            all += client.hear();
        }
        CHECK(client.ended);
        return all;
    }
    std::string get(const std::string& path, const std::string& accept = open_metrics) {
        return ask("GET " + path + " HTTP/1.0\r\nHost: a\r\nAccept: " + accept + "\r\n\r\n");
    }
    std::string scrape(const std::string& accept = open_metrics) {
        auto reply = metrics->reply({HttpServer::Method::get, "/metrics", accept});
        REQUIRE(reply.status == 200);
        return read(reply);
    }

    std::string folder;
    std::unique_ptr<Metrics> metrics;
    std::uint64_t now_ns = 5000 * second;
};

/// Sample lines by what stands before the value.
std::map<std::string, std::string> samples_of(const std::string& text) {
    std::map<std::string, std::string> samples;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        REQUIRE(end != text.npos);
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        if (line.starts_with('#')) continue;
        const std::size_t blank = line.rfind(' ');
        REQUIRE(blank != line.npos);
        INFO(line);
        REQUIRE(samples.emplace(line.substr(0, blank), line.substr(blank + 1)).second);
    }
    return samples;
}

}  // namespace

TEST_CASE("metrics tell of lanes, ports, workers and drops what was counted") {
    Bed bed;
    for (unsigned i = 0; i < 3; ++i) bed.lan.send(ethernet_frame(100, i));
    bed.node.run();
    bed.give(7);
    bed.give(7);
    const std::string text = bed.scrape();
    auto samples = samples_of(text);
    CHECK(samples.at(
              R"(lanes_lane_info{lane="out",id="101",role="send",cipher="none",port="lan"})") ==
          "1");
    CHECK(samples.at(R"(lanes_lane_packets_total{lane="out",direction="send"})") == "3");
    CHECK(samples.at(R"(lanes_lane_bytes_total{lane="out",direction="send"})") == "300");
    CHECK(samples.at(R"(lanes_lane_packets_total{lane="in",direction="receive"})") == "1");
    CHECK(samples.at(R"(lanes_lane_dropped_packets_total{lane="in",direction="receive"})") == "1");
    CHECK(samples.at(R"(lanes_lane_duplicate_packets_total{lane="in"})") == "1");
    CHECK(samples.at(R"(lanes_lane_up{lane="in"})") == "1");
    CHECK(samples.at(R"(lanes_lane_state_info{lane="in",state="up"})") == "1");
    CHECK(samples.at(R"(lanes_lanes{state="up"})") == "2");
    CHECK(samples.at(R"(lanes_lanes{state="no-key"})") == "0");
    CHECK(samples.at(R"(lanes_port_frames_total{port="lan",worker="0",direction="receive"})") ==
          "3");
    CHECK(samples.at(R"(lanes_port_frames_total{port="wan",worker="0",direction="transmit"})") ==
          "3");
    CHECK(samples.at(R"(lanes_port_bytes_total{port="lan",worker="0",direction="receive"})") ==
          "300");
    CHECK(samples.at(R"(lanes_port_link{port="lan",lanes_port_link="unknown"})") == "1");
    CHECK(samples.at(R"(lanes_worker_received_frames_total{worker="0"})") == "5");
    CHECK(samples.at(R"(lanes_dropped_frames_total{worker="0",reason="replay_duplicate"})") == "1");
    CHECK(samples.at(R"(lanes_dropped_frames_total{worker="0",reason="bad_tag"})") == "0");
    CHECK(samples.at(R"(lanes_dropped_frames_total{worker="control",reason="stale"})") == "0");
    CHECK(samples.at("lanes_scrapes_total") == "0");
    CHECK(samples_of(bed.scrape()).at("lanes_scrapes_total") == "1");
    CHECK(text.ends_with("\n# EOF\n"));
    CHECK_THAT(text, Contains("# TYPE lanes_lane_packets counter\n# UNIT lanes_lane_packets "
                              "packets\n# HELP lanes_lane_packets Lane packets"));
}

TEST_CASE("plain text is for those who ask for it and not for OpenMetrics") {
    Bed bed;
    const auto type = [&](std::string_view accept) {
        return bed.metrics->reply({HttpServer::Method::get, "/metrics", accept}).type;
    };
    const std::string open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    CHECK(type("") == open);
    CHECK(type("*/*") == open);
    CHECK(type("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5") ==
          open);
    CHECK(type("text/plain") == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(type("text/html,*/*;q=0.8") == "text/plain; version=0.0.4; charset=utf-8");
    const std::string plain = bed.scrape("text/plain");
    CHECK_THAT(plain, Contains("# TYPE lanes_lane_packets_total counter\n# HELP "
                               "lanes_lane_packets_total Lane packets"));
    CHECK_THAT(plain, Contains("# TYPE lanes_lane_info gauge\n"));
    CHECK_THAT(plain, !Contains("# UNIT") && !Contains("# EOF"));
    CHECK(samples_of(plain).size() == samples_of(bed.scrape()).size());
}

TEST_CASE("what a label says comes out escaped") {
    CHECK(MetricsText::label("a", "b\\c\"d\ne") == R"(a="b\\c\"d\ne")");
    CHECK(MetricsText::label("a", "Zürich") == "a=\"Zürich\"");
    MetricsText text(MetricsText::Syntax::open_metrics);
    text.begin({"x_seconds", MetricsText::Type::gauge, "seconds", "X."});
    text.sample_ns("a=\"b\"", 12'000'000'345);
    CHECK(text.text() ==
          "# TYPE x_seconds gauge\n# UNIT x_seconds seconds\n# HELP x_seconds X.\n"
          "x_seconds{a=\"b\"} 12.000000345\n");
}

TEST_CASE("lanes that come and go while a scrape is read are told as a whole or not at all") {
    Bed bed;
    NodeSpec spec = bed.node.spec();
    spec.ports = {port_spec("lan", bed.lan_wire), port_spec("wan", bed.wan_wire, {"192.0.2.1/24"})};
    for (std::uint32_t i = 1; i <= 1000; ++i) {
        const auto port = static_cast<PortIndex>(1);
        spec.lanes.push_back(lane_spec("l" + std::to_string(i), i, Role::receive, 0, {over(port)}));
    }
    bed.node.apply(std::move(spec));
    auto reply = bed.metrics->reply({HttpServer::Method::get, "/metrics", ""});
    std::vector<char> room(2000);
    std::string text;
    while (text.find("lanes_lane_info{") == text.npos) {
        text.append(room.data(), reply.body->read(room));
    }
    LaneChange change;
    for (std::uint32_t i = 1; i <= 1000; i += 2) change.remove.push_back("l" + std::to_string(i));
    change.put.push_back(lane_spec("new", 2000, Role::receive, 0, {over(1)}));
    REQUIRE(bed.node.control->change(std::move(change)));
    text += read(reply);
    const auto samples = samples_of(text);
    std::size_t whole = 0;
    for (std::uint32_t i = 1; i <= 1000; ++i) {
        const std::string lane = "{lane=\"l" + std::to_string(i) + '"';
        const std::size_t up = samples.count("lanes_lane_up" + lane + "}");
        CHECK(samples.count("lanes_lane_packets_total" + lane + ",direction=\"receive\"}") == up);
        CHECK(samples.count("lanes_lane_old_packets_total" + lane + "}") == up);
        if (i % 2 == 0) CHECK(up == 1);
        whole += up;
    }
    CHECK(whole >= 500);
    CHECK(whole < 1000);
    CHECK(samples.count("lanes_lane_up{lane=\"new\"}") == 0);
    CHECK(samples_of(bed.scrape()).count("lanes_lane_up{lane=\"new\"}") == 1);
}

TEST_CASE("a lane that is down is told as such") {
    Bed bed;
    bed.seen.down = {"resting"};
    const auto samples = samples_of(bed.scrape());
    CHECK(samples.at(R"(lanes_lane_up{lane="resting"})") == "0");
    CHECK(samples.at(R"(lanes_lane_state_info{lane="resting",state="down"})") == "1");
    CHECK(samples.at(R"(lanes_lanes{state="down"})") == "1");
    CHECK(samples.count(R"(lanes_lane_packets_total{lane="resting",direction="send"})") == 0);
}

TEST_CASE("a body is the same whatever pieces it is read in") {
    Bed bed;
    const auto lines = [&](std::size_t step) {
        auto reply = bed.metrics->reply({HttpServer::Method::get, "/metrics", ""});
        std::size_t count = 0;
        for (const auto& [name, value] : samples_of(read(reply, step))) count += !name.empty();
        return count;
    };
    CHECK(lines(1) == lines(100'000));
}

TEST_CASE("HTTP has three answers, and refuses what is neither GET nor HEAD") {
    Bed bed;
    CHECK_THAT(bed.get("/"), Contains("200 OK") && Contains("metrics are at /metrics\n"));
    CHECK_THAT(bed.get("/metrics"),
               Contains("Content-Type: application/openmetrics-text; version=1.0.0") &&
                   Contains("lanes_lane_up{lane=\"in\"} 1\n") && Catch::EndsWith("# EOF\n"));
    CHECK_THAT(bed.get("/metrics?name=x"), Contains("200 OK"));
    for (const char* path : {"/metrics/", "/etc/passwd", "//", "/../metrics", "/%2e%2e/"}) {
        CHECK_THAT(bed.get(path), Contains("404 "));
    }
    const std::string head = bed.ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_THAT(head, Contains("200 OK") && Catch::EndsWith("\r\n\r\n") && !Contains("lanes_lane"));
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "FROB"}) {
        CHECK_THAT(bed.ask(std::string(method) + " /metrics HTTP/1.1\r\nHost: a\r\n" +
                           "Content-Length: 3\r\n\r\nabc"),
                   Contains(" 405 ") && Contains("Allow: GET, HEAD"));
    }
}

TEST_CASE("a chunked answer of HTTP/1.1 ends, and so does its connection") {
    Bed bed;
    const std::string answer = bed.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_THAT(answer, Contains("Transfer-Encoding: chunked") && Contains("Connection: close") &&
                           Catch::EndsWith("\r\n0\r\n\r\n"));
    CHECK(bed.metrics->server().connections() == 0);
}

TEST_CASE("garbage, too much and half a request harm nobody") {
    Bed bed;
    const std::string garbage[] = {
        std::string(3, '\0'),
        "\xff\xfe\x80\x01\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
        "GET /" + std::string(40'000, 'x') + " HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(60'000, 'y') + "\r\n\r\n"};
    for (const std::string& text : garbage) {
        Client client = bed.connect();
        client.say(text);
        bed.pass(3 * second);
        client.hear();
        CHECK(client.ended);
    }
    CHECK(bed.metrics->server().connections() == 0);
    CHECK_THAT(bed.get("/"), Contains("200 OK"));
}

TEST_CASE("who says nothing, or a byte now and then, goes after two seconds") {
    Bed bed;
    Client silent = bed.connect();
    Client slow = bed.connect();
    const std::string request = "GET /metrics HTTP/1.1\r\nHost: a-long-name\r\n\r\n";
    for (std::size_t i = 0; i < 19; ++i) {
        slow.say(request.substr(i, 1));
        bed.pass(second / 10);
    }
    CHECK(bed.metrics->server().connections() == 2);
    bed.pass(second / 5);
    silent.hear();
    slow.hear();
    CHECK(silent.ended);
    CHECK(slow.ended);
    CHECK(bed.metrics->server().connections() == 0);
}

TEST_CASE("twenty clients that hang keep nobody from the metrics, nor Control from its rest") {
    Bed bed;
    std::vector<Client> hung;
    for (int i = 0; i < 20; ++i) {
        hung.push_back(bed.connect());
        hung.back().say("GET /metrics HTTP/1.1\r\n");
    }
    bed.serve();
    CHECK(bed.metrics->server().connections() == HttpServer::connections_max);
    pollfd entry{bed.metrics->fd(), POLLIN, 0};
    CHECK(::poll(&entry, 1, 0) == 0);
    Client good = bed.connect();
    good.say("GET /metrics HTTP/1.0\r\n\r\n");
    std::string answer;
    for (int i = 0; i < 20 && !good.ended; ++i) {
        bed.pass(second / 10);
        answer += good.hear();
    }
    CHECK_THAT(answer, Contains("200 OK") && Catch::EndsWith("# EOF\n"));
    bed.pass(5 * second);
    CHECK(bed.metrics->server().connections() == 0);
}

TEST_CASE("who does not read a scrape holds it for half a minute, and the fifth is refused") {
    Bed bed;
    NodeSpec spec = bed.node.spec();
    spec.ports = {port_spec("lan", bed.lan_wire), port_spec("wan", bed.wan_wire, {"192.0.2.1/24"})};
    for (std::uint32_t i = 1; i <= 2000; ++i) {
        spec.lanes.push_back(lane_spec("l" + std::to_string(i), i, Role::receive, 0, {over(1)}));
    }
    bed.node.apply(std::move(spec));
    std::vector<Client> hung;
    for (unsigned i = 0; i < Metrics::scrapes_max; ++i) {
        hung.push_back(bed.connect());
        hung.back().say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    bed.serve();
    CHECK_THAT(bed.get("/metrics"), Contains(" 503 ") && Contains("try again"));
    CHECK_THAT(bed.get("/"), Contains("200 OK"));
    bed.pass(31 * second);
    CHECK(bed.metrics->server().connections() == 0);
    CHECK_THAT(bed.get("/metrics"), Contains("200 OK") && Catch::EndsWith("# EOF\n"));
}

TEST_CASE("a scrape is made in pieces, each of a bounded number of lanes") {
    Bed bed;
    NodeSpec spec = bed.node.spec();
    spec.ports = {port_spec("lan", bed.lan_wire), port_spec("wan", bed.wan_wire, {"192.0.2.1/24"})};
    for (std::uint32_t i = 1; i <= 3000; ++i) {
        spec.lanes.push_back(lane_spec("l" + std::to_string(i), i, Role::receive, 0, {over(1)}));
    }
    bed.node.apply(std::move(spec));
    auto reply = bed.metrics->reply({HttpServer::Method::get, "/metrics", ""});
    std::vector<char> room(1 << 20);
    std::size_t pieces = 0;
    while (const std::size_t len = reply.body->read(room)) {
        const std::string piece(room.data(), len);
        const auto lines = std::count(piece.begin(), piece.end(), '\n');
        CHECK(lines <= 300);
        ++pieces;
    }
    CHECK(pieces > 3000 / 64);
}
