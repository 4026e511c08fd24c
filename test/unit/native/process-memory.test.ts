import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadLibc, nativeUnavailableReason } from '../../../src/native/libc.ts';
import { fileMappings, discardCode, discardPages, readSmaps, shrinkHeap } from '../../../src/native/process-memory.ts';

const skip = nativeUnavailableReason() ?? false;

test('discarded pages read as zeros, what lies beside them stays', { skip }, () => {
  const libc = loadLibc();
  const buffer = new SharedArrayBuffer(4 << 20);
  const octets = new Uint8Array(buffer).fill(7);
  const offset = 1 << 20;
  const size = 1 << 20;
  discardPages(libc, buffer, offset, size);
  assert.equal(octets[offset + size / 2], 0);
  assert.ok(octets.subarray(0, offset).every((octet) => octet === 7));
  assert.ok(octets.subarray(offset + size).every((octet) => octet === 7));
  // All but the pages at its two ends, which may be shared with what lies beside.
  const kept = octets.subarray(offset, offset + size).reduce((count, octet) => count + (octet === 7 ? 1 : 0), 0);
  assert.ok(kept < 2 * 65_536, `${kept} octets are still there`);
});

test('a part smaller than a page is left alone', { skip }, () => {
  const buffer = new SharedArrayBuffer(1 << 20);
  const octets = new Uint8Array(buffer).fill(7);
  discardPages(loadLibc(), buffer, 8, 2048);
  assert.ok(octets.every((octet) => octet === 7));
});

test('the heap gives back what garbage took', { skip }, () => {
  let garbage: number[][] | undefined = Array.from({ length: 200 }, () => Array.from({ length: 20_000 }, Math.random));
  const before = process.memoryUsage();
  garbage = undefined;
  shrinkHeap(loadLibc());
  assert.equal(garbage, undefined);
  const after = process.memoryUsage();
  assert.ok(after.heapUsed < before.heapUsed - (16 << 20), `${before.heapUsed} → ${after.heapUsed}`);
  assert.equal(typeof (globalThis as { gc?: unknown }).gc, 'undefined', 'nothing is left in the global scope');
});

test('only what is of the program and was never written is code to let go of', () => {
  const mapping = (line: string, anonymousKb: number): string =>
    `${line}\nSize:  4 kB\nRss:  4 kB\nAnonymous:  ${anonymousKb} kB\nVmFlags: rd mr mw me`;
  const smaps = [
    mapping('00400000-00746000 r--p 00000000 fe:00 10 /opt/a program/node', 0),
    mapping('0074a000-03044000 r-xp 0034a000 fe:00 10                         /opt/a program/node', 0),
    mapping('03044000-03048000 r--p 0034a000 fe:00 10 /opt/a program/node', 16),
    mapping('06b56000-06b7d000 rw-p 06755000 fe:00 10 /opt/a program/node', 0),
    mapping('7f0000000000-7f0000001000 rwxp 00000000 00:00 0', 0),
    mapping('7f4273dc0000-7f4273fc5000 r-xp 01627000 fe:00 10 /opt/a program/node', 0),
    mapping('7f53c0000000-7f53c0100000 r-xp 00000000 fe:00 11 /usr/lib/libc.so.6', 0),
    '',
  ].join('\n');
  assert.deepEqual(fileMappings(smaps, '/opt/a program/node'), [
    { start: 0x400000, end: 0x746000 },
    { start: 0x74a000, end: 0x3044000 },
    { start: 0x7f4273dc0000, end: 0x7f4273fc5000 },
  ]);
});

test('code that was let go of is no part of the process, and runs', { skip }, () => {
  const residentCode = (): number =>
    Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
  const before = residentCode();
  const size = discardCode(loadLibc());
  assert.ok(size > 2 ** 20, `${size} octets of code`);
  const after = residentCode();
  assert.ok(after < before - 2 ** 22, `${before} octets before, ${after} after`);
  assert.equal(JSON.stringify(JSON.parse('{"a":[1,2,{"b":"c"}]}')), '{"a":[1,2,{"b":"c"}]}');
});

test('where the kernel tells no mappings nothing is given back, and nothing fails', () => {
  assert.deepEqual(fileMappings(readSmaps('/nonexistent/smaps'), process.execPath), []);
  assert.ok(readSmaps().length > 0);
});
