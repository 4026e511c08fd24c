/** The lines of `log`: CoreDNS's texts and JSON objects, to the letter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueryEventReader } from '../../../../src/observability/queries/query-event-reader.ts';
import { QUERY_EVENT_FLAG, createQueryEventBuffer } from '../../../../src/observability/queries/query-event-ring.ts';
import { QueryEventWriter } from '../../../../src/observability/queries/query-event-writer.ts';
import { QueryLog } from '../../../../src/observability/queries/query-log.ts';
import type { QueryLogBlock, QueryLogRule } from '../../../../src/observability/queries/query-log.ts';
import { addEvent } from '../query-event-fixture.ts';
import type { EventDescription } from '../query-event-fixture.ts';

const COMMON =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
const ALL: QueryLogRule = { zone: '.', format: COMMON, classes: ['all'] };
const { LOG, STREAM, DNSSEC_OK, FORWARDED } = QUERY_EVENT_FLAG;
const NXDOMAIN = 0x8503;
const SERVFAIL = 0x8102;

/** What is printed for these events, with newlines. */
function linesOf(
  events: readonly EventDescription[],
  rules: readonly QueryLogRule[] = [ALL],
  {
    format = 'text',
    hasMetadata = false,
    durationMs = 0.133_458,
  }: { format?: 'text' | 'json'; hasMetadata?: boolean; durationMs?: number } = {},
): string[] {
  const buffer = createQueryEventBuffer(1);
  const writer = new QueryEventWriter(buffer, 0);
  for (const event of events) addEvent(writer, event);
  writer.commit(durationMs);
  const lines: string[] = [];
  const block: QueryLogBlock = { rules, hasMetadata };
  const log = new QueryLog({
    format,
    write: (line) => lines.push(String(line)),
    blocks: [undefined, block, undefined, block],
    localAddress: (listener) => (listener === 0 ? '10.96.0.10' : 'fd00::10'),
  });
  new QueryEventReader(buffer).drain((event) => log.add(event));
  return lines;
}

const formatted = (format: string, event: Partial<EventDescription> = {}, durationMs?: number): string =>
  linesOf([{ name: 'a.test', ...event }], [{ ...ALL, format }], durationMs === undefined ? {} : { durationMs })[0]!;

test('the default line is that of CoreDNS', () => {
  const name = 'Kubernetes.default.SVC.cluster.local';
  const [line] = linesOf([{ name, id: 29_008, hasAnswer: true, client: [10, 244, 0, 5], facts: { querySize: 54 } }]);
  assert.equal(
    line,
    '[INFO] 10.244.0.5:39120 - 29008 "A IN kubernetes.default.svc.cluster.local. udp 54 false 512" NOERROR qr,aa,rd 106 0.000133458s\n',
  );
});

for (const [format, event, text] of [
  ['{remote}', { client: [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1] }, '[2001:db8::1]'],
  ['{local}', {}, '10.96.0.10'],
  ['{local}', { facts: { listener: 1 } }, '[fd00::10]'],
  ['{port}', {}, '39120'],
  ['{type} {class}', { type: 65_280, class: 5 }, 'TYPE65280 CLASS5'],
  ['{type} {class}', { type: 257, class: 3 }, 'CAA CH'],
  ['{type}', { type: 255 }, 'ANY'],
  ['{type}', { type: 10 }, 'NULL'],
  ['{type}', { type: 99 }, 'SPF'],
  ['{name}', { name: '' }, '.'],
  ['{proto} {>bufsize}', { facts: { flags: LOG | STREAM, udpSize: 1232 } }, 'tcp 65535'],
  ['{>bufsize}', { facts: { udpSize: 1232 } }, '1232'],
  ['{>bufsize}', { facts: { udpSize: 100 } }, '512'],
  ['{>do}', { facts: { flags: LOG | DNSSEC_OK } }, 'true'],
  ['{>opcode}', { facts: { queryFlags: 0x2900 } }, '5'],
  ['{rcode}', { facts: { rcode: 11 } }, '11'],
  ['{rcode}', { facts: { rcode: 16 } }, 'BADVERS'],
  ['{>rflags}', { flags: 0x87f0, facts: { flags: LOG | FORWARDED } }, 'qr,aa,tc,rd,ra,z,ad,cd'],
  ['{>rflags}', { flags: 0x8580 }, 'qr,aa,rd'],
  ['{>rflags}', { flags: 0 }, '-'],
  ['{rcode} {>rflags} {rsize}', { isSent: false }, '- - 0'],
  ['{/kubernetes/client-namespace} {/log/class}', {}, '- -'],
  ['{nothing} {>nothing} {} { {{name}} } {name', {}, '{nothing} {>nothing} {} { {a.test.} } {name'],
  ['{>ID}', {}, '{>ID}'],
  ['', {}, ''],
] as const) {
  test(`${format || 'nothing'} is ${text || 'nothing'}`, () => {
    assert.equal(formatted(format, event as Partial<EventDescription>), `[INFO] ${text}\n`);
  });
}

for (const [durationMs, text] of [
  [0, '0s'],
  [0.000_001, '0.000000001s'],
  [0.09, '0.00009s'],
  [1, '0.001s'],
  [5_000.123_4, '5.0001234s'],
  [60_000, '60s'],
] as const) {
  test(`${durationMs} ms are ${text}`, () => assert.equal(formatted('{duration}', {}, durationMs), `[INFO] ${text}\n`));
}

const answer: EventDescription = { name: 'answer.test', hasAnswer: true };
const noData: EventDescription = { name: 'nodata.test', hasSoa: true };
const empty: EventDescription = { name: 'empty.test' };
const noName: EventDescription = { name: 'nxdomain.test', flags: NXDOMAIN, hasSoa: true };
const noNameBare: EventDescription = { name: 'bare.test', flags: NXDOMAIN };
const noTarget: EventDescription = { name: 'target.test', flags: NXDOMAIN, hasSoa: true, hasAnswer: true };
const failure: EventDescription = { name: 'fail.test', flags: SERVFAIL };
const refused: EventDescription = { name: 'refused.test', flags: 0x8105 };
const transfer: EventDescription = { name: 'axfr.test', type: 252, hasAnswer: true };
const dropped: EventDescription = { name: 'dropped.test', isSent: false };
const EVENTS = [answer, noData, empty, noName, noNameBare, noTarget, failure, refused, transfer, dropped];

for (const [classes, names] of [
  [['success'], ['answer', 'empty']],
  [['denial'], ['nodata', 'nxdomain', 'bare']],
  [['error'], ['target', 'fail', 'refused', 'axfr', 'dropped']],
  [
    ['denial', 'error'],
    ['nodata', 'nxdomain', 'bare', 'target', 'fail', 'refused', 'axfr', 'dropped'],
  ],
  [
    ['success', 'all'],
    ['answer', 'nodata', 'empty', 'nxdomain', 'bare', 'target', 'fail', 'refused', 'axfr', 'dropped'],
  ],
] as const) {
  test(`class ${classes.join(' ')}`, () => {
    const lines = linesOf(EVENTS, [{ zone: '.', format: '{name}', classes }]);
    assert.deepEqual(
      lines,
      names.map((name) => `[INFO] ${name}.test.\n`),
    );
  });
}

test('a delegation is a success of its own type; NOTIFY is META', () => {
  const rules = [{ ...ALL, format: '{/log/class} {/log/type}' }];
  const events = [
    { name: 'below.test', isDelegation: true },
    { name: 'below.test', isDelegation: true, hasAnswer: true },
    { name: 'zone.test', facts: { queryFlags: 0x2400 } },
  ];
  assert.deepEqual(linesOf(events, rules, { hasMetadata: true }), [
    '[INFO] success DELEGATION\n',
    '[INFO] success NOERROR\n',
    '[INFO] error META\n',
  ]);
});

test('class and type of a response are values of the log where the block has metadata', () => {
  const rules = [{ ...ALL, format: '{/log/class} {/log/type} {/x}' }];
  assert.deepEqual(linesOf(EVENTS, rules, { hasMetadata: true }), [
    '[INFO] success NOERROR -\n',
    '[INFO] denial NODATA -\n',
    '[INFO] success NOERROR -\n',
    '[INFO] denial NXDOMAIN -\n',
    '[INFO] denial NXDOMAIN -\n',
    '[INFO] error OTHERERROR -\n',
    '[INFO] error SERVERERROR -\n',
    '[INFO] error OTHERERROR -\n',
    '[INFO] error META -\n',
    '[INFO] error OTHERERROR -\n',
  ]);
});

test('the first rule whose scope holds the name decides, even if its class says no', () => {
  const rules: QueryLogRule[] = [
    { zone: 'b.test.', format: 'first {name}', classes: ['error'] },
    { zone: 'test.', format: 'second {name}', classes: ['all'] },
    { zone: 'b.test.', format: 'third {name}', classes: ['all'] },
  ];
  const names = ['b.test', 'x.B.TEST', 'xb.test', 'test', 'other'];
  assert.deepEqual(
    linesOf(
      names.map((name) => ({ name })),
      rules,
    ),
    ['[INFO] second xb.test.\n', '[INFO] second test.\n'],
  );
});

test('a block without log prints nothing, whatever its scope', () => {
  const scopes = [0, 1, 2, 3, 4].map((scope) => ({ name: `s${scope}`, facts: { scope } }));
  const rules = [{ ...ALL, format: '{name}' }];
  assert.deepEqual(linesOf(scopes, rules), ['[INFO] s1.\n', '[INFO] s3.\n']);
  assert.deepEqual(linesOf([{ name: 'a', facts: { flags: QUERY_EVENT_FLAG.ERRORS } }], rules), [], 'an error only');
});

test('JSON lines have the fields of CoreDNS, with their types', () => {
  const events: EventDescription[] = [
    { name: 'a.b', id: 29_008, hasAnswer: true, facts: { querySize: 54 } },
    {
      name: [3, 0x22, 0x5c, 0x0a, 0],
      type: 28,
      client: [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1],
      facts: { flags: LOG | STREAM | DNSSEC_OK, udpSize: 1232 },
      isSent: false,
    },
  ];
  const beforeMs = Date.now();
  const lines = linesOf(events, [{ ...ALL, format: '"{name}" {rcode}' }], { format: 'json', durationMs: 0.000_091 });
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.ok(lines.every((line) => line.endsWith('}\n') && line.indexOf('\n') === line.length - 1));
  const time = String(first?.['time']);
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
  assert.ok(Date.parse(time) >= beforeMs && Date.parse(time) <= Date.now());
  assert.deepEqual(first, {
    time,
    level: 'INFO',
    msg: '"a.b." NOERROR',
    plugin: 'log',
    client_ip: '192.0.2.1',
    client_port: 39_120,
    qname: 'a.b.',
    qtype: 'A',
    qclass: 'IN',
    protocol: 'udp',
    id: 29_008,
    opcode: 0,
    request_size: 54,
    dnssec_ok: false,
    bufsize: 512,
    rcode: 'NOERROR',
    response_size: 40,
    duration_seconds: 0.000_000_091,
  });
  assert.deepEqual(
    [second?.['qname'], second?.['rcode'], second?.['client_ip'], second?.['dnssec_ok'], second?.['bufsize']],
    ['\\"\\\\\\010.', null, '2001:db8::1', true, 65_535],
  );
});
