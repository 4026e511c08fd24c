import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parseName } from '../../../../src/dns/name.ts';
import type { HostsOptions } from '../../../../src/plugins/hosts/parse.ts';
import { HostsSource, hostsMetrics } from '../../../../src/server/hosts/hosts-source.ts';
import { MemorySink } from '../../records/memory-sink.ts';

interface Setup {
  readonly source: HostsSource;
  readonly file: string;
  readonly said: string[];
}

function makeSource(
  t: { after(fn: () => void): void },
  text: string | undefined,
  more: Partial<HostsOptions> = {},
): Setup {
  const directory = mkdtempSync(path.join(tmpdir(), 'hosts-'));
  const file = path.join(directory, 'hosts');
  if (text !== undefined) writeFileSync(file, text, 'latin1');
  const said: string[] = [];
  const source = new HostsSource(
    {
      file,
      zones: ['.'],
      inlineLines: [],
      ttlSeconds: 3600,
      hasReverse: true,
      reloadMs: 0,
      fallthrough: null,
      fallsThroughUnsupported: false,
      ...more,
    },
    (level, message) => said.push(`${level} ${message.replaceAll(file, 'FILE')}`),
  );
  t.after(() => {
    source.close();
    rmSync(directory, { recursive: true });
  });
  return { source, file, said };
}

/** Names and what they have; PTR records as their targets. */
async function read(
  t: { after(fn: () => void): void },
  text: string,
  more: Partial<HostsOptions> = {},
): Promise<Record<string, string>> {
  const { source } = makeSource(t, text, more);
  await source.load();
  return contentOf(source);
}

function contentOf(source: HostsSource): Record<string, string> {
  const sink = new MemorySink();
  source.write(sink);
  return Object.fromEntries([...sink.names].map(([name, content]) => [name, describePointers(content)]));
}

/** `PTR COUNT hex of what stands behind the fixed part, …` with the targets as text. */
function describePointers(content: string): string {
  const parts = /^TYPE12 (\d+) ([0-9a-f]*)$/.exec(content);
  if (parts === null) return content;
  const octets = Buffer.from(parts[2]!, 'hex');
  const targets: string[] = [];
  for (let at = 0; at < octets.length;) {
    assert.equal(octets.toString('hex', at, at + 6), 'c00c000c0001');
    const size = octets.readUInt16BE(at + 10);
    let name = '';
    for (let label = at + 12; octets[label] !== 0; label += octets[label]! + 1) {
      name += `${octets.toString('latin1', label + 1, label + 1 + octets[label]!)}.`;
    }
    targets.push(`${octets.readUInt32BE(at + 6)} ${name}`);
    at += 12 + size;
  }
  assert.equal(targets.length, Number(parts[1]));
  return `PTR ${targets.join(', ')}`;
}

test('addresses and names, in the order of the file', async (t) => {
  const text = [
    '# 192.0.2.9 comment',
    '192.0.2.2 B.example.org a # c.example.org',
    '\t 192.0.2.1\vb.EXAMPLE.org.\r',
    '192.0.2.2 b.example.org',
    '2001:db8::1 b.example.org d#e',
    '::ffff:192.0.2.3 f',
    'fe80::1%eth0 g',
    '',
    '192.0.2.4',
  ].join('\n');
  assert.deepEqual(await read(t, text), {
    'b.example.org': '192.0.2.2 192.0.2.1 2001:db8::1',
    a: '192.0.2.2',
    d: '2001:db8::1',
    f: '192.0.2.3',
    g: 'fe80::1',
    '2.2.0.192.in-addr.arpa': 'PTR 3600 b.example.org., 3600 a.',
    '1.2.0.192.in-addr.arpa': 'PTR 3600 b.example.org.',
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa': 'PTR 3600 b.example.org., 3600 d.',
    '3.2.0.192.in-addr.arpa': 'PTR 3600 f.',
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa': 'PTR 3600 g.',
  });
});

test('what is no address or no name is left out', async (t) => {
  const long = 'a'.repeat(64);
  const text = `bad a\n1.2.3 b\n010.0.0.1 c\n192.0.2.1:53 d\n192.0.2.1 a..b ${long} \xff ok\n`;
  const records = await read(t, text, { hasReverse: false });
  assert.deepEqual(
    Object.keys(records).filter((name) => !name.includes('\\')),
    ['ok'],
  );
});

test('names outside of the zones are left out, and their pointers', async (t) => {
  const text = '192.0.2.1 a.example.org b.example.com example.org notexample.org\n';
  assert.deepEqual(await read(t, text, { zones: ['example.org.', 'example.net.'] }), {
    'a.example.org': '192.0.2.1',
    'example.org': '192.0.2.1',
    '1.2.0.192.in-addr.arpa': 'PTR 3600 a.example.org., 3600 example.org.',
  });
});

test('the lines of the Corefile stand behind those of the file', async (t) => {
  const inlineLines = ['192.0.2.7 a b', '192.0.2.1 c'];
  assert.deepEqual(await read(t, '192.0.2.9 a\n192.0.2.1 d\n', { inlineLines, ttlSeconds: 70_000 }), {
    a: '192.0.2.9 192.0.2.7',
    d: '192.0.2.1',
    b: '192.0.2.7',
    c: '192.0.2.1',
    '9.2.0.192.in-addr.arpa': 'PTR 70000 a.',
    '1.2.0.192.in-addr.arpa': 'PTR 70000 d., 70000 c.',
    '7.2.0.192.in-addr.arpa': 'PTR 70000 a., 70000 b.',
  });
});

test('a wildcard has no pointer, and fills in for a name without addresses of its family', async (t) => {
  const text =
    '192.0.2.1 *.example.org *\n2001:db8::1 a.example.org\n192.0.2.2 b.example.org\n2001:db8::9 *.c.\n192.0.2.3 x.c\n';
  const inlineLines = ['2001:db8::2 *.example.org'];
  assert.deepEqual(await read(t, text, { inlineLines, hasReverse: false }), {
    '*.example.org': '192.0.2.1 2001:db8::2',
    'a.example.org': '192.0.2.1 2001:db8::1 2001:db8::2',
    'b.example.org': '192.0.2.2 2001:db8::2',
    '*.c': '2001:db8::9',
    'x.c': '192.0.2.3 2001:db8::9',
  });
  const pointers = Object.keys(await read(t, text)).filter((name) => name.endsWith('arpa'));
  assert.deepEqual(
    pointers.filter((name) => name.startsWith('1.2.0.192')),
    [],
  );
  assert.equal(pointers.length, 3);
});

test('fields that are too long are said to be', async (t) => {
  const long = 'x'.repeat(1025);
  const { source, said } = makeSource(t, `\n${long} a\n192.0.2.1 b ${long} c\nbad ${long}\n`, {
    inlineLines: [`192.0.2.2 ${long}`],
  });
  await source.load();
  assert.deepEqual(said, [
    'error plugin/hosts: Inline hosts entries, line 1: name longer than 1024 bytes, dropping the name',
    'error plugin/hosts: Hosts file "FILE", line 2: address longer than 1024 bytes, dropping the line',
    'error plugin/hosts: Hosts file "FILE", line 3: name longer than 1024 bytes, dropping the name',
  ]);
  assert.deepEqual(Object.keys(contentOf(source)), ['b', 'c', '1.2.0.192.in-addr.arpa']);
});

test('an address with more names than a response holds', async (t) => {
  const names = Array.from({ length: 5000 }, (_, index) => `name-${index}.example.org`);
  const records = await read(t, names.map((name) => `0.0.0.0 ${name}\n`).join(''));
  assert.equal(Object.keys(records).length, 5001);
  const pointers = records['0.0.0.0.in-addr.arpa']!.split(', ');
  assert.ok(pointers.length > 1500 && pointers.length < 2000, `${pointers.length}`);
});

test('a change is written as the difference; the same file is not read again', async (t) => {
  const { source, file } = makeSource(t, '192.0.2.1 a\n192.0.2.2 b c\n');
  const sink = new MemorySink();
  assert.equal(await source.load(), true);
  source.write(sink);
  assert.equal(await source.load(), false);
  sink.touched = [];
  source.write(sink);
  assert.deepEqual(sink.touched, []);

  writeFileSync(file, '192.0.2.2 b c\n192.0.2.11 a\n');
  assert.equal(await source.load(), true);
  source.write(sink);
  assert.deepEqual(sink.touched.toSorted(), ['1.2.0.192.in-addr.arpa', '11.2.0.192.in-addr.arpa', 'a']);
  assert.deepEqual([...sink.names.keys()].toSorted(), [
    '11.2.0.192.in-addr.arpa',
    '2.2.0.192.in-addr.arpa',
    'a',
    'b',
    'c',
  ]);
});

test('what was not published is written again, what is gone from the file too', async (t) => {
  const { source, file } = makeSource(t, '192.0.2.1 a\n192.0.2.2 b\n', { hasReverse: false, reloadMs: 5 });
  const sink = new MemorySink();
  await source.load();
  source.write(sink);
  writeFileSync(file, '192.0.2.2 b\n');
  await source.load();
  source.write(new MemorySink());
  source.revertWrite();
  // without another change of the file
  await new Promise<void>((resolve) => source.startReloading(resolve));
  source.write(sink);
  assert.deepEqual([...sink.names.keys()], ['b']);

  // a sink that takes nothing
  writeFileSync(file, '192.0.2.22 c\n');
  await source.load();
  const full = new MemorySink();
  full.put = () => assert.fail('full');
  assert.throws(() => source.write(full), /full/);
  source.revertWrite();
  source.write(sink);
  assert.deepEqual([...sink.names.keys()], ['c']);
});

test('another time of change is enough to read again, and what cannot be read changes nothing', async (t) => {
  const { source, file, said } = makeSource(t, '192.0.2.1 a\n');
  await source.load();
  writeFileSync(file, '192.0.2.3 a\n');
  utimesSync(file, 5000, 5000);
  assert.equal(await source.load(), true);
  assert.equal(source.modifiedSeconds, 5000);
  rmSync(file);
  assert.equal(await source.load(), false);
  assert.equal(contentOf(source)['a'], '192.0.2.3');
  assert.deepEqual(said, []);
});

test('a directory in the place of the file is said once', async (t) => {
  const { source, said } = makeSource(t, undefined, { file: tmpdir(), inlineLines: ['192.0.2.1 a'] });
  await source.load();
  await source.load();
  assert.deepEqual(said, [`warn plugin/hosts: cannot read ${tmpdir()}: it is a directory`]);
  assert.equal(contentOf(source)['a'], '192.0.2.1');
});

test('it looks after the file', async (t) => {
  const { source, file } = makeSource(t, '192.0.2.1 a\n', { reloadMs: 5 });
  await source.load();
  const changed = new Promise<void>((resolve) => source.startReloading(resolve));
  writeFileSync(file, '192.0.2.22 a\n');
  await changed;
  assert.equal(contentOf(source)['a'], '192.0.2.22');
});

test('metrics', async (t) => {
  const missing = makeSource(t, undefined).source;
  const { source, file } = makeSource(t, '192.0.2.1 a a *.b\n', { inlineLines: ['192.0.2.2 c'] });
  const [entries, reloaded] = hostsMetrics(() => [missing, source]);
  const samples = (): unknown[] => [[...entries!.samples()], [...reloaded!.samples()]];
  await missing.load();
  assert.deepEqual(samples(), [[], [{ labels: {}, value: 0 }]]);
  utimesSync(file, 7000.5, 7000.5);
  await source.load();
  // two addresses and names of a, one address of the wildcard, and both of c
  assert.deepEqual(samples(), [[{ labels: { hostsfile: file }, value: 7 }], [{ labels: {}, value: 7000.5 }]]);
});

test('keys are relative names', async (t) => {
  const { source } = makeSource(t, '192.0.2.1 a.b\n', { hasReverse: false });
  await source.load();
  const keys: Uint8Array[] = [];
  const sink = new MemorySink();
  sink.put = (key) => void keys.push(key);
  source.write(sink);
  assert.deepEqual(keys, [parseName('a.b')!.slice(0, -1)]);
});
