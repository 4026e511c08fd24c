import { SkyshardError } from '../base/skyshard-error.ts';

/** Way from the root of a decoded document to a field: `['spec', 'ports', 0, 'port']`. */
export type FieldPath = readonly (string | number)[];

/** An object that Kubernetes would refuse. `path` lets a loader find the line; the message starts with the field. */
export class ObjectError extends SkyshardError {
  readonly path: FieldPath;
  /** the message without the field in front */
  readonly fault: string;

  constructor(path: FieldPath, fault: string) {
    super('MANIFEST_OBJECT', path.length === 0 ? fault : `${formatFieldPath(path)}: ${fault}`);
    this.name = 'ObjectError';
    this.path = path;
    this.fault = fault;
  }
}

/** `spec.ports[0].port`; a key that is no identifier is quoted: `metadata.labels["app.kubernetes.io/name"]`. */
export function formatFieldPath(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}
