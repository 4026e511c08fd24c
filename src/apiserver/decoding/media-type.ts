/** What is asked of the API server as representation, and what it says it sends. */
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { ObjectKind } from '../../kubernetes/object-sink.ts';
import { OBJECT_MESSAGES } from './protobuf-messages.ts';

export type Encoding = 'json' | 'protobuf';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const JSON_TEXT = 'application/json';
const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  [PROTOBUF, 'protobuf'],
  [JSON_TEXT, 'json'],
]);

/**
 * The Accept header for lists and watches of a kind. JSON is always accepted: custom resources have nothing else, and not
 * every server that speaks the API has protobuf.
 */
export function acceptHeader(kind: ObjectKind): string {
  return OBJECT_MESSAGES[kind] === undefined ? JSON_TEXT : `${PROTOBUF},${JSON_TEXT}`;
}

/**
 * @param contentType  the header; parameters (`stream=watch`, `charset=utf-8`) change nothing
 * @throws SkyshardError API_RESPONSE if it is none of the representations that are asked for
 */
export function parseContentType(contentType: string): Encoding {
  const mediaType = contentType.split(';', 1)[0]!.trim().toLowerCase();
  const encoding = ENCODINGS.get(mediaType);
  if (encoding !== undefined) return encoding;
  throw new SkyshardError(
    'API_RESPONSE',
    `expected ${PROTOBUF} or ${JSON_TEXT}, got Content-Type ${JSON.stringify(contentType)}`,
  );
}
