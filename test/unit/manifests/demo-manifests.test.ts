/** The demo cluster: loads without a word, keeps to the API's schema, and its comments promise what is answered. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { TYPE } from '../../../src/dns/iana.ts';
import { ManifestLoader } from '../../../src/manifests/manifest-loader.ts';
import { DEFAULT_RECORD_OPTIONS } from '../../../src/records/record-options.ts';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';
import { RecordModel } from '../../oracle/record-model.ts';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const DEMO = path.join(ROOT, 'deploy/demo');
const files = readdirSync(DEMO).map((name) => ({ name, text: readFileSync(path.join(DEMO, name), 'utf8') }));
const objects = files.flatMap(({ text }) =>
  [...parseAllDocuments(text)].map((document) => document.toJS() as RawObject),
);
const model = new RecordModel(objects, DEFAULT_RECORD_OPTIONS);

test('the demo loads without an error and without a warning', async () => {
  const load = await new ManifestLoader([DEMO]).load();
  assert.deepEqual([load.errors, load.warnings], [[], []]);
  assert.equal(load.objectCount, objects.length);
});

/** Fields that the manifests use, by kind and path, as the API has them: `*` for any key of a map. */
const FIELDS: Readonly<Record<string, string>> = {
  'v1 Namespace': 'metadata.name metadata.labels.*',
  'v1 Service': `metadata.name metadata.namespace metadata.labels.* spec.type spec.clusterIP spec.clusterIPs[]
    spec.ipFamilies[] spec.ipFamilyPolicy spec.selector.* spec.externalName spec.publishNotReadyAddresses
    spec.ports[].name spec.ports[].protocol spec.ports[].port spec.ports[].targetPort spec.ports[].nodePort
    status.loadBalancer.ingress[].ip`,
  'discovery.k8s.io/v1 EndpointSlice': `metadata.name metadata.namespace metadata.labels.* addressType
    ports[].name ports[].protocol ports[].port endpoints[].addresses[] endpoints[].hostname endpoints[].nodeName
    endpoints[].zone endpoints[].conditions.ready endpoints[].conditions.serving endpoints[].conditions.terminating
    endpoints[].targetRef.kind endpoints[].targetRef.name endpoints[].targetRef.namespace`,
  'v1 Pod': `metadata.name metadata.namespace metadata.labels.* spec.nodeName spec.hostname spec.subdomain
    spec.containers[].name spec.containers[].image spec.containers[].ports[].name
    spec.containers[].ports[].containerPort status.phase status.podIP status.podIPs[].ip`,
};

/** Paths of all values that are no mappings or lists. */
function leavesOf(value: unknown, at: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => leavesOf(item, `${at}[]`));
  if (typeof value !== 'object' || value === null) return [at];
  const isMap = /(?:labels|selector)$/.test(at);
  const prefix = at === '' ? '' : `${at}.`;
  return Object.entries(value).flatMap(([key, item]) => leavesOf(item, prefix + (isMap ? '*' : key)));
}

test('the demo uses fields that the API has, and sets those that it requires', () => {
  for (const object of objects) {
    const { apiVersion, kind, ...rest } = object;
    const known = FIELDS[`${apiVersion} ${kind}`]?.split(/\s+/);
    assert.ok(known !== undefined, `${apiVersion} ${kind}`);
    const unknown = leavesOf(rest, '').filter((leaf) => !known.includes(leaf));
    assert.deepEqual(unknown, [], `${kind} ${object.metadata.name}`);
    if (kind !== 'Namespace') assert.ok(object.metadata.namespace, `namespace of ${object.metadata.name}`);
    if (object.kind === 'EndpointSlice') assert.ok(['IPv4', 'IPv6'].includes(object.addressType));
    if (object.kind === 'Service' && object.spec.type !== 'ExternalName') {
      assert.equal(object.spec.clusterIPs?.[0], object.spec.clusterIP, object.metadata.name);
    }
  }
});

interface Dig {
  readonly command: string;
  readonly name: string;
  readonly type: number;
  readonly isShort: boolean;
  /** what the comment says it prints */
  readonly printed: readonly string[];
}

function findDigs(text: string): Dig[] {
  const digs: Dig[] = [];
  for (const match of text.matchAll(/^#   (dig .*)\n((?:#     .*\n)*)/gm)) {
    const words = match[1]!.split(' ').slice(1);
    const reverse = words.includes('-x') ? words[words.indexOf('-x') + 1] : undefined;
    const plain = words.filter((word, index) => !/^[@+-]/.test(word) && !/^-[px]$/.test(words[index - 1] ?? ''));
    const typeWord = plain.find((word) => word in TYPE) as keyof typeof TYPE | undefined;
    digs.push({
      command: match[1]!,
      name: reverse === undefined ? plain.at(-1)! : reverseName(reverse),
      type: reverse === undefined ? TYPE[typeWord ?? 'A'] : TYPE.PTR,
      isShort: words.includes('+short'),
      printed: match[2]!.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/^#\s+/, '')])),
    });
  }
  return digs;
}

function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail = ''] = address.split('::');
  const [left, right] = [head, tail].map((half) => half.split(':').filter((word) => word !== ''));
  const zeros = Array.from({ length: 8 - left!.length - right!.length }, () => '0');
  const nibbles = [...left!, ...zeros, ...right!].flatMap((word) => [...word.padStart(4, '0')]);
  return `${nibbles.reverse().join('.')}.ip6.arpa`;
}

/** The questions that show the absence of something, or more than a line. */
const WITHOUT_SHORT: Readonly<Record<string, string>> = {
  'shop.svc.cluster.local A': 'NODATA',
  '_dns._tcp.kube-dns.kube-system.svc.cluster.local SRV': 'NXDOMAIN',
  'whoami.default.svc.cluster.local AAAA': 'NODATA',
  'whoami.default.shop.svc.cluster.local A': 'NXDOMAIN',
  'WhoAmI.DEFAULT.svc.cluster.local A': '1 record',
  '10-244-2-7.whoami.default.svc.cluster.local A': 'NXDOMAIN',
  'edge.shop.svc.cluster.local A': 'NODATA',
  'db-2.db.shop.svc.cluster.local A': 'NXDOMAIN',
  'batch.shop.svc.cluster.local A': 'NXDOMAIN',
  'workers.shop.svc.cluster.local A': '40 records',
  '_udp.voice.shop.svc.cluster.local A': 'NODATA',
};

const digs = files.flatMap(({ text }) => findDigs(text));

for (const dig of digs) {
  test(dig.command, () => {
    assert.match(dig.command, /^dig @127\.0\.0\.1 -p 1053 /);
    const { rcode, answer, unclear } = model.ask(dig.name, dig.type);
    assert.equal(unclear, undefined);
    if (dig.isShort) {
      assert.equal(rcode, 'NOERROR');
      // `owner ttl TYPE rdata`
      const rdata = answer.map((line) => line.split(' ').slice(3).join(' '));
      assert.deepEqual(rdata.toSorted(), dig.printed.toSorted());
    } else {
      const typeWord = Object.entries(TYPE).find(([, number]) => number === dig.type)![0];
      const isEmpty = rcode === 'NOERROR' && answer.length === 0;
      const got = isEmpty
        ? 'NODATA'
        : answer.length > 0
          ? `${answer.length} record${answer.length > 1 ? 's' : ''}`
          : rcode;
      assert.equal(got, WITHOUT_SHORT[`${dig.name} ${typeWord}`]);
    }
  });
}

test('the comments ask each kind of question', () => {
  assert.ok(digs.length >= 35, `${digs.length}`);
  const asked = new Set(digs.filter(({ isShort }) => !isShort).map(({ name }) => name));
  for (const question of Object.keys(WITHOUT_SHORT)) assert.ok(asked.has(question.split(' ')[0]!), question);
});
