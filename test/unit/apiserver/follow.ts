/** A fake API server, a source that follows it, and what arrives. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { KubernetesApiOptions } from '../../../src/apiserver/api-options.ts';
import { type ApiSource, type ApiSourceOptions, openApiSource } from '../../../src/apiserver/api-source.ts';
import type { ApiTiming } from '../../../src/apiserver/api-timing.ts';
import { decodeObject } from '../../../src/kubernetes/decode.ts';
import type { ObjectKind } from '../../../src/kubernetes/object-sink.ts';
import { FakeApiServer, type FakeApiServerOptions, keyOf, type Plural } from '../../support/fake-api-server.ts';
import { RecordingSink } from '../../support/recording-sink.ts';

export interface Following {
  readonly fake: FakeApiServer;
  readonly source: ApiSource;
  readonly sink: RecordingSink;
  /** lines of the log: `level text` */
  readonly log: string[];
  readonly synced: ObjectKind[];
  /** what should never happen */
  readonly failures: unknown[];
  /** Wait until the sink has exactly what the server has, of each kind that is followed. */
  agree(): Promise<void>;
}

export interface FollowOptions {
  readonly server?: FakeApiServerOptions;
  /** the fake's endpoint and no limits, where it says nothing else */
  readonly api?: Partial<KubernetesApiOptions>;
  readonly source?: Partial<Omit<ApiSourceOptions, 'api'>>;
  readonly timing?: Partial<ApiTiming>;
  /** before the source starts */
  readonly prepare?: (fake: FakeApiServer) => void;
}

const NO_LIMITS = { queriesPerSecond: 1000, burst: 1000, inflightMax: 0 };

export const PLURAL_OF: Readonly<Record<ObjectKind, Plural>> = {
  Service: 'services',
  Namespace: 'namespaces',
  Pod: 'pods',
  EndpointSlice: 'endpointslices',
  ServiceImport: 'serviceimports',
};

export async function follow(t: TestContext, options: FollowOptions = {}): Promise<Following> {
  const fake = await FakeApiServer.start(options.server);
  t.after(() => fake.close());
  options.prepare?.(fake);
  const sink = new RecordingSink();
  const log: string[] = [];
  const synced: ObjectKind[] = [];
  const failures: unknown[] = [];
  const kinds = options.source?.kinds ?? ['Service'];
  const source = await openApiSource(
    {
      api: { endpoint: fake.url, tls: null, kubeconfig: null, ...NO_LIMITS, ...options.api },
      labels: null,
      namespaceLabels: null,
      log: (level, text) => log.push(`${level} ${text}`),
      fail: (error) => failures.push(error),
      onSynced: (kind) => synced.push(kind),
      ...options.source,
      kinds,
      timing: { backoffMinMs: 2, ...options.timing },
    },
    sink,
  );
  t.after(async () => {
    await source.close();
    assert.deepEqual(failures, []);
  });
  source.start();
  const agree = async (): Promise<void> => {
    for (const kind of kinds) await agreeOn(kind, fake, sink);
  };
  return { fake, source, sink, log, synced, failures, agree };
}

async function agreeOn(kind: ObjectKind, fake: FakeApiServer, sink: RecordingSink): Promise<void> {
  const differences = (): string[] => {
    const there = new Map(fake.list(PLURAL_OF[kind]).map((raw) => [keyOf(raw), JSON.stringify(decodeObject(raw))]));
    const arrived = sink.objects.get(kind) ?? new Map();
    const keys = new Set([...there.keys(), ...arrived.keys()]);
    return [...keys].filter((key) => there.get(key) !== JSON.stringify(arrived.get(key)));
  };
  await fake.until(() => differences().length === 0, `${kind} as in the server`).catch(() => undefined);
  assert.deepEqual(differences(), [], `${kind}: what arrived differs from what the server has`);
}

/** Value of a metric of the source, of one set of labels; undefined if there is no such series. */
export function metric(source: ApiSource, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  const family = source.families().find((candidate) => candidate.name === name);
  assert.ok(family, `no metric ${name}`);
  for (const sample of family.samples()) {
    if (Object.entries(labels).every(([key, value]) => sample.labels[key] === value)) return sample.value;
  }
  return undefined;
}
