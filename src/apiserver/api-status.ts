/** `metav1.Status`, the body of an answer that is an error, as JSON or protobuf; proxies in between send other texts. */
import type { ApiStatus } from './api-fault.ts';

const MESSAGE_SIZE_MAX = 500;

/** Never throws: what cannot be read is quoted as it is. */
export function readStatus(body: Buffer, contentType: string): ApiStatus {
  if (body.subarray(0, 4).toString('latin1') === 'k8s\0') return readProtobufStatus(body.subarray(4));
  const text = body.toString('utf8');
  if (/json/.test(contentType)) {
    try {
      return fromJson(JSON.parse(text));
    } catch {
      // Not JSON after all.
    }
  }
  return { code: 0, reason: '', message: clip(text.replace(/\s+/g, ' ').trim()), retryAfterSeconds: undefined };
}

function fromJson(value: unknown): ApiStatus {
  const status = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const details = (typeof status['details'] === 'object' && status['details'] !== null ? status['details'] : {}) as {
    retryAfterSeconds?: unknown;
  };
  return {
    code: typeof status['code'] === 'number' ? status['code'] : 0,
    reason: typeof status['reason'] === 'string' ? status['reason'] : '',
    message: clip(typeof status['message'] === 'string' ? status['message'] : ''),
    retryAfterSeconds: typeof details.retryAfterSeconds === 'number' ? details.retryAfterSeconds : undefined,
  };
}

/** Field numbers of runtime.Unknown, metav1.Status and metav1.StatusDetails. */
const UNKNOWN_RAW = 2;
const STATUS = { message: 3, reason: 4, details: 5, code: 6 } as const;
const DETAILS_RETRY_AFTER = 5;

function readProtobufStatus(body: Buffer): ApiStatus {
  const status = { code: 0, reason: '', message: '', retryAfterSeconds: undefined as number | undefined };
  for (const [outer, raw] of fields(body)) {
    if (outer !== UNKNOWN_RAW || typeof raw === 'number') continue;
    for (const [field, value] of fields(raw)) {
      if (typeof value === 'number') {
        if (field === STATUS.code) status.code = value;
      } else if (field === STATUS.message) status.message = clip(value.toString('utf8'));
      else if (field === STATUS.reason) status.reason = value.toString('utf8');
      else if (field === STATUS.details) {
        for (const [detail, seconds] of fields(value)) {
          if (detail === DETAILS_RETRY_AFTER && typeof seconds === 'number' && seconds > 0) {
            status.retryAfterSeconds = seconds;
          }
        }
      }
    }
  }
  return status;
}

/** Fields of a protobuf message that are varints or octets; stops where it is cut or holds something else. */
function* fields(message: Buffer): Generator<[field: number, value: number | Buffer]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; at < message.length; shift *= 128) {
      const octet = message[at++]!;
      value += (octet & 0x7f) * shift;
      if (octet < 0x80) return value;
    }
    return -1;
  };
  while (at < message.length) {
    const tag = varint();
    const value = varint();
    if (tag < 0 || value < 0) return;
    if ((tag & 7) === 0) yield [tag >>> 3, value];
    else if ((tag & 7) === 2 && at + value <= message.length) {
      yield [tag >>> 3, message.subarray(at, at + value)];
      at += value;
    } else return;
  }
}

function clip(text: string): string {
  return text.length > MESSAGE_SIZE_MAX ? `${text.slice(0, MESSAGE_SIZE_MAX)}…` : text;
}
