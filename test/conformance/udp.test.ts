/** The table and the wire cases over UDP, on both transports. */
import { after, suite } from 'node:test';
import { runTable } from '../cases/table-run.ts';
import { runWireCases } from '../cases/wire-run.ts';
import { nativeUnavailableReason } from '../../src/native/libc.ts';
import { UdpSubject } from './udp-subject.ts';

const UDP_SIZE_MAX = 1232;
const UDP_SIZE_OF_TABLE = 4000;

for (const transport of ['mmsg', 'dgram'] as const) {
  const skip = (transport === 'mmsg' && nativeUnavailableReason()) || false;
  suite(`table over ${transport}`, { skip }, () => {
    const subject = new UdpSubject({ transport, udpSizeMax: UDP_SIZE_OF_TABLE });
    after(() => subject.close());
    runTable(subject, { udpSize: UDP_SIZE_OF_TABLE });
  });
  suite(`wire cases over ${transport}`, { skip }, () => {
    const subject = new UdpSubject({ transport, udpSizeMax: UDP_SIZE_MAX });
    after(() => subject.close());
    runWireCases(subject);
  });
}
