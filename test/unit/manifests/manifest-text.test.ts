import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPlace } from '../../../src/base/skyshard-error.ts';
import { ERRORS_MAX, parseManifest } from '../../../src/manifests/manifest-text.ts';

/** `Service default/a at x.yaml:1:1`, and messages of the errors. */
async function parse(file: string, text: string) {
  const { objects, errors } = await parseManifest(file, text);
  return {
    found: objects.map(({ object, place }) => `${object.kind} ${object.name} ${formatPlace(place)}`),
    objects: objects.map(({ object }) => object),
    errors: errors.map((error) => `${error.code} ${error.message}`),
  };
}

const SERVICE = (name: string, port: unknown = 80) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { clusterIP: '10.96.0.1', ports: [{ name: 'http', port }] },
});

test('several documents, lists and kinds of no interest: objects with the place where each starts', async () => {
  const { found, errors } = await parse(
    'x.yaml',
    `# a comment
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: whoami }
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata: { name: a }
    spec: { clusterIP: 10.0.0.1 }
  - apiVersion: v1
    kind: List
    items:
      - { apiVersion: v1, kind: Service, metadata: { name: b }, spec: { clusterIP: None } }
---
apiVersion: v1
kind: ServiceList
items:
  - metadata: { name: c }
    spec: { clusterIP: 10.0.0.2 }
---
apiVersion: v1
kind: List
`,
  );
  assert.deepEqual(errors, []);
  assert.deepEqual(found, [
    'Namespace shop x.yaml:3:1',
    'Service a x.yaml:15:5',
    'Service b x.yaml:22:9',
    'Service c x.yaml:27:5',
  ]);
});

test('YAML is read as kubectl reads it: version 1.1, merge keys, no dates', async () => {
  const { objects, errors } = await parse(
    'x.yaml',
    `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: a
  labels: { kubernetes.io/service-name: a }
addressType: IPv4
ports: [{ port: 0120, name: "no" }]
endpoints:
  - &first { addresses: [10.0.0.1], conditions: { ready: yes }, hostname: one }
  - { <<: *first, conditions: { ready: no }, hostname: two }
  - { <<: *first, hostname: three }
---
apiVersion: v1
kind: Namespace
metadata: { name: 2024-01-01 }
`,
  );
  assert.deepEqual(errors, []);
  const [slice, namespace] = objects;
  assert.ok(slice?.kind === 'EndpointSlice');
  assert.deepEqual(
    slice.endpoints.map(({ hostname }) => hostname),
    ['one', 'three'],
  );
  assert.deepEqual(slice.ports, [{ name: 'no', port: 80, protocol: 'TCP' }]);
  assert.equal(namespace?.name, '2024-01-01');
});

test('a fault is where the field is; a field that is missing, at what it is missing from', async () => {
  const yaml = (spec: string) => `kind: Service
apiVersion: v1
metadata:
  name: cart
  namespace: shop
spec:
${spec}`;
  const cases: [string, string][] = [
    ['  clusterIP: 10.96.0.300\n', '7:14: Service shop/cart: spec.clusterIP: must be an IP address, not "10.96.0.300"'],
    ['  clusterIPs:\n    - 10.0.0.1\n    - x\n', '9:7: Service shop/cart: spec.clusterIPs[1]: must be an IP'],
    ['  ports:\n    - name: http\n      protocol: TCP\n', '8:7: Service shop/cart: spec.ports[0].port: is required'],
    ['  ports:\n    - { name: http, port: eighty }\n', '8:27: Service shop/cart: spec.ports[0].port: must be'],
    ['  ports:\n    http: 80\n', '7:3: Service shop/cart: spec.ports: must be a list'],
  ];
  for (const [spec, expected] of cases) {
    const { errors } = await parse('x.yaml', yaml(spec));
    assert.equal(errors.length, 1, spec);
    assert.ok(errors[0]!.startsWith(`MANIFEST_OBJECT x.yaml:${expected}`), `${errors[0]} is not ${expected}`);
  }
  const { errors } = await parse('x.yaml', 'hello\n---\n- 1\n---\nkind: Service\n');
  assert.deepEqual(
    errors.map((error) => error.split(' ')[1]),
    ['x.yaml:1:1:', 'x.yaml:3:1:', 'x.yaml:5:1:'],
  );
});

test('broken YAML is reported with line and column, and the other documents are still looked at', async () => {
  const { errors } = await parse('x.yaml', 'a: b\n  c: d\n---\nkind: Service\nkind: Pod\n---\nkind: X\n');
  assert.equal(errors.length, 3, errors.join('\n'));
  assert.match(errors[0]!, /^MANIFEST_SYNTAX x\.yaml:1:4: Nested mappings/);
  assert.match(errors[1]!, /^MANIFEST_SYNTAX x\.yaml:5:1: Map keys must be unique/);
  assert.match(errors[2]!, /^MANIFEST_OBJECT x\.yaml:7:1: X: apiVersion/);
});

test('what would unfold or nest without end is refused', async () => {
  let bomb = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
  for (let n = 1; n < 12; n++) bomb += `a${n}: &a${n} [${`*a${n - 1}, `.repeat(10)}]\n`;
  const { errors } = await parse('x.yaml', bomb);
  assert.match(errors.join('\n'), /^MANIFEST_SYNTAX x\.yaml:1:1: Excessive alias count/);
  const deep = await parse('x.yaml', '['.repeat(5000));
  assert.match(deep.errors[0]!, /^MANIFEST_SYNTAX x\.yaml/);
  assert.equal((await parse('x.yaml', 'a: *b\n')).errors.length, 1);
});

test('not more errors than a person reads', async () => {
  assert.equal((await parse('x.yaml', 'kind: Service\n---\n'.repeat(100))).errors.length, ERRORS_MAX);
  const items = Array.from({ length: 100 }, () => ({ kind: 'Service' }));
  const list = JSON.stringify({ kind: 'List', items });
  assert.equal((await parse('x.json', list)).errors.length, ERRORS_MAX);
});

test('JSON: one object, a list, documents one after the other, with the place of each', async () => {
  const tricky = { ...SERVICE('a'), items: ['no list'], extra: '"items": [{ \\' };
  const list = { x: { items: [{}] }, y: 'items', kind: 'List', items: [SERVICE('b'), SERVICE('c')] };
  const text = `\uFEFF${JSON.stringify(tricky)}\n---\n${JSON.stringify(list, null, 2)}\n${JSON.stringify(SERVICE('d'))}\n`;
  const { found, errors } = await parse('x.json', text);
  assert.deepEqual(errors, []);
  const lines = text.split('\n');
  const lineOf = (name: string) => lines.findIndex((line) => line.includes(`"name": "${name}"`)) + 1;
  assert.deepEqual(found, [
    'Service a x.json:1:2',
    `Service b x.json:${lineOf('b') - 4}:5`,
    `Service c x.json:${lineOf('c') - 4}:5`,
    `Service d x.json:${lines.length - 1}:1`,
  ]);
  assert.deepEqual(await parse('x.json', ' \n'), { found: [], objects: [], errors: [] });
});

test('JSON: a fault is at its field, broken text at the first octet that is wrong', async () => {
  const list = JSON.stringify({ kind: 'List', items: [SERVICE('b'), SERVICE('c', 'eighty')] }, null, 2);
  const line = list.split('\n').findIndex((text) => text.includes('eighty')) + 1;
  const { errors } = await parse('x.json', list);
  assert.equal(errors.length, 1);
  assert.ok(
    errors[0]!.startsWith(`MANIFEST_OBJECT x.json:${line}:21: Service default/c: spec.ports[0].port`),
    errors[0],
  );

  const alone = await parse('x.json', `${JSON.stringify(SERVICE('b'))}\n${JSON.stringify(SERVICE('c', 'eighty'))}`);
  assert.match(alone.errors.join('\n'), /^MANIFEST_OBJECT x\.json:2:\d+: Service default\/c: spec\.ports/);

  assert.match((await parse('x.json', '{"a": 1,\n}')).errors.join(), /^MANIFEST_SYNTAX x\.json:2:1: /);
  assert.match((await parse('x.json', '{"a": [1,\n2}')).errors.join(), /^MANIFEST_SYNTAX x\.json:2:2: /);
  assert.match((await parse('x.json', '{"a": [1,\n2')).errors.join(), /^MANIFEST_SYNTAX x\.json:2:2: /);
});

test('JSON: a list whose second item is no JSON is refused at that place, whatever was read before it', async () => {
  const good = '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}';
  const text = `{"kind":"List","items":[\n${good},\n{"kind" "Namespace"}]}`;
  const { errors } = await parseManifest('list.json', text);
  assert.equal(errors.length, 1);
  assert.equal(errors[0]?.code, 'MANIFEST_SYNTAX');
  assert.deepEqual(errors[0]?.place, { file: 'list.json', line: 3, column: 9 });
});

test('JSON: a long list leaves the thread to others while it is read', async () => {
  const item = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', labels: { text: 'x'.repeat(20) } } };
  const text = JSON.stringify({ kind: 'List', items: Array.from({ length: 20_000 }, () => item) });
  let turns = 0;
  const count = () => {
    turns++;
    turn = setImmediate(count);
  };
  let turn = setImmediate(count);
  const { objects } = await parseManifest('list.json', text);
  clearImmediate(turn);
  assert.equal(objects.length, 20_000);
  assert.ok(turns > 0, `${turns} turns`);
});
