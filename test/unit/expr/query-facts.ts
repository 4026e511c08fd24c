import type { ExprQuery } from '../../../src/expr/expr-frame.ts';

/** A query for tests of expressions: www.example.org. A from 10.1.2.3. */
export const QUERY_FACTS: ExprQuery = {
  typeText: () => 'A',
  classText: () => 'IN',
  name: () => 'www.example.org.',
  proto: () => 'udp',
  size: () => 47,
  id: () => 4660,
  opcode: () => 0,
  isDnssecOk: () => true,
  bufferSize: () => 1232,
  clientAddress: () => '10.1.2.3',
  clientPort: () => 5353,
  serverAddress: () => '127.0.0.1',
  serverPort: () => 53,
  metadata: (label) => (label === 'a/b' ? 'v' : ''),
};
