/** What can go wrong with a request to the API server, and what it says to those who have to mend it. */
import { SkyshardError, type ErrorCode } from '../base/skyshard-error.ts';
import { type ApiResource, missingRule, resourceName } from './resources.ts';

/** `metav1.Status`, as far as it is used; a field the server left out is '' or 0. */
export interface ApiStatus {
  readonly code: number;
  /** `Expired`, `Forbidden` …; '' if unknown */
  readonly reason: string;
  readonly message: string;
  /** undefined: it does not say */
  readonly retryAfterSeconds: number | undefined;
}

interface ApiFaultOptions {
  readonly cause?: unknown;
  readonly isEvent?: boolean;
}

/** A request that failed. `status` is that of HTTP or of an ERROR event; 0 where no answer came. */
export class ApiFault extends SkyshardError {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;
  /** The resourceVersion or the continue token is too old: list anew. */
  readonly isExpired: boolean;
  /** The server has not come to this resourceVersion yet, or never will: its data was restored from a backup. */
  readonly isTooNew: boolean;
  /** An ERROR event of a watch that had begun with 200. */
  readonly isEvent: boolean;

  constructor(code: ErrorCode, message: string, status: ApiStatus, options: ApiFaultOptions = {}) {
    super(code, message, { cause: options.cause });
    this.isEvent = options.isEvent === true;
    this.status = status.code;
    this.reason = status.reason;
    this.retryAfterSeconds = status.retryAfterSeconds;
    this.isExpired = status.code === 410 || status.reason === 'Expired' || status.reason === 'Gone';
    this.isTooNew = status.message.includes('Too large resource version');
  }
}

/** No answer came, or it broke off: refused, reset, timed out, not trusted. */
export class ApiConnectionFault extends ApiFault {
  /** what happened, in a word: `refused`, `cut`, `silent` … */
  readonly what: ConnectionFaultKind;

  constructor(what: ConnectionFaultKind, message: string, cause?: unknown) {
    super('API_UNREACHABLE', message, { code: 0, reason: '', message: '', retryAfterSeconds: undefined }, { cause });
    this.what = what;
  }
}

export type ConnectionFaultKind = 'connect' | 'cut' | 'silent';

export interface ApiRequestName {
  readonly resource: ApiResource;
  readonly verb: 'list' | 'watch';
}

/** Proxies send whole pages. */
const TEXT_SIZE_MAX = 400;

/** The fault for an answer that is an error: it names resource and verb, and what to do where that is known. */
export function statusFault({ resource, verb }: ApiRequestName, status: ApiStatus, isEvent = false): ApiFault {
  const what = `cannot ${verb} ${resourceName(resource)}`;
  const text = status.message.length > TEXT_SIZE_MAX ? `${status.message.slice(0, TEXT_SIZE_MAX)}…` : status.message;
  const said = `HTTP ${status.code}${text === '' ? '' : `: ${text}`}`;
  switch (status.code) {
    case 401:
      return new ApiFault(
        'API_UNAUTHORIZED',
        `${what}: the API server does not accept the credentials (${said}); check that token or client certificate are valid and have not run out`,
        status,
        { isEvent },
      );
    case 403:
      return new ApiFault('API_FORBIDDEN', `${what}: add to ${missingRule(resource)} (${said})`, status, { isEvent });
    case 404:
      return new ApiFault(
        'API_MISSING',
        resource.isCustom
          ? `${what}: the cluster has no such resource; install its CustomResourceDefinition or drop the option that asks for it (${said})`
          : `${what}: there is no such resource; is the address that of a Kubernetes API server ≥ 1.21? (${said})`,
        status,
        { isEvent },
      );
    default:
      return new ApiFault('API_REFUSED', `${what}: ${said}`, status, { isEvent });
  }
}

const TRUST_CODES = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|EPROTO)/;

/** The fault for a request or an answer that the network ended. */
export function connectionFault(
  { resource, verb }: ApiRequestName,
  server: string,
  what: ConnectionFaultKind,
  error: unknown,
): ApiConnectionFault {
  const { code, text } = describe(error);
  const advice = TRUST_CODES.test(code) ? '; check the CA, the client certificate and the name in the address' : '';
  const happened = what === 'cut' ? 'the answer broke off' : 'no connection';
  return new ApiConnectionFault(
    what,
    `cannot ${verb} ${resourceName(resource)}: ${happened} (${server}: ${text})${advice}`,
    error,
  );
}

/** Node gives several addresses' faults as one AggregateError without a message. */
function describe(error: unknown): { code: string; text: string } {
  if (!(error instanceof Error)) return { code: '', text: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  if (error.message === '' && first !== undefined) return describe(first);
  return { code, text: error.message || code || error.name };
}
