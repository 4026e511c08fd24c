/** The Endpoint messages of a slice, which are nine of ten octets of what a large cluster sends, without a value a field. */
import { TrimmedEndpoint } from '../../kubernetes/trimmed-endpoint.ts';
import type { ProtobufReader } from './protobuf-reader.ts';

/** Numbers of the fields: as in ENDPOINT of protobuf-messages.ts, which a test compares. */
const ADDRESSES = 1;
const CONDITIONS = 2;
const HOSTNAME = 3;
const TARGET_REF = 4;
const ZONE = 7;
const CONDITIONS_READY = 1;
const TARGET_REF_NAME = 3;

/**
 * Read the Endpoint that the reader is in, to its end.
 *
 * @returns undefined if something is wrong with it, but for its octets
 * @throws SkyshardError API_RESPONSE
 */
export function readEndpoint(reader: ProtobufReader): TrimmedEndpoint | undefined {
  const addresses: string[] = [];
  let isReady = true;
  let hostname = '';
  let targetName = '';
  let zone = '';
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    switch (number) {
      case ADDRESSES:
        addresses.push(reader.readText());
        break;
      case CONDITIONS:
        isReady = readReady(reader);
        break;
      case HOSTNAME:
        hostname = reader.readText() || hostname;
        break;
      case TARGET_REF:
        targetName = readTargetName(reader);
        break;
      case ZONE:
        zone = reader.readText() || zone;
        break;
      default:
        reader.skip();
    }
  }
  return TrimmedEndpoint.from(addresses, hostname, targetName, zone, isReady);
}

function readReady(reader: ProtobufReader): boolean {
  let isReady = true;
  const outerEnd = reader.enter();
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number === CONDITIONS_READY) isReady = reader.readBoolean();
    else reader.skip();
  }
  reader.leave(outerEnd);
  return isReady;
}

function readTargetName(reader: ProtobufReader): string {
  let name = '';
  const outerEnd = reader.enter();
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    if (number === TARGET_REF_NAME) name = reader.readText() || name;
    else reader.skip();
  }
  reader.leave(outerEnd);
  return name;
}
