/**
 * What a large list costs while it is decoded: anonymous memory of a process that reads it from a file, chunk by chunk as from
 * a socket, and keeps nothing. JSON and protobuf, a process of its own each, with main's bounds on garbage. Linux.
 *
 * usage: node native-free-bench/micro/decode-memory.bench.ts [SLICES] [ENDPOINTS PER SLICE]
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { createListDecoder } from '../../src/apiserver/decoding/decoders.ts';
import { boundGarbage } from '../../src/native/v8-flags.ts';
import type { RawObject } from '../dataset/generate-cluster.ts';
import { encodeResponses, generateSlices } from './decode-response.bench.ts';

export interface DecodeMemory {
  readonly responseMiB: number;
  readonly objectCount: number;
  readonly cpuMs: number;
  /** the most it had more than before the first chunk, MiB */
  readonly peakMiB: number;
}

const CONTENT_TYPES = { json: 'application/json', protobuf: 'application/vnd.kubernetes.protobuf' } as const;
type Encoding = keyof typeof CONTENT_TYPES;
const CHUNK_SIZE = 65_536;
const MIB = 2 ** 20;
/** slices decoded beforehand, so that code is not counted */
const WARM_UP_SLICES = 300;
/** slices that are different; the list has them over and over */
const DIFFERENT_SLICES = 300;

export function benchDecodeMemory(slices: number, endpointsPerSlice: number): Record<Encoding, DecodeMemory> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'skyshard-decode-memory-'));
  try {
    const different = [...generateSlices(DIFFERENT_SLICES, endpointsPerSlice)];
    const repeat = (count: number): RawObject[] =>
      Array.from({ length: count }, (_, index) => different[index % DIFFERENT_SLICES]!);
    const responses = encodeResponses(repeat(slices));
    const warmUps = encodeResponses(repeat(WARM_UP_SLICES));
    const measure = (encoding: Encoding): DecodeMemory => {
      const files = [`${encoding}.warm-up`, encoding].map((name) => path.join(folder, name));
      writeFileSync(files[0]!, warmUps[encoding]);
      writeFileSync(files[1]!, responses[encoding]);
      const child = spawnSync(process.execPath, [import.meta.filename, '--decode', encoding, ...files], {
        encoding: 'utf8',
      });
      if (child.status !== 0) throw new Error(child.stderr);
      return JSON.parse(child.stdout) as DecodeMemory;
    };
    return { json: measure('json'), protobuf: measure('protobuf') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function decodeFile(encoding: Encoding, file: string, onChunk: () => void): Promise<number> {
  const decoder = createListDecoder('EndpointSlice', CONTENT_TYPES[encoding]);
  let count = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_SIZE })) {
    for (const _ of decoder.push(chunk as Buffer)) count++;
    onChunk();
    await setImmediate();
  }
  decoder.end();
  return count;
}

async function measureDecoding(encoding: Encoding, warmUp: string, file: string): Promise<DecodeMemory> {
  boundGarbage();
  await decodeFile(encoding, warmUp, () => undefined);
  const before = anonymousMemory();
  let peak = before;
  let size = 0;
  const cpuBefore = process.cpuUsage();
  const objectCount = await decodeFile(encoding, file, () => {
    size += CHUNK_SIZE;
    peak = Math.max(peak, anonymousMemory());
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  return { responseMiB: size / MIB, objectCount, cpuMs: (user + system) / 1000, peakMiB: (peak - before) / MIB };
}

/** Octets of this process that are no file's. */
function anonymousMemory(): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** One line an encoding. */
export function formatDecodeMemory(results: Record<Encoding, DecodeMemory>): string {
  return Object.entries(results)
    .map(([encoding, { responseMiB, objectCount, cpuMs, peakMiB }]) => {
      const work = `${objectCount} objects out of ${responseMiB.toFixed(1)} MiB in ${cpuMs.toFixed(0)} ms of CPU time`;
      return `${encoding}: ${work}, ${peakMiB.toFixed(1)} MiB more at the most\n`;
    })
    .join('');
}

if (import.meta.main) {
  const [first = '10000', second = '15', ...files] = process.argv.slice(2);
  if (first === '--decode') {
    const result = await measureDecoding(second as Encoding, files[0]!, files[1]!);
    process.stdout.write(JSON.stringify(result));
  } else process.stdout.write(formatDecodeMemory(benchDecodeMemory(Number(first), Number(second))));
}
