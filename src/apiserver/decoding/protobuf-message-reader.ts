/**
 * A protobuf message → a plain object with the fields of its MessageType. What JSON leaves out (empty texts, empty lists) is
 * left out here too.
 */
import { NOTED_ANNOTATIONS } from '../../kubernetes/decode.ts';
import type { TrimmedEndpoint } from '../../kubernetes/trimmed-endpoint.ts';
import { INITIAL_EVENTS_END } from './object-reader.ts';
import { readEndpoint } from './protobuf-endpoint.ts';
import { MAP_ENTRY, TIME_SECONDS, type MessageField, type MessageType } from './protobuf-messages.ts';
import type { ProtobufReader } from './protobuf-reader.ts';

export type RawMessage = Record<string, unknown>;

/** The others may be large, and nobody asks for them. */
const ANNOTATIONS: ReadonlySet<string> = new Set([...NOTED_ANNOTATIONS, INITIAL_EVENTS_END]);

/**
 * Read the message that the reader is in, to its end.
 *
 * @throws SkyshardError API_RESPONSE
 */
export function readMessage(reader: ProtobufReader, { fields }: MessageType): RawMessage {
  const message: RawMessage = {};
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    const field = number < fields.length ? fields[number] : undefined;
    if (field === undefined) reader.skip();
    else readField(reader, field, message);
  }
  return message;
}

function readField(reader: ProtobufReader, { type, name, message: inner }: MessageField, into: RawMessage): void {
  switch (type) {
    case 'text': {
      const text = reader.readText();
      if (text !== '') into[name] = text;
      return;
    }
    case 'texts':
      listIn(into, name).push(reader.readText());
      return;
    case 'message':
      into[name] = readInner(reader, inner!);
      return;
    case 'messages':
      listIn(into, name).push(readInner(reader, inner!));
      return;
    case 'endpoints':
      listIn(into, name).push(readEndpointOrMessage(reader, inner!));
      return;
    case 'boolean':
      into[name] = reader.readBoolean();
      return;
    case 'int32':
      into[name] = reader.readInt32();
      return;
    case 'time':
      into[name] = readTime(reader);
      return;
    case 'labels':
      readTextEntry(reader, mapIn(into, name), undefined);
      return;
    case 'annotations':
      readTextEntry(reader, mapIn(into, name), ANNOTATIONS);
      return;
    case 'position':
      into[name] = reader.skipOctets();
  }
}

export function readInner(reader: ProtobufReader, type: MessageType): RawMessage {
  const outerEnd = reader.enter();
  const message = readMessage(reader, type);
  reader.leave(outerEnd);
  return message;
}

/** What cannot be trimmed is a message, for whoever says what is wrong with it. */
function readEndpointOrMessage(reader: ProtobufReader, type: MessageType): TrimmedEndpoint | RawMessage {
  const outerEnd = reader.enter();
  const start = reader.at;
  let endpoint: TrimmedEndpoint | RawMessage | undefined = readEndpoint(reader);
  if (endpoint === undefined) {
    reader.rewind(start);
    endpoint = readMessage(reader, type);
  }
  reader.leave(outerEnd);
  return endpoint;
}

function listIn(message: RawMessage, name: string): unknown[] {
  return (message[name] ??= []) as unknown[];
}

function mapIn(message: RawMessage, name: string): Record<string, string> {
  return (message[name] ??= {}) as Record<string, string>;
}

/** @param wanted  keys that are taken; undefined: all */
function readTextEntry(
  reader: ProtobufReader,
  into: Record<string, string>,
  wanted: ReadonlySet<string> | undefined,
): void {
  let key = '';
  let value = '';
  const outerEnd = reader.enter();
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number === MAP_ENTRY.KEY) key = reader.readText();
    else if (number === MAP_ENTRY.VALUE && wanted === undefined) value = reader.readText();
    else if (number === MAP_ENTRY.VALUE && wanted!.has(key)) value = reader.readText();
    else reader.skip();
  }
  reader.leave(outerEnd);
  if (wanted === undefined || wanted.has(key)) into[key] = value;
}

/** RFC 3339, as JSON has it: whole seconds in UTC. */
function readTime(reader: ProtobufReader): string {
  let seconds = 0;
  const outerEnd = reader.enter();
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number === TIME_SECONDS) seconds = reader.readInt64();
    else reader.skip();
  }
  reader.leave(outerEnd);
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime())) throw reader.error(`no time: ${seconds} s`);
  return `${time.toISOString().slice(0, -'.000Z'.length)}Z`;
}
