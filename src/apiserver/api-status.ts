/** `metav1.Status`, the body of an answer that is an error, as JSON or protobuf; proxies in between send other texts. */
import type { ApiStatus } from './api-fault.ts';
import { readMessage } from './decoding/protobuf-message-reader.ts';
import { STATUS, UNKNOWN, UNKNOWN_PREFIX } from './decoding/protobuf-messages.ts';
import { type OctetRange, ProtobufReader } from './decoding/protobuf-reader.ts';

/** Never throws: what cannot be read is quoted as it is. */
export function readStatus(body: Buffer, contentType: string): ApiStatus {
  try {
    if (/protobuf/.test(contentType)) return fromFields(readProtobuf(body));
    if (/json/.test(contentType)) return fromFields(JSON.parse(body.toString('utf8')));
  } catch {
    // Not what it says it is.
  }
  const message = body.toString('utf8').replace(/\s+/g, ' ').trim();
  return { code: 0, reason: '', message, retryAfterSeconds: undefined };
}

function readProtobuf(body: Buffer): unknown {
  const reader = new ProtobufReader('Status');
  reader.open(body, 0, body.length);
  if (!reader.takePrefix(UNKNOWN_PREFIX)) throw reader.error('no Kubernetes protobuf');
  const { raw } = readMessage(reader, UNKNOWN);
  reader.seek(raw as OctetRange);
  return readMessage(reader, STATUS);
}

function fromFields(value: unknown): ApiStatus {
  const { code, reason, message, details } = mappingOf(value);
  const { retryAfterSeconds } = mappingOf(details);
  return {
    code: typeof code === 'number' ? code : 0,
    reason: typeof reason === 'string' ? reason : '',
    message: typeof message === 'string' ? message : '',
    // 0 is how both say that there is none.
    retryAfterSeconds: typeof retryAfterSeconds === 'number' && retryAfterSeconds > 0 ? retryAfterSeconds : undefined,
  };
}

function mappingOf(value: unknown): {
  [name in 'code' | 'reason' | 'message' | 'details' | 'retryAfterSeconds']?: unknown;
} {
  return typeof value === 'object' && value !== null ? value : {};
}
