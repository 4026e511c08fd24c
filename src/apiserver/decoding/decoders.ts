/** Bytes of a LIST or WATCH response → trimmed objects, one at a time: what each representation needs, put together. */
import type { ObjectKind } from '../../kubernetes/object-sink.ts';
import type { ListDecoder, WatchDecoder } from './decoded-item.ts';
import { JsonListSplitter, JsonStreamSplitter } from './json-splitter.ts';
import { parseContentType } from './media-type.ts';
import { ObjectReader } from './object-reader.ts';

/**
 * @param contentType  of the response, which may be another than was asked for
 * @throws SkyshardError API_RESPONSE if there is no decoder for it
 */
export function createListDecoder(kind: ObjectKind, contentType: string): ListDecoder {
  parseContentType(contentType);
  const reader = new ObjectReader(kind);
  const splitter = new JsonListSplitter(`list of ${kind}`);
  return {
    *push(chunk) {
      for (const raw of splitter.push(chunk)) {
        const item = reader.readListItem(raw);
        if (item !== undefined) yield item;
      }
    },
    end() {
      splitter.end();
      return reader.readListEnd(splitter.fields);
    },
  };
}

/** As createListDecoder. */
export function createWatchDecoder(kind: ObjectKind, contentType: string): WatchDecoder {
  parseContentType(contentType);
  const reader = new ObjectReader(kind);
  const splitter = new JsonStreamSplitter(`watch of ${kind}`);
  return {
    *push(chunk) {
      for (const event of splitter.push(chunk)) yield reader.readEvent(event);
    },
    end: () => splitter.end(),
  };
}
