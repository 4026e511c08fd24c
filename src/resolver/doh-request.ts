/** What an HTTP request asks (RFC 8484 §4.1): a message in its target or its body, or nothing that is answered. */

/** Where questions are asked. */
const PATH = '/dns-query';
export const MESSAGE_TYPE = 'application/dns-message';
/** Octets of a message that is taken, as over TCP and UDP: no query needs more. */
export const DOH_MESSAGE_MAX = 4096;
/** The same in base64url. */
const ENCODED_MAX = Math.ceil((DOH_MESSAGE_MAX * 4) / 3);

/** A message, where one comes with the target; that it is in the body; or a status that says what is wrong. */
export type DohRequest =
  | { readonly kind: 'message'; readonly message: Uint8Array }
  | { readonly kind: 'body' }
  | { readonly kind: 'fault'; readonly status: number; readonly reason: string };

export interface HttpRequestHead {
  readonly method: string;
  /** path and query, as the client wrote them */
  readonly target: string;
  readonly contentType: string | undefined;
  readonly contentLength: string | undefined;
}

export function readDohRequest({ method, target, contentType, contentLength }: HttpRequestHead): DohRequest {
  const queryAt = target.indexOf('?');
  if ((queryAt < 0 ? target : target.slice(0, queryAt)) !== PATH) return fault(404, `there is only ${PATH}`);
  if (method === 'POST') {
    const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
    if (type !== MESSAGE_TYPE) return fault(415, `expected content-type ${MESSAGE_TYPE}`);
    if (contentLength !== undefined && Number(contentLength) > DOH_MESSAGE_MAX) return TOO_LARGE;
    return { kind: 'body' };
  }
  if (method !== 'GET') return fault(405, 'expected GET or POST');
  const values = new URLSearchParams(queryAt < 0 ? '' : target.slice(queryAt)).getAll('dns');
  const [encoded] = values;
  if (encoded === undefined || values.length > 1) return fault(400, "expected one 'dns' in the query");
  if (encoded.length > ENCODED_MAX) return TOO_LARGE;
  // Without padding, RFC 8484 §6; a last character alone is no octet.
  if (!/^[A-Za-z0-9_-]+$/.test(encoded) || encoded.length % 4 === 1) {
    return fault(400, "'dns' is not base64url without padding");
  }
  return { kind: 'message', message: Buffer.from(encoded, 'base64url') };
}

export const TOO_LARGE: DohRequest & { readonly kind: 'fault' } = {
  kind: 'fault',
  status: 413,
  reason: `a message has at most ${DOH_MESSAGE_MAX} octets`,
};

function fault(status: number, reason: string): DohRequest {
  return { kind: 'fault', status, reason };
}
