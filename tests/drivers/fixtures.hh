// Every driver's fixture: the list that the contract test runs over.
#pragma once

#include "tests/drivers/fixture_af_packet.hh"
#include "tests/drivers/fixture_af_xdp.hh"
#include "tests/drivers/fixture_dpdk.hh"
#include "tests/drivers/fixture_memory.hh"
#include "tests/drivers/fixture_pcap.hh"
#include "tests/drivers/fixture_tun.hh"
#include "tests/drivers/fixture_udp.hh"

// A macro, because Catch2 then names each case by its fixture.
#define LANES_FIXTURES                                                                         \
    MemoryFixture, AfPacketFixture, AfXdpFixture, AfXdpGenericFixture, TapFixture, TunFixture, \
        UdpFixture, Udp6Fixture, PcapFixture, DpdkMemifFixture, DpdkAfPacketFixture,           \
        DpdkTapFixture
