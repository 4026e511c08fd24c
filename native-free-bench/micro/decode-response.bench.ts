/**
 * What the API server sends → trimmed objects: a list of EndpointSlices as it comes from the socket, in JSON and in protobuf.
 * ns/call is per slice.
 *
 * usage: node native-free-bench/micro/decode-response.bench.ts [SLICES] [ENDPOINTS PER SLICE]
 */
import { createListDecoder } from '../../src/apiserver/decoding/decoders.ts';
import { JsonListSplitter } from '../../src/apiserver/decoding/json-splitter.ts';
import { OBJECT_MESSAGES } from '../../src/apiserver/decoding/protobuf-messages.ts';
import { ProtobufListSplitter } from '../../src/apiserver/decoding/protobuf-splitter.ts';
import { encodeList } from '../dataset/encode-protobuf.ts';
import { DEFAULT_CLUSTER_SHAPE, generateCluster } from '../dataset/generate-cluster.ts';
import type { RawObject } from '../dataset/generate-cluster.ts';
import { formatMicroResults, runMicroBenchmark } from './micro-benchmark.ts';
import type { MicroResult } from './micro-benchmark.ts';

export interface DecodeResponseOptions {
  readonly slices: number;
  readonly endpointsPerSlice: number;
  readonly durationMs: number;
}

const LIST_METADATA = { resourceVersion: '4711', continue: '' };
const API_VERSION = 'discovery.k8s.io/v1';
/** what a socket gives at a time */
const CHUNK_SIZE = 65_536;

export async function benchDecodeResponse(options: DecodeResponseOptions): Promise<MicroResult[]> {
  const slices = [...generateSlices(options.slices, options.endpointsPerSlice)];
  const { json, protobuf } = encodeResponses(slices);
  const texts = slices.map((slice) => JSON.stringify(slice));
  const callsPerRun = slices.length;
  const decode = (contentType: string, response: Buffer) => (): number => {
    const decoder = createListDecoder('EndpointSlice', contentType);
    let endpointCount = 0;
    for (const chunk of chunksOf(response)) {
      for (const item of decoder.push(chunk)) {
        if (item.type !== 'change' || item.change.op !== 'put') continue;
        if (item.change.object.kind === 'EndpointSlice') endpointCount += item.change.object.endpoints.length;
      }
    }
    decoder.end();
    return endpointCount;
  };
  const split = (create: () => JsonListSplitter | ProtobufListSplitter, response: Buffer) => (): number => {
    const splitter = create();
    let count = 0;
    for (const chunk of chunksOf(response)) for (const _ of splitter.push(chunk)) count++;
    return count;
  };
  return runMicroBenchmark(
    [
      { name: 'JSON → objects', callsPerRun, run: decode('application/json', json) },
      { name: 'protobuf → objects', callsPerRun, run: decode('application/vnd.kubernetes.protobuf', protobuf) },
      { name: 'of it: JSON split and parsed', callsPerRun, run: split(() => new JsonListSplitter('list'), json) },
      {
        name: 'of it: protobuf split and read',
        callsPerRun,
        run: split(() => new ProtobufListSplitter('list', OBJECT_MESSAGES.EndpointSlice!), protobuf),
      },
      {
        name: 'JSON.parse, the text at hand',
        callsPerRun,
        run: () => texts.reduce((sum, text) => sum + Object.keys(JSON.parse(text) as object).length, 0),
      },
    ],
    options.durationMs,
  );
}

/** Slices of one family, each full. */
export function* generateSlices(count: number, endpointsPerSlice: number): Generator<RawObject> {
  const shape = {
    ...DEFAULT_CLUSTER_SHAPE,
    services: count,
    endpointsPerService: endpointsPerSlice,
    dualStackShare: 0,
  };
  const cluster = generateCluster({ ...shape, namespaces: Math.ceil(count / 50) });
  const firstIndex = cluster.serviceCount - count;
  for (let i = firstIndex; i < cluster.serviceCount; i++) yield* cluster.endpointSlicesOf(i);
}

/** The list of these slices, as the API server sends it. */
export function encodeResponses(items: readonly RawObject[]): { readonly json: Buffer; readonly protobuf: Buffer } {
  const list = { kind: 'EndpointSliceList', apiVersion: API_VERSION, metadata: LIST_METADATA, items };
  return {
    json: Buffer.from(JSON.stringify(list)),
    protobuf: encodeList('EndpointSlice', API_VERSION, LIST_METADATA, items),
  };
}

function* chunksOf(response: Buffer): Generator<Buffer> {
  for (let at = 0; at < response.length; at += CHUNK_SIZE) yield response.subarray(at, at + CHUNK_SIZE);
}

if (import.meta.main) {
  const [slices = '500', endpoints = '15'] = process.argv.slice(2);
  const options = { slices: Number(slices), endpointsPerSlice: Number(endpoints), durationMs: 3_000 };
  const { json, protobuf } = encodeResponses([...generateSlices(options.slices, options.endpointsPerSlice)]);
  const sizes = [json, protobuf].map((response) => (response.length / options.slices).toFixed(0)).join(' and ');
  const title = `decode responses: ${sizes} octets a slice in JSON and in protobuf`;
  process.stdout.write(formatMicroResults(title, await benchDecodeResponse(options)));
}
