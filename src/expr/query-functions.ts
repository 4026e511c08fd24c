/** Functions of `view` and `template` that ask about the query. */
import { parseAddress } from '../dns/address.ts';
import { takeText } from './arguments.ts';
import type { ExprFunction } from './expr-frame.ts';
import { ExprError } from './expr-value.ts';

/** By name. Who calls them has compared the number of arguments. */
export const QUERY_FUNCTIONS: Readonly<Record<string, ExprFunction>> = {
  type: (_, { query }) => query.typeText(),
  name: (_, { query }) => query.name(),
  class: (_, { query }) => query.classText(),
  proto: (_, { query }) => query.proto(),
  size: (_, { query }) => BigInt(query.size()),
  client_ip: (_, { query }) => query.clientAddress(),
  port: (_, { query }) => String(query.clientPort()),
  id: (_, { query }) => BigInt(query.id()),
  opcode: (_, { query }) => BigInt(query.opcode()),
  do: (_, { query }) => query.isDnssecOk(),
  bufsize: (_, { query }) => BigInt(query.bufferSize()),
  server_ip: (_, { query }) => query.serverAddress(),
  server_port: (_, { query }) => String(query.serverPort()),
  metadata: ([label], { query }) => query.metadata(takeText('metadata', label)),
  incidr: ([address, network]) => isInNetwork(takeText('incidr', address), takeText('incidr', network)),
  group: ([key], { match }) => {
    const isKey = typeof key === 'string' || typeof key === 'bigint';
    return isKey ? (match.groups.get(String(key)) ?? '') : '';
  },
};

const addressWords = new Uint32Array(4);
const networkWords = new Uint32Array(4);

/** Whether an address lies in `ADDRESS/LENGTH`. An IPv4-mapped one is the IPv4 address. */
function isInNetwork(addressText: string, networkText: string): boolean {
  const family = parseAddress(addressText, addressWords);
  if (family === 0) throw new ExprError('the first argument of incidr is no IP address');
  const slashAt = networkText.indexOf('/');
  const prefixText = networkText.slice(slashAt + 1);
  const networkFamily = slashAt < 0 ? 0 : parseAddress(networkText.slice(0, slashAt), networkWords);
  if (networkFamily === 0 || !/^\d{1,3}$/.test(prefixText)) throw badNetwork(networkText);
  const isMapped = networkFamily === 4 && networkText.includes(':');
  const isLong = networkFamily === 6 || isMapped;
  if (Number(prefixText) > (isLong ? 128 : 32)) throw badNetwork(networkText);
  // A length that reaches into the mapped prefix makes the network one of IPv6 addresses.
  const prefix = isMapped ? Number(prefixText) - 96 : Number(prefixText);
  if (prefix < 0 || family !== networkFamily) return false;
  for (let index = 0; index < (family === 4 ? 1 : 4); index++) {
    const bits = Math.min(Math.max(prefix - 32 * index, 0), 32);
    if (bits === 0) return true;
    const shift = 32 - bits;
    if (addressWords[index]! >>> shift !== networkWords[index]! >>> shift) return false;
  }
  return true;
}

function badNetwork(text: string): ExprError {
  return new ExprError(`${text} is no network, expected ADDRESS/LENGTH`);
}
