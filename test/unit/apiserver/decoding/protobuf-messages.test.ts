/** The numbers of the message table against the .proto files of Kubernetes, where Go's module cache has them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import * as messages from '../../../../src/apiserver/decoding/protobuf-messages.ts';
import type { MessageType, ScalarType } from '../../../../src/apiserver/decoding/protobuf-messages.ts';

/** How the .proto file spells a type; a pattern after the package's own prefix is off. */
const SPELLED: Readonly<Record<Exclude<ScalarType, 'position'>, string>> = {
  text: 'optional string',
  texts: 'repeated string',
  boolean: 'optional bool',
  int32: 'optional int32',
  time: 'optional Time',
  labels: 'map<string, string>',
  annotations: 'map<string, string>',
};

function moduleCache(): string | undefined {
  try {
    return execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** Text of the newest generated.proto of a package `k8s.io/api/core/v1`; undefined if the cache does not have it. */
function readProto(cache: string, goPackage: string): string | undefined {
  const [host, module, ...rest] = goPackage.split('/');
  const found = globSync(path.join(cache, host!, `${module}@v*`, ...rest, 'generated.proto'));
  return found.length === 0 ? undefined : readFileSync(found.toSorted().at(-1)!, 'utf8');
}

const roots = [
  messages.UNKNOWN,
  messages.WATCH_EVENT,
  messages.STATUS,
  messages.LIST_META,
  ...Object.values(messages.OBJECT_MESSAGES).filter((type) => type !== undefined),
];

function withInner(types: readonly MessageType[]): MessageType[] {
  return types.flatMap((type) => [
    type,
    ...withInner(type.fields.flatMap((field) => (field?.message === undefined ? [] : [field.message]))),
  ]);
}

/** `k8s.io/api/core/v1.Service` → package and message */
function splitName(name: string): [goPackage: string, message: string] {
  const dot = name.lastIndexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

function bodyOf(proto: string, message: string): string {
  const body = new RegExp(`^message ${message} \\{\\n(.*?)^\\}`, 'ms').exec(proto)?.[1];
  return body ?? assert.fail(`no message ${message}`);
}

const cache = moduleCache();
const hasProtos = cache !== undefined && roots.every(({ name }) => readProto(cache, splitName(name)[0]) !== undefined);
const skip = hasProtos ? false : 'the Go module cache has no k8s.io/api and k8s.io/apimachinery';

test('number, name and type of every field are those of generated.proto', { skip }, () => {
  let count = 0;
  for (const type of withInner(roots)) {
    const [goPackage, message] = splitName(type.name);
    const body = bodyOf(readProto(cache!, goPackage)!, message);
    for (const field of type.fields) {
      if (field === undefined) continue;
      count++;
      const line = new RegExp(`^ *(.*) ${field.name} = ${field.number};$`, 'm').exec(body);
      assert.ok(line, `${type.name}: no field ${field.name} = ${field.number}`);
      const spelled = line[1]!.replace(/\.?k8s\.io[.\w]*\./, '');
      const inner = field.message === undefined ? undefined : splitName(field.message.name)[1];
      if (field.type === 'message') assert.equal(spelled, `optional ${inner}`);
      else if (field.type === 'messages' || field.type === 'endpoints') assert.equal(spelled, `repeated ${inner}`);
      else if (field.type === 'position') assert.match(spelled, /^optional bytes$/);
      else assert.equal(spelled, SPELLED[field.type]);
    }
  }
  assert.ok(count > 50, `${count} fields`);
});

test('so are those of lists and times', { skip }, () => {
  for (const [kind, type] of Object.entries(messages.OBJECT_MESSAGES)) {
    if (type === undefined) continue;
    const body = bodyOf(readProto(cache!, splitName(type.name)[0])!, `${kind}List`);
    assert.match(body, new RegExp(`ListMeta metadata = ${messages.LIST.METADATA};`));
    assert.match(body, new RegExp(`repeated ${kind} items = ${messages.LIST.ITEMS};`));
  }
  const time = bodyOf(readProto(cache!, splitName(messages.LIST_META.name)[0])!, 'Time');
  assert.match(time, new RegExp(`int64 seconds = ${messages.TIME_SECONDS};`));
});
