/** Serial numbers of zones, which go round (RFC 1982), and what else a SOA record says. */

/** Whether serial `a` is a later one than `b`. Of two that are as far apart as can be neither is. */
export function isLater(a: number, b: number): boolean {
  const distance = (a - b) >>> 0;
  return distance !== 0 && distance < 0x8000_0000;
}

/** The numbers of a SOA record. Seconds. */
export interface ZoneTimes {
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
}

const NUMBERS_SIZE = 20;

/** @param rdata  of a SOA record that is well-formed */
export function readZoneTimes(rdata: Uint8Array): ZoneTimes {
  const view = new DataView(rdata.buffer, rdata.byteOffset + rdata.length - NUMBERS_SIZE, NUMBERS_SIZE);
  const [serial, refresh, retry, expire] = [0, 4, 8, 12].map((at) => view.getUint32(at)) as [
    number,
    number,
    number,
    number,
  ];
  return { serial, refresh, retry, expire };
}
