/** What is asked of the API server as representation, and what it says it sends. */
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { ObjectKind } from '../../kubernetes/object-sink.ts';

export type Encoding = 'json' | 'protobuf';

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([['application/json', 'json']]);

/** The Accept header for lists and watches of a kind, what is preferred first. */
export function acceptHeader(_kind: ObjectKind): string {
  return 'application/json';
}

/**
 * @param contentType  the header; parameters (`stream=watch`, `charset=utf-8`) change nothing
 * @throws SkyshardError API_RESPONSE if it is none of the representations that are asked for
 */
export function parseContentType(contentType: string): Encoding {
  const mediaType = contentType.split(';', 1)[0]!.trim().toLowerCase();
  const encoding = ENCODINGS.get(mediaType);
  if (encoding !== undefined) return encoding;
  const known = [...ENCODINGS.keys()].join(' or ');
  throw new SkyshardError('API_RESPONSE', `expected ${known}, got Content-Type ${JSON.stringify(contentType)}`);
}
