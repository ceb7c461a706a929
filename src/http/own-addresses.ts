/** Where another machine reaches a server that listens on all addresses of this one. */
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** A line of the log has room for this many. */
const MOST = 3;

/** URLs that a browser elsewhere can open in place of `url`; none where that names an address already, or no other is known. */
export function urlsElsewhere(url: string, interfaces: () => Interfaces = networkInterfaces): readonly string[] {
  const { hostname, port } = new URL(url);
  if (hostname !== "0.0.0.0" && hostname !== "[::]") return [];
  return own(interfaces)
    .filter(({ family }) => hostname === "[::]" || family === "IPv4")
    .sort((a, b) => a.family.localeCompare(b.family))
    .slice(0, MOST)
    .map(({ family, address }) => `http://${family === "IPv6" ? `[${address}]` : address}:${port}/`);
}

function own(interfaces: () => Interfaces): NetworkInterfaceInfo[] {
  try {
    // An address of one link alone needs the name of the other machine's interface: no browser takes it.
    return Object.values(interfaces()).flatMap((all = []) =>
      all.filter(({ internal, address }) => !internal && !/^(?:fe[89ab].:|169\.254\.)/i.test(address)),
    );
  } catch {
    // Some sandboxes do not say.
    return [];
  }
}
