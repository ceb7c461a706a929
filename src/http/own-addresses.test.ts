/** What the log says of the address where a server listens. */
import { expect, test } from "bun:test";
import type { NetworkInterfaceInfo } from "node:os";
import { urlsElsewhere } from "./own-addresses.ts";

function at(address: string, internal = false): NetworkInterfaceInfo {
  const rest = { address, netmask: "", mac: "", internal, cidr: null };
  return address.includes(":") ? { ...rest, family: "IPv6", scopeid: 0 } : { ...rest, family: "IPv4" };
}

const interfaces = () => ({
  lo: [at("127.0.0.1", true), at("::1", true)],
  eth0: [at("fe80::1"), at("2001:db8::7"), at("192.168.1.20")],
  wlan0: [at("169.254.3.4"), at("10.0.0.5")],
});

test("a server on all addresses names those that another machine can type, at most three", () => {
  expect(urlsElsewhere("http://0.0.0.0:8844/", interfaces)).toEqual([
    "http://192.168.1.20:8844/",
    "http://10.0.0.5:8844/",
  ]);
  expect(urlsElsewhere("http://[::]:8844/", interfaces)).toEqual([
    "http://192.168.1.20:8844/",
    "http://10.0.0.5:8844/",
    "http://[2001:db8::7]:8844/",
  ]);
  const many = () => ({ eth0: [1, 2, 3, 4, 5].map((last) => at(`10.0.0.${last}`)) });
  expect(urlsElsewhere("http://0.0.0.0:8844/", many).length).toBe(3);
});

test("an address that was chosen stays alone, and a machine that does not say has none", () => {
  expect(urlsElsewhere("http://127.0.0.1:8844/", interfaces)).toEqual([]);
  expect(urlsElsewhere("http://192.168.1.20:8844/", interfaces)).toEqual([]);
  const silent = () => {
    throw new Error("EACCES");
  };
  expect(urlsElsewhere("http://0.0.0.0:8844/", silent)).toEqual([]);
});
