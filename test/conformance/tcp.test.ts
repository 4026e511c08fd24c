/** The table and the wire cases over TCP: what UDP answers, and never truncated. */
import { after, suite } from 'node:test';
import { runTable } from '../cases/table-run.ts';
import { runWireCases } from '../cases/wire-run.ts';
import { TcpSubject } from './tcp-subject.ts';

suite('table over TCP', () => {
  const subject = new TcpSubject();
  after(() => subject.close());
  // Whatever UDP size a client announces.
  runTable(subject, { udpSize: 512 });
});

suite('wire cases over TCP', () => {
  const subject = new TcpSubject();
  after(() => subject.close());
  runWireCases(subject, { isStream: true });
});
